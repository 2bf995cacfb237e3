"""R6: a withdrawn delivery is not seen from its withdrawal on, and what it superseded counts again."""

from datetime import datetime
from pathlib import Path

import pytest

from pipelines.errors import BadInput
from pipelines.journal import Event, journal_path, read_file
from pipelines.withdraw import Withdrawal, withdraw
from tests.ingest.conftest import NOW, House

FIRST, SECOND, THIRD = (datetime.fromisoformat(f"2024-01-0{day}T00:00:00") for day in (2, 3, 4))
NEXT_YEAR = datetime.fromisoformat("2025-01-01T00:00:00")


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Two half hours; the second delivery revises one of them, and brings a third."""
    house = House(tmp_path)
    house.put_reads("a.csv", "MP-1,2024-01-01T00:00:00Z,100,0,A\nMP-1,2024-01-01T00:30:00Z,200,0,A\n")
    house.ingest(FIRST)
    house.put_reads("b.csv", "MP-1,2024-01-01T00:30:00Z,250,0,A\nMP-1,2024-01-01T01:00:00Z,300,0,A\n")
    house.ingest(SECOND)
    return house


def withdrawn(
    house: House, delivery: str, *, at: datetime | None = None, reason: str = "reads of another meter"
) -> Withdrawal:
    return withdraw(
        warehouse=house.warehouse, delivery=delivery, reason=reason, by="Ann", now=NOW, withdrawn_at=at
    )


def imports(house: House) -> list[int]:
    rows = house.rows("select import_wh from published.meter_intervals order by interval_start")
    return [wh for (wh,) in rows]


def test_the_version_before_comes_back(house: House) -> None:
    assert imports(house) == [100, 250, 300]
    withdrawal = withdrawn(house, "2")
    assert imports(house) == [100, 200]
    assert (withdrawal.rows_withdrawn, withdrawal.rows_restored) == (2, 1)


def test_a_version_in_the_middle_leaves_the_last_one(house: House) -> None:
    house.put_reads("c.csv", "MP-1,2024-01-01T00:30:00Z,270,0,A\n")
    house.ingest(THIRD)
    withdrawal = withdrawn(house, "2")
    assert imports(house) == [100, 270]
    assert (withdrawal.rows_withdrawn, withdrawal.rows_restored) == (1, 0)
    withdrawn(house, "3")
    assert imports(house) == [100, 200]


def test_what_it_first_brought_is_gone_and_what_superseded_it_stays(house: House) -> None:
    withdrawn(house, "1")
    assert imports(house) == [250, 300]


@pytest.mark.parametrize("delivery", ["2", "meter_intervals/b.csv", "sha256"])
def test_a_delivery_is_meant_by_number_name_or_hash(house: House, delivery: str) -> None:
    if delivery == "sha256":
        ((sha256,),) = house.rows("select sha256 from raw.deliveries where delivery_no = 2")
        delivery = sha256[:8].upper()
    assert withdrawn(house, delivery).delivery_no == 2


@pytest.mark.parametrize(
    "delivery", ["3", "0", "meter_intervals/B.csv", "b.csv", "abc", "", "%", "vehicles/b.csv"]
)
def test_a_delivery_that_is_not_there(house: House, delivery: str) -> None:
    with pytest.raises(BadInput, match=f"There is no delivery '{delivery}'"):
        withdrawn(house, delivery)


def test_two_of_one_name_are_told_apart_by_number(house: House) -> None:
    house.put_reads("b.csv", "MP-1,2024-01-01T02:00:00Z,400,0,A\n")
    house.ingest(THIRD)
    with pytest.raises(
        BadInput, match=r"may be any of the deliveries 2 \(b.csv, .*, 3 \(b.csv, .*give the number"
    ):
        withdrawn(house, "meter_intervals/b.csv")


def test_withdrawing_twice_tells_of_the_first_time(house: House) -> None:
    withdrawn(house, "2", at=THIRD)
    with pytest.raises(
        BadInput, match="withdrawn already at 2024-01-04T00:00:00Z by Ann: reads of another meter"
    ):
        withdrawn(house, "2")
    assert house.rows("select count(*) from raw.withdrawals") == [(1,)]


def test_a_refused_delivery_has_nothing_to_withdraw(house: House) -> None:
    house.put("meter_intervals/bad.csv", "no header of ours\n1\n")
    house.ingest(THIRD)
    with pytest.raises(BadInput, match="refused whole"):
        withdrawn(house, "3")


@pytest.mark.parametrize(
    ("at", "fault"),
    [
        (FIRST, "is before 2024-01-03T00:00:00Z"),
        (NEXT_YEAR, "lies in the future"),
        (THIRD.replace(microsecond=1), "fraction of a second"),
    ],
)
def test_the_instant_lies_between_the_last_receipt_and_now(house: House, at: datetime, fault: str) -> None:
    with pytest.raises(BadInput, match=fault):
        withdrawn(house, "2", at=at)
    assert imports(house) == [100, 250, 300]


def test_nothing_is_received_or_withdrawn_before_a_withdrawal(house: House) -> None:
    withdrawn(house, "2", at=THIRD)
    house.put_reads("c.csv", "MP-1,2024-01-01T00:30:00Z,270,0,A\n")
    with pytest.raises(BadInput, match="is before 2024-01-04T00:00:00Z"):
        house.ingest(SECOND)
    with pytest.raises(BadInput, match="is before 2024-01-04T00:00:00Z"):
        withdrawn(house, "1", at=SECOND)
    house.ingest(THIRD)
    assert imports(house) == [100, 270]


def test_a_withdrawal_needs_a_reason(house: House) -> None:
    with pytest.raises(BadInput, match="needs a reason"):
        withdrawn(house, "2", reason=" ")


def test_the_same_bytes_again_stay_withdrawn_and_the_sender_is_told(house: House) -> None:
    withdrawn(house, "2", at=THIRD)
    report = house.ingest(THIRD)
    (told,) = [known for known in report.already_known if known.delivery_no == 2]
    assert told.asks_for_a_look
    assert "withdrawn at 2024-01-04T00:00:00Z by Ann" in told.sentence
    assert "takes a new file" in told.sentence
    assert imports(house) == [100, 200]


def test_a_new_file_restores_the_rows(house: House) -> None:
    withdrawn(house, "2")
    content = (house.landing / "meter_intervals/b.csv").read_text()
    house.put("meter_intervals/b.csv", content + "\n")
    house.ingest(NOW)
    assert imports(house) == [100, 250, 300]


def test_what_a_withdrawn_delivery_superseded_is_not_called_superseded(house: House) -> None:
    known = {each.delivery_no: each for each in house.ingest(THIRD).already_known}
    assert known[1].rows_superseded == 1
    withdrawn(house, "2")
    known = {each.delivery_no: each for each in house.ingest(NOW).already_known}
    assert known[1].rows_superseded == 0


def test_the_journal_tells_of_it(house: House) -> None:
    withdrawn(house, "2", at=THIRD)
    last = list(read_file(journal_path(house.warehouse)))[-1]
    ((sha256,),) = house.rows("select sha256 from raw.deliveries where delivery_no = 2")
    assert (last.event, last.at) == (Event.WITHDRAWN, THIRD)
    assert last.told == {
        "delivery_no": 2, "feed": "meter_intervals", "file_name": "b.csv", "sha256": sha256,
        "withdrawn_at": "2024-01-04T00:00:00Z", "reason": "reads of another meter", "by": "Ann",
    }  # fmt: skip
