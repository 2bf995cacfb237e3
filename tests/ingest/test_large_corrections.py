"""Deliveries of more rows than DuckDB keeps in one row group: what they supersede is seen at once (R6)."""

from datetime import datetime
from pathlib import Path

import duckdb

from pipelines.ingest import ingest
from pipelines.warehouse import open_warehouse

METERS, HALF_HOURS = 2_600, 48  # more than 122,880 rows
ROWS = METERS * HALF_HOURS
IN_FORCE = "select count(*), sum(import_wh) from published.meter_intervals"


def _write(path: Path, *, import_wh: int, meters: int = METERS) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
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
            from range({meters}) as meters(meter), range({HALF_HOURS}) as half_hours(half_hour)
        ) to '{path}' (format csv, header)
        """
    )


def _ingest(landing: Path, *, received_at: str, warehouse: Path) -> None:
    instant = datetime.fromisoformat(received_at)
    ingest(landing, warehouse=warehouse, received_at=instant, clock=lambda: instant)


def _in_force(warehouse: Path) -> object:
    with open_warehouse(warehouse, read_only=True) as connection:
        return connection.execute(IN_FORCE).fetchall()


def test_a_day_of_every_meter_can_be_delivered_again(tmp_path: Path) -> None:
    warehouse = tmp_path / "vgi.duckdb"
    for number, import_wh in (("1", 10), ("2", 11)):
        _write(tmp_path / number / "meter_intervals" / "reads.csv", import_wh=import_wh)
        _ingest(tmp_path / number, received_at=f"2024-01-0{number}", warehouse=warehouse)
    assert _in_force(warehouse) == [(ROWS, 11 * ROWS)]


def test_a_file_without_rows_hides_nothing_of_those_after_it(tmp_path: Path) -> None:
    reads, warehouse = tmp_path / "landing" / "meter_intervals", tmp_path / "vgi.duckdb"
    for name, import_wh, meters in (("1", 0, 0), ("2", 10, METERS), ("3", 11, 1), ("4", 12, 2)):
        _write(reads / f"{name}.csv", import_wh=import_wh, meters=meters)
    _ingest(tmp_path / "landing", received_at="2024-01-01", warehouse=warehouse)
    assert _in_force(warehouse) == [(ROWS, 10 * ROWS + 2 * 2 * HALF_HOURS)]
