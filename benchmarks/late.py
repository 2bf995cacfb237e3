"""Bounds of what arrives late: a file for one day of a settled month, and reading what was known before it.

The late file brings every meter's reads of that day anew, each actual one 1 Wh higher.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.bounds import AS_OF_RATIO, LATE_SHARE, Judged
from benchmarks.figures import ratio
from benchmarks.floors import INTERVALS_AS_OF
from benchmarks.month import scan_cost
from benchmarks.scene import Scene
from benchmarks.tasks import Clock, task

_DAY = "20231214"
_DEAREST = 8
_RECEIVED_AT = "2024-03-01T00:00:00Z"


def judge_late(scene: Scene) -> Iterator[Judged]:
    """The late file verified in the largest month's warehouse, then the reads as of before."""
    month = scene.largest
    at = f"{month.world.rows:,} rows"
    scene.say(f"a late file for a day of {at}")
    landing = scene.work / "late"
    scene.do("write_late_file", landing=landing, source=_file_of_day(month.world.landing))
    asked: dict[str, Any] = {
        "warehouse": month.warehouse,
        "tariffs": month.world.tariffs,
        "period": month.world.period,
    }
    ingested = scene.do("ingest", landing=landing, warehouse=month.warehouse, received_at=_RECEIVED_AT)
    verified = scene.do("verify", **asked)
    late = max(0.0, verified.cost.cpu_s - scene.fixed_cpu_s("verify"))
    brought_in = max(0.0, ingested.cost.cpu_s - scene.fixed_cpu_s("ingest"))
    dearest = sorted(verified.facts["nodes"].items(), key=lambda each: -each[1])[:_DEAREST]
    scene.notes["verification after a late file, dearest models, wall s"] = dict(dearest)
    yield Judged(
        LATE_SHARE,
        ratio(late, month.net("verify", scene.smallest)),
        f"{at}; {ingested.facts['rows_in']:,} came late, taken in for {brought_in:.2f} CPU s more",
    )
    scene.do("build_models", **asked, as_of=month.world.received_at, select="+stg_meter_intervals")
    plain = scan_cost(scene.do("scan", warehouse=month.warehouse))
    before = scan_cost(scene.do("scan", warehouse=month.warehouse, relation=INTERVALS_AS_OF))
    yield Judged(AS_OF_RATIO, ratio(before, plain), f"{at}; the scan takes {plain:.3f} CPU s")


def _file_of_day(landing: Path) -> Path:
    return landing / "meter_intervals" / f"meter-{_DAY}.csv"


@task("duckdb")
def write_late_file(clock: Clock, *, landing: str, source: str) -> dict[str, Any]:
    """Write the landing folder with the late file."""
    import duckdb

    folder = Path(landing) / "meter_intervals"
    folder.mkdir(parents=True, exist_ok=True)
    path = str(folder / "late.csv").replace("'", "''")
    query = f"""
        copy (
            select distinct * replace (
                case when quality = 'A' then import_wh::bigint + 1 else import_wh::bigint end as import_wh
            )
            from read_csv($source, header = true, all_varchar = true)
            order by metering_point_id, interval_start
        ) to '{path}' (format csv, header)
    """
    with duckdb.connect() as connection:
        connection.execute(query, {"source": source})
    return {}
