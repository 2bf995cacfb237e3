"""The audit documentation after a settlement was issued: dbt's docs, the run's report, the gates' Data Docs."""

from datetime import datetime

from airflow.sdk import dag, get_current_context, task

from dags.operation import DEFAULT_ARGS, ISSUED_RUN, WAREHOUSE_POOL

DOC = """
### Audit docs

After a run was issued: builds the dbt docs, one page that opens offline, with every model, column and test in words; writes the
report of that run, and those of the runs of its period that it supersedes, a page each; and the Data Docs of the gates, which open
offline too. Triggered by hand, it takes the run approved last.

**Reads** the warehouse and what the gates found. **Writes** the docs folders. **If it fails**: clear it; nothing depends on it.
"""


@dag(
    dag_id="audit_docs",
    schedule=[ISSUED_RUN],
    start_date=datetime(2024, 1, 1),  # noqa: DTZ001 -- Airflow takes it as UTC
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    tags=["audit"],
    doc_md=DOC,
)
def audit_docs() -> None:
    @task(pool=WAREHOUSE_POOL)
    def build_docs() -> str:
        """Build the page."""
        from pipelines.audit_docs import build_docs as build
        from pipelines.config import places

        here = places()
        return str(build(warehouse=here.warehouse, out=here.docs))

    @task(pool=WAREHOUSE_POOL)
    def write_reports() -> list[str]:
        """Write the reports."""
        from pipelines.audit_docs import REPORTS
        from pipelines.config import places
        from pipelines.report.write import write_reports_of_periods

        here = places()
        issued = get_current_context()["triggering_asset_events"].get(ISSUED_RUN, ())
        written = write_reports_of_periods(
            warehouse=here.warehouse,
            out=here.docs / REPORTS,
            run_ids=[event.extra["run_id"] for event in issued],
        )
        return [str(each.file) for each in written]

    @task(pool=WAREHOUSE_POOL)
    def build_quality_docs() -> str:
        """Build the pages of the gates."""
        from pipelines.config import places
        from pipelines.quality_docs import build_quality_docs as build
        from pipelines.quality_docs import quality_folder

        here = places()
        return str(build(warehouse=here.warehouse, out=quality_folder(here.warehouse)))

    build_docs()
    write_reports()
    build_quality_docs()


audit_docs()
