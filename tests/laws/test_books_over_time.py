"""R6, R23, R24: what was known then can be found again, and corrections add up to what is found afresh."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines.books import chain_head, open_books
from tests.agreement.product import Product, empty_product, product_of, read_exports
from tests.laws.given import Given, csv_bytes, given
from tests.oracle import EXPORTS
from tests.oracle.worlds import write_landing

pytestmark = pytest.mark.slow

BOOKED = ("booked_before", "booked_now")
STATE_THE_BOOKS = {"bookings", "user_points", "manager_fee_reductions"}
LEDGER_KEY = (
    "settlement_period", "payee_kind", "payee_id", "dr_event_id", "vehicle_id", "evse_id", "lease_id",
    "access_class", "contract_id", "unit",
)  # fmt: skip
SETTLED_AFTER = (0, 1, 3)  # of the four receipts of a world
Rows = list[dict[str, str]]


@dataclass(frozen=True)
class History:
    """A warehouse that received and settled in turn: an initial run and two corrections."""

    what: Given
    product: Product
    as_ofs: list[str]
    folders: list[Path]


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    folder = tmp_path_factory.mktemp("history")
    what = given(seed=777, count=40, tariffs="tokyo")
    product = empty_product(tariffs=what.tariffs, folder=folder)
    as_ofs, folders = [], []
    for number, (landing, received_at) in enumerate(write_landing(what.world, folder / "landing")):
        product.deliver(landing, received_at)
        if number in SETTLED_AFTER:
            as_ofs.append(received_at)
            folders.append(product.export(what.period, received_at))
    return History(what, product, as_ofs, folders)


@pytest.fixture(scope="module")
def hindsight(history: History, tmp_path_factory: pytest.TempPathFactory) -> Product:
    """Another warehouse that received everything before it settled anything."""
    what = history.what
    return product_of(what.world, tariffs=what.tariffs, folder=tmp_path_factory.mktemp("hindsight"))


@pytest.fixture(scope="module")
def fresh(history: History, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The exports of a warehouse whose only run is as of the last instant."""
    what = history.what
    product = product_of(what.world, tariffs=what.tariffs, folder=tmp_path_factory.mktemp("fresh"))
    return product.export(what.period, history.as_ofs[-1])


def test_all_bookings_together_are_those_of_a_fresh_settlement(history: History, fresh: Path) -> None:
    bookings = [read_exports(folder)["bookings"] for folder in history.folders]
    assert all(bookings), "each run should have had something to correct"
    assert any(int(row["amount"]) < 0 for row in bookings[-1])
    assert _sums([row for some in bookings for row in some]) == _sums(read_exports(fresh)["bookings"])


def _sums(bookings: Rows) -> dict[tuple[str, ...], int]:
    sums: Counter[tuple[str, ...]] = Counter()
    for row in bookings:
        sums[tuple(row[name] for name in LEDGER_KEY)] += int(row["amount"])
    return {key: amount for key, amount in sums.items() if amount}


def test_what_the_last_correction_finds_is_what_a_fresh_settlement_finds(
    history: History, fresh: Path
) -> None:
    """Nothing but the books remembers that there were runs before."""
    corrected, anew = csv_bytes(history.folders[-1]), csv_bytes(fresh)
    for name in set(EXPORTS) - STATE_THE_BOOKS:
        assert corrected[name] == anew[name], name
    for name in STATE_THE_BOOKS - {"bookings"}:
        found = [_found(row) for row in read_exports(history.folders[-1])[name]]
        # Who has nothing left stays in sight: it was booked back.
        gone = [row for row in found if row.get("points") == "0"]
        assert [row for row in found if row not in gone] == [_found(row) for row in read_exports(fresh)[name]]


def _found(row: dict[str, str]) -> dict[str, str]:
    return {name: cell for name, cell in row.items() if name not in BOOKED}


def test_what_was_received_later_is_not_seen(history: History, hindsight: Product) -> None:
    again = hindsight.export(history.what.period, history.as_ofs[0])
    assert csv_bytes(again) == csv_bytes(history.folders[0])
    assert again.name == history.folders[0].name


def test_a_replay_exports_what_the_run_exported_then_and_books_nothing(
    history: History, hindsight: Product
) -> None:
    """Only what was booked now differs; what was booked before counts up to the replay's as-of."""
    period, then = history.what.period, history.folders[1]
    hindsight.export(period, history.as_ofs[0])
    hindsight.export(period, history.as_ofs[2])
    head = _ledger_head(hindsight)
    replay = hindsight.export(period, history.as_ofs[1])
    assert _ledger_head(hindsight) == head
    assert replay.name == then.name
    for name in set(EXPORTS) - STATE_THE_BOOKS:
        assert csv_bytes(replay)[name] == csv_bytes(then)[name], name
    assert read_exports(replay)["bookings"] == []
    for name in STATE_THE_BOOKS - {"bookings"}:
        shown = read_exports(replay)[name]
        assert {row["booked_now"] for row in shown} == {"0"}
        assert shown == [row | {"booked_now": "0"} for row in read_exports(then)[name]]


def _ledger_head(product: Product) -> object:
    with open_books(product.warehouse) as connection:
        return chain_head(connection)
