import pytest

from tests.explain.settled import Settled, settled_worlds


@pytest.fixture(scope="session")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Settled:
    """Worlds settled once, for what has to be quick: one module only asks for them."""
    folder = tmp_path_factory.mktemp("once")
    return settled_worlds(folder, tariffs="london", seed=61, count=20, is_corrected=False)


@pytest.fixture(scope="session")
def corrected(tmp_path_factory: pytest.TempPathFactory) -> Settled:
    """Sixty worlds, settled and corrected, so that at least five amounts of every kind are among theirs."""
    folder = tmp_path_factory.mktemp("twice")
    return settled_worlds(folder, tariffs="london", seed=61, count=60, is_corrected=True)
