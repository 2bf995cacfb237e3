"""R24: the ledger is append-only and double-entry; its bookings come to what a fresh settlement finds."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from settlement import Bookings, Claims, LedgerError, book, entries, refuse_conflicts, with_booked
from settlement.ledger import LEDGER_KEY
from tests.settlement.given import LEASED, frame, settled

_LINE = {
    "settlement_period": "2023-12", "payee_kind": "user", "payee_id": "U1", "dr_event_id": "E1",
    "vehicle_id": "V1", "evse_id": "S1", "lease_id": "", "access_class": "specific", "contract_id": "",
    "unit": "point", "amount": 40, "tariff_version": "t1",
}  # fmt: skip
_CONTRACT = dict.fromkeys(_LINE, "") | {
    "settlement_period": "2023-12", "payee_kind": "manager", "payee_id": "M1", "contract_id": "K1",
    "unit": "JPY", "amount": 30, "tariff_version": "t1",
}  # fmt: skip
NONE = frame(Bookings, [])


def _claims(*rows: dict[str, Any]) -> pl.DataFrame:
    return frame(Claims, list(rows))


def _line(**changes: Any) -> dict[str, Any]:
    return _LINE | changes


def _run(*runs: pl.DataFrame) -> list[pl.DataFrame]:
    """The bookings of each run, one after the other on the same books."""
    made: list[pl.DataFrame] = []
    for number, claims in enumerate(runs):
        made.append(book(claims=claims, booked=pl.concat([NONE, *made]), initial=number == 0))
    return made


def _amounts(bookings: pl.DataFrame) -> list[tuple[Any, ...]]:
    return sorted(bookings.select("payee_id", "evse_id", "amount", "reason", "tariff_version").rows())


def test_claims_are_a_row_per_line_and_per_contract() -> None:
    claims = settled(
        performances=[{}], lines=[LEASED], lease_exchanges=[{}], contracts=[{}, {"contract_id": "K2"}]
    ).claims
    assert claims.select(pl.exclude("settlement_period", "tariff_version")).rows() == [
        # payee, key of the line, contract, unit, amount: 5 kWh x 40, 5 kWh x 6; a claim of 0 is listed.
        ("manager", "M1", "", "", "", "", "", "K1", "JPY", 30),
        ("manager", "M1", "", "", "", "", "", "K2", "JPY", 0),
        ("user", "U1", "E1", "V1", "S1", "L1", "leased", "", "point", 200),
    ]


def test_the_first_run_awards_and_a_later_one_books_the_difference() -> None:
    first, second, third = _run(
        _claims(_LINE, _line(evse_id="S2", amount=0), _CONTRACT),
        _claims(_line(amount=25, tariff_version="t2"), _line(evse_id="S2", amount=7), _CONTRACT),
        _claims(_line(amount=25, tariff_version="t2"), _line(evse_id="S2", amount=7), _CONTRACT),
    )
    assert _amounts(first) == [("M1", "", 30, "award", "t1"), ("U1", "S1", 40, "award", "t1")]
    assert _amounts(second) == [("U1", "S1", -15, "correction", "t2"), ("U1", "S2", 7, "correction", "t1")]
    assert third.is_empty()


def test_a_key_that_is_claimed_no_more_is_booked_back_under_its_last_tariff() -> None:
    _, _, third = _run(
        _claims(_LINE),
        _claims(_line(amount=50, tariff_version="t2")),
        _claims(_line(payee_id="U2", amount=50, tariff_version="t3")),
    )
    assert _amounts(third) == [("U1", "S1", -50, "correction", "t2"), ("U2", "S1", 50, "correction", "t3")]


def test_a_manager_who_hands_the_contract_on_is_booked_back() -> None:
    _, second = _run(_claims(_CONTRACT), _claims(_CONTRACT | {"payee_id": "M2"}))
    assert _amounts(second) == [("M1", "", -30, "correction", "t1"), ("M2", "", 30, "correction", "t1")]


def test_ids_are_deterministic_and_never_come_twice() -> None:
    back_and_forth = [_claims(_line(amount=amount)) for amount in (40, 0, 40, 0, 40)]
    made = pl.concat(_run(*back_and_forth))
    assert made.height == made["booking_id"].n_unique() == 5
    assert pl.concat(_run(*back_and_forth)).equals(made)
    # SHA-256 of the key and the ordinal 1, joined by the unit separator.
    assert made["booking_id"][0] == "306f2ac0ad577269d4e5ce7ea47bde84"


def test_the_order_of_rows_changes_nothing() -> None:
    claims = _claims(_LINE, _line(evse_id="S2"), _CONTRACT)
    booked = pl.concat(_run(_claims(_LINE, _line(evse_id="S3")), _claims(_line(amount=1))))
    made = book(claims=claims, booked=booked, initial=False)
    assert book(claims=claims.reverse(), booked=booked.reverse(), initial=False).equals(made)
    assert made["booking_id"].is_sorted()


def test_an_initial_run_finds_no_bookings() -> None:
    (first,) = _run(_claims(_LINE))
    with pytest.raises(LedgerError, match="The first approved run of 2023-12 found 1 bookings of it"):
        book(claims=_claims(_LINE), booked=first, initial=True)


def test_periods_are_booked_one_at_a_time() -> None:
    (first,) = _run(_claims(_LINE))
    with pytest.raises(LedgerError, match="Claims and bookings of 2023-12, 2024-01 were given"):
        book(claims=_claims(_line(settlement_period="2024-01")), booked=first, initial=False)


def test_books_that_lost_a_booking_are_noticed() -> None:
    first, second = _run(_claims(_LINE), _claims(_line(amount=50)))
    with pytest.raises(LedgerError, match="the books are incomplete; restore them before booking"):
        book(claims=_claims(), booked=second, initial=False)
    assert first.height


def test_a_closed_period_is_booked_in_another() -> None:
    made = book(claims=_claims(_LINE), booked=NONE, initial=True, booked_in_period="2024-02")
    assert made.select("settlement_period", "booked_in_period").row(0) == ("2023-12", "2024-02")
    assert made["booking_id"].equals(_run(_claims(_LINE))[0]["booking_id"])


def test_one_id_with_other_contents_stops_the_run() -> None:
    (made,) = _run(_claims(_LINE))
    refuse_conflicts(made, made)
    refuse_conflicts(made, NONE)
    other = made.with_columns(amount=pl.lit(41, dtype=pl.Int64))
    with pytest.raises(LedgerError, match=r"other contents \(amount 40, booked as 41\); nothing was booked"):
        refuse_conflicts(made, other)


def test_entries_owe_to_the_payee_and_a_negative_booking_swaps_the_sides() -> None:
    first, second = _run(_claims(_LINE), _claims(_line(amount=25)))
    columns = ["side", "account_kind", "account_id", "amount", "unit"]
    assert entries(first).select(columns).rows() == [
        ("credit", "user", "U1", 40, "point"),
        ("debit", "programme", "", 40, "point"),
    ]
    assert entries(second).select(columns).rows() == [
        ("credit", "programme", "", 15, "point"),
        ("debit", "user", "U1", 15, "point"),
    ]
    assert entries(NONE).is_empty()


_CLAIM = st.tuples(
    st.sampled_from(["U1", "U2"]), st.sampled_from(["S1", "S2", "S3"]), st.sampled_from(["", "K1"])
)
_RUNS = st.lists(st.dictionaries(_CLAIM, st.integers(0, 2**62), max_size=5), min_size=1, max_size=5)


@given(runs=_RUNS)
@settings(max_examples=50, deadline=None)
def test_all_bookings_come_to_the_last_claims_and_every_entry_balances(runs: list[dict[Any, int]]) -> None:
    frames = [
        _claims(
            *(
                _line(payee_id=user, evse_id=evse, contract_id=contract, amount=amount)
                for (user, evse, contract), amount in run.items()
            )
        )
        for run in runs
    ]
    made = pl.concat(_run(*frames))
    sums = made.group_by(LEDGER_KEY).agg(pl.col("amount").cast(pl.Int128).sum()).filter(pl.col("amount") != 0)
    key = ["payee_id", "evse_id", "contract_id"]
    assert {row[:3]: row[3] for row in sums.select(*key, "amount").rows()} == {
        claim: amount for claim, amount in runs[-1].items() if amount
    }
    double = entries(made)
    per_booking = double.group_by("booking_id").agg(
        debits=pl.col("amount").filter(side="debit").sum(),
        credits=pl.col("amount").filter(side="credit").sum(),
    )
    assert (per_booking["debits"] == per_booking["credits"]).all()
    assert per_booking.height == made.height


def test_statements_show_what_is_booked() -> None:
    first, second = _run(
        _claims(_LINE, _line(payee_id="U2", evse_id="S2", amount=9), _CONTRACT),
        _claims(
            _line(amount=50), _line(payee_id="U3", evse_id="S3", amount=3), _CONTRACT | {"payee_id": "M2"}
        ),
    )
    found = settled(contracts=[{"manager_id": "M2"}])
    amounts = pl.DataFrame({"settlement_period": ["2023-12"] * 2, "user_id": ["U1", "U3"], "points": [50, 3]})
    statements = with_booked(
        user_amounts=amounts, fee_reductions=found.fee_reductions, booked_before=first, booked_now=second
    )
    assert statements.user_points.rows() == [
        ("2023-12", "U1", 50, 40, 10),
        ("2023-12", "U2", 0, 9, -9),
        ("2023-12", "U3", 3, 0, 3),
    ]
    managers = statements.manager_fee_reductions.select("manager_id", "booked_before", "booked_now")
    assert managers.rows() == [("M2", 0, 30)]  # M1 has the contract no more; 30 - 30 are booked


def test_a_user_whose_bookings_came_to_0_long_ago_is_not_shown() -> None:
    first, second = _run(_claims(_LINE), _claims())
    found = settled()
    statements = with_booked(
        user_amounts=found.user_amounts,
        fee_reductions=found.fee_reductions,
        booked_before=pl.concat([first, second]),
        booked_now=NONE,
    )
    assert statements.user_points.is_empty()
