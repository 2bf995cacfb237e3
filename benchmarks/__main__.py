"""The benchmark: `python -m benchmarks --sizes 1M 10M --rounds 3`. Exit 1 if a bound is missed."""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.against_peers import judge_peers
from benchmarks.bounds import WORK_DONE, Judged, missed
from benchmarks.child import WorkFailed, measured
from benchmarks.command import judge_command
from benchmarks.days import judge_day, judge_history
from benchmarks.fragment import markdown
from benchmarks.ingests import judge_ingest
from benchmarks.late import judge_late
from benchmarks.machine import free_disk_bytes, this_machine
from benchmarks.month import measure_month
from benchmarks.months import judge_gates, judge_growth_of_stages, judge_limit, judge_month
from benchmarks.plot import write_plot
from benchmarks.result import Result
from benchmarks.scene import Scene
from benchmarks.sizes import BadSize, disk_bytes, intervals_of, seconds
from benchmarks.table import show
from benchmarks.worlds import month_of, smallest

Judge = Callable[[Scene], Iterator[Judged]]

# In an order in which they can be done: the late file changes the largest month's warehouse.
JUDGES: dict[str, Judge] = {
    "ingest": judge_ingest,
    "month": judge_month,
    "growth": judge_growth_of_stages,
    "limit": judge_limit,
    "peers": judge_peers,
    "late": judge_late,
    "gates": judge_gates,
    "day": judge_day,
    "history": judge_history,
    "command": judge_command,
}
GAPS = ("Airflow's share of a run, which takes a scheduler of its own to tell.",)
_WIDTH_OF_A_FILE = 150
_STANDARD_SIZES = ("1M", "10M")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, show and keep; 1 if a bound is missed, 2 for bad usage or too little disk."""
    console = Console(width=None if sys.stdout.isatty() else _WIDTH_OF_A_FILE)
    options = _options(arguments)
    try:
        sizes = sorted({intervals_of(text) for text in options.sizes})
    except BadSize as fault:
        return _refuse(str(fault))
    need, free = disk_bytes(sizes), free_disk_bytes(options.data)
    if need > free:
        return _refuse(
            f"These sizes need {need / 1e9:.1f} GB of disk, and {options.data} has {free / 1e9:.1f} GB free;"
            " name another folder (--data DIR) or smaller sizes."
        )
    minutes = seconds(sizes, rounds=options.rounds) / 60
    console.print(f"Needs up to {need / 1e9:.1f} GB below {options.data}; some {minutes:.0f} minutes.")
    options.out.mkdir(parents=True, exist_ok=True)
    try:
        result = benchmark(
            sizes,
            only=options.only,
            data=options.data,
            rounds=options.rounds,
            threads=options.threads,
            say=lambda sentence: console.print(f"... {sentence}", highlight=False),
        )
    except WorkFailed as fault:
        return _refuse(str(fault))
    keep(result, options.out)
    show(result, console)
    console.print(f"Kept in {options.out}: benchmark.json, benchmark.svg, benchmark.md.")
    return 1 if missed(result.judged) else 0


def benchmark(
    sizes: Sequence[int],
    *,
    only: Iterable[str],
    data: Path,
    rounds: int,
    threads: int,
    say: Callable[[str], None],
) -> Result:
    """Measure the months of these numbers of intervals, and all that the bounds named are judged by."""
    data.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="work-", dir=data) as name:
        work = Path(name)
        say("the smallest world")
        tiny = smallest(data, threads=threads)
        # A project that was changed is parsed anew, once: not in a verification that is measured.
        measured("parse_project", threads=threads)
        scene = Scene(
            data=data,
            work=work,
            threads=threads,
            rounds=rounds,
            say=say,
            smallest=measure_month(tiny, work / "smallest", rounds=rounds, threads=threads, say=say),
        )
        for intervals in sizes:
            say(f"simulating {intervals:,} intervals")
            world = month_of(data, intervals=intervals, threads=threads)
            month = measure_month(world, work / f"month-{intervals}", rounds=rounds, threads=threads, say=say)
            scene.months[intervals] = month
        judged, gaps = _judged(scene, only)
        shutil.rmtree(work / "smallest", ignore_errors=True)
    return Result(
        machine=this_machine(),
        rounds=rounds,
        threads=threads,
        smallest=scene.smallest,
        months=list(scene.months.values()),
        judged=judged,
        gaps=[*gaps, *GAPS],
        notes=scene.notes,
    )


def _judged(scene: Scene, only: Iterable[str]) -> tuple[list[Judged], list[str]]:
    """What the bounds named are judged by, and a sentence for each that failed: the others still count."""
    judged: list[Judged] = []
    gaps = []
    for name in (name for name in JUDGES if name in only):
        try:
            judged.extend(JUDGES[name](scene))
        except WorkFailed as fault:
            gaps.append(f"{name}: {fault}")
            judged.append(Judged(WORK_DONE, 1, name))
    return judged, gaps


def keep(result: Result, out: Path) -> None:
    """Write the result for machines, for the README, and as a plot."""
    result.write_json(out / "benchmark.json")
    (out / "benchmark.md").write_text(markdown(result), encoding="utf-8")
    write_plot(result, out / "benchmark.svg")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    needs = ", ".join(
        f"{size} needs {disk_bytes([intervals_of(size)]) / 1e9:.0f} GB and some"
        f" {seconds([intervals_of(size)], rounds=1) / 60:.0f} minutes at one round"
        for size in ("1M", "10M", "50M", "144M")
    )
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="What every stage of a month costs on this machine, as ratios to what DuckDB alone needs"
        " for the same rows; whether the bounds hold. 144M intervals are a month of 100,000 EVSEs.",
        epilog=f"On two cores {needs}. Exit 1 if a bound is missed.",
    )
    parser.add_argument(
        "--sizes",
        nargs="+",
        default=_STANDARD_SIZES,
        metavar="N",
        help="intervals of a month, such as 1M 10M",
    )
    parser.add_argument("--rounds", type=int, default=3, help="of which medians are taken (3)")
    parser.add_argument(
        "--only",
        type=_names,
        default=tuple(JUDGES),
        metavar="NAMES",
        help=f"bounds to judge, separated by commas: {', '.join(JUDGES)}",
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=Path("demo/benchmark-data"),
        help="simulated worlds, kept for the next time",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("demo/benchmark"), help="where table, JSON and plot are kept"
    )
    parser.add_argument("--threads", type=int, default=2, help="of DuckDB and Polars (2)")
    return parser.parse_args(arguments)


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    unknown = [name for name in names if name not in JUDGES]
    if unknown:
        raise argparse.ArgumentTypeError(f"no bound is named {unknown[0]}; there are {', '.join(JUDGES)}")
    return names


def _refuse(sentence: str) -> int:
    Console(stderr=True).print(sentence, highlight=False)
    return 2


if __name__ == "__main__":
    sys.exit(main())
