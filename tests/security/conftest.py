from tests.pipeline.conftest import world  # noqa: F401 -- a fixture
