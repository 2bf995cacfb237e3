import pytest

from tests.explain.settled import Settled, settled_worlds


@pytest.fixture(scope="session")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Settled:
    """Sixty worlds, so that at least five amounts of every kind are among theirs."""
    return settled_worlds(tmp_path_factory.mktemp("explain"), tariffs="london", seed=61, count=60)
