"""A correction of more rows than DuckDB keeps in one row group: the gate has to see what it supersedes."""

from datetime import datetime
from pathlib import Path

import duckdb

from pipelines.ingest import ingest
from pipelines.warehouse import open_warehouse

METERS, HALF_HOURS = 2_600, 48  # more than 122,880 rows
ROWS = METERS * HALF_HOURS


def _deliver(folder: Path, *, import_wh: int, received_at: str, warehouse: Path) -> None:
    path = folder / "meter_intervals" / "reads.csv"
    path.parent.mkdir(parents=True)
    duckdb.execute(
        f"""
        copy (
            select
                'MP-' || meter as metering_point_id,
                strftime(timestamp '2023-12-01' + half_hour * interval 30 minutes, '%Y-%m-%dT%H:%M:%SZ')
                    as interval_start,
                {import_wh} as import_wh,
                0 as backfeed_wh,
                'A' as quality,
            from range({METERS}) as meters(meter), range({HALF_HOURS}) as half_hours(half_hour)
        ) to '{path}' (format csv, header)
        """
    )
    instant = datetime.fromisoformat(received_at)
    ingest(folder, warehouse=warehouse, received_at=instant, clock=lambda: instant)


def test_a_day_of_every_meter_can_be_delivered_again(tmp_path: Path) -> None:
    warehouse = tmp_path / "vgi.duckdb"
    _deliver(tmp_path / "first", import_wh=10, received_at="2024-01-01", warehouse=warehouse)
    _deliver(tmp_path / "again", import_wh=11, received_at="2024-01-02", warehouse=warehouse)
    with open_warehouse(warehouse, read_only=True) as connection:
        in_force = "select count(*), sum(import_wh) from published.meter_intervals"
        assert connection.execute(in_force).fetchall() == [(ROWS, 11 * ROWS)]
