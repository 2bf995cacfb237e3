"""R26: what leaves must balance. A fault is planted for each check, and must be named with both figures."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from settlement import (
    BalanceError,
    Bookings,
    Books,
    Settlement,
    VerifiedPeriod,
    book,
    check_balances,
    check_books,
    entries,
    with_booked,
)
from tests.settlement.given import LEASED, LIMIT, frame, settled, verified

_ROWS: dict[str, Any] = {
    "performances": [
        {"achieved": 4000},
        {"vehicle_id": "V2", "user_id": "U2", "child_aggregator_id": "C2", "achieved": 3000},
        # A guard value has no energy: it is in no aggregator's sum.
        {"vehicle_id": "V3", "user_id": "U3", "achieved": 5, "requested": 6, **LIMIT},
    ],
    "lines": [
        {"achieved": 1500, **LEASED},
        {"achieved": 2500, "evse_id": "S2"},
        {"vehicle_id": "V2", "user_id": "U2", "achieved": 3000, **LEASED},
        {"vehicle_id": "V3", "user_id": "U3", "achieved": 5, **LEASED, **LIMIT},
    ],
    "contracts": [{}],
    "lease_exchanges": [{}],
    "aggregator_achievement": [
        {"achieved_wh": 7000, "instructed_wh": 9000},
        # C2 is unknown: its vehicle counts at the utility directly (R25).
        {"level": "child", "aggregator_id": "C1", "parent_aggregator_id": "P1", "achieved_wh": 4000},
        {"level": "parent", "aggregator_id": "P1", "achieved_wh": 4000, "instructed_wh": 9000},
    ],
    "energy_balance": [
        {"direction": "import"},
        {"direction": "backfeed", "metered_wh": 7100, "attributed_wh": 7000, "unattributed_wh": 100},
    ],
}


def _case() -> tuple[VerifiedPeriod, Settlement, Books]:
    """A settlement and its books that balance; it is a correction of an earlier run of fewer vehicles."""
    earlier = settled(**_ROWS | {"lines": _ROWS["lines"][:2], "performances": _ROWS["performances"][:1]})
    now = settled(**_ROWS)
    before = book(claims=earlier.claims, booked=frame(Bookings, []), initial=True)
    made = book(claims=now.claims, booked=before, initial=False)
    statements = with_booked(
        user_amounts=now.user_amounts,
        fee_reductions=now.fee_reductions,
        booked_before=before,
        booked_now=made,
    )
    books = Books(
        booked_before=before,
        booked_now=made,
        entries=entries(made),
        user_points=statements.user_points,
        manager_fee_reductions=statements.manager_fee_reductions,
    )
    return verified(**_ROWS), now, books


def _set(of: pl.DataFrame, column: str, value: object, **where: object) -> pl.DataFrame:
    """The frame with another value in the rows that match."""
    hit = pl.all_horizontal(pl.lit(True), *(pl.col(name) == wanted for name, wanted in where.items()))
    return of.with_columns(
        pl.when(hit).then(pl.lit(value, dtype=of.schema[column])).otherwise(column).alias(column)
    )


def test_it_balances() -> None:
    found, settlement, books = _case()
    check_balances(verified=found, settlement=settlement)
    check_books(settlement=settlement, books=books)


def test_entries_of_earlier_bookings_may_be_handed_in_as_well() -> None:
    _, settlement, books = _case()
    both = pl.concat([entries(books.booked_before), books.entries])
    check_books(settlement=settlement, books=replace(books, entries=both))


def test_nothing_at_all_balances() -> None:
    empty = settled()
    none = frame(Bookings, [])
    statements = with_booked(
        user_amounts=empty.user_amounts,
        fee_reductions=empty.fee_reductions,
        booked_before=none,
        booked_now=none,
    )
    books = Books(
        booked_before=none,
        booked_now=none,
        entries=entries(none),
        user_points=statements.user_points,
        manager_fee_reductions=statements.manager_fee_reductions,
    )
    check_balances(verified=verified(), settlement=empty)
    check_books(settlement=empty, books=books)


_IN_VERIFIED: list[tuple[Callable[[pl.DataFrame], pl.DataFrame], str]] = [
    (
        lambda balance: _set(balance, "metered_wh", 7101, direction="backfeed"),
        "R26: backfeed metered is 7101 Wh, but attributed (7000) and unattributed (100) come to 7100 Wh.",
    ),
    (
        lambda balance: balance.filter(direction="backfeed"),
        "R26: import has no energy balance (0 rows), but 7000 Wh are achieved and 1 directions metered.",
    ),
]


@pytest.mark.parametrize(("plant", "sentence"), _IN_VERIFIED, ids=[sentence for _, sentence in _IN_VERIFIED])
def test_a_fault_in_the_meters_is_named(plant: Callable[[pl.DataFrame], pl.DataFrame], sentence: str) -> None:
    found, settlement, _ = _case()
    wrong = replace(found, energy_balance=plant(found.energy_balance))
    _refused(sentence, verified=wrong, settlement=settlement)


_IN_SETTLEMENT: list[tuple[str, Callable[[pl.DataFrame], pl.DataFrame], str]] = [
    (
        "dr_achievement",
        lambda of: _set(of, "payable", 4001, vehicle_id="V1"),
        "R26: performance (E1, V1) has payable 4001, but its lines sum to 4000.",
    ),
    (
        "settlement_lines",
        lambda of: _set(of, "achieved", 2499, evse_id="S2"),
        "R26: performance (E1, V1) has achieved 4000, but its lines sum to 3999.",
    ),
    (
        "settlement_lines",
        lambda of: _set(of, "vehicle_id", "V9", vehicle_id="V3"),
        "R26: performance (E1, V9) has payable 0, but its lines sum to 5.",
    ),
    (
        "aggregator_achievement",
        lambda of: _set(of, "achieved_wh", 7001, level="utility"),
        "R26: the vehicles of event E1 achieved 7000 Wh, but the utility 7001 Wh.",
    ),
    (
        "aggregator_achievement",
        lambda of: of.filter(pl.col("level") != "utility"),
        "R26: the vehicles of event E1 achieved 7000 Wh, but the utility 0 Wh.",
    ),
    (
        "aggregator_achievement",
        lambda of: _set(of, "achieved_wh", 4001, level="child"),
        "R26: the vehicles of child aggregator C1 in event E1 achieved 4000 Wh, but the aggregator 4001 Wh.",
    ),
    (
        "aggregator_achievement",
        lambda of: _set(of, "achieved_wh", 4001, level="parent"),
        "R26: the children of parent aggregator P1 in event E1 achieved 4000 Wh, but the aggregator 4001 Wh.",
    ),
    (
        "aggregator_achievement",
        lambda of: _set(of, "instructed_wh", 8999, level="parent"),
        "R26: the utility instructed 9000 Wh in event E1, but its parent aggregators "
        "were instructed 8999 Wh.",
    ),
    # Points: 1500 x 40 + 2500 x 7.125 is 60 + 18 = 78 of U1, 3000 x 40 is 120 of U2, 5 x 5 is 25 of U3.
    (
        "settlement_lines",
        lambda of: _set(of, "points", 121, vehicle_id="V2"),
        "R26: user U2 has 120 points, but the lines sum to 121.",
    ),
    (
        "user_amounts",
        lambda of: of.filter(pl.col("user_id") != "U3"),
        "R26: user U3 has 0 points, but the claims sum to 25.",
    ),
    # 4.5 kWh x 6 = 27.
    (
        "fee_reductions",
        lambda of: _set(of, "reduction_minor", 26),
        "R26: the fee reduction of manager and contract (M1, K1) is 26, but the claim 27.",
    ),
]


@pytest.mark.parametrize(
    ("name", "plant", "sentence"), _IN_SETTLEMENT, ids=[sentence for *_, sentence in _IN_SETTLEMENT]
)
def test_a_fault_in_the_settlement_is_named(
    name: str, plant: Callable[[pl.DataFrame], pl.DataFrame], sentence: str
) -> None:
    found, settlement, _ = _case()
    wrong = replace(settlement, **{name: plant(getattr(settlement, name))})
    _refused(sentence, verified=found, settlement=wrong)


_IN_BOOKS: list[tuple[str, Callable[[pl.DataFrame], pl.DataFrame], str]] = [
    (
        "entries",
        lambda of: _set(of, "amount", 1, side="debit", account_kind="programme", unit="JPY"),
        " of 18 has debits of 1 and credits of 18.",
    ),
    ("entries", lambda of: of.filter(pl.col("unit") != "JPY"), " of 18 has debits of 0 and credits of 0."),
    (
        "booked_now",
        lambda of: of.filter(payee_id="M1"),
        "R26: 120 is claimed for (2023-12, user, U2, E1, V2, S1, L1, leased, point), but 0 is booked.",
    ),
    ("booked_now", lambda of: of.filter(payee_id="M1"), "R26: user U2 is owed 120, but has 0 bookings."),
    (
        "booked_now",
        lambda of: of.filter(payee_id="M1"),
        "R26: (U2) is shown with points 120, but 0 is in the ledger.",
    ),
    (
        "user_points",
        lambda of: _set(of, "booked_now", 119, user_id="U2"),
        "R26: (U2) is shown with points 120, but with 0 booked before and 119 now.",
    ),
    (
        "user_points",
        lambda of: of.filter(pl.col("user_id") != "U2"),
        "R26: (U2) is shown with points 0, but 120 is found.",
    ),
    (
        "manager_fee_reductions",
        lambda of: _set(of, "booked_before", 10),
        "R26: (M1, K1) is shown with reduction_minor 27, but with 10 booked before and 18 now.",
    ),
    (
        "manager_fee_reductions",
        lambda of: _set(of, "reduction_minor", 28),
        "R26: (M1, K1) is shown with reduction_minor 28, but 27 is found.",
    ),
    (
        "booked_before",
        lambda of: _set(of, "payee_id", "M9", payee_kind="manager"),
        "R26: (M9, K1) is shown with reduction_minor 0, but 9 is in the ledger.",
    ),
]


@pytest.mark.parametrize(
    ("name", "plant", "sentence"), _IN_BOOKS, ids=[sentence for *_, sentence in _IN_BOOKS]
)
def test_a_fault_in_the_books_is_named(
    name: str, plant: Callable[[pl.DataFrame], pl.DataFrame], sentence: str
) -> None:
    _, settlement, books = _case()
    wrong = replace(books, **{name: plant(getattr(books, name))})
    _refused(sentence, settlement=settlement, books=wrong)


def test_many_faults_are_counted() -> None:
    rows = [{"dr_event_id": f"E{number:02}", "achieved": 0} for number in range(30)]
    settlement = settled(performances=rows)
    wrong = replace(settlement, dr_achievement=_set(settlement.dr_achievement, "payable", 1))
    with pytest.raises(BalanceError) as error:
        check_balances(verified=verified(performances=rows), settlement=wrong)
    assert len(error.value.faults) == 21
    assert error.value.faults[-1] == "R26: 10 more of the kind of the last one named."


def _refused(sentence: str, **given: Any) -> None:
    check = check_books if "books" in given else check_balances
    with pytest.raises(BalanceError) as error:
        check(**given)
    assert any(fault.endswith(sentence) for fault in error.value.faults), error.value.faults
    assert all(fault.startswith("R26: ") for fault in error.value.faults)
