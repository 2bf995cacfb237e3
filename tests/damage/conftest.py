"""What the tests of this folder share: two settled worlds, made once."""

import pytest

from tests.damage.undamaged import Undamaged, undamaged_world


@pytest.fixture(scope="package")
def folded(tmp_path_factory: pytest.TempPathFactory) -> Undamaged:
    """All of it in the warehouse file."""
    return undamaged_world(tmp_path_factory.mktemp("folded"), killed=False)


@pytest.fixture(scope="package")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Undamaged:
    """The last approval in the log only: a process was killed after the commit."""
    return undamaged_world(tmp_path_factory.mktemp("logged"), killed=True)
