"""A benchmark's result on the terminal."""

from rich.console import Console
from rich.table import Table

from benchmarks.bounds import missed
from benchmarks.month import Month
from benchmarks.result import Result
from benchmarks.wording import limit_text, measured_text, met_text, peak_text

_DEAREST_MODELS = 12


def show(result: Result, console: Console) -> None:
    """Stages by size, dearest models, bounds, gaps, and in one sentence whether a bound is missed."""
    console.print(f"{result.machine.sentence}; {result.threads} threads, medians of {result.rounds} rounds")
    for month in result.months:
        console.print(_stages(result, month))
        console.print(_models(month))
    if result.notes:
        console.print(_notes(result))
    console.print(_bounds(result))
    for gap in result.gaps:
        console.print(f"Not measured: {gap}")
    console.print(verdict(result))


def verdict(result: Result) -> str:
    """Whether every bound that was measured holds, and which do not."""
    broken = missed(result.judged)
    if not broken:
        return f"All of {sum(each.is_met is True for each in result.judged)} bounds measured are met."
    names = "\n".join(
        f"  {each.bound.says}: {measured_text(each)}, {limit_text(each)} ({each.at})" for each in broken
    )
    return f"{len(broken)} of {len(result.judged)} bounds are MISSED:\n{names}"


def _stages(result: Result, month: Month) -> Table:
    world = month.world
    title = f"{world.rows:,} meter rows, {world.evses:,} EVSEs, {world.bytes / 1e6:,.0f} MB of meter CSV"
    table = Table(title=title, caption=f"warehouse {month.warehouse_bytes / 1e6:,.0f} MB")
    table.add_column("stage")
    for name in ("CPU s", "spread", "wall s", "fixed CPU s", "net CPU s", "x parse", "peak MB"):
        table.add_column(name, justify="right")
    for row in result.rows_of(month):
        figure = row.figure
        table.add_row(
            figure.stage,
            f"{figure.cpu_s:.3f}",
            f"{figure.cpu_spread:.0%}",
            f"{figure.wall_s:.3f}",
            f"{row.fixed_cpu_s:.3f}",
            f"{row.net_cpu_s:.3f}",
            "" if row.of_parse is None else f"{row.of_parse:.2f}",
            peak_text(figure),
        )
    return table


def _models(month: Month) -> Table:
    table = Table(title=f"dearest models, {month.world.rows:,} meter rows")
    table.add_column("model")
    table.add_column("wall s", justify="right")
    dearest = sorted(month.model_seconds.items(), key=lambda each: -each[1])[:_DEAREST_MODELS]
    for name, seconds in dearest:
        table.add_row(name, f"{seconds:.2f}")
    return table


def _notes(result: Result) -> Table:
    table = Table(title="besides", show_lines=True)
    table.add_column("what")
    table.add_column("found")
    for name, found in result.notes.items():
        table.add_row(name, _note_text(found))
    return table


def _note_text(found: object) -> str:
    if isinstance(found, list):
        return "\n".join(_note_text(each) for each in found)
    if isinstance(found, dict):
        return ", ".join(f"{key} {_note_text(value)}" for key, value in found.items())
    return f"{found:,.3f}" if isinstance(found, float) else str(found)


def _bounds(result: Result) -> Table:
    table = Table(title="bounds")
    for name in ("what", "measured", "bound", "", "at"):
        table.add_column(name, justify="right" if name == "measured" else "left")
    for each in result.judged:
        table.add_row(each.bound.says, measured_text(each), limit_text(each), met_text(each), each.at)
    return table
