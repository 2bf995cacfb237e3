"""A benchmark's result with made-up figures: a month that costs so many seconds of CPU in every stage."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.bounds import Judged
from benchmarks.figures import Cost, Figure
from benchmarks.machine import Machine
from benchmarks.month import Month
from benchmarks.result import SHOWN, Result
from benchmarks.worlds import World

MACHINE = Machine("Made-up processor", 2, 8 * 2**30, "Linux", {"python": "3.11", "duckdb": "2.0.0"})


def month(rows: int, *, cpu_s: float) -> Month:
    world = World(
        Path("world"), evses=rows // 1488, rows=rows, bytes=40 * rows, period="2023-12", received_at=""
    )
    figures = {stage: Figure(stage, rows, (Cost(cpu_s, cpu_s / 2),), 10**8) for stage in SHOWN}
    return Month(world, figures, {"int_pieces": cpu_s}, Path("vgi.duckdb"), 10**6)


def result(judged: Sequence[Judged], **changes: Any) -> Result:
    given: dict[str, Any] = {
        "machine": MACHINE,
        "rounds": 1,
        "threads": 2,
        "smallest": month(7_000, cpu_s=0.5),
        "months": [month(1_000_000, cpu_s=2.5), month(10_000_000, cpu_s=20.5)],
        "judged": judged,
        "gaps": ["what was left out"],
        "notes": {"parse, s": 0.25},
    }
    return Result(**given | changes)
