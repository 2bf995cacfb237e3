"""R6: whatever a partner sends again, what is seen is what was delivered last, and nothing counts twice."""

from collections.abc import Callable
from datetime import datetime
from itertools import permutations
from typing import Any

import pytest

from pipelines.withdraw import withdraw
from tests.ingest.conftest import NOW, House

FIRST, SECOND, THIRD = (datetime.fromisoformat(f"2024-01-0{day}T00:00:00") for day in (2, 3, 4))
HALF = "MP-1,2024-01-01T00:00:00Z,100,0,A\nMP-1,2024-01-01T00:30:00Z,200,0,A\n"
OTHER_HALF = "MP-1,2024-01-01T01:00:00Z,300,0,A\nMP-1,2024-01-01T01:30:00Z,400,0,A\n"
OTHER_CONTENTS = "MP-1,2024-01-01T00:30:00Z,999,0,A\n"


def seen(house: House) -> list[tuple[Any, ...]]:
    return house.rows("select interval_start, import_wh, quality from published.meter_intervals order by 1")


def sent(house: House, name: str, rows: str, at: datetime) -> None:
    house.put_reads(name, rows)
    house.ingest(at)


def whole(house: House) -> list[tuple[Any, ...]]:
    sent(house, "whole.csv", HALF + OTHER_HALF, FIRST)
    return seen(house)


def renamed(house: House) -> None:
    sent(house, "whole.csv", HALF + OTHER_HALF, FIRST)
    sent(house, "again.csv", HALF + OTHER_HALF, SECOND)


def in_another_order(house: House) -> None:
    sent(house, "whole.csv", HALF + OTHER_HALF, FIRST)
    sent(house, "turned.csv", OTHER_HALF + HALF, SECOND)


def half_first(house: House) -> None:
    sent(house, "half.csv", OTHER_HALF, FIRST)
    sent(house, "whole.csv", HALF + OTHER_HALF, SECOND)


def half_last(house: House) -> None:
    sent(house, "whole.csv", HALF + OTHER_HALF, FIRST)
    sent(house, "half.csv", OTHER_HALF, SECOND)


def half_withdrawn(house: House) -> None:
    sent(house, "half.csv", OTHER_CONTENTS, FIRST)
    sent(house, "whole.csv", HALF + OTHER_HALF, SECOND)
    withdraw(warehouse=house.warehouse, delivery="1", reason="a test", by="Ann", now=NOW)


def conflict_withdrawn(house: House) -> None:
    sent(house, "whole.csv", HALF + OTHER_HALF, FIRST)
    sent(house, "other.csv", OTHER_CONTENTS, SECOND)
    withdraw(warehouse=house.warehouse, delivery="2", reason="a test", by="Ann", now=NOW)


def withdrawn_and_sent_as_a_new_file(house: House) -> None:
    sent(house, "whole.csv", HALF + OTHER_HALF, FIRST)
    withdraw(warehouse=house.warehouse, delivery="1", reason="a test", by="Ann", now=NOW, withdrawn_at=SECOND)
    sent(house, "whole.csv", HALF + OTHER_HALF + "\n", THIRD)


@pytest.mark.parametrize(
    "replayed",
    [
        renamed, in_another_order, half_first, half_last, half_withdrawn, conflict_withdrawn,
        withdrawn_and_sent_as_a_new_file,
    ],
    ids=lambda replayed: replayed.__name__,
)  # fmt: skip
def test_what_is_seen_is_what_the_whole_file_says(
    replayed: Callable[[House], None], new_house: Callable[[], House]
) -> None:
    house = new_house()
    replayed(house)
    assert seen(house) == whole(new_house())


@pytest.mark.parametrize("order", list(permutations(("a.csv", "b.csv", "c.csv"))), ids=lambda order: order[0])
def test_of_one_receipt_the_larger_file_name_counts_and_after_its_withdrawal_the_next(
    house: House, order: tuple[str, ...]
) -> None:
    """R6's order, whichever of the files came in first."""
    imports = {"a.csv": 100, "b.csv": 200, "c.csv": 300}
    for name in order:
        sent(house, name, f"MP-1,2024-01-01T00:00:00Z,{imports[name]},0,A\n", FIRST)
    for name in ("c.csv", "b.csv", "a.csv"):
        assert [wh for _, wh, _ in seen(house)] == [imports[name]]
        withdraw(
            warehouse=house.warehouse, delivery=f"meter_intervals/{name}", reason="a test", by="Ann", now=NOW
        )
    assert seen(house) == []


def test_of_two_receipts_the_later_counts_whatever_the_name(house: House) -> None:
    sent(house, "z.csv", HALF, FIRST)
    sent(house, "a.csv", OTHER_CONTENTS, SECOND)
    assert [wh for _, wh, _ in seen(house)] == [100, 999]


def test_a_cancellation_that_is_withdrawn_brings_the_row_back(house: House) -> None:
    header = (
        "lease_id,evse_id,vehicle_id,kind,granted_at,consent_at,valid_from,valid_to,revoked_at,row_status\n"
    )
    lease = "L-1,E-1,V-1,direct,2024-01-01T00:00:00Z,,2024-01-01T00:00:00Z,2024-01-02T00:00:00Z,,"
    house.put("permission_leases/a.csv", f"{header}{lease}active\n")
    house.ingest(FIRST)
    house.put("permission_leases/b.csv", f"{header}{lease}cancelled\n")
    house.ingest(SECOND)
    leases = "select lease_id from published.permission_leases"
    assert house.rows(leases) == []
    withdraw(warehouse=house.warehouse, delivery="2", reason="a test", by="Ann", now=NOW)
    assert house.rows(leases) == [("L-1",)]
