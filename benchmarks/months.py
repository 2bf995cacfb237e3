"""Bounds of a month that is loaded: verified and settled, also within 1 GB; and how each stage grows."""

from collections.abc import Iterator

from benchmarks.bounds import (
    GATES_SHARE,
    MONTH_PEAK,
    MONTH_RATIO,
    MONTH_WITHIN_1GB,
    Judged,
    judge_growth,
)
from benchmarks.figures import ratio
from benchmarks.month import STAGES, Month, measure_month
from benchmarks.scene import Scene
from benchmarks.stages import INGEST_PARTS
from benchmarks.worlds import month_of

GATES_AT = 5_000_000
_PARTS = tuple(part for part in INGEST_PARTS if part != "gate")


def judge_month(scene: Scene) -> Iterator[Judged]:
    """CPU and memory of verifying and settling the largest month."""
    month = scene.largest
    cost = sum(month.net(stage, scene.smallest) for stage in ("verify", "settle"))
    at = f"{month.world.rows:,} rows"
    yield Judged(MONTH_RATIO, ratio(cost, month.net("parse", scene.smallest)), at)
    peaks = [month.figures[stage].peak_bytes or 0 for stage in ("verify", "settle")]
    yield Judged(MONTH_PEAK, max(peaks), at)


def judge_limit(scene: Scene) -> Iterator[Judged]:
    """The same month once more within 1 GB of DuckDB's memory: every verified table has to come out alike."""
    month = scene.largest
    scene.say(f"{month.world.rows:,} rows within 1 GB")
    before = scene.do("fingerprints", warehouse=month.warehouse).facts
    found = scene.do(
        "verify_within",
        warehouse=month.warehouse,
        tariffs=month.world.tariffs,
        period=month.world.period,
        as_of=month.world.received_at,
        memory_limit="1GB",
    )
    after = scene.do("fingerprints", warehouse=month.warehouse).facts
    different = [table for table in {**before, **after} if before.get(table) != after.get(table)]
    at = f"{month.world.rows:,} rows, {found.cost.cpu_s:.1f} CPU s, peak {found.peak_bytes / 1e9:.2f} GB"
    yield Judged(MONTH_WITHIN_1GB, len(different), at)


def judge_growth_of_stages(scene: Scene) -> Iterator[Judged]:
    """The exponent of every stage over the sizes measured."""
    if len(scene.months) < 2:
        return
    for stage in (*_PARTS, *STAGES):
        costs = {month.world.rows: month.net(stage, scene.smallest) for month in scene.months.values()}
        yield judge_growth(stage, costs)


def judge_gates(scene: Scene) -> Iterator[Judged]:
    """All gates of a month of five million rows."""
    scene.say("the gates' share")
    month = scene.months.get(GATES_AT) or _month_for_gates(scene)
    gates = month.net("gates", scene.smallest)
    landing_gate = month.net("gate", scene.smallest)
    share = ratio(gates, month.net("ingest", scene.smallest) - landing_gate)
    yield Judged(GATES_SHARE, share, f"{month.world.rows:,} rows, {gates:.2f} CPU s")


def _month_for_gates(scene: Scene) -> Month:
    world = month_of(scene.data, intervals=GATES_AT, threads=scene.threads)
    return measure_month(world, scene.work / "gates", rounds=1, threads=scene.threads, say=scene.say)
