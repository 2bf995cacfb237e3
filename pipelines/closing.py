"""Closing a period: from then on its corrections are booked in the next period that is not closed (R24)."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from pipelines import runs
from pipelines.books import open_books, transaction
from pipelines.errors import BadInput
from pipelines.instants import instant_text
from pipelines.journal import Event, record
from pipelines.tariff_files import applied_tariffs
from settlement import SettlementPeriod


@dataclass(frozen=True, kw_only=True)
class Closing:
    """A closed period, since when and by whom, and where its corrections are booked from now on."""

    settlement_period: str
    closed_at: datetime
    by: str
    booked_in_period: str


def close(*, warehouse: Path, period: SettlementPeriod, by: str, now: datetime) -> Closing:
    """Close a period for good.

    Raises BadInput if no run of it was approved yet, if it is not over, or if it is closed already.
    """
    with open_books(warehouse) as connection:
        _refuse_unless_closable(connection, period, now=now)
        document = {"settlement_period": str(period), "by": by}
        with transaction(connection):
            connection.execute("insert into books.closings values (?, ?, ?)", [str(period), now, by])
            record(connection, event=Event.CLOSED, at=now, document=document)
        booked_in = booking_period(connection, str(period))
    return Closing(settlement_period=str(period), closed_at=now, by=by, booked_in_period=booked_in)


def closings(connection: duckdb.DuckDBPyConnection) -> tuple[Closing, ...]:
    """The closed periods in their order."""
    rows = connection.execute(
        'select settlement_period, closed_at, "by" from books.closings order by settlement_period'
    ).fetchall()
    return tuple(
        Closing(
            settlement_period=period,
            closed_at=closed_at,
            by=by,
            booked_in_period=booking_period(connection, period),
        )
        for period, closed_at, by in rows
    )


def booking_period(connection: duckdb.DuckDBPyConnection, period: str) -> str:
    """The period in which bookings of a period are made now: itself, or if it is closed the next one that is
    not.
    """
    rows = connection.execute("select settlement_period from books.closings").fetchall()
    closed = {each for (each,) in rows}
    while period in closed:
        period = str(SettlementPeriod.parse(period).next)
    return period


def booked_elsewhere(connection: duckdb.DuckDBPyConnection, run_id: str) -> str | None:
    """The period in which a run's bookings were made, if its own was closed by then."""
    row = connection.execute(
        """
        select booked_in_period from books.bookings
        where run_id = ? and booked_in_period <> settlement_period
        limit 1
        """,
        [run_id],
    ).fetchone()
    return row[0] if row else None


def _refuse_unless_closable(
    connection: duckdb.DuckDBPyConnection, period: SettlementPeriod, *, now: datetime
) -> None:
    known = next((each for each in closings(connection) if each.settlement_period == str(period)), None)
    if known is not None:
        raise BadInput(
            f"{period} was closed already at {instant_text(known.closed_at)} by {known.by}, and no period is"
            f" opened again; its corrections are booked in {known.booked_in_period}."
        )
    approved = runs.approved_runs(connection, str(period))
    if not approved:
        raise BadInput(
            f"{period} cannot be closed: no run of it was approved yet (vgi settle {period} --tariffs DIR)."
        )
    last = applied_tariffs(runs.get_run(connection, approved[-1]))
    _, period_to = period.instants(last.book.time_zone)
    if now < period_to:
        raise BadInput(
            f"{period} cannot be closed: it is not over before {instant_text(period_to)}, and now it is"
            f" {instant_text(now)}."
        )
