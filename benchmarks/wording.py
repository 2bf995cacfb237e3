"""Figures as people read them."""

from benchmarks.bounds import Judged, Unit
from benchmarks.figures import Figure


def measured_text(judged: Judged) -> str:
    """What was measured, in its bound's unit; a dash where nothing was."""
    return "-" if judged.measured is None else in_unit(judged.measured, judged.bound.unit)


def limit_text(judged: Judged) -> str:
    """The bound itself."""
    word = "at least" if judged.bound.is_least else "at most"
    return f"{word} {in_unit(judged.bound.limit, judged.bound.unit)}"


def met_text(judged: Judged) -> str:
    """Whether it holds."""
    return {True: "met", False: "MISSED", None: "not told"}[judged.is_met]


def in_unit(value: float, unit: Unit) -> str:
    """A figure with its unit."""
    return {
        Unit.TIMES: f"{value:.2f}x",
        Unit.SHARE: f"{value:.1%}",
        Unit.BYTES: f"{value / 1e9:.2f} GB",
        Unit.SECONDS: f"{value:.2f} s",
        Unit.EXPONENT: f"{value:.2f}",
        Unit.DIFFERENCES: f"{value:.0f}",
    }[unit]


def peak_text(figure: Figure) -> str:
    """Peak memory; nothing for a part of a process."""
    return "" if figure.peak_bytes is None else f"{figure.peak_bytes / 1e6:,.0f}"
