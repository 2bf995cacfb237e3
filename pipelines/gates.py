"""The three gates: what an ingest loaded, a settlement rests on and an export is about to give away.

Each gathers evidence by SQL, has Great Expectations judge it, keeps what was found, and raises GateFailed
where an expectation blocks. They stand inside `ingest`, `settle` and `export_run`, which everybody calls.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import duckdb

from expectations.catalogue import Gate
from expectations.judgement import GateReport, Judgement
from pipelines import runs
from pipelines.books import open_books, transaction
from pipelines.datapackage import WrittenFile
from pipelines.deliveries import Delivery
from pipelines.errors import JobFailed
from pipelines.evidence import Evidence
from pipelines.export_evidence import booked_evidence, files_evidence, stored_evidence
from pipelines.exports import EXPORTS
from pipelines.gate_results import store
from pipelines.landing_evidence import landing_evidence
from pipelines.runs import Kind, Run, State
from pipelines.settlement_evidence import settlement_evidence
from pipelines.verify import verified_for
from pipelines.wording import without_keys
from settlement import Tariff


class GateFailed(JobFailed):
    """What must hold does not: each sentence names the rule, the keys and the remedy; `without_keys` is for
    logs, which name nobody.
    """

    def __init__(self, gate: Gate, consequence: str, *, judgements: Sequence[Judgement] = ()) -> None:
        self.gate = gate
        self.judgements = tuple(judgements)
        faults = [judgement.sentence for judgement in judgements if judgement.blocks]
        first = f"The gate {gate} is shut: {consequence}"
        self.without_keys = "\n".join([first, *(without_keys(fault) for fault in faults)])
        super().__init__("\n".join([first, *faults]))


def judge(evidence: Evidence, **parameters: int) -> list[Judgement]:
    """Each expectation of the suites of this evidence, judged by Great Expectations."""
    from expectations.judge import judge as judge_evidence  # noqa: PLC0415 -- 3 s to import

    return judge_evidence(evidence, parameters=parameters)


def judge_landing(
    connection: duckdb.DuckDBPyConnection, *, deliveries: Sequence[Delivery], received_at: datetime
) -> list[Judgement]:
    """What became of the deliveries of one ingest, still inside its transaction."""
    evidence = landing_evidence(connection, deliveries=deliveries, received_at=received_at)
    return judge(evidence, deliveries=len(deliveries))


def landing_subject(deliveries: Sequence[Delivery]) -> str:
    """How the gate `landing` calls an ingest: by its deliveries."""
    first, last = deliveries[0].delivery_no, deliveries[-1].delivery_no
    return f"delivery {first}" if first == last else f"deliveries {first} to {last}"


def before_settlement(
    connection: duckdb.DuckDBPyConnection, *, run: Run, tariffs: Sequence[Tariff], at: datetime
) -> GateReport:
    """What was verified for a run may be settled. GateFailed if it may not."""
    evidence = settlement_evidence(
        connection, run=run, verified_for=verified_for(connection), tariffs=tariffs
    )
    return _pass(
        connection,
        gate=Gate.BEFORE_SETTLEMENT,
        run=run,
        at=at,
        judgements=judge(evidence),
        consequence=f"nothing of {run.settlement_period} was settled.",
    )


def before_issue(*, warehouse: Path, run_id: str, at: datetime) -> GateReport:
    """What a run stored balances (R26), before anybody approves it. GateFailed if it does not."""
    with open_books(warehouse) as connection:
        run = runs.get_run(connection, run_id)
        return _pass(
            connection,
            gate=Gate.BEFORE_EXPORT,
            run=run,
            at=at,
            judgements=judge(stored_evidence(connection, run=run)),
            consequence=f"nothing of run {run_id} was issued, and what is stored is not what was audited.",
        )


def before_export(
    connection: duckdb.DuckDBPyConnection, *, run: Run, files: Sequence[WrittenFile], at: datetime
) -> GateReport:
    """What a run stored, what is booked and the files written aside agree. GateFailed if they do not."""
    evidence = {
        **stored_evidence(connection, run=run),
        **booked_evidence(connection, run=run, last_booking_no=_last_booking_no(connection, run)),
        **files_evidence(connection, run=run, files=files),
    }
    return _pass(
        connection,
        gate=Gate.BEFORE_EXPORT,
        run=run,
        at=at,
        judgements=judge(evidence, files=len(EXPORTS)),
        consequence=f"nothing of run {run.run_id} was written.",
    )


def _last_booking_no(connection: duckdb.DuckDBPyConnection, run: Run) -> int | None:
    """The last booking when the run was approved; None for a replay."""
    if runs.kind_of(connection, run) is Kind.REPLAY:
        return None
    approvals = [
        event.head for event in runs.events_of(connection, run.run_id) if event.state is State.APPROVED
    ]
    return approvals[-1].booking_no


def _pass(  # noqa: PLR0913 -- all keyword-only but the first
    connection: duckdb.DuckDBPyConnection,
    *,
    gate: Gate,
    run: Run,
    at: datetime,
    judgements: list[Judgement],
    consequence: str,
) -> GateReport:
    """Keep what was found; GateFailed if anything of it blocks."""
    with transaction(connection):
        report = store(connection, gate=gate, subject=run.run_id, at=at, judgements=judgements)
    if report.blocked:
        raise GateFailed(gate, consequence, judgements=judgements)
    return report
