"""Settlement of a month: gate, settle, gate, approval by a person, issue."""

import logging
from datetime import datetime, timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from dags.operation import DEFAULT_ARGS, ISSUED_RUN, WAREHOUSE_POOL, naming_nobody, signing_key

APPROVE, REJECT = "Approve", "Reject"

log = logging.getLogger(__name__)

DOC = """
### Settle

On the 8th of each month at 09:00 UTC the month before; on demand any month. A run that exists is found and continued, so that this can be
run, cleared and back-filled at will: nothing is booked twice (R23, R24).

1. `choose`: the period, and the as-of (by default the last receipt).
2. `gate_before`: the period verifies, all dbt tests pass, and the gate before settlement does.
3. `settle_period`: amounts, audited (R26), held.
4. `gate_after`: what was stored balances (R26).
5. `ask_a_person`, where switched on: approve or reject. Or `approve_by_itself`.
6. `issue`: writes the export folder, through the gate before export.

**If it fails**: the log says which figure or test; mend it by a delivery or a tariff and trigger it anew, or clear the failed task.
"""


BODY = """
{% set run = ti.xcom_pull(task_ids='settle_period') %}
Run `{{ run['run_id'] }}`, {{ run['kind'] }}

| | |
|---|---|
| rows delivered | {{ '{:,}'.format(run['rows_in']) }}, of which {{ '{:,}'.format(run['rows_quarantined']) }} in quarantine |
| performances | {{ '{:,}'.format(run['performances']) }}, of which {{ '{:,}'.format(run['performances_held']) }} held |
| points | {{ '{:,}'.format(run['points']) }} to {{ '{:,}'.format(run['users_with_points']) }} users |
| fee reductions | {{ run['reduction'] }} on {{ '{:,}'.format(run['contracts_with_reduction']) }} contracts |
| exceptions | {{ '{:,}'.format(run['exceptions']) }} |

The page *Settlement* lists the exceptions. Approving books the run. A rejected run is never issued; say why, and settle the period again with
better data or tariffs.
"""


