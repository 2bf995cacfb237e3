"""Which settlement periods deliveries and withdrawals touch: only those are verified as data arrives."""

from datetime import datetime
from pathlib import Path

import duckdb

from pipelines.books import open_books
from pipelines.runs import get_run
from pipelines.tariff_files import TariffFiles, applied_tariffs
from settlement import SettlementPeriod

# The instants between which a row of a feed can matter; an end that is null is open.
SPANS = {
    "aggregators": ("valid_from", "valid_to"),
    "vehicles": ("valid_from", "valid_to"),
    "contracts": ("valid_from", "valid_to"),
    "evses": ("valid_from", "valid_to"),
    "specific_vehicles": ("valid_from", "valid_to"),
    "evse_offers": ("offered_from", "offered_to"),
    "permission_leases": ("valid_from", "valid_to"),
    "meter_intervals": ("interval_start", "interval_start"),
    "charger_sessions": ("started_at", "ended_at"),
    "dr_events": ("starts_at", "ends_at"),
    "dr_instructions": ("issued_at", "null"),
    "dr_signals": ("issued_at", "null"),
}
_FACTS = ("evse_offers", "permission_leases", "meter_intervals", "charger_sessions", "dr_events")


def touched_periods(
    *, warehouse: Path, received_from: datetime, time_zone: str
) -> tuple[SettlementPeriod, ...]:
    """The months with a DR event that rows received or withdrawn from an instant on may touch, in order.

    A feed touches from the first to the last instant of which such a row speaks, or a version that it put out
    of sight or that came back for it; without an end, as far as there are events. What reaches further is
    left to the timetable of corrections: the exchange of a lease with segments in another month (R22).
    """
    with open_books(warehouse) as connection:
        return _touched(connection, changed_from=received_from, time_zone=time_zone)


def periods_to_settle_again(
    connection: duckdb.DuckDBPyConnection, *, changed_from: datetime
) -> tuple[SettlementPeriod, ...]:
    """The months touched since an instant that were settled before, in order: their next runs book it."""
    settled = connection.execute(
        """
        select runs.settlement_period, arg_max(run_id, run_events.seq)
        from books.runs
        inner join books.run_events using (run_id)
        where state = 'approved'
        group by runs.settlement_period
        order by max(run_events.seq)
        """
    ).fetchall()
    if not settled:
        return ()
    last = applied_tariffs(get_run(connection, settled[-1][1]))
    periods = {period for period, _ in settled}
    touched = _touched(connection, changed_from=changed_from, time_zone=last.book.time_zone)
    return tuple(period for period in touched if str(period) in periods)


def _touched(
    connection: duckdb.DuckDBPyConnection, *, changed_from: datetime, time_zone: str
) -> tuple[SettlementPeriod, ...]:
    spans = " union all ".join(_span_sql(feed) for feed in SPANS)
    rows = connection.execute(
        f"""
        with
        changed as (
            select delivery_no from raw.deliveries where received_at >= $changed_from
            union
            select delivery_no from raw.withdrawals where withdrawn_at >= $changed_from
        ),
        replaced as (
            select delivery_no, row_no from raw.supersessions
            where superseded_by_delivery_no in (select delivery_no from changed)
        ),
        spans as ({spans})
        select distinct
            strftime(timezone($time_zone, timezone('UTC', events.starts_at)), '%Y-%m') as month
        from raw.dr_events as events
        inner join spans on events.starts_at <= spans.ends and events.ends_at >= spans.begins
        order by month
        """,
        {"changed_from": changed_from, "time_zone": time_zone},
    ).fetchall()
    return tuple(SettlementPeriod.parse(month) for (month,) in rows)


def _span_sql(feed: str) -> str:
    """The span of the rows of changed deliveries, and of the versions that they put out of sight or back."""
    begins, ends = SPANS[feed]
    return f"""
        select min(begins) as begins, max(ends) as ends
        from (
            select {begins} as begins, coalesce({ends}, 'infinity'::timestamp) as ends
            from raw.{feed}
            where delivery_no in (select delivery_no from changed)
            union all
            select {begins}, coalesce({ends}, 'infinity'::timestamp)
            from raw.{feed}
            semi join replaced using (delivery_no, row_no)
        )
    """


def has_facts(*, warehouse: Path, period: SettlementPeriod, tariffs: TariffFiles) -> bool:
    """Whether anything was delivered that happened in a period; a warehouse not yet made holds nothing."""
    if not warehouse.exists():
        return False
    period_from, period_to = period.instants(tariffs.book.time_zone)
    with open_books(warehouse) as connection:
        return any(
            connection.execute(
                f"select true from raw.{feed} where {SPANS[feed][0]} >= ? and {SPANS[feed][0]} < ? limit 1",
                [period_from, period_to],
            ).fetchone()
            for feed in _FACTS
        )
