"""The plot of cost against size: net CPU seconds of every stage and floor, on logarithmic axes."""

from pathlib import Path
from typing import Any

from benchmarks.month import FLOORS, STAGES
from benchmarks.result import Result

# Okabe and Ito's colours: told apart by the colour-blind.
_COLOURS = {
    "parse": "#000000",
    "scan": "#9aa5b1",
    "ingest": "#0072B2",
    "verify": "#D55E00",
    "settle": "#009E73",
    "book": "#CC79A7",
    "export": "#E69F00",
}


def write_plot(result: Result, path: Path) -> None:
    """Write the plot as SVG; floors are dashed. A cost of nothing has no place on a logarithmic axis."""
    import altair as alt

    series = alt.Color(
        "stage:N", title=None, scale=alt.Scale(domain=list(_COLOURS), range=list(_COLOURS.values()))
    )
    dashes = alt.StrokeDash(
        "is_floor:N", legend=None, scale=alt.Scale(domain=[False, True], range=[[1, 0], [5, 4]])
    )
    chart = (
        alt.Chart(alt.InlineData(values=points(result)))
        .mark_line(point=True)
        .encode(
            x=alt.X("rows:Q", title="meter rows", scale=alt.Scale(type="log"), axis=alt.Axis(format="~s")),
            y=alt.Y("cpu_s:Q", title="CPU s, fixed cost apart", scale=alt.Scale(type="log")),
            color=series,
            strokeDash=dashes,
        )
        .properties(width=560, height=360, title=f"Cost against size: {result.machine.sentence}")
    )
    chart.save(str(path))


def points(result: Result) -> list[dict[str, Any]]:
    """What is drawn: a point for every stage and size that cost anything."""
    rows = [row for month in result.months for row in result.rows_of(month)]
    return [
        {
            "stage": row.figure.stage,
            "rows": row.figure.rows,
            "cpu_s": row.net_cpu_s,
            "is_floor": row.figure.stage in FLOORS,
        }
        for row in rows
        if row.figure.stage in (*STAGES, *FLOORS) and row.net_cpu_s > 0
    ]
