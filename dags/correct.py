"""Corrections on a timetable: months settled before are settled again, as data arrives late."""

from datetime import datetime
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import dag, get_current_context, task

from dags.operation import DEFAULT_ARGS

DOC = """
### Correct

On the 9th of each month at 09:00 UTC: triggers `settle` for the months whose initial settlement lies as many months back as `VGI_CORRECTION_MONTHS`
says (1, 3 and 6 by default). Where nothing came in since, the run that exists is found and nothing is booked.

**Reads and writes** nothing itself. **If it fails**: clear it.
"""


@dag(
    dag_id="correct",
    schedule="0 9 9 * *",
    start_date=datetime(2023, 1, 1),  # noqa: DTZ001 -- Airflow takes it as UTC
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    tags=["settlement"],
    doc_md=DOC,
)
def correct() -> None:
    @task
    def find_due_periods() -> list[dict[str, Any]]:
        """The months whose correction is due."""
        from pipelines.config import correction_months
        from settlement import SettlementPeriod

        context = get_current_context()
        day = context["dag_run"].logical_date or context["dag_run"].run_after
        initial = SettlementPeriod(year=day.year, month=day.month).months_before(1)
        due = (initial.months_before(months) for months in correction_months())
        return [{"settlement_period": str(period), "as_of": None} for period in due]

    TriggerDagRunOperator.partial(task_id="settle_again", trigger_dag_id="settle").expand(
        conf=find_due_periods()
    )


correct()
