"""A stored run computed again from deliveries and its own tariffs, and held against what it stored (R23)."""

from pathlib import Path

import duckdb
import polars as pl

import settlement
from pipelines import runs
from pipelines.books import frame_of, open_books, read_result
from pipelines.closing import booked_elsewhere
from pipelines.errors import BadInput
from pipelines.exports import BOOKINGS, CLAIMS, ENERGY_BALANCE, SETTLED, Export
from pipelines.runs import AFTER_APPROVAL, Run, State
from pipelines.settle import Progress, read_verified, verify_run
from pipelines.tariff_files import applied_tariffs
from settlement import SettlementPeriod


def recompute(*, warehouse: Path, run_id: str, progress: Progress = lambda _: None) -> tuple[str, ...]:
    """Compute a run again; give the tables that come out otherwise than stored, none if all is the same.

    Compared are its results, its energy balance and, if it was approved, its bookings. Raises BadInput for a
    run that cannot be seen as it was: if more was received by its as-of since, or withdrawn.
    """
    with open_books(warehouse) as connection:
        run = runs.get_run(connection, run_id)
        if not runs.rests_on_all_deliveries(connection, run):
            raise BadInput(
                f"What counts as known at the as-of of run {run_id} changed after it was computed, so it"
                " cannot be computed again in this warehouse; `vgi rebuild --store DIR` makes it again in"
                " another, in the order of the journal."
            )
    verify_run(warehouse=warehouse, run=run, progress=progress)
    period = SettlementPeriod.parse(run.settlement_period)
    with open_books(warehouse) as connection:
        verified = read_verified(connection)
        result = settlement.settle(
            verified=verified,
            tariffs=applied_tariffs(run).book.for_period(period),
            period=period,
            as_of=run.as_of,
        )
        made = {table: getattr(result, table.name) for table in SETTLED}
        made[ENERGY_BALANCE] = verified.energy_balance
        if runs.state_of(connection, run_id) in AFTER_APPROVAL:
            made[BOOKINGS] = _bookings(connection, run)
        return tuple(
            table.name
            for table, frame in made.items()
            if not _equal(frame, read_result(connection, run_id=run_id, table=table), table=table)
        )


def _bookings(connection: duckdb.DuckDBPyConnection, run: Run) -> pl.DataFrame:
    """What the run books, of its stored claims and of what was booked before it was approved; in which period
    was decided by the closings of then.
    """
    approval = next(e for e in runs.events_of(connection, run.run_id) if e.state is State.APPROVED)
    earlier = frame_of(
        connection,
        f"""
        select {", ".join(BOOKINGS.column_names)} from books.bookings
        where settlement_period = ? and booking_no <= ? and run_id <> ?
        """,
        [run.settlement_period, approval.head.booking_no, run.run_id],
    )
    return settlement.book(
        claims=read_result(connection, run_id=run.run_id, table=CLAIMS),
        booked=earlier,
        initial=runs.approved_runs(connection, run.settlement_period)[0] == run.run_id,
        booked_in_period=booked_elsewhere(connection, run.run_id),
    )


def _equal(made: pl.DataFrame, stored: pl.DataFrame, *, table: Export) -> bool:
    columns = list(table.column_names)
    return made.select(columns).sort(columns).equals(stored.select(columns).sort(columns))
