"""Settling a period: verify, settle, audit, store, and approve unless a person is to decide (R17-R26)."""

import fcntl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path

import duckdb

import settlement
from expectations.catalogue import Gate
from expectations.judgement import GateReport
from pipelines import runs
from pipelines.approval import book_run, finish_replay
from pipelines.books import frame_of, open_books, refuse_missing, store_result, transaction
from pipelines.errors import BadInput, DamageFound, JobFailed
from pipelines.exports import ENERGY_BALANCE, SETTLED
from pipelines.full_disk import DiskFull
from pipelines.gate_results import last_report
from pipelines.gates import GateFailed, before_settlement
from pipelines.instants import instant_text
from pipelines.runs import Kind, Run, RunTariff, State
from pipelines.stages import Stage, stage
from pipelines.tariff_files import TariffFiles, applied_tariffs
from pipelines.verify import verify
from settlement import Settlement, SettlementPeriod, VerifiedPeriod

Progress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Settled:
    """A run as `settle` leaves it: whether it was found or is new, where it stands, how many bookings were
    made now, what a person should know of it, and what the gate before settlement found and let pass.
    """

    run_id: str
    settlement_period: str
    as_of: datetime
    kind: Kind
    state: State
    found: bool
    booked_now: int
    warnings: tuple[str, ...] = ()
    gate_warnings: tuple[str, ...] = ()

    @property
    def awaits_approval(self) -> bool:
        """Whether a person has to approve it before it can be exported."""
        return self.state is State.AUDITED and self.kind is not Kind.REPLAY


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What a verification found: rows by table of schema `verified`."""

    settlement_period: str
    as_of: datetime
    rows: Mapping[str, int]


def settle(  # noqa: PLR0913 -- all keyword-only
    *,
    warehouse: Path,
    period: SettlementPeriod,
    tariffs: TariffFiles,
    now: datetime,
    by: str,
    as_of: datetime | None = None,
    hold_for_approval: bool = False,
    progress: Progress = lambda _: None,
    detail: Progress = lambda _: None,
) -> Settled:
    """Settle a period as of an instant (default: the last receipt or withdrawal), once per run (R23).

    A run that exists is found and continued from where it stands, except that one held once is approved by
    a person only (`approve`); a replay is computed and never booked.
    Raises BadInput for an as-of in the future or before anything was delivered, and for a run that was
    rejected; TariffError if no tariff is in force; GateFailed if what was verified may not be settled, and
    BalanceError if the result does not balance: then nothing is stored.
    """
    with _alone(warehouse, progress):
        run = _asked_run(warehouse, period=period, tariffs=tariffs, as_of=as_of, now=now)
        found = _standing_state(warehouse, run)
        if found is State.REJECTED:
            raise BadInput(_rejected_sentence(warehouse, run))
        if found is None:
            _compute(
                warehouse,
                run=run,
                period=period,
                tariffs=tariffs,
                now=now,
                by=by,
                hold=hold_for_approval,
                progress=progress,
                detail=detail,
            )
        else:
            progress(f"Run {run.run_id} exists and is {found}.")
        return _decide(warehouse, run, found=found is not None, hold=hold_for_approval, now=now, by=by)


def compute_again(  # noqa: PLR0913 -- all keyword-only
    *,
    warehouse: Path,
    run_id: str,
    period: SettlementPeriod,
    tariffs: TariffFiles,
    as_of: datetime,
    now: datetime,
    by: str,
    held: bool,
    progress: Progress = lambda _: None,
    detail: Progress = lambda _: None,
) -> None:
    """Settle, audit and store a run of another warehouse in one that received the same, without deciding it.

    Raises DamageFound if what was received and the tariffs make another run; else as `settle` does.
    """
    with _alone(warehouse, progress):
        # Without an as-of of its own a run may have been asked for before the clock came to its deliveries.
        asked_at = max(now, as_of)
        run = _asked_run(warehouse, period=period, tariffs=tariffs, as_of=as_of, now=asked_at)
        if run.run_id != run_id:
            raise DamageFound(
                f"Run {run_id} cannot be made again: from these deliveries, these tariffs and rules version"
                f" {settlement.RULES_VERSION} it is {run.run_id}. Use the version of this program that made"
                " it, or put the delivery store back from a backup."
            )
        _compute(
            warehouse,
            run=run,
            period=period,
            tariffs=tariffs,
            now=now,
            by=by,
            hold=held,
            progress=progress,
            detail=detail,
        )
        with open_books(warehouse) as connection:
            if runs.kind_of(connection, run) is Kind.REPLAY:
                finish_replay(connection, run)


def default_as_of(warehouse: Path, *, as_of: datetime | None, now: datetime) -> datetime:
    """The as-of asked for, or else the last receipt or withdrawal. BadInput as `settle` raises it."""
    with open_books(warehouse) as connection:
        return runs.resolve_as_of(connection, as_of=as_of, now=now)


def verify_period(  # noqa: PLR0913 -- all keyword-only
    *,
    warehouse: Path,
    period: SettlementPeriod,
    now: datetime,
    tariffs: TariffFiles | None = None,
    as_of: datetime | None = None,
    progress: Progress = lambda _: None,
    detail: Progress = lambda _: None,
) -> Verified:
    """Verify a period without settling it; give the as-of used and what was found.

    Without tariffs, those of the last run are taken.
    """
    with _alone(warehouse, progress):
        with open_books(warehouse) as connection:
            resolved = runs.resolve_as_of(connection, as_of=as_of, now=now)
            chosen = tariffs or _tariffs_of_last_run(connection)
        book = chosen.book.for_period(period) if chosen else None
        run = (
            _asked_run(warehouse, period=period, tariffs=chosen, as_of=resolved, now=now) if chosen else None
        )
        progress(f"Verifying {period} as of {instant_text(resolved)}.")
        verify(
            warehouse=warehouse,
            period=period,
            as_of=resolved,
            tariffs=book,
            run_id=run.run_id if run else None,
            progress=detail,
        )
        with open_books(warehouse) as connection:
            rows = {each.name: _rows_of(connection, each.name) for each in fields(VerifiedPeriod)}
    return Verified(settlement_period=str(period), as_of=resolved, rows=rows)


def verify_run(
    *, warehouse: Path, run: Run, progress: Progress = lambda _: None, detail: Progress = lambda _: None
) -> None:
    """Verify the period of a run that exists, as of its as-of and by its tariffs, unless that stands."""
    period = SettlementPeriod.parse(run.settlement_period)
    with _alone(warehouse, progress):
        progress(f"Verifying {period} as of {instant_text(run.as_of)} again, for run {run.run_id}.")
        verify(
            warehouse=warehouse,
            period=period,
            as_of=run.as_of,
            tariffs=applied_tariffs(run).book.for_period(period),
            run_id=run.run_id,
            progress=detail,
        )


def pass_gate(  # noqa: PLR0913 -- all keyword-only
    *,
    warehouse: Path,
    period: SettlementPeriod,
    tariffs: TariffFiles,
    now: datetime,
    as_of: datetime | None = None,
    progress: Progress = lambda _: None,
    detail: Progress = lambda _: None,
) -> GateReport:
    """Verify a period and judge whether it may be settled, without settling it.

    Raises as `settle` does.
    """
    with _alone(warehouse, progress):
        run = _asked_run(warehouse, period=period, tariffs=tariffs, as_of=as_of, now=now)
        made = _verify(warehouse, run=run, period=period, tariffs=tariffs, progress=progress, detail=detail)
        return _judge(warehouse, run=run, period=period, tariffs=tariffs, now=now, made=made)


def _rows_of(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    row = connection.execute(f"select count(*) from verified.{table}").fetchone()
    return int(row[0]) if row else 0


@contextmanager
def _alone(warehouse: Path, progress: Progress) -> Iterator[None]:
    """Keep other processes from verifying into this warehouse: schema `verified` holds one period at a time,
    and the warehouse is let go between the steps.
    """
    refuse_missing(warehouse)
    with warehouse.with_name(f"{warehouse.name}.settling").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(f"Another process verifies or settles in {warehouse}; waiting for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _asked_run(
    warehouse: Path, *, period: SettlementPeriod, tariffs: TariffFiles, as_of: datetime | None, now: datetime
) -> Run:
    with open_books(warehouse) as connection:
        resolved = runs.resolve_as_of(connection, as_of=as_of, now=now)
        deliveries = runs.deliveries_received_by(connection, resolved)
    applied = tuple(
        RunTariff(
            version=tariff.version,
            content_hash=tariff.content_sha256,
            effective_from=tariff.effective_from,
            document=tariffs.documents[tariff.version],
        )
        for tariff in tariffs.of_period(period)
    )
    return runs.identify(
        period=str(period),
        as_of=resolved,
        deliveries=deliveries,
        tariffs=applied,
        rules_version=settlement.RULES_VERSION,
    )


def _standing_state(warehouse: Path, run: Run) -> State | None:
    with open_books(warehouse) as connection:
        return runs.state_of(connection, run.run_id)


def _rejected_sentence(warehouse: Path, run: Run) -> str:
    with open_books(warehouse) as connection:
        last = runs.events_of(connection, run.run_id)[-1]
    return (
        f"Run {run.run_id} was rejected by {last.by} ({last.reason}) and is not settled again; new"
        " deliveries or other tariffs make another run."
    )


def _compute(  # noqa: PLR0913 -- all keyword-only
    warehouse: Path,
    *,
    run: Run,
    period: SettlementPeriod,
    tariffs: TariffFiles,
    now: datetime,
    by: str,
    hold: bool,
    progress: Progress,
    detail: Progress,
) -> None:
    made = _verify(warehouse, run=run, period=period, tariffs=tariffs, progress=progress, detail=detail)
    with stage(Stage.SETTLE):
        _judge(warehouse, run=run, period=period, tariffs=tariffs, now=now, made=made)
        progress(f"Settling {period}.")
        _settle_and_store(
            warehouse, run=run, period=period, tariffs=tariffs, now=now, by=by, hold=hold, progress=progress
        )


def _settle_and_store(  # noqa: PLR0913 -- all keyword-only
    warehouse: Path,
    *,
    run: Run,
    period: SettlementPeriod,
    tariffs: TariffFiles,
    now: datetime,
    by: str,
    hold: bool,
    progress: Progress,
) -> None:
    book = tariffs.book.for_period(period)
    with open_books(warehouse) as connection:
        _refuse_other_deliveries(connection, run)
        verified = read_verified(connection)
        result = settlement.settle(verified=verified, tariffs=book, period=period, as_of=run.as_of)
        progress("Auditing: what leaves must balance.")
        settlement.check_balances(verified=verified, settlement=result)
        _store(connection, run=run, verified=verified, result=result, now=now, by=by, hold=hold)


def _verify(  # noqa: PLR0913 -- all keyword-only
    warehouse: Path,
    *,
    run: Run,
    period: SettlementPeriod,
    tariffs: TariffFiles,
    progress: Progress,
    detail: Progress,
) -> bool:
    """Verify the period for a run, unless that stands; tell whether it was done."""
    progress(f"Verifying {period} as of {instant_text(run.as_of)}.")
    try:
        return verify(
            warehouse=warehouse,
            period=period,
            as_of=run.as_of,
            tariffs=tariffs.book.for_period(period),
            run_id=run.run_id,
            progress=detail,
        )
    except (DiskFull, DamageFound):
        raise
    except JobFailed as error:
        raise GateFailed(Gate.BEFORE_SETTLEMENT, f"{error} {_what_to_mend(period)}") from error


def _judge(  # noqa: PLR0913 -- all keyword-only
    warehouse: Path,
    *,
    run: Run,
    period: SettlementPeriod,
    tariffs: TariffFiles,
    now: datetime,
    made: bool,
) -> GateReport:
    """Judge what was verified; not again where the verification stood and was judged already."""
    with open_books(warehouse) as connection:
        judged = None if made else _last_report(connection, run)
        if judged is not None and not judged.blocked:
            return judged
        return before_settlement(connection, run=run, tariffs=tariffs.of_period(period), at=now)


def _what_to_mend(period: SettlementPeriod) -> str:
    return (
        "Nothing was settled: look at the rows that the named test finds, have them mended by a delivery (or"
        f" report the model), and settle {period} again."
    )


def _last_report(connection: duckdb.DuckDBPyConnection, run: Run) -> GateReport | None:
    return last_report(connection, gate=Gate.BEFORE_SETTLEMENT, subject=run.run_id)


def _refuse_other_deliveries(connection: duckdb.DuckDBPyConnection, run: Run) -> None:
    # The warehouse was let go meanwhile: a delivery of the same receipt would be in the result, not the run.
    if not runs.rests_on_all_deliveries(connection, run):
        raise JobFailed(
            f"Deliveries came in while {run.settlement_period} was verified; nothing was settled,"
            " settle it again."
        )


def read_verified(connection: duckdb.DuckDBPyConnection) -> VerifiedPeriod:
    frames = {
        each.name: frame_of(connection, f"select * from verified.{each.name}")
        for each in fields(VerifiedPeriod)
    }
    return VerifiedPeriod(**frames)


def _store(  # noqa: PLR0913 -- all keyword-only
    connection: duckdb.DuckDBPyConnection,
    *,
    run: Run,
    verified: VerifiedPeriod,
    result: Settlement,
    now: datetime,
    by: str,
    hold: bool,
) -> None:
    with transaction(connection):
        runs.store_run(connection, run=run, at=now, by=by, held=hold)
        for table in SETTLED:
            store_result(connection, run_id=run.run_id, table=table, frame=getattr(result, table.name))
        store_result(connection, run_id=run.run_id, table=ENERGY_BALANCE, frame=verified.energy_balance)
        _store_hold_reasons(connection, run)
        runs.record_state(connection, run_id=run.run_id, state=State.COMPUTED, at=now, by=by)
        reason = runs.HELD if hold else None
        runs.record_state(connection, run_id=run.run_id, state=State.AUDITED, at=now, by=by, reason=reason)


def _store_hold_reasons(connection: duckdb.DuckDBPyConnection, run: Run) -> None:
    """Why performances are held (R15): it decides no amount, so the settlement is not told."""
    connection.execute(
        """
        insert into results.held_performances (run_id, dr_event_id, vehicle_id, hold_reasons)
        select ?, dr_event_id, vehicle_id, hold_reasons from verified.performances where status = 'held'
        """,
        [run.run_id],
    )


def _decide(warehouse: Path, run: Run, *, found: bool, hold: bool, now: datetime, by: str) -> Settled:  # noqa: PLR0913 -- all keyword-only
    """Book an audited run unless it is held; finish a replay; leave any other run as it stands."""
    booked_now = 0
    with open_books(warehouse) as connection:
        kind = runs.kind_of(connection, run)
        if kind is Kind.REPLAY:
            finish_replay(connection, run)
        elif runs.state_of(connection, run.run_id) is State.AUDITED:
            if hold:
                _hold(connection, run, now=now, by=by)
            elif not runs.is_held(connection, run.run_id):
                booked_now = book_run(connection, run, now=now, by=by)
        state = runs.state_of(connection, run.run_id)
        warnings = tuple(_warnings(connection, run, state=state))
        judged = _last_report(connection, run)
    assert state is not None
    return Settled(
        run_id=run.run_id,
        settlement_period=run.settlement_period,
        as_of=run.as_of,
        kind=kind,
        state=state,
        found=found,
        booked_now=booked_now,
        warnings=warnings,
        gate_warnings=judged.warnings if judged is not None else (),
    )


def _hold(connection: duckdb.DuckDBPyConnection, run: Run, *, now: datetime, by: str) -> None:
    """Hold a run that an interrupted job left audited without holding it."""
    if not runs.is_held(connection, run.run_id):
        with transaction(connection):
            runs.record_state(
                connection, run_id=run.run_id, state=State.AUDITED, at=now, by=by, reason=runs.HELD
            )


def _warnings(connection: duckdb.DuckDBPyConnection, run: Run, *, state: State | None) -> Iterator[str]:
    """What is no fault, but not what one would expect."""
    period = SettlementPeriod.parse(run.settlement_period)
    _, over_at = period.instants(applied_tariffs(run).book.time_zone)
    if run.as_of < over_at:
        yield f"{period} was not over at {instant_text(run.as_of)}; it is at {instant_text(over_at)}."
    for version, other in runs.other_contents(connection, run):
        yield (
            f"Tariff version {version} had other contents in run {other}; give changed contents a version of"
            " their own, or an auditor cannot tell by which of the two a booking was made."
        )
    if state is State.SUPERSEDED:
        last = runs.approved_runs(connection, run.settlement_period)[-1]
        yield (
            f"Run {run.run_id} was superseded by {last}, which is what counts, and is not booked again; to"
            f" come back to what it found, settle {period} with a later --as-of."
        )


def _tariffs_of_last_run(connection: duckdb.DuckDBPyConnection) -> TariffFiles | None:
    row = connection.execute(
        "select run_id from books.run_events where state = 'computed' order by seq desc limit 1"
    ).fetchone()
    if row is None:
        return None
    return applied_tariffs(runs.get_run(connection, row[0]))
