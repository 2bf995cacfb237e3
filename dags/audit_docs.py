"""The audit documentation: dbt's docs and the gates' Data Docs, built after a settlement was issued."""

from datetime import datetime

from airflow.sdk import dag, task

from dags.operation import DEFAULT_ARGS, ISSUED_RUN, WAREHOUSE_POOL

DOC = """
### Audit docs

After a run was issued: builds the dbt docs, one page that opens offline, with every model, column and test in words, and the Data Docs
of the gates, which open offline too.

**Reads** the warehouse's catalogue and what the gates found. **Writes** the docs folders. **If it fails**: clear it; nothing depends on it.
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
    def build_quality_docs() -> str:
        """Build the pages of the gates."""
        from pipelines.config import places
        from pipelines.quality_docs import build_quality_docs as build
        from pipelines.quality_docs import quality_folder

        here = places()
        return str(build(warehouse=here.warehouse, out=quality_folder(here.warehouse)))

    build_docs()
    build_quality_docs()


audit_docs()
