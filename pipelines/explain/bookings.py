"""A booking: what was found less what was booked before (R24); and a user's points, with what is booked."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from pipelines.books import frame_of
from pipelines.explain.evidence import Evidence
from pipelines.explain.facts import Facts, Performance, Row
from pipelines.explain.performances import performance_step
from pipelines.explain.steps import Step, agreed
from pipelines.runs import Run
from pipelines.wording import counted
from settlement.ledger import LEDGER_KEY
from settlement.vocabulary import USER


def booking_step(
    connection: duckdb.DuckDBPyConnection, evidence: Evidence, *, run: Run, booking: Row, found: Step
) -> Step:
    """A booking of a run, as `results.bookings` has it; `found` explains the amount found by the run."""
    amount_found = _claimed(connection, run, booking)
    earlier = _earlier(connection, booking)
    before = sum(each["amount"] for each in earlier)
    agreed(f"booking {booking['booking_id']}", calculated=amount_found - before, stored=booking["amount"])
    if before == 0 and not earlier:
        arithmetic = f"found {amount_found:,}, nothing booked before"
    else:
        arithmetic = f"found {amount_found:,} - booked before {before:,}"
    if booking["booked_in_period"] != booking["settlement_period"]:
        arithmetic += (
            f"; booked in {booking['booked_in_period']}, as {booking['settlement_period']} was closed"
        )
    cancelled = tuple(row.row for row in evidence.rows if row.row_status == "cancelled")
    if cancelled:
        arithmetic += f"; {counted(len(cancelled), 'fact')} of it cancelled"
    return Step(
        name=f"booking, {booking['reason']}",
        value=booking["amount"],
        unit=booking["unit"],
        arithmetic=arithmetic,
        rules=("R24",),
        tariff_version=booking["tariff_version"],
        keys={name: booking[name] for name in ("booking_id", *LEDGER_KEY) if booking[name]},
        numbers={"found": amount_found, "booked_before": before},
        rows=cancelled,
        steps=(found, *(_earlier_step(each) for each in earlier)),
    )


def _claimed(connection: duckdb.DuckDBPyConnection, run: Run, booking: Row) -> int:
    """What the run found for the key of a booking; 0 for a key that it no longer has."""
    conditions = " and ".join(f"{name} = ?" for name in LEDGER_KEY)
    row = connection.execute(
        f"select amount from results.claims where run_id = ? and {conditions}",
        [run.run_id, *(booking[name] for name in LEDGER_KEY)],
    ).fetchone()
    return int(row[0]) if row else 0


def _earlier(connection: duckdb.DuckDBPyConnection, booking: Row) -> list[Row]:
    """The bookings of the same key that came before, in their order."""
    conditions = " and ".join(f"{name} = ?" for name in LEDGER_KEY)
    return frame_of(
        connection,
        f"""
        select booking_id, run_id, amount, unit, reason
        from books.bookings
        where {conditions} and booking_no < (select booking_no from books.bookings where booking_id = ?)
        order by booking_no
        """,
        [*(booking[name] for name in LEDGER_KEY), booking["booking_id"]],
    ).rows(named=True)


def _earlier_step(booking: Row) -> Step:
    return Step(
        name=f"booked before, {booking['reason']}",
        value=booking["amount"],
        unit=booking["unit"],
        arithmetic=f"by run {booking['run_id']}; vgi explain booking {booking['booking_id']}",
        rules=("R24",),
        keys={"booking_id": booking["booking_id"], "run_id": booking["run_id"]},
    )


def user_step(
    connection: duckdb.DuckDBPyConnection, facts: Facts, *, user_id: str, performances: Sequence[Performance]
) -> Step:
    """The points of a user for the period: the sum over the lines of the user's performances."""
    own = [
        key
        for key in performances
        if key not in facts.performances or facts.performances[key]["user_id"] == user_id
    ]
    points = sum(
        int(line["points"]) for key in own if key in facts.performances for line in facts.lines.get(key, [])
    )
    stored = connection.execute(
        "select points from results.user_amounts where run_id = ? and user_id = ?",
        [facts.run.run_id, user_id],
    ).fetchone()
    agreed(f"the points of user {user_id}", calculated=points, stored=stored[0] if stored else 0)
    return Step(
        name="points of a user",
        value=points,
        unit="point",
        arithmetic=f"the sum of the lines of {len(own):,} performances",
        rules=("R19",),
        keys={"user_id": user_id},
        numbers={"booked": _booked(connection, facts.run, user_id)},
        steps=tuple(performance_step(facts, key) for key in own),
    )


def _booked(connection: duckdb.DuckDBPyConnection, run: Run, user_id: str) -> dict[str, int]:
    """What was booked to a user for the period, by run in the order of booking."""
    rows = connection.execute(
        """
        select run_id, sum(amount)::bigint from books.bookings
        where settlement_period = ? and payee_kind = ? and payee_id = ?
        group by run_id order by min(booking_no)
        """,
        [run.settlement_period, USER, user_id],
    ).fetchall()
    return dict(rows)
