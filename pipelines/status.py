"""What stands in the warehouse and what is open: deliveries, quarantine, runs, what waits for somebody."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from expectations.catalogue import Gate
from expectations.judgement import GateReport
from pipelines import runs
from pipelines.closing import Closing, closings
from pipelines.gate_results import last_of_each_gate
from pipelines.runs import Kind, Run, State
from pipelines.summary import QuarantinedRow
from pipelines.warehouse import open_warehouse


@dataclass(frozen=True, kw_only=True)
class DeliveryStatus:
    """One delivery and what became of its rows; its outcome is `withdrawn` if it was."""

    delivery_no: int
    feed: str
    file_name: str
    received_at: datetime
    outcome: str
    reason: str | None
    rows_in: int
    rows_accepted: int
    rows_duplicate: int
    rows_quarantined: int
    withdrawn_at: datetime | None
    withdrawn_by: str | None
    withdrawal_reason: str | None


@dataclass(frozen=True, kw_only=True)
class FileToMend:
    """A delivery of which something does not count, and no later file of its feed and name took its place."""

    feed: str
    file_name: str
    rows_quarantined: int
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class RunStatus:
    """One run, where it stands since when, and what it holds open."""

    run_id: str
    settlement_period: str
    as_of: datetime
    kind: Kind
    state: State
    since: datetime
    by: str
    held_performances: int
    provisional_performances: int
    pending_leases: int
    exceptions: int


@dataclass(frozen=True, kw_only=True)
class OpenExceptions:
    """How many exceptions the last run of a period lists, by code."""

    run_id: str
    settlement_period: str
    counts: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class GateStatus:
    """What a gate found last: a sentence for each expectation that did not hold, warning or blocking."""

    gate: Gate
    subject: str
    at: datetime
    expectations: int
    warnings: tuple[str, ...]
    faults: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class OpenWork:
    """What waits for somebody. Performances and leases are those of the run of each period that counts: the
    one approved last. Exceptions are those of each period's last run, which may still await approval.
    `outdated_files` are meter files whose source in sources.yaml has changed since.
    """

    refused_files: tuple[FileToMend, ...]
    quarantined_files: tuple[FileToMend, ...]
    outdated_files: tuple[FileToMend, ...]
    held_performances: dict[str, int]
    pending_leases: dict[str, int]
    exceptions: tuple[OpenExceptions, ...]
    awaiting_approval: tuple[str, ...]
    awaiting_export: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Status:
    """The warehouse at a glance."""

    warehouse: Path
    deliveries: tuple[DeliveryStatus, ...]
    quarantined_rows: int
    quarantine: tuple[QuarantinedRow, ...]
    runs: tuple[RunStatus, ...]
    closings: tuple[Closing, ...]
    gates: tuple[GateStatus, ...]
    open: OpenWork


def read_status(*, warehouse: Path, with_quarantine: bool = False) -> Status:
    """Read the status of a warehouse, on demand with every row in quarantine; nothing is written.

    BadInput if there is no warehouse.
    """
    with open_warehouse(warehouse, read_only=True) as connection:
        deliveries = _deliveries(connection)
        quarantine = _quarantine(connection) if with_quarantine else ()
        all_runs, open_work = runs_and_open_work(connection)
        closed = closings(connection)
        gates = tuple(_gate(report) for report in last_of_each_gate(connection))
    return Status(
        warehouse=warehouse,
        deliveries=deliveries,
        quarantined_rows=sum(delivery.rows_quarantined for delivery in deliveries),
        quarantine=quarantine,
        runs=all_runs,
        closings=closed,
        gates=gates,
        open=open_work,
    )


def _gate(report: GateReport) -> GateStatus:
    return GateStatus(
        gate=report.gate,
        subject=report.subject,
        at=report.at,
        expectations=len(report.judgements),
        warnings=report.warnings,
        faults=report.faults,
    )


def _deliveries(connection: duckdb.DuckDBPyConnection) -> tuple[DeliveryStatus, ...]:
    rows = connection.execute(
        """
        select
            delivery_no, feed, file_name, received_at,
            if(withdrawn_at is null, outcome, 'withdrawn') as outcome, deliveries.reason,
            rows_in, rows_accepted, rows_duplicate, rows_quarantined,
            withdrawn_at, "by", withdrawals.reason
        from raw.deliveries
        left join raw.withdrawals using (delivery_no)
        order by received_at, feed, file_name, delivery_no
        """
    ).fetchall()
    return tuple(
        DeliveryStatus(
            delivery_no=delivery_no,
            feed=feed,
            file_name=file_name,
            received_at=received_at,
            outcome=outcome,
            reason=reason,
            rows_in=rows_in,
            rows_accepted=accepted,
            rows_duplicate=duplicate,
            rows_quarantined=quarantined,
            withdrawn_at=withdrawn_at,
            withdrawn_by=by,
            withdrawal_reason=withdrawal_reason,
        )
        for (
            delivery_no,
            feed,
            file_name,
            received_at,
            outcome,
            reason,
            rows_in,
            accepted,
            duplicate,
            quarantined,
            withdrawn_at,
            by,
            withdrawal_reason,
        ) in rows
    )


def _quarantine(connection: duckdb.DuckDBPyConnection) -> tuple[QuarantinedRow, ...]:
    rows = connection.execute(
        """
        select deliveries.feed, deliveries.file_name, quarantine.line, quarantine.column_name,
        quarantine.reason from raw.quarantine inner join raw.deliveries on deliveries.delivery_no =
        quarantine.delivery_no order by quarantine.delivery_no, quarantine.line, quarantine.column_name
        """
    ).fetchall()
    return tuple(
        QuarantinedRow(feed=feed, file_name=file_name, line=line, column=column, reason=reason)
        for feed, file_name, line, column, reason in rows
    )


def runs_and_open_work(connection: duckdb.DuckDBPyConnection) -> tuple[tuple[RunStatus, ...], OpenWork]:
    """Every run by period and as-of, and what waits for somebody."""
    all_runs = _runs(connection)
    current = _current_runs(connection) if all_runs else frozenset()
    return all_runs, _open_work(connection, all_runs, current=current)


_RUNS = """
    select
        runs.run_id,
        runs.settlement_period,
        runs.as_of,
        runs.rules_version,
        last.event.state,
        last.event."at",
        last.event."by",
        coalesce(achievement.held, 0),
        coalesce(achievement.provisional, 0),
        coalesce(leases.pending, 0),
        coalesce(exceptions.rows, 0)
    from books.runs
    inner join (
        select run_id, arg_max(run_events, seq) as event from books.run_events group by run_id
    ) as last on last.run_id = runs.run_id
    left join (
        select
            run_id,
            count(*) filter (where status = 'held') as held,
            count(*) filter (where status = 'provisional') as provisional
        from results.dr_achievement
        group by run_id
    ) as achievement on achievement.run_id = runs.run_id
    left join (
        select run_id, count(*) as pending
        from results.lease_outcomes
        where outcome = 'pending'
        group by run_id
    ) as leases on leases.run_id = runs.run_id
    left join (
        select run_id, count(*) as rows from results.exceptions group by run_id
    ) as exceptions on exceptions.run_id = runs.run_id
    order by runs.settlement_period, runs.as_of, runs.created_at, runs.run_id
