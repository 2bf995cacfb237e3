"""A plausible V2G fleet to try the settlement on: seeded, with everything that can happen, at any size.

The same world gives the same bytes, on any number of threads. Everything is derived from draws on entity
keys (see `world`), in SQL, on a DuckDB file of its own that is thrown away; the reads, by far the most, are
made day by day.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from pipelines.simulate.bad_rows import bad_rows
from pipelines.simulate.coverage import CoverageRow, coverage
from pipelines.simulate.dispatch import DemandResponse, make_events, make_signals
from pipelines.simulate.fleet import make_fleet
from pipelines.simulate.leases import make_leases
from pipelines.simulate.plan import write_plan
from pipelines.simulate.reads import draw_read_twists
from pipelines.simulate.sessions import make_sessions
from pipelines.simulate.stays import plan_stays, play_stays
from pipelines.simulate.tariffs import write_tariffs
from pipelines.simulate.twists import draw_twists
from pipelines.simulate.world import PENCE, YEN, Currency, Progress, SimulationError, World, open_world
from pipelines.simulate.write import Landing, LandingFile, prepare_texts
from pipelines.warehouse import NO_EXTENSIONS

__all__ = [
    "PENCE",
    "YEN",
    "CoverageRow",
    "Currency",
    "DemandResponse",
    "LandingFile",
    "SimulationError",
    "SimulationReport",
    "simulate",
]

DEFAULT_REGIONS = ("KANTO", "CHUBU", "KANSAI")


@dataclass(frozen=True)
class SimulationReport:
    """What was written (landing files, plan of deliveries and runs, tariffs), and which situations occur."""

    out_dir: Path
    plan: Path
    tariffs: tuple[Path, ...]
    files: tuple[LandingFile, ...]
    coverage: tuple[CoverageRow, ...]

    @property
    def rows(self) -> int:
        """Rows delivered, bad and duplicate ones included."""
        return sum(file.rows for file in self.files)

    @property
    def bytes(self) -> int:
        """Bytes delivered."""
        return sum(file.bytes for file in self.files)

    @property
    def missing(self) -> tuple[CoverageRow, ...]:
        """Situations that do not occur: none from 100 EVSEs and 28 days on, from the first of a month."""
        return tuple(row for row in self.coverage if row.count == 0)


def simulate(  # noqa: PLR0913
    *,
    out_dir: Path,
    evses: int,
    days: int,
    first_day: date,
    seed: int,
    time_zone: str = "Asia/Tokyo",
    currency: Currency = YEN,
    id_prefix: str = "",
    regions: Sequence[str] = DEFAULT_REGIONS,
    events: Sequence[DemandResponse] = (),
    threads: int | None = None,
    memory_limit: str | None = None,
    progress: Progress = lambda step: None,
) -> SimulationReport:
    """Write the deliveries of a simulated fleet below `out_dir`, which must be new or empty.

    `out_dir` gets a landing folder for each delivery (01-initial, 02-late, 03-revised), `tariffs/` and
    `plan.json`: the order, received_at, period and as-of. Reads run from the evening before `first_day` to
    the noon after the last day. `id_prefix` and `regions` keep the fleet apart from others in one warehouse.
    The fleet answers the `events` given, or else simulated ones.
    `progress` hears of each step.
    Raises SimulationError where the world asked for cannot be made.
    """
    world = World(evses, days, first_day, seed, time_zone, currency, id_prefix, tuple(regions))
    world.check()
    _make_empty(out_dir)
    with tempfile.TemporaryDirectory(prefix=".simulating-", dir=out_dir) as scratch:
        config = {"threads": threads, "memory_limit": memory_limit}
        given = NO_EXTENSIONS | {name: str(value) for name, value in config.items() if value is not None}
        with duckdb.connect(Path(scratch) / "world.duckdb", config=given) as connection:
            return _simulate(connection, world, events, out_dir, progress)


def _make_empty(out_dir: Path) -> None:
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        is_empty = not any(out_dir.iterdir())
    except OSError as error:
        raise SimulationError(
            f"{out_dir} cannot be a folder for the simulated deliveries: {error.strerror or error}."
        ) from error
    if not is_empty:
        raise SimulationError(f"{out_dir} is not empty; name a new folder for the simulated deliveries.")


def _simulate(
    connection: duckdb.DuckDBPyConnection,
    world: World,
    events: Sequence[DemandResponse],
    out_dir: Path,
    progress: Progress,
) -> SimulationReport:
    progress("fleet and month")
    _make_world(connection, world, events)
    bad = bad_rows(world.evses)
    landing = Landing(connection, out_dir, bad)
    landing.write(progress)
    progress("coverage")
    counted = coverage(connection, world, bad, landing.files)
    tariffs = write_tariffs(world, out_dir / "tariffs")
    plan = out_dir / "plan.json"
    write_plan(world, tuple(landing.files), plan)
    return SimulationReport(out_dir, plan, tariffs, tuple(landing.files), counted)


def _make_world(
    connection: duckdb.DuckDBPyConnection, world: World, events: Sequence[DemandResponse]
) -> None:
    open_world(connection, world)
    make_fleet(connection)
    make_events(connection, events)
    plan_stays(connection)
    draw_twists(connection)
    play_stays(connection)
    make_sessions(connection)
    make_leases(connection)
    make_signals(connection)
    draw_read_twists(connection)
    prepare_texts(connection)
