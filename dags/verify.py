"""Verification as data arrives: the periods that new deliveries touch are built and tested anew."""

import logging
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from airflow.sdk import dag, task

from dags.operation import DEFAULT_ARGS, FEED_ASSETS, WAREHOUSE_POOL

log = logging.getLogger(__name__)

DOC = """
### Verify

Whenever a feed was loaded: builds the dbt models and runs their tests for the periods that the new rows touch, without settling them.

**Reads** the raw tables. **Writes** the schemas `staging`, `intermediate` and `verified`, one period at a time.
**If it fails**: the log names the test and what it found; mend the data by a new delivery. Nothing was settled.
"""


@dag(
    dag_id="verify",
    schedule=reduce(or_, FEED_ASSETS.values()),
    start_date=datetime(2024, 1, 1),  # noqa: DTZ001 -- Airflow takes it as UTC
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    tags=["verification"],
    doc_md=DOC,
)
def verify() -> None:
    @task(pool=WAREHOUSE_POOL)
    def find_touched_periods(*, triggering_asset_events: Any = None) -> list[str]:
        """The months that the deliveries behind this run touch."""
        from pipelines.config import places
        from pipelines.instants import parse_instant
        from pipelines.tariff_files import read_tariffs
        from pipelines.touched import touched_periods

        here = places()
        received = [
            event.extra["received_at"]
            for events in triggering_asset_events.values()
            for event in events
            if event.extra and "received_at" in event.extra
        ]
        periods = touched_periods(
            warehouse=here.warehouse,
            received_from=parse_instant(min(received, default="1900-01-01T00:00:00Z")),
            time_zone=read_tariffs(here.tariffs).book.time_zone,
        )
        return [str(period) for period in periods]

    @task(pool=WAREHOUSE_POOL, map_index_template="{{ task.op_kwargs['settlement_period'] }}")
    def verify_period(settlement_period: str) -> dict[str, Any]:
        """Build and test one period."""
        from pipelines.config import places
        from pipelines.instants import current_instant, instant_text
        from pipelines.settle import verify_period as verify_one
        from pipelines.tariff_files import read_tariffs
        from settlement import SettlementPeriod

        here = places()
        verified = verify_one(
            warehouse=here.warehouse,
            period=SettlementPeriod.parse(settlement_period),
            tariffs=read_tariffs(here.tariffs),
            now=current_instant(),
            progress=log.info,
        )
        return {
            "settlement_period": settlement_period,
            "as_of": instant_text(verified.as_of),
            "rows": dict(verified.rows),
        }

    verify_period.expand(settlement_period=find_touched_periods())


verify()
