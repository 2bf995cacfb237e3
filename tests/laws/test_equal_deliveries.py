"""R6: the same facts, delivered in whatever form and order, give the same nine files, byte by byte."""

import random
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.agreement.product import empty_product, product_of
from tests.laws.dress import CHANGES, Change, files_renamed, superseded_at_once, write_dressed
from tests.laws.given import Exports, Given, csv_bytes, settled_twice
from tests.laws.given import given as given_worlds
from tests.oracle import World
from tests.oracle.base import instant

pytestmark = pytest.mark.slow
INGESTS_A_RECEIPT = 3


@pytest.fixture(scope="module")
def what() -> Given:
    return given_worlds(seed=404, count=30, tariffs="tokyo")


@pytest.fixture(scope="module")
def plain(what: Given, tmp_path_factory: pytest.TempPathFactory) -> Exports:
    """What the product exports for the files as the worlds have them."""
    product = product_of(what.world, tariffs=what.tariffs, folder=tmp_path_factory.mktemp("plain"))
    return settled_twice(product, what)


def _exports(what: Given, world: World, folder: Path, rng: random.Random) -> Exports:
    product = empty_product(tariffs=what.tariffs, folder=folder)
    for landing, received_at in write_dressed(world, folder / "landing", rng):
        product.deliver(landing, received_at)
    return settled_twice(product, what)


def _assert_no_form_matters(what: Given, plain: Exports, *, seed: int) -> None:
    rng, world = random.Random(seed), what.world
    for change in CHANGES:
        world = change(world, rng)
    with TemporaryDirectory() as folder:
        assert _exports(what, world, Path(folder), rng).files == plain.files


def test_no_form_of_the_files_changes_what_is_exported(what: Given, plain: Exports) -> None:
    _assert_no_form_matters(what, plain, seed=1)


@given(seed=st.integers(2, 2**32))
@settings(max_examples=6, deadline=None, derandomize=True, database=None, phases=[Phase.generate])
def test_no_form_of_the_files_changes_what_is_exported_whatever_the_form(
    what: Given, plain: Exports, seed: int
) -> None:
    _assert_no_form_matters(what, plain, seed=seed)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_one_change_of_form_alone_changes_nothing(
    what: Given, plain: Exports, change: Change, tmp_path: Path
) -> None:
    """Says which one it is, should the test of all changes together fail."""
    rng = random.Random(1)
    assert _exports(what, change(what.world, rng), tmp_path, rng).files == plain.files


def test_the_order_of_ingesting_the_files_of_one_receipt_changes_nothing(
    what: Given, plain: Exports, tmp_path: Path
) -> None:
    """Half of the files are superseded by another of their receipt, which may be ingested before them."""
    rng = random.Random(2)
    product = empty_product(tariffs=what.tariffs, folder=tmp_path)
    world = superseded_at_once(what.world, rng)
    for received_at in sorted({file.received_at for file in world.deliveries}, key=instant):
        files = [file for file in world.deliveries if file.received_at == received_at]
        rng.shuffle(files)
        for part in range(INGESTS_A_RECEIPT):
            some = World(files[part::INGESTS_A_RECEIPT])
            [(landing, _)] = write_dressed(some, tmp_path / f"{received_at} {part}", rng)
            product.deliver(landing, received_at)
    assert settled_twice(product, what).files == plain.files


def test_the_names_of_files_identify_nothing(what: Given, plain: Exports, tmp_path: Path) -> None:
    """R23: the same bytes under other names are the same run, which exports the same."""
    world = files_renamed(what.world, random.Random(3))
    folder = product_of(world, tariffs=what.tariffs, folder=tmp_path).export(what.period, what.early)
    assert (folder.name, csv_bytes(folder)) == (plain.run_ids[0], plain.files[0])
