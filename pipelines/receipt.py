"""The instant of receipt that all deliveries of one ingest share, and the runs it falls behind (R6, R23)."""

from datetime import UTC, datetime

import duckdb

from pipelines.deliveries import last_received_at
from pipelines.errors import BadInput
from pipelines.instants import instant_text


def receipt_instant(
    given: datetime | None, *, clock: datetime, connection: duckdb.DuckDBPyConnection
) -> datetime:
    """The instant asked for, or else the clock's, in naive UTC.

    Raises BadInput for a fraction of a second, an instant to come, and one before the last receipt.
    """
    now = as_utc(clock).replace(microsecond=0)
    instant = now if given is None else as_utc(given)
    if instant.microsecond:
        raise BadInput(f"received_at {instant.isoformat()}Z has a fraction of a second; give whole seconds.")
    if instant > now:
        raise BadInput(
            f"received_at {instant_text(instant)} lies in the future; now it is {instant_text(now)}."
        )
    last = last_received_at(connection)
    if last is not None and instant < last:
        raise BadInput(
            f"received_at {instant_text(instant)} is before {instant_text(last)}, when the last delivery was "
            "received, and it never goes back; give that instant or a later one."
        )
    return instant


def as_utc(instant: datetime) -> datetime:
    """An instant in naive UTC; one without a zone is that already."""
    return instant if instant.tzinfo is None else instant.astimezone(UTC).replace(tzinfo=None)


def overtaken_runs(connection: duckdb.DuckDBPyConnection, *, received_at: datetime) -> tuple[str, ...]:
    """A warning for each period that was settled as of this instant of receipt or a later one.

    Of each period the run with the latest as-of counts, rejected ones aside.
    """
    rows = connection.execute(
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
        [received_at],
    ).fetchall()
    return tuple(
        f"WARNING: run {run_id} of {period} ({state}) does not rest on these files, though they count as "
        f"received at {instant_text(received_at)} and it is as of {instant_text(as_of)}. They are booked by "
        f"a run as of {instant_text(as_of)} or later only (vgi settle {period} --as-of INSTANT), one as of "
        "an earlier instant is a replay (R23); next time leave --received-at away."
        for period, run_id, as_of, state in rows
    )
