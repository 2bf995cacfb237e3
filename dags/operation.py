"""What all DAGs share: the pool of the one writer, the assets, owner, retries and time limits."""

from datetime import timedelta
from typing import Any

from airflow.sdk import Asset

from pipelines.feeds import FEEDS

# One slot: DuckDB lets one process at a time into the warehouse.
WAREHOUSE_POOL = "warehouse"
FEED_ASSETS = {
    feed: Asset(name=f"feed_{feed}", uri=f"vgi://feed/{feed}", group="feeds") for feed in sorted(FEEDS)
}
ISSUED_RUN = Asset(name="issued_run", uri="vgi://issued_run", group="runs")

DEFAULT_ARGS: dict[str, Any] = {
    "owner": "settlement",
    "retries": 3,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=10),
    "execution_timeout": timedelta(hours=2),
}
