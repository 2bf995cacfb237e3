"""A month, from its landing folder to its exports, several times over, each stage in a process of its own."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.child import measured
from benchmarks.figures import Cost, Figure, Measurement, figure_of, net_cpu_s, part_of
from benchmarks.stages import INGEST_PARTS
from benchmarks.worlds import World

STAGES = ("ingest", "verify", "settle", "book", "export")
GATED = ("ingest", "settle", "export")
FLOORS = ("parse", "scan")
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Month:
    """What the month of one world cost. `warehouse` is that of the last round, the month issued in it."""

    world: World
    figures: Mapping[str, Figure]
    model_seconds: Mapping[str, float]
    warehouse: Path
    warehouse_bytes: int

    def net(self, stage: str, smallest: "Month") -> float:
        """CPU seconds of a stage or floor, the fixed cost apart. Floors have none."""
        fixed = None if stage in FLOORS else smallest.figures[stage]
        return net_cpu_s(self.figures[stage], fixed)


def measure_month(world: World, folder: Path, *, rounds: int, threads: int, say: Progress) -> Month:
    """Settle the month of a world `rounds` times, and its floors with it."""
    warehouse = folder / "vgi.duckdb"
    done: list[dict[str, Measurement]] = []
    for number in range(1, rounds + 1):
        say(f"{world.rows:,} rows, round {number} of {rounds}")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        done.append(one_round(world, warehouse, threads=threads))
    return Month(
        world=world,
        figures=_figures(world, done),
        model_seconds=done[-1]["verify"].facts["nodes"],
        warehouse=warehouse,
        warehouse_bytes=warehouse.stat().st_size,
    )


def one_round(world: World, warehouse: Path, *, threads: int) -> dict[str, Measurement]:
    """Every stage and both floors, once."""
    out = warehouse.parent / "exports"

    def step(name: str, **arguments: Any) -> Measurement:
        return measured(name, threads=threads, **arguments)

    asked = {"warehouse": warehouse, "tariffs": world.tariffs, "period": world.period}
    found = {"parse": step("parse", landing=world.landing)}
    found["ingest"] = step(
        "ingest", landing=world.landing, warehouse=warehouse, received_at=world.received_at
    )
    found["verify"] = step("verify", **asked)
    found["settle"] = step("settle", **asked)
    run_id = found["settle"].facts["run_id"]
    found["book"] = step("book", warehouse=warehouse, run_id=run_id)
    found["export"] = step("export", warehouse=warehouse, run_id=run_id, out=out)
    found["scan"] = step("scan", warehouse=warehouse)
    return found


def scan_cost(measurement: Measurement) -> float:
    """CPU seconds of one scan."""
    return measurement.parts["scan"].cpu_s / int(measurement.facts["times"])


def _figures(world: World, rounds: list[dict[str, Measurement]]) -> dict[str, Figure]:
    """Stages and floors, the parts of an ingest and the gates with them."""
    of = {name: [each[name] for each in rounds] for name in (*STAGES, *FLOORS)}
    figures = {"parse": figure_of("parse", world.rows, of["parse"])}
    scans = part_of("scan", world.rows, of["scan"], part="scan")
    times = int(of["scan"][0].facts["times"])
    peak = max(each.peak_bytes for each in of["scan"])
    figures["scan"] = Figure("scan", world.rows, tuple(each / times for each in scans.rounds), peak)
    for part in INGEST_PARTS:
        figures[part] = part_of(part, world.rows, of["ingest"], part=part)
    figures |= {name: figure_of(name, world.rows, of[name]) for name in STAGES}
    figures["gates"] = Figure("gates", world.rows, tuple(_gates(each) for each in rounds))
    return figures


def _gates(measurements: dict[str, Measurement]) -> Cost:
    first, *others = (measurements[name].parts["gate"] for name in GATED)
    return sum(others, start=first)
