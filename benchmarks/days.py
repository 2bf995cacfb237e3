"""Bounds of a single day: in from its files and out again, with and without a year of history before it."""

import shutil
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from benchmarks.bounds import DAY_RATIO, HISTORY_RATIO, Judged
from benchmarks.figures import LEAST_TELLING_CPU_S, ratio
from benchmarks.month import STAGES
from benchmarks.scene import Scene
from benchmarks.tasks import Clock, task
from benchmarks.worlds import FEWEST_DAYS, FEWEST_EVSES, INTERVALS_A_DAY, world_of

MOST_EVSES_OF_DAY = 100_000
DAYS_OF_HISTORY = 365
_FIRST_DAY_OF_WEEK, _FIRST_DAY_OF_YEAR = date(2024, 1, 1), date(2023, 1, 1)
_RECEIVED = {"registries": "2024-03-01", "history": "2024-03-02", "day": "2024-03-03"}

# The instant, as text in UTC, until which a row of a feed concerns somebody; feeds not named are registries.
_CONCERNS_UNTIL = {
    "charger_sessions": "coalesce(ended_at, started_at)",
    "dr_events": "ends_at",
    "permission_leases": "valid_to",
    "evse_offers": "offered_to",
}
_OF_EVENTS = ("dr_signals", "dr_instructions")


def judge_day(scene: Scene) -> Iterator[Judged]:
    """The last day of a simulated week, all registries known before it."""
    evses = _evses(max(scene.months), days=1, most=MOST_EVSES_OF_DAY)
    scene.say(f"a day of {evses:,} EVSEs")
    landing, tariffs, period = _cut_world(scene, evses=evses, days=FEWEST_DAYS, first_day=_FIRST_DAY_OF_WEEK)
    cost, folder = _one_day(scene, landing, tariffs=tariffs, period=period, before=("registries",))
    floor = scene.do("parse", landing=landing / "day")
    shutil.rmtree(folder)
    net = max(0.0, cost - scene.fixed_cpu_s(*STAGES))
    at = f"{evses:,} EVSEs, {floor.facts['rows']:,} rows, {net:.2f} CPU s"
    yield Judged(DAY_RATIO, ratio(net, floor.cost.cpu_s), at)


def judge_history(scene: Scene) -> Iterator[Judged]:
    """The first day after a whole year, and the same in a warehouse that knows the registries only."""
    days = DAYS_OF_HISTORY + 1
    evses = _evses(max(scene.months), days=days)
    scene.say(f"a new day on top of a year of {evses:,} EVSEs")
    landing, tariffs, period = _cut_world(scene, evses=evses, days=days, first_day=_FIRST_DAY_OF_YEAR)
    costs = []
    for before in (("registries",), ("registries", "history")):
        cost, folder = _one_day(scene, landing, tariffs=tariffs, period=period, before=before)
        shutil.rmtree(folder)
        costs.append(cost)
    without, with_history = costs
    fixed = scene.fixed_cpu_s(*STAGES)
    at = f"{evses:,} EVSEs; {without:.1f} and {with_history:.1f} CPU s with the fixed {fixed:.1f}"
    if without - fixed < LEAST_TELLING_CPU_S:
        # The day itself costs next to nothing at this size: what history adds still shows in the whole.
        yield Judged(HISTORY_RATIO, ratio(with_history, without), f"{at}; compared with it, the day is small")
        return
    yield Judged(HISTORY_RATIO, ratio(with_history - fixed, without - fixed), at)


def _evses(intervals: int, *, days: int, most: int = 10_000) -> int:
    return min(most, max(FEWEST_EVSES, round(intervals / (INTERVALS_A_DAY * days))))


def _cut_world(scene: Scene, *, evses: int, days: int, first_day: date) -> tuple[Path, Path, str]:
    """Landing folders `registries`, `history` and `day` (the last of so many), tariffs, the day's period."""
    world = world_of(
        scene.data, evses=evses, days=days, first_day=first_day, threads=scene.threads, time_zone="UTC"
    )
    day = first_day + timedelta(days=days - 1)
    landing = world.folder / "cut"
    if not landing.exists():
        partial = world.folder / ".cut"
        shutil.rmtree(partial, ignore_errors=True)
        scene.do("cut", landing=world.landing, day=day.isoformat(), out=partial)
        partial.rename(landing)
    return landing, world.tariffs, f"{day:%Y-%m}"


def _one_day(
    scene: Scene, landing: Path, *, tariffs: Path, period: str, before: Sequence[str]
) -> tuple[float, Path]:
    """CPU seconds of the day's files in to its exports out, and where that was done."""
    folder = scene.work / "a-day"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    warehouse = folder / "vgi.duckdb"
    for part in before:
        scene.do("ingest", landing=landing / part, warehouse=warehouse, received_at=_received_at(part))
    asked: dict[str, Any] = {"warehouse": warehouse, "tariffs": tariffs, "period": period}
    steps = [
        scene.do("ingest", landing=landing / "day", warehouse=warehouse, received_at=_received_at("day")),
        scene.do("verify", **asked),
        scene.do("settle", **asked),
    ]
    run_id = steps[-1].facts["run_id"]
    steps.append(scene.do("book", warehouse=warehouse, run_id=run_id))
    steps.append(scene.do("export", warehouse=warehouse, run_id=run_id, out=folder / "exports"))
    return sum(step.cost.cpu_s for step in steps), folder


def _received_at(part: str) -> str:
    return f"{_RECEIVED[part]}T00:00:00Z"


@task("duckdb")
def cut(clock: Clock, *, landing: str, day: str, out: str) -> dict[str, Any]:
    """Cut a landing folder of a world in UTC: registries, what concerns no instant from the day on, the rest.

    Of the reads of the day's neighbours nothing goes with the day.
    """
    import duckdb

    source, target = Path(landing), Path(out)
    with duckdb.connect() as connection:
        events = _csv(source / "dr_events")
        connection.execute(
            f"create table events as select dr_event_id from {events} where substr(ends_at, 1, 10) >= '{day}'"
        )
        for folder in sorted(each for each in source.iterdir() if each.is_dir()):
            feed = folder.name
            if feed == "meter_intervals":
                _deal_meter_files(folder, target, label=day.replace("-", ""))
            elif feed in _CONCERNS_UNTIL or feed in _OF_EVENTS:
                is_of_day = (
                    f"coalesce(substr({_CONCERNS_UNTIL[feed]}, 1, 10) >= '{day}', false)"
                    if feed in _CONCERNS_UNTIL
                    else "dr_event_id in (from events)"
                )
                for part, condition in (("day", is_of_day), ("history", f"not ({is_of_day})")):
                    path = target / part / feed / f"{feed}.csv"
                    path.parent.mkdir(parents=True)
                    connection.execute(
                        f"copy (select * from {_csv(folder)} where {condition})"
                        f" to '{_quoted(path)}' (format csv, header)"
                    )
            else:
                shutil.copytree(folder, target / "registries" / feed)
    return {}


def _deal_meter_files(folder: Path, target: Path, *, label: str) -> None:
    for path in folder.glob("*.csv"):
        of = path.stem.removeprefix("meter-")
        if of > label:
            continue
        place = target / ("day" if of == label else "history") / folder.name
        place.mkdir(parents=True, exist_ok=True)
        (place / path.name).hardlink_to(path)


def _csv(folder: Path) -> str:
    return f"read_csv('{_quoted(folder)}/*.csv', header = true, all_varchar = true, ignore_errors = true)"


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