@dag(
    dag_id="settle",
    schedule="0 9 8 * *",
    start_date=datetime(2023, 1, 1),  # noqa: DTZ001 -- Airflow takes it as UTC
    catchup=False,
    max_active_runs=4,
    default_args=DEFAULT_ARGS,
    tags=["settlement"],
    doc_md=DOC,
    params={
        "settlement_period": Param(
            None,
            type=["null", "string"],
            pattern=r"^[1-9][0-9]{3}-(0[1-9]|1[0-2])$",
            title="Settlement period",
            description="YYYY-MM. Empty: the month before the run's logical date.",
        ),
        "as_of": Param(
            None,
            type=["null", "string"],
            title="As of",
            description="What was known then, as 2024-01-08T09:00:00Z. Empty: the last receipt or withdrawal.",
        ),
        "approval_by_person": Param(
            None,
            type=["null", "boolean"],
            title="Approval by a person",
            description="Whether the run waits for a person. Empty: as the installation is set up.",
        ),
    },
)
def settle() -> None:
    @task(pool=WAREHOUSE_POOL)
    def choose() -> dict[str, str]:
        """Period and as-of, the same for all tasks of the run."""
        from pipelines.config import places
        from pipelines.instants import current_instant, instant_text, parse_instant
        from pipelines.settle import default_as_of
        from pipelines.tariff_files import read_tariffs
        from pipelines.touched import has_facts
        from settlement import SettlementPeriod

        context, here = get_current_context(), places()
        logical = context["dag_run"].logical_date or context["dag_run"].run_after
        before = SettlementPeriod(year=logical.year, month=logical.month).months_before(1)
        period = context["params"]["settlement_period"] or str(before)
        given = context["params"]["as_of"]
        if not has_facts(
            warehouse=here.warehouse,
            period=SettlementPeriod.parse(period),
            tariffs=read_tariffs(here.tariffs),
        ):
            raise AirflowSkipException(f"Nothing was delivered that happened in {period}: nothing to settle.")
        as_of = default_as_of(
            here.warehouse, as_of=parse_instant(given) if given else None, now=current_instant()
        )
        return {"settlement_period": period, "as_of": instant_text(as_of)}

    @task(pool=WAREHOUSE_POOL)
    def gate_before(chosen: dict[str, str]) -> dict[str, Any]:
        """Nothing is settled that does not verify."""
        from pipelines.config import places
        from pipelines.instants import current_instant, parse_instant
        from pipelines.settle import pass_gate
        from pipelines.tariff_files import read_tariffs
        from pipelines.wording import without_keys
        from settlement import SettlementPeriod

        here = places()
        with naming_nobody():
            report = pass_gate(
                warehouse=here.warehouse,
                period=SettlementPeriod.parse(chosen["settlement_period"]),
                tariffs=read_tariffs(here.tariffs),
                as_of=parse_instant(chosen["as_of"]),
                now=current_instant(),
                progress=log.info,
                detail=log.info,
            )
        for sentence in report.warnings:
            log.warning(without_keys(sentence))
        return {"expectations": len(report.judgements), "warnings": len(report.warnings)}

    @task(pool=WAREHOUSE_POOL)
    def settle_period(chosen: dict[str, str]) -> dict[str, Any]:
        """Amounts, audited and held."""
        from pipelines.config import APPROVED_BY_ITSELF, places
        from pipelines.instants import current_instant, parse_instant
        from pipelines.settle import settle as settle_one
        from pipelines.summary import figures, summarise
        from pipelines.tariff_files import read_tariffs
        from settlement import SettlementPeriod

        here = places()
        with naming_nobody():
            settled = settle_one(
                warehouse=here.warehouse,
                period=SettlementPeriod.parse(chosen["settlement_period"]),
                tariffs=read_tariffs(here.tariffs),
                now=current_instant(),
                by=APPROVED_BY_ITSELF,
                as_of=parse_instant(chosen["as_of"]),
                hold_for_approval=True,
                progress=log.info,
            )
        summary = summarise(warehouse=here.warehouse, run_id=settled.run_id)
        return {"awaits_approval": settled.awaits_approval, **figures(summary)}

    @task(pool=WAREHOUSE_POOL)
    def gate_after(run: dict[str, Any]) -> str:
        """Nothing is issued that does not balance."""
        from pipelines.config import places
        from pipelines.gates import before_issue
        from pipelines.instants import current_instant

        with naming_nobody():
            before_issue(warehouse=places().warehouse, run_id=run["run_id"], at=current_instant())
        return str(run["run_id"])

    @task.branch
    def who_approves(run: dict[str, Any]) -> str:
        """A person, the gates alone, or nobody: what stands already is only written out."""
        from pipelines.config import approval_by_person

        if not run["awaits_approval"]:
            return "issue"
        asked = get_current_context()["params"]["approval_by_person"]
        return "ask_a_person" if (approval_by_person() if asked is None else asked) else "approve_by_itself"

    ask_a_person = HITLOperator(
        task_id="ask_a_person",
        subject="Settlement {{ ti.xcom_pull(task_ids='settle_period')['settlement_period'] }}: approve or reject",
        body=BODY,
        options=[APPROVE, REJECT],
        execution_timeout=None,  # a person may take days
        retry_delay=timedelta(seconds=5),
        retry_exponential_backoff=False,
        params={
            "reason": Param(
                None,
                type=["null", "string"],
                title="Reason",
                description="Why it is rejected; kept with the run.",
            )
        },
    )

    @task(pool=WAREHOUSE_POOL)
    def carry_out(run: dict[str, Any], answer: dict[str, Any]) -> str:
        """Book what was approved; what was rejected is never issued."""
        from pipelines.approval import decide
        from pipelines.config import places
        from pipelines.instants import current_instant

        return str(
            decide(
                warehouse=places().warehouse,
                run_id=run["run_id"],
                approved=answer["chosen_options"] == [APPROVE],
                reason=answer["params_input"].get("reason") or "no reason given",
                now=current_instant(),
                by=(answer.get("responded_by_user") or {}).get("name") or "unknown",
            )
        )

    @task(pool=WAREHOUSE_POOL)
    def approve_by_itself(run: dict[str, Any]) -> str:
        """Approval by a person is switched off."""
        from pipelines.approval import decide
        from pipelines.config import APPROVED_BY_ITSELF, places
        from pipelines.instants import current_instant

        return str(
            decide(
                warehouse=places().warehouse,
                run_id=run["run_id"],
                approved=True,
                reason="",
                now=current_instant(),
                by=APPROVED_BY_ITSELF,
            )
        )

    @task(pool=WAREHOUSE_POOL, outlets=[ISSUED_RUN], trigger_rule="none_failed_min_one_success")
    def issue(run: dict[str, Any], *, outlet_events: Any = None) -> dict[str, Any]:
        """Write the export folder, complete or not at all."""
        from pipelines.approval import is_rejected
        from pipelines.config import APPROVED_BY_ITSELF, places
        from pipelines.export import export_run
        from pipelines.instants import current_instant

        here = places()
        if is_rejected(warehouse=here.warehouse, run_id=run["run_id"]):
            raise AirflowSkipException(f"Run {run['run_id']} was rejected and is not issued.")
        with naming_nobody():
            exported = export_run(
                warehouse=here.warehouse,
                run_id=run["run_id"],
                out=here.exports,
                now=current_instant(),
                by=APPROVED_BY_ITSELF,
                signing_key=signing_key(),
            )
        log.info("Signed by %s.", exported.signed_by or "nobody: no signing key is set")
        found = {"run_id": run["run_id"], "folder": str(exported.folder), "rows": dict(exported.rows)}
        outlet_events[ISSUED_RUN].extra = found
        return found

    chosen = choose()
    run = settle_period(chosen)
    gate_before(chosen) >> run
    branch = who_approves(run)
    gate_after(run) >> branch
    written = issue(run)
    carried_out = carry_out(run, ask_a_person.output)
    by_itself = approve_by_itself(run)
    branch >> [ask_a_person, by_itself, written]
    [carried_out, by_itself] >> written


settle()
