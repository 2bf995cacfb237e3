"""A benchmark's result as Markdown, for the README: the machine named, stages by size, bounds."""

from benchmarks.month import FLOORS, STAGES
from benchmarks.result import Result
from benchmarks.wording import limit_text, measured_text, met_text

_STAGES = (*FLOORS, *STAGES)


def markdown(result: Result) -> str:
    """Two tables with the machine above them."""
    versions = ", ".join(f"{name} {version}" for name, version in result.machine.versions.items())
    lines = [
        f"Measured on {result.machine.sentence}; {result.threads} threads, medians of {result.rounds} rounds;"
        f" {versions}. CPU seconds are those of all threads, the fixed cost apart.",
        "",
        *_stages(result),
        "",
        *_bounds(result),
    ]
    lines += ["", *(f"Not measured: {gap}" for gap in result.gaps)] if result.gaps else []
    return "\n".join(lines) + "\n"


def _stages(result: Result) -> list[str]:
    sizes = [f"{month.world.rows / 1e6:.1f}M rows: CPU s (wall s, peak MB)" for month in result.months]
    lines = [f"| stage | fixed CPU s | {' | '.join(sizes)} |", f"|---|---:|{'---:|' * len(sizes)}"]
    by_stage = [{row.figure.stage: row for row in result.rows_of(month)} for month in result.months]
    if not by_stage:
        return []
    for stage in _STAGES:
        rows = [each[stage] for each in by_stage]
        cells = [
            f"{row.net_cpu_s:.2f} ({row.figure.wall_s:.1f}, {(row.figure.peak_bytes or 0) / 1e6:,.0f})"
            for row in rows
        ]
        lines.append(f"| {stage} | {rows[0].fixed_cpu_s:.2f} | {' | '.join(cells)} |")
    return lines


def _bounds(result: Result) -> list[str]:
    lines = ["| what | measured | bound | | at |", "|---|---:|---|---|---|"]
    lines += [
        f"| {each.bound.says} | {measured_text(each)} | {limit_text(each)} | {met_text(each)} | {each.at} |"
        for each in result.judged
    ]
    return lines
