"""Approving and rejecting runs: the moment at which what a run found is booked (R23, R24)."""

from datetime import datetime
from pathlib import Path

import duckdb
import polars as pl

import settlement
from pipelines import runs
from pipelines.books import (
    append_bookings,
    booked,
    has_result,
    open_books,
    read_result,
    store_result,
    transaction,
)
from pipelines.closing import booking_period
from pipelines.errors import BadInput
from pipelines.exports import (
    CLAIMS,
    FEE_REDUCTIONS,
    MANAGER_FEE_REDUCTIONS,
    SETTLED,
    USER_AMOUNTS,
    USER_POINTS,
)
from pipelines.instants import instant_text
from pipelines.runs import AFTER_APPROVAL, Run, State
from settlement import Books, Statements

_STATEMENTS = (USER_POINTS, MANAGER_FEE_REDUCTIONS)


def approve(*, warehouse: Path, run_id: str, now: datetime, by: str) -> int:
    """Approve a run that awaits it, and book it; give the number of bookings.

    Raises BadInput if the run is not awaiting approval, has become a replay meanwhile, or if more was
    received by its as-of than it rests on.
    """
    with open_books(warehouse) as connection:
        run = runs.get_run(connection, run_id)
        _refuse_unless_awaiting(connection, run, verb="approved")
        _refuse_outdated(connection, run)
        return book_run(connection, run, now=now, by=by)


def reject(*, warehouse: Path, run_id: str, reason: str, now: datetime, by: str) -> None:
    """Reject a run that awaits approval; it is never booked nor exported. BadInput if it awaits none."""
    if not reason.strip():
        raise BadInput("A rejection needs a reason (--reason TEXT).")
    with open_books(warehouse) as connection:
        run = runs.get_run(connection, run_id)
        _refuse_unless_awaiting(connection, run, verb="rejected")
        with transaction(connection):
            runs.record_state(connection, run_id=run_id, state=State.REJECTED, at=now, by=by, reason=reason)


def decide(  # noqa: PLR0913 -- all keyword-only
    *, warehouse: Path, run_id: str, approved: bool, reason: str, now: datetime, by: str
) -> State:
    """Carry out a decision once: asked again after it was carried out, nothing changes; give the state.

    For work that is repeated after it was cut off. Raises BadInput as `approve` and `reject` do.
    """
    with open_books(warehouse) as connection:
        state = runs.state_of(connection, runs.get_run(connection, run_id).run_id)
    done = AFTER_APPROVAL if approved else frozenset({State.REJECTED})
    if state in done:
        assert state is not None
        return state
    if approved:
        approve(warehouse=warehouse, run_id=run_id, now=now, by=by)
        return State.APPROVED
    reject(warehouse=warehouse, run_id=run_id, reason=reason, now=now, by=by)
    return State.REJECTED


def is_rejected(*, warehouse: Path, run_id: str) -> bool:
    """Whether a person rejected a run."""
    with open_books(warehouse) as connection:
        return runs.state_of(connection, runs.get_run(connection, run_id).run_id) is State.REJECTED


def _refuse_unless_awaiting(connection: duckdb.DuckDBPyConnection, run: Run, *, verb: str) -> None:
    state = runs.state_of(connection, run.run_id)
    if state is not State.AUDITED:
        last = runs.events_of(connection, run.run_id)[-1]
        advice = " Settle anew with better data or tariffs to get another run."
        raise BadInput(
            f"Run {run.run_id} cannot be {verb}: it is {state} already (by {last.by})."
            f"{advice if state is State.REJECTED else ''}"
        )
    overtaking = runs.overtaken_by(connection, run)
    if overtaking is not None:
        raise BadInput(
            f"Run {run.run_id} cannot be {verb}: run {overtaking.run_id} with a later as-of was approved"
            " meanwhile, so it is a replay now and is never booked; write it out with `vgi export"
            f" {run.run_id} --out DIR`, or settle {run.settlement_period} anew."
        )


def _refuse_outdated(connection: duckdb.DuckDBPyConnection, run: Run) -> None:
    """A run that waited rests on all that was received by its as-of, or its bookings would undo others."""
    if not runs.rests_on_all_deliveries(connection, run):
        raise BadInput(
            f"Run {run.run_id} cannot be approved: deliveries received at or before its as-of"
            f" {instant_text(run.as_of)} came in after it was computed; settle {run.settlement_period} again"
            " and approve that run."
        )


def book_run(connection: duckdb.DuckDBPyConnection, run: Run, *, now: datetime, by: str) -> int:
    """Book the difference between what an audited run found and what the ledger holds at this moment, with
    the final `user_points` and `manager_fee_reductions` and the state approved, in one transaction; give the
    number of bookings.

    Raises BalanceError if the books would not balance; then nothing is booked.
    """
    before = booked(connection, period=run.settlement_period)
    initial = not runs.approved_runs(connection, run.settlement_period)
    claims = read_result(connection, run_id=run.run_id, table=CLAIMS)
    bookings = settlement.book(
        claims=claims,
        booked=before,
        initial=initial,
        booked_in_period=booking_period(connection, run.settlement_period),
    )
    entries = settlement.entries(bookings)
    statements = _statements(connection, run, before=before, now=bookings)
    _check_books(
        connection,
        run,
        settlement.Books(
            booked_before=before,
            booked_now=bookings,
            entries=entries,
            user_points=statements.user_points,
            manager_fee_reductions=statements.manager_fee_reductions,
        ),
    )
    with transaction(connection):
        append_bookings(connection, run_id=run.run_id, bookings=bookings, entries=entries, booked_at=now)
        _store_statements(connection, run, statements)
        runs.record_state(connection, run_id=run.run_id, state=State.APPROVED, at=now, by=by)
    return bookings.height


def finish_replay(connection: duckdb.DuckDBPyConnection, run: Run) -> None:
    """Give a replay its `user_points` and `manager_fee_reductions`: with what was booked up to its as-of, and
    nothing booked now. A run that has them is left alone.
    """
    if any(has_result(connection, run_id=run.run_id, table=table) for table in _STATEMENTS):
        return
    before = booked(connection, period=run.settlement_period, as_of=run.as_of)
    with transaction(connection):
        _store_statements(connection, run, _statements(connection, run, before=before, now=before.clear()))


def _statements(
    connection: duckdb.DuckDBPyConnection, run: Run, *, before: pl.DataFrame, now: pl.DataFrame
) -> Statements:
    return settlement.with_booked(
        user_amounts=read_result(connection, run_id=run.run_id, table=USER_AMOUNTS),
        fee_reductions=read_result(connection, run_id=run.run_id, table=FEE_REDUCTIONS),
        booked_before=before,
        booked_now=now,
    )


def _store_statements(connection: duckdb.DuckDBPyConnection, run: Run, statements: Statements) -> None:
    for table in _STATEMENTS:
        store_result(connection, run_id=run.run_id, table=table, frame=getattr(statements, table.name))


def _check_books(connection: duckdb.DuckDBPyConnection, run: Run, books: Books) -> None:
    """R26 once more, on what was stored when the run was audited, now with the ledger."""

    stored = {table.name: read_result(connection, run_id=run.run_id, table=table) for table in SETTLED}
    settlement.check_books(settlement=settlement.Settlement(**stored), books=books)
