"""What the three gates cost, as a share of an ingest of 5 million rows without them.

    python -m benchmarks.gate_share [--evses 3400] [--rounds 3]

Each round ingests one simulated month without gates, then with them, settles and exports it, in this
process; the time inside each gate is taken. Great Expectations is imported once in a process, whatever the
month's size: that is shown apart, and the share with and without it. Exit 1 if without it is above 15%.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

from pipelines import export, gates, ingest, settle
from pipelines.instants import parse_instant
from pipelines.simulate import simulate
from pipelines.tariff_files import read_tariffs
from settlement import SettlementPeriod

MOST_SHARE = 0.15
NOW = parse_instant("2024-03-01T00:00:00Z")
PERIOD = SettlementPeriod.parse("2023-12")
LANDING, SETTLEMENT, EXPORT = "landing", "before settlement", "before export"


@dataclass
class Clock:
    """CPU and wall seconds by what they were spent on."""

    cpu: dict[str, float] = field(default_factory=dict)
    wall: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def on(self, name: str) -> Any:
        """Add what the block takes."""
        cpu, wall = time.process_time(), time.perf_counter()
        try:
            yield
        finally:
            self.cpu[name] = self.cpu.get(name, 0) + time.process_time() - cpu
            self.wall[name] = self.wall.get(name, 0) + time.perf_counter() - wall

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, its time added to that name."""

        def timed(*arguments: Any, **options: Any) -> Any:
            with self.on(name):
                return function(*arguments, **options)

        return timed


def import_seconds() -> Clock:
    """What it takes to import Great Expectations with the suites, and to judge for the first time."""
    clock = Clock()
    with clock.on("import"):
        import pyarrow as pa  # noqa: PLC0415

        from expectations.judge import judge  # noqa: PLC0415

        judge({"meter_intervals": pa.table(_NOTHING_AT_FAULT)}, parameters={})
    return clock


_NOTHING_AT_FAULT = {
    name + end: [value]
    for name in ("meter_days_incomplete", "meter_days_doubled", "meter_days_above_rating")
    for end, value in (("", 0), ("_keys", ""))
}


def one_round(simulated: Path, plan: dict[str, Any], folder: Path) -> Clock:
    """An ingest without gates, and the same month through all of them."""
    clock = Clock()
    landing, received_at = simulated / "01-initial", parse_instant(plan["deliveries"][0]["received_at"])
    passes = ingest._Ingest.pass_gate
    ingest._Ingest.pass_gate = lambda job, *, at: None  # type: ignore[method-assign]
    with clock.on("ingest"):
        ingest.ingest(landing, warehouse=folder / "bare.duckdb", received_at=received_at, clock=lambda: NOW)
    (folder / "bare.duckdb").unlink()
    ingest._Ingest.pass_gate = clock.timed(LANDING, passes)  # type: ignore[method-assign]
    warehouse = folder / "vgi.duckdb"
    report = ingest.ingest(landing, warehouse=warehouse, received_at=received_at, clock=lambda: NOW)
    ingest._Ingest.pass_gate = passes  # type: ignore[method-assign]
    clock.cpu["rows"] = report.rows_in
    settle.before_settlement = clock.timed(SETTLEMENT, gates.before_settlement)
    export.before_export = clock.timed(EXPORT, gates.before_export)
    settled = settle.settle(
        warehouse=warehouse,
        period=PERIOD,
        tariffs=read_tariffs(simulated / "tariffs"),
        now=NOW,
        by="benchmark",
    )
    export.export_run(warehouse=warehouse, run_id=settled.run_id, out=folder / "out", now=NOW, by="benchmark")
    return clock


def main() -> int:
    """Print the medians and the share; 1 if it is above the bound."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--evses", type=int, default=3400)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    imported = import_seconds()
    with tempfile.TemporaryDirectory(prefix="vgi-gate-share-") as name:
        folder = Path(name)
        simulated = folder / "simulated"
        simulate(out_dir=simulated, evses=options.evses, days=31, first_day=date(2023, 12, 1), seed=1)
        plan = json.loads((simulated / "plan.json").read_text())
        rounds = []
        for number in range(options.rounds):
            place = folder / str(number)
            place.mkdir()
            rounds.append(one_round(simulated, plan, place))
    return _show(rounds, imported)


def _show(rounds: list[Clock], imported: Clock) -> int:
    print(f"{int(rounds[0].cpu['rows']):,} rows, medians of {len(rounds)} rounds, seconds")  # noqa: T201
    print(f"{'':24}{'CPU':>8}{'wall':>8}")  # noqa: T201

    def line(name: str, cpu: float, wall: float) -> None:
        print(f"{name:24}{cpu:8.2f}{wall:8.2f}")  # noqa: T201

    for name in ("ingest", LANDING, SETTLEMENT, EXPORT):
        line(name, median(each.cpu[name] for each in rounds), median(each.wall[name] for each in rounds))
    line("import, once a process", imported.cpu["import"], imported.wall["import"])
    shares = {
        kind: median(
            sum(getattr(each, kind)[gate] for gate in (LANDING, SETTLEMENT, EXPORT))
            / getattr(each, kind)["ingest"]
            for each in rounds
        )
        for kind in ("cpu", "wall")
    }
    with_import = {
        kind: shares[kind]
        + getattr(imported, kind)["import"] / median(getattr(each, kind)["ingest"] for each in rounds)
        for kind in shares
    }
    line("share of the ingest", shares["cpu"], shares["wall"])
    line("share with the import", with_import["cpu"], with_import["wall"])
    return 0 if shares["cpu"] <= MOST_SHARE else 1


if __name__ == "__main__":
    sys.exit(main())
