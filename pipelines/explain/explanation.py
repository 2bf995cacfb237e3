"""`explain`: from an amount of a run back to the delivered rows that give it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

import duckdb

from pipelines import runs
from pipelines.books import frame_of, refuse_missing
from pipelines.errors import JobFailed
from pipelines.explain.aggregators import aggregator_step, asked_of_aggregator
from pipelines.explain.bookings import booking_step, user_step
from pipelines.explain.evidence import Asked, DeliveredRow, Evidence, MissingRead, gather
from pipelines.explain.facts import Facts, Row, read_facts
from pipelines.explain.fee_reductions import reduction_step
from pipelines.explain.leases import outcome_step
from pipelines.explain.performances import line_step, performance_step
from pipelines.explain.steps import Step
from pipelines.explain.subjects import Found, Kind, Subject, find
from pipelines.runs import Run
from pipelines.settle import verify_run
from pipelines.tariff_files import applied_tariffs
from pipelines.verify import stands_for
from pipelines.warehouse import open_warehouse
from settlement import SettlementPeriod
from settlement.vocabulary import CORRECTION


@dataclass(frozen=True, kw_only=True)
class AppliedTariff:
    """A tariff version of the run, with its document as it stood in the file."""

    version: str
    effective_from: date
    content_hash: str
    document: str


@dataclass(frozen=True, kw_only=True)
class ExplainedRun:
    """The run whose amount is explained."""

    run_id: str
    settlement_period: str
    as_of: datetime
    kind: str
    state: str
    rules_version: str
    time_zone: str
    currency: str
    currency_digits: int
    tariffs: tuple[AppliedTariff, ...]


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """An amount of a run, the step that gives it, and every delivered row it rests on.

    From these rows alone, of these tariffs and as of the run's as-of, the rules give the amount again; a
    missing read is one that the rules looked for and that was not delivered.
    """

    subject: Mapping[str, str]
    run: ExplainedRun
    amount: int | str | None
    unit: str
    step: Step
    missing_reads: tuple[MissingRead, ...]
    rows: tuple[DeliveredRow, ...]


def explain(  # noqa: PLR0913 -- all keyword-only
    *,
    warehouse: Path,
    subject: Subject,
    run_id: str | None = None,
    period: str | None = None,
    progress: Callable[[str], None] = lambda _: None,
    detail: Callable[[str], None] = lambda _: None,
) -> Explanation:
    """Explain an amount of a run: the one named, or the one that counts (`subjects.find`).

    Reads only, unless another run was verified since: then the run is verified again. Raises BadInput if
    there is no such subject, JobFailed if the warehouse does not give what the run found.
    """
    refuse_missing(warehouse)
    with open_warehouse(warehouse, read_only=True) as connection:
        found = find(connection, subject, run_id=run_id, period=period)
        stands = stands_for(connection, found.run.run_id)
        _refuse_changed_past(connection, found.run)
    if not stands:
        verify_run(warehouse=warehouse, run=found.run, progress=progress, detail=detail)
    with open_warehouse(warehouse, read_only=True) as connection:
        if not stands_for(connection, found.run.run_id):
            raise JobFailed("Another process verified another run meanwhile; ask again when it is done.")
        return _explained(connection, found)


def _refuse_changed_past(connection: duckdb.DuckDBPyConnection, run: Run) -> None:
    if not runs.rests_on_all_deliveries(connection, run):
        raise JobFailed(
            f"Deliveries came in after run {run.run_id} with an instant of receipt at or before its as-of, so"
            " that it cannot be verified as it was; settle the period again and explain that run."
        )


def _explained(connection: duckdb.DuckDBPyConnection, found: Found) -> Explanation:
    evidence, step = _STEPS[found.subject.kind](connection, found)
    return Explanation(
        subject={"kind": found.subject.kind.value, **found.subject.keys},
        run=_shown_run(connection, found.run),
        amount=step.value,
        unit=step.unit,
        step=step,
        missing_reads=evidence.missing_reads,
        rows=evidence.rows,
    )


def _shown_run(connection: duckdb.DuckDBPyConnection, run: Run) -> ExplainedRun:
    state = runs.state_of(connection, run.run_id)
    programme = applied_tariffs(run).book
    return ExplainedRun(
        run_id=run.run_id,
        settlement_period=run.settlement_period,
        as_of=run.as_of,
        kind=runs.kind_of(connection, run).value,
        state=state.value if state else "",
        rules_version=run.rules_version,
        time_zone=programme.time_zone,
        currency=programme.currency,
        currency_digits=programme.currency_digits,
        tariffs=tuple(
            AppliedTariff(
                version=tariff.version,
                effective_from=tariff.effective_from,
                content_hash=tariff.content_hash,
                document=tariff.document,
            )
            for tariff in run.tariffs
        ),
    )


# ---- subject by subject


def _facts(connection: duckdb.DuckDBPyConnection, run: Run, asked: Asked) -> Facts:
    period = SettlementPeriod.parse(run.settlement_period)
    tariffs = applied_tariffs(run).book
    evidence = gather(connection, asked, touching=period.instants(tariffs.time_zone))
    return read_facts(
        connection, run=run, tariffs=tariffs, monthly=tariffs.in_force_on(period.first_day), evidence=evidence
    )


def _user(connection: duckdb.DuckDBPyConnection, found: Found) -> tuple[Evidence, Step]:
    user_id = found.subject.keys["user_id"]
    keys = connection.execute(
        """
        select dr_event_id, vehicle_id from results.dr_achievement
        where run_id = $run_id and user_id = $user_id
        union
        select dr_event_id, vehicle_id from books.bookings
        where settlement_period = $period and payee_kind = 'user' and payee_id = $user_id
        order by all
        """,
        {"run_id": found.run.run_id, "user_id": user_id, "period": found.run.settlement_period},
    ).fetchall()
    facts = _facts(connection, found.run, Asked(settled=keys))
    return facts.evidence, user_step(connection, facts, user_id=user_id, performances=keys)


def _performance(connection: duckdb.DuckDBPyConnection, found: Found) -> tuple[Evidence, Step]:
    key = found.subject.keys["dr_event_id"], found.subject.keys["vehicle_id"]
    facts = _facts(connection, found.run, Asked(settled=[key]))
    return facts.evidence, performance_step(facts, key)


def _line(connection: duckdb.DuckDBPyConnection, found: Found) -> tuple[Evidence, Step]:
    [row] = found.rows
    return _explained_line(connection, found.run, row)


def _explained_line(
    connection: duckdb.DuckDBPyConnection, run: Run, row: Row, *, user_id: str | None = None
) -> tuple[Evidence, Step]:
    """A line with its performance; where the run has no such line (of this user), why there is nothing."""
    key = row["dr_event_id"], row["vehicle_id"]
    cancelled = [(*key, row["evse_id"], row["lease_id"])] if row.get("reason") == CORRECTION else []
    facts = _facts(connection, run, Asked(settled=[key], cancelled=cancelled))
    own = ("evse_id", "lease_id", "access_class")
    lines = [
        line
        for line in facts.lines.get(key, [])
        if all(line[name] == row[name] for name in own) and user_id in (None, line["user_id"])
    ]
    performance = performance_step(facts, key)
    if not lines:
        return facts.evidence, _nothing_found(performance, unit="point")
    step = line_step(facts, lines[0])
    return facts.evidence, replace(step, steps=(*step.steps, performance))


def _nothing_found(*steps: Step, unit: str) -> Step:
    return Step(
        name="nothing found",
        value=0,
        unit=unit,
        arithmetic="the run found nothing for this payee and key; what was booked for it is booked back",
        rules=("R24",),
        steps=steps,
    )


def _lease(connection: duckdb.DuckDBPyConnection, found: Found) -> tuple[Evidence, Step]:
    lease_id = found.subject.keys["lease_id"]
    facts = _facts(connection, found.run, Asked(leases=[lease_id]))
    return facts.evidence, outcome_step(facts, lease_id)


def _contracts(connection: duckdb.DuckDBPyConnection, found: Found) -> tuple[Evidence, Step]:
    return _explained_contracts(connection, found.run, found.rows)


def _explained_contracts(
    connection: duckdb.DuckDBPyConnection, run: Run, rows: tuple[Row, ...]
) -> tuple[Evidence, Step]:
    facts = _facts(connection, run, Asked(contracts=[row["contract_id"] for row in rows]))
    steps = tuple(reduction_step(facts, row) for row in rows)
    if len(steps) == 1:
        return facts.evidence, steps[0]
    total = sum(row["reduction_minor"] for row in rows)
    step = Step(
        name="fee reductions of a manager",
        value=total,
        unit=rows[0]["currency"],
        arithmetic=f"the sum over {len(rows)} contracts",
        rules=("R20",),
        keys={"manager_id": rows[0]["manager_id"]},
        steps=steps,
    )
    return facts.evidence, step


def _explained_claim(connection: duckdb.DuckDBPyConnection, run: Run, booking: Row) -> tuple[Evidence, Step]:
    """The reduction of a manager's contract; where it is another manager's, or gone, that there is none."""
    rows = frame_of(
        connection,
        "select * exclude (run_id) from results.fee_reductions"
        " where run_id = ? and contract_id = ? and manager_id = ?",
        [run.run_id, booking["contract_id"], booking["payee_id"]],
    ).rows(named=True)
    if rows:
        return _explained_contracts(connection, run, tuple(rows))
    facts = _facts(connection, run, Asked(contracts=[booking["contract_id"]]))
    return facts.evidence, _nothing_found(unit=booking["unit"])


def _aggregator(connection: duckdb.DuckDBPyConnection, found: Found) -> tuple[Evidence, Step]:
    [row] = found.rows
    asked, members, instructions = asked_of_aggregator(connection, row)
    facts = _facts(connection, found.run, asked)
    step = aggregator_step(connection, facts.evidence, row, members=members, instructions=instructions)
    return facts.evidence, step


def _booking(connection: duckdb.DuckDBPyConnection, found: Found) -> tuple[Evidence, Step]:
    [row] = found.rows
    if row["payee_kind"] == "user":
        evidence, step = _explained_line(connection, found.run, row, user_id=row["payee_id"])
    else:
        evidence, step = _explained_claim(connection, found.run, row)
    return evidence, booking_step(connection, evidence, run=found.run, booking=row, found=step)


_STEPS: Mapping[Kind, Callable[[duckdb.DuckDBPyConnection, Found], tuple[Evidence, Step]]] = {
    Kind.USER: _user,
    Kind.MANAGER: _contracts,
    Kind.CONTRACT: _contracts,
    Kind.LINE: _line,
    Kind.PERFORMANCE: _performance,
    Kind.LEASE: _lease,
    Kind.BOOKING: _booking,
    Kind.AGGREGATOR: _aggregator,
}