"""


def _runs(connection: duckdb.DuckDBPyConnection) -> tuple[RunStatus, ...]:
    return tuple(_run(connection, row) for row in connection.execute(_RUNS).fetchall())


def _run(connection: duckdb.DuckDBPyConnection, row: tuple[Any, ...]) -> RunStatus:
    run_id, period, as_of, rules_version, state, at, by, held, provisional, pending, exceptions = row
    # A run rests on every delivery there is: they are not read, as its kind does not depend on them.
    run = Run(
        run_id=run_id,
        settlement_period=period,
        as_of=as_of,
        rules_version=rules_version,
        deliveries=(),
        tariffs=(),
    )
    return RunStatus(
        run_id=run_id,
        settlement_period=period,
        as_of=as_of,
        kind=runs.kind_of(connection, run),
        state=State(state),
        since=at,
        by=by,
        held_performances=held,
        provisional_performances=provisional,
        pending_leases=pending,
        exceptions=exceptions,
    )


def last_runs(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """The last run of each period that was neither rejected nor a look back, with its period."""
    return _last_of(_runs(connection))


def _last_of(all_runs: tuple[RunStatus, ...]) -> dict[str, str]:
    last = {
        run.settlement_period: run.run_id
        for run in all_runs
        if run.state is not State.REJECTED and run.kind is not Kind.REPLAY
    }
    return {run_id: period for period, run_id in last.items()}


def count_exceptions(connection: duckdb.DuckDBPyConnection, run_id: str) -> dict[str, int]:
    """The number of exceptions of a run by code, the most frequent first."""
    rows = connection.execute(
        """
        select code, count(*)
        from results.exceptions
        where run_id = ?
        group by code
        order by count(*) desc, code
        """,
        [run_id],
    ).fetchall()
    return dict(rows)


def _open_exceptions(
    connection: duckdb.DuckDBPyConnection, all_runs: tuple[RunStatus, ...]
) -> tuple[OpenExceptions, ...]:
    counted = (
        OpenExceptions(run_id=run_id, settlement_period=period, counts=count_exceptions(connection, run_id))
        for run_id, period in _last_of(all_runs).items()
    )
    return tuple(each for each in counted if each.counts)


def _current_runs(connection: duckdb.DuckDBPyConnection) -> frozenset[str]:
    rows = connection.execute("select run_id from books.current_runs").fetchall()
    return frozenset(run_id for (run_id,) in rows)


_NOT_WITHDRAWN = "{}.delivery_no not in (select delivery_no from raw.withdrawals)"


def _files_to_mend(connection: duckdb.DuckDBPyConnection, *, where: str) -> tuple[FileToMend, ...]:
    """Deliveries of a kind that no later one replaces: of that feed and name, or a refused one's bytes.

    A withdrawn one neither needs mending nor mends.
    A refused file that is no .csv, such as a.csv.gz, is replaced by the CSV that came out of it: by a.csv.
    """
    rows = connection.execute(
        rf"""
        select feed, file_name, rows_quarantined, reason
        from raw.deliveries as delivery
        where {where} and {_NOT_WITHDRAWN.format("delivery")} and not exists (
            select 1
            from raw.deliveries as later
            where
                later.delivery_no > delivery.delivery_no
                and {_NOT_WITHDRAWN.format("later")}
                and (
                    (later.feed = delivery.feed and later.file_name = delivery.file_name)
                    or (
                        delivery.outcome = 'refused'
                        and later.sha256 = delivery.sha256
                        and later.outcome = 'loaded'
                    )
                    or (
                        delivery.outcome = 'refused'
                        and later.outcome = 'loaded'
                        and later.feed = delivery.feed
                        and delivery.file_name not ilike '%.csv'
                        and starts_with(
                            delivery.file_name || '.',
                            regexp_replace(later.file_name, '(\.nem12)?\.csv$', '', 'i') || '.'
                        )
                    )
                )
        )
        order by feed, file_name
        """
    ).fetchall()
    return tuple(
        FileToMend(feed=feed, file_name=file_name, rows_quarantined=quarantined, reason=reason)
        for feed, file_name, quarantined, reason in rows
    )


_IS_OUTDATED = """
    delivery_no in (
        select delivery_no
        from raw.meter_settings
        group by delivery_no
        having arg_min(settings, note_no) <> arg_max(settings, note_no)
    )
"""


def _open_work(
    connection: duckdb.DuckDBPyConnection, all_runs: tuple[RunStatus, ...], *, current: frozenset[str]
) -> OpenWork:
    counting = [run for run in all_runs if run.run_id in current]
    return OpenWork(
        refused_files=_files_to_mend(connection, where="outcome = 'refused'"),
        quarantined_files=_files_to_mend(connection, where="outcome = 'loaded' and rows_quarantined > 0"),
        outdated_files=_files_to_mend(connection, where=_IS_OUTDATED),
        held_performances={
            run.settlement_period: run.held_performances for run in counting if run.held_performances
        },
        pending_leases={run.settlement_period: run.pending_leases for run in counting if run.pending_leases},
        exceptions=_open_exceptions(connection, all_runs),
        awaiting_approval=tuple(
            run.run_id for run in all_runs if run.state is State.AUDITED and run.kind is not Kind.REPLAY
        ),
        awaiting_export=tuple(run.run_id for run in all_runs if run.state is State.APPROVED),
    )
