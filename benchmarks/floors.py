"""The floors that costs are compared with: what DuckDB alone needs for the same rows, on the same threads.

Everything that is read is aggregated, so that nothing is skipped.
"""

import os
from pathlib import Path
from typing import Any

from benchmarks.tasks import Clock, task

# The interval table, and its rows in force as the models read them.
INTERVAL_TABLE = "raw.meter_intervals"
INTERVALS_AS_OF = "staging.stg_meter_intervals"
_COLUMNS = (
    "{'metering_point_id': 'varchar', 'interval_start': 'timestamp', 'import_wh': 'bigint',"
    " 'backfeed_wh': 'bigint', 'quality': 'varchar'}"
)


@task("duckdb")
def parse(clock: Clock, *, landing: str) -> dict[str, Any]:
    """One typed `read_csv` of a landing folder's meter files."""
    import duckdb

    # The first file of a simulation ends with bad rows, which a typed read has to get over.
    query = f"""
        select count(metering_point_id), max(interval_start), sum(import_wh), sum(backfeed_wh), count(quality)
        from read_csv($files, header = true, auto_detect = false, columns = {_COLUMNS}, ignore_errors = true)
    """
    with duckdb.connect() as connection:
        connection.execute(f"set threads = {_threads()}")
        files = str(Path(landing) / "meter_intervals" / "*.csv")
        found = connection.execute(query, {"files": files}).fetchall()[0]
    return {"rows": found[0], "import_wh": int(found[2])}


@task("duckdb")
def scan(clock: Clock, *, warehouse: str, relation: str = INTERVAL_TABLE, times: int = 5) -> dict[str, Any]:
    """Scans of energies and instants of a relation, each on a connection of its own: part `scan`."""
    import duckdb

    query = f"""
        select count(*), sum(import_wh), sum(backfeed_wh), min(interval_start), max(interval_start)
        from {relation}
    """
    rows = 0
    for _ in range(times):
        with duckdb.connect(warehouse, read_only=True) as connection:
            connection.execute(f"set threads = {_threads()}")
            with clock.on("scan"):
                rows = connection.execute(query).fetchall()[0][0]
    return {"rows": rows, "times": times}


def _threads() -> int:
    return int(os.environ["VGI_THREADS"])
