"""The instants of receipt and withdrawal, which never go back, and the runs they fall behind (R6, R23)."""

from datetime import UTC, datetime

import duckdb

from pipelines.deliveries import last_instant
from pipelines.errors import BadInput
from pipelines.instants import instant_text


def receipt_instant(
    given: datetime | None,
    *,
    clock: datetime,
    connection: duckdb.DuckDBPyConnection,
    named: str = "received_at",
) -> datetime:
    """The instant asked for of a receipt (or a withdrawal, as `named`), or else the clock's, in naive UTC.

    Raises BadInput for a fraction of a second, an instant to come, and one before the last receipt or
    withdrawal.
    """
    now = as_utc(clock).replace(microsecond=0)
    instant = now if given is None else as_utc(given)
    if instant.microsecond:
        raise BadInput(f"{named} {instant.isoformat()}Z has a fraction of a second; give whole seconds.")
    if instant > now:
        raise BadInput(f"{named} {instant_text(instant)} lies in the future; now it is {instant_text(now)}.")
    last = last_instant(connection)
    if last is not None and instant < last:
        raise BadInput(
            f"{named} {instant_text(instant)} is before {instant_text(last)}, when a delivery was last"
            " received or withdrawn, and it never goes back; give that instant or a later one."
        )
    return instant


def as_utc(instant: datetime) -> datetime:
    """An instant in naive UTC; one without a zone is that already."""
    return instant if instant.tzinfo is None else instant.astimezone(UTC).replace(tzinfo=None)


def overtaken_runs(connection: duckdb.DuckDBPyConnection, *, received_at: datetime) -> tuple[str, ...]:
    """A warning for each period that was settled as of this instant of receipt or a later one."""
    return tuple(
        f"WARNING: run {run_id} of {period} ({state}) does not rest on these files, though they count as "
        f"received at {instant_text(received_at)} and it is as of {instant_text(as_of)}. They are booked by "
        f"{_which_run_books(period, as_of)}; next time leave --received-at away."
        for period, run_id, as_of, state in _runs_from(connection, received_at)
    )


def runs_that_still_see(
    connection: duckdb.DuckDBPyConnection, *, delivery_no: int, withdrawn_at: datetime
) -> tuple[str, ...]:
    """A warning for each period that was settled as of this instant of withdrawal or a later one."""
    return tuple(
        f"WARNING: run {run_id} of {period} ({state}) rests on delivery {delivery_no}, though it counts as "
        f"withdrawn at {instant_text(withdrawn_at)} and the run is as of {instant_text(as_of)}. What it "
        f"moved is booked back by {_which_run_books(period, as_of)}; next time leave --at away."
        for period, run_id, as_of, state in _runs_from(connection, withdrawn_at)
    )


def _which_run_books(period: str, as_of: datetime) -> str:
    return (
        f"a run as of {instant_text(as_of)} or later only (vgi settle {period} --as-of INSTANT), one as of an"
        " earlier instant is a replay (R23)"
    )


def _runs_from(
    connection: duckdb.DuckDBPyConnection, instant: datetime
) -> list[tuple[str, str, datetime, str]]:
    """Of each period with a run as of this instant or a later one, the latest, rejected ones aside."""
    return connection.execute(
        """
        with states as (
            select run_id, arg_max(state, seq) as state, max(seq) as seq
            from books.run_events
            group by run_id
        )
        select runs.settlement_period, runs.run_id, runs.as_of, states.state
        from books.runs
        inner join states on states.run_id = runs.run_id
        where runs.as_of >= ? and states.state <> 'rejected'
        qualify row_number() over (
            partition by runs.settlement_period order by runs.as_of desc, states.seq desc
        ) = 1
        order by runs.settlement_period
        """,
        [instant],
    ).fetchall()
