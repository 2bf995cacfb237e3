"""What a run came to, for a person at the end of the job and for machines: read from the warehouse alone."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from pipelines import runs
from pipelines.books import open_books
from pipelines.closing import booked_elsewhere
from pipelines.runs import Kind, Run, State
from pipelines.tariff_files import applied_tariffs
from pipelines.wording import money_text

_TOP_USERS = 10
_FIRST_QUARANTINED = 5


@dataclass(frozen=True, kw_only=True)
class FeedIntake:
    """The deliveries of one feed that a run rests on."""

    feed: str
    files: int
    refused_files: int
    rows_in: int
    rows_accepted: int
    rows_duplicate: int
    rows_quarantined: int


@dataclass(frozen=True, kw_only=True)
class QuarantinedRow:
    """A row (or a whole file, without a line) that was not accepted, and why."""

    feed: str
    file_name: str
    line: int | None
    column: str | None
    reason: str


@dataclass(frozen=True, kw_only=True)
class EventAchievement:
    """What one DR event came to at one aggregator (energy) or over all vehicles asked for intervals."""

    dr_event_id: str
    level: str
    aggregator_id: str
    instructed_wh: int | None
    achieved_wh: int
    achievement_rate: str | None


@dataclass(frozen=True, kw_only=True)
class EventPerformances:
    """The performances of one DR event, by amount kind."""

    dr_event_id: str
    amount_kind: str
    unit: str
    performances: int
    held: int
    provisional: int
    requested: int
    achieved: int
    payable: int


@dataclass(frozen=True, kw_only=True)
class FeeReduction:
    """The fee reduction of one contract."""

    manager_id: str
    contract_id: str
    reduction_minor: int
    cap_minor: str


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What a run came to."""

    run_id: str
    settlement_period: str
    as_of: datetime
    kind: Kind
    state: State
    currency: str
    currency_digits: int
    intake: tuple[FeedIntake, ...]
    quarantine_entries: int
    first_quarantined: tuple[QuarantinedRow, ...]
    performances: tuple[EventPerformances, ...]
    achievement: tuple[EventAchievement, ...]
    users_with_points: int
    points: int
    top_users: tuple[tuple[str, int], ...]
    fee_reductions: tuple[FeeReduction, ...]
    reduction_minor: int
    lease_outcomes: dict[str, int]
    exceptions: dict[str, int]
    bookings: int
    booked_in_period: str | None
    export_folder: Path | None = None


def figures(summary: Summary) -> dict[str, str | int]:
    """The totals of a run, flat, as a scheduler shows them; no id of a person is among them."""
    return {
        "run_id": summary.run_id,
        "settlement_period": summary.settlement_period,
        "kind": str(summary.kind),
        "state": str(summary.state),
        "rows_in": sum(feed.rows_in for feed in summary.intake),
        "rows_quarantined": sum(feed.rows_quarantined for feed in summary.intake),
        "performances": sum(each.performances for each in summary.performances),
        "performances_held": sum(each.held for each in summary.performances),
        "points": summary.points,
        "users_with_points": summary.users_with_points,
        "reduction": money_text(
            summary.reduction_minor, currency=summary.currency, digits=summary.currency_digits
        ),
        "contracts_with_reduction": sum(1 for each in summary.fee_reductions if each.reduction_minor),
        "exceptions": sum(summary.exceptions.values()),
        "bookings": summary.bookings,
    }


def summarise(*, warehouse: Path, run_id: str, export_folder: Path | None = None) -> Summary:
    """The summary of a run as it stands in the warehouse."""
    with open_books(warehouse) as connection:
        return summary_of(connection, run_id, export_folder=export_folder)


def summary_of(
    connection: duckdb.DuckDBPyConnection, run_id: str, *, export_folder: Path | None = None
) -> Summary:
    """The summary of a run; BadInput if there is none."""
    run = runs.get_run(connection, run_id)
    state = runs.state_of(connection, run_id)
    assert state is not None
    tariffs = applied_tariffs(run).book
    reductions = _fee_reductions(connection, run_id)
    users = _pairs(
        connection,
        "select user_id, points from results.user_amounts where run_id = ? order by points desc, user_id",
        run_id,
    )
    return Summary(
        run_id=run_id,
        settlement_period=run.settlement_period,
        as_of=run.as_of,
        kind=runs.kind_of(connection, run),
        state=state,
        currency=tariffs.currency,
        currency_digits=tariffs.currency_digits,
        intake=_intake(connection, run),
        quarantine_entries=_quarantine_entries(connection, run),
        first_quarantined=_first_quarantined(connection, run),
        performances=_performances(connection, run_id),
        achievement=_achievement(connection, run_id),
        users_with_points=len(users),
        points=sum(points for _, points in users),
        top_users=users[:_TOP_USERS],
        fee_reductions=reductions,
        reduction_minor=sum(each.reduction_minor for each in reductions),
        lease_outcomes=_counts(connection, run_id, table="lease_outcomes", by="outcome"),
        exceptions=_counts(connection, run_id, table="exceptions", by="code"),
        bookings=_bookings(connection, run_id),
        booked_in_period=booked_elsewhere(connection, run_id),
        export_folder=export_folder,
    )


