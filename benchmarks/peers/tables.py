"""What the peers are given and what they have to give back, both taken from a warehouse of the product."""

from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.deliveries import last_instant
from pipelines.warehouse import open_warehouse

# The feeds that R8 to R12 read, by their name in the schema `published`.
TABLES = (
    "vehicles",
    "evses",
    "specific_vehicles",
    "permission_leases",
    "charger_sessions",
    "dr_events",
    "dr_signals",
    "meter_intervals",
)
# One row per performance to settle (R12, R13); `requested` and `achieved` in the row's unit, Wh or intervals.
PERFORMANCES = pa.schema(
    [
        ("dr_event_id", pa.string()),
        ("vehicle_id", pa.string()),
        ("unit", pa.string()),
        ("requested", pa.int64()),
        ("achieved", pa.int64()),
    ]
)
_ROWS_A_BATCH = 1_000_000


def export_tables(warehouse: Path, out: Path, as_of: datetime) -> None:
    """Write the current version of every row (R6) as `<out>/<feed>.parquet`, typed as in the warehouse.

    Raises ValueError if something was received or withdrawn after `as_of`: only what is current is published.
    """
    out.mkdir(parents=True, exist_ok=True)
    with open_warehouse(warehouse, read_only=True) as connection:
        last = last_instant(connection)
        if last is not None and as_of < last:
            raise ValueError(f"{warehouse} was last changed at {last}, after {as_of}.")
        for feed in TABLES:
            rows = connection.cursor().sql(f"select * from published.{feed}").to_arrow_reader(_ROWS_A_BATCH)
            with pq.ParquetWriter(out / f"{feed}.parquet", rows.schema) as writer:
                for batch in rows:
                    writer.write_batch(batch)


def verified(warehouse: Path) -> pa.Table:
    """The performances of the product's last verification."""
    columns = ", ".join(PERFORMANCES.names)
    with open_warehouse(warehouse, read_only=True) as connection:
        rows = connection.cursor().sql(f"select {columns} from verified.performances").to_arrow_table()
    return rows.cast(PERFORMANCES)


def differences(expected: pa.Table, actual: pa.Table) -> list[str]:
    """A line for each row that only one of two tables of performances has, in order of them."""
    with duckdb.connect() as connection:
        connection.register("expected", expected.cast(PERFORMANCES))
        connection.register("actual", actual.cast(PERFORMANCES))
        rows = connection.execute(
            """
            select 'missing' as side, * from (from expected except all from actual)
            union all
            select 'surplus' as side, * from (from actual except all from expected)
            order by all
            """
        ).fetchall()
    return [
        f"{side}: {event} {vehicle}: {achieved} of {requested} {unit}"
        for side, event, vehicle, unit, requested, achieved in rows
    ]
