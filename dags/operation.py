"""What all DAGs share: the pool of the one writer, the assets, owner, retries, time limits and the signing key."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from pipelines.config import OWN_FILES_ONLY
from pipelines.feeds import FEEDS

if TYPE_CHECKING:
    from pipelines.signing import SigningKey

# One slot: DuckDB lets one process at a time into the warehouse.
WAREHOUSE_POOL = "warehouse"
FEED_ASSETS = {
    feed: Asset(name=f"feed_{feed}", uri=f"vgi://feed/{feed}", group="feeds") for feed in sorted(FEEDS)
}
ISSUED_RUN = Asset(name="issued_run", uri="vgi://issued_run", group="runs")

SIGNING_KEY_CONNECTION = "vgi_signing_key"


def keep_files_to_ourselves(_: Any) -> None:
    """What a task makes is for this user alone to read and write."""
    os.umask(OWN_FILES_ONLY)


@contextmanager
def naming_nobody() -> Iterator[None]:
    """A log names no user and no vehicle: of a gate that is shut it has the rules; the page Data quality has the keys."""
    from pipelines.errors import JobFailed
    from pipelines.gates import GateFailed

    try:
        yield
    except GateFailed as shut:
        raise JobFailed(f"{shut.without_keys}\nThe page Data quality has keys and remedies.") from None


def signing_key() -> "SigningKey | None":
    """The key that exports are signed with: VGI_SIGNING_KEY, or else the password of a connection, if there is one."""
    from pipelines import config
    from pipelines.signing import read_signing_key

    pem = config.signing_key()
    if pem is None:
        try:
            pem = Connection.get(SIGNING_KEY_CONNECTION).password
        except AirflowNotFoundException:
            return None
    return read_signing_key(pem)


DEFAULT_ARGS: dict[str, Any] = {
    "owner": "settlement",
    "pre_execute": keep_files_to_ourselves,
    "retries": 3,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=10),
    "execution_timeout": timedelta(hours=2),
}