def _intake(connection: duckdb.DuckDBPyConnection, run: Run) -> tuple[FeedIntake, ...]:
    rows = connection.execute(
        """
        select
            deliveries.feed,
            count(*),
            count(*) filter (where deliveries.outcome = 'refused'),
            sum(rows_in)::bigint,
            sum(rows_accepted)::bigint,
            sum(rows_duplicate)::bigint,
            sum(rows_quarantined)::bigint
        from books.run_deliveries
        inner join raw.deliveries on deliveries.delivery_no = run_deliveries.delivery_no
        where run_deliveries.run_id = ?
        group by deliveries.feed
        order by deliveries.feed
        """,
        [run.run_id],
    ).fetchall()
    return tuple(
        FeedIntake(
            feed=feed,
            files=files,
            refused_files=refused,
            rows_in=rows_in,
            rows_accepted=accepted,
            rows_duplicate=duplicate,
            rows_quarantined=quarantined,
        )
        for feed, files, refused, rows_in, accepted, duplicate, quarantined in rows
    )


def _quarantine_entries(connection: duckdb.DuckDBPyConnection, run: Run) -> int:
    row = connection.execute(
        """
        select count(*)
        from raw.quarantine
        where delivery_no in (select delivery_no from books.run_deliveries where run_id = ?)
        """,
        [run.run_id],
    ).fetchone()
    return int(row[0]) if row else 0


def _first_quarantined(connection: duckdb.DuckDBPyConnection, run: Run) -> tuple[QuarantinedRow, ...]:
    rows = connection.execute(
        """
        select
            run_deliveries.feed,
            run_deliveries.file_name,
            quarantine.line,
            quarantine.column_name,
            quarantine.reason
        from raw.quarantine
        inner join books.run_deliveries on run_deliveries.delivery_no = quarantine.delivery_no
        where run_deliveries.run_id = ?
        order by quarantine.delivery_no, quarantine.line, quarantine.column_name
        limit ?
        """,
        [run.run_id, _FIRST_QUARANTINED],
    ).fetchall()
    return tuple(
        QuarantinedRow(feed=feed, file_name=file_name, line=line, column=column, reason=reason)
        for feed, file_name, line, column, reason in rows
    )


def _performances(connection: duckdb.DuckDBPyConnection, run_id: str) -> tuple[EventPerformances, ...]:
    rows = connection.execute(
        """
        select
            dr_event_id,
            amount_kind,
            unit,
            count(*),
            count(*) filter (where status = 'held'),
            count(*) filter (where status = 'provisional'),
            sum(requested)::bigint,
            sum(achieved)::bigint,
            sum(payable)::bigint
        from results.dr_achievement
        where run_id = ?
        group by dr_event_id, amount_kind, unit
        order by dr_event_id, amount_kind
        """,
        [run_id],
    ).fetchall()
    return tuple(
        EventPerformances(
            dr_event_id=event,
            amount_kind=amount_kind,
            unit=unit,
            performances=performances,
            held=held,
            provisional=provisional,
            requested=requested,
            achieved=achieved,
            payable=payable,
        )
        for event, amount_kind, unit, performances, held, provisional, requested, achieved, payable in rows
    )


def _achievement(connection: duckdb.DuckDBPyConnection, run_id: str) -> tuple[EventAchievement, ...]:
    rows = connection.execute(
        """
        select dr_event_id, level, aggregator_id, instructed_wh, achieved_wh, achievement_rate
        from results.aggregator_achievement
        where run_id = ?
        order by dr_event_id, list_position(['utility', 'parent', 'child'], level), aggregator_id
        """,
        [run_id],
    ).fetchall()
    return tuple(
        EventAchievement(
            dr_event_id=event,
            level=level,
            aggregator_id=aggregator,
            instructed_wh=instructed,
            achieved_wh=achieved,
            achievement_rate=rate,
        )
        for event, level, aggregator, instructed, achieved, rate in rows
    )


def _fee_reductions(connection: duckdb.DuckDBPyConnection, run_id: str) -> tuple[FeeReduction, ...]:
    rows = connection.execute(
        """
        select manager_id, contract_id, reduction_minor, cap_minor
        from results.fee_reductions
        where run_id = ?
        order by reduction_minor desc, manager_id, contract_id
        """,
        [run_id],
    ).fetchall()
    return tuple(
        FeeReduction(manager_id=manager, contract_id=contract, reduction_minor=reduction, cap_minor=cap)
        for manager, contract, reduction, cap in rows
    )


def _bookings(connection: duckdb.DuckDBPyConnection, run_id: str) -> int:
    row = connection.execute("select count(*) from books.bookings where run_id = ?", [run_id]).fetchone()
    return int(row[0]) if row else 0


def _counts(connection: duckdb.DuckDBPyConnection, run_id: str, *, table: str, by: str) -> dict[str, int]:
    query = f"select {by}, count(*) from results.{table} where run_id = ? group by {by} order by {by}"
    return dict(_pairs(connection, query, run_id))


def _pairs(connection: duckdb.DuckDBPyConnection, query: str, run_id: str) -> tuple[tuple[str, int], ...]:
    return tuple((str(key), int(value)) for key, value in connection.execute(query, [run_id]).fetchall())
