"""Deliveries: whatever is new in the landing folder becomes rows of the warehouse."""

import logging
from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import AssetAlias, Param, dag, get_current_context, task

from dags.operation import DEFAULT_ARGS, FEED_ASSETS, WAREHOUSE_POOL, naming_nobody

log = logging.getLogger(__name__)
_LOADED = AssetAlias("loaded_feeds")

DOC = """
### Ingest

Every half hour, and on demand: looks for files in the landing folder whose bytes were never delivered, and loads them feed by feed.
All files of one run share one instant of receipt (R6), so that it does not matter in which order the feeds are loaded.

**Reads** the landing folder. **Writes** the warehouse's raw tables and the store of received files.
Each load passes the gate `landing`; what it warns of stands in the log and on the page *Data quality*.
**If it fails**: clear the failed task; what was loaded is found again by its hash and changes nothing. Bad rows and bad files
do not fail it: `vgi status` lists them.
"""


@dag(
    dag_id="ingest",
    schedule=timedelta(minutes=30),
    start_date=datetime(2024, 1, 1),  # noqa: DTZ001 -- Airflow takes it as UTC
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    tags=["deliveries"],
    doc_md=DOC,
    params={
        "received_at": Param(
            None,
            type=["null", "string"],
            title="Received at",
            description="When the files were received, as 2024-01-08T09:00:00Z. Empty: when this run begins.",
        )
    },
)
def ingest() -> None:
    @task(pool=WAREHOUSE_POOL)
    def find_news() -> list[dict[str, str]]:
        """The feeds with something new, and the instant of receipt they share."""
        from pipelines.config import places
        from pipelines.ingest import feeds_with_news
        from pipelines.instants import instant_text

        context = get_current_context()
        begun = context["dag_run"].start_date.replace(tzinfo=None, microsecond=0)
        received_at = context["params"]["received_at"] or instant_text(begun)
        here = places()
        return [
            {"feed": feed, "received_at": received_at}
            for feed in feeds_with_news(here.landing, warehouse=here.warehouse)
        ]

    @task(pool=WAREHOUSE_POOL, map_index_template="{{ task.op_kwargs['news']['feed'] }}")
    def load(news: dict[str, str]) -> dict[str, Any]:
        """Load one feed."""
        from pipelines.config import places
        from pipelines.ingest import ingest as ingest_folder
        from pipelines.instants import current_instant, parse_instant
        from pipelines.wording import without_keys

        here = places()
        with naming_nobody():
            report = ingest_folder(
                here.landing,
                warehouse=here.warehouse,
                received_at=parse_instant(news["received_at"]),
                clock=current_instant,
                feeds=(news["feed"],),
                progress=log.info,
            )
        for sentence in report.gate_warnings:
            log.warning(without_keys(sentence))
        return {**news, **report.totals, "next_action": report.next_action}

    @task(outlets=[_LOADED])
    def publish(loaded: Any, *, outlet_events: Any = None) -> None:
        """Tell who waits for a feed; all at once, so that they are verified once."""
        for summary in loaded:
            log.info("%s: %s", summary["feed"], summary["next_action"])
            outlet_events[_LOADED].add(FEED_ASSETS[summary["feed"]], extra=summary)

    publish(load.expand(news=find_news()))


ingest()
