"""Simulated worlds to measure on, made once per size in a folder that may be used again."""

import json
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.tasks import Clock, task

INTERVALS_A_DAY = 48
DAYS_OF_MONTH = 31
FEWEST_EVSES, FEWEST_DAYS = 20, 7
_SEED = 1


@dataclass(frozen=True)
class World:
    """A simulated fleet on disk; `rows` and `bytes` are those of the meter files in `landing`."""

    folder: Path
    evses: int
    rows: int
    bytes: int
    period: str
    received_at: str

    @property
    def landing(self) -> Path:
        """All feeds of the first delivery."""
        return self.folder / "01-initial"

    @property
    def tariffs(self) -> Path:
        """The tariff files of the fleet's programme."""
        return self.folder / "tariffs"


def month_of(data: Path, *, intervals: int, threads: int) -> World:
    """December 2023 of as many EVSEs as have that many intervals in a month."""
    evses = max(FEWEST_EVSES, round(intervals / (INTERVALS_A_DAY * DAYS_OF_MONTH)))
    return world_of(data, evses=evses, days=DAYS_OF_MONTH, first_day=date(2023, 12, 1), threads=threads)


def smallest(data: Path, *, threads: int) -> World:
    """The smallest fleet that is simulated: what it costs is the fixed cost."""
    return world_of(data, evses=FEWEST_EVSES, days=FEWEST_DAYS, first_day=date(2023, 12, 1), threads=threads)


def world_of(
    data: Path, *, evses: int, days: int, first_day: date, threads: int, time_zone: str = "Asia/Tokyo"
) -> World:
    """The world of these numbers, made if it is not there yet; a half-made one is made anew."""
    from benchmarks.child import measured

    name = f"{time_zone.replace('/', '-')}-{first_day}-{days}-days-{evses}-evses"
    folder = data / name
    if not folder.exists():
        partial = data / f".{name}"
        shutil.rmtree(partial, ignore_errors=True)
        measured(
            "simulate",
            threads=threads,
            out=partial,
            evses=evses,
            days=days,
            first_day=first_day.isoformat(),
            time_zone=time_zone,
        )
        partial.rename(folder)
    return read_world(folder)


def read_world(folder: Path) -> World:
    """A simulated world, as its plan tells."""
    plan = json.loads((folder / "plan.json").read_text())
    first = plan["deliveries"][0]
    meter_files = [each for each in first["files"] if "/meter_intervals/" in each["path"]]
    return World(
        folder=folder,
        evses=plan["simulation"]["evses"],
        rows=sum(each["rows"] for each in meter_files),
        bytes=sum(each["bytes"] for each in meter_files),
        period=plan["period"],
        received_at=first["received_at"],
    )


@task("pipelines.simulate")
def simulate(
    clock: Clock, *, out: str, evses: int, days: int, first_day: str, time_zone: str
) -> dict[str, Any]:
    """Write a simulated fleet."""
    from pipelines.simulate import simulate as simulate_fleet

    simulate_fleet(
        out_dir=Path(out),
        evses=evses,
        days=days,
        first_day=date.fromisoformat(first_day),
        seed=_SEED,
        time_zone=time_zone,
    )
    return {}
