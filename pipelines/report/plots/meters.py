"""Plots of how complete the reads are, and of what quality."""

from collections import Counter

import altair as alt

from pipelines.report.figures import Figures
from pipelines.report.plots.drawing import (
    ORANGE,
    RED,
    SKY,
    Plot,
    colours_of,
    day_axis,
    in_order,
    tiled,
    tooltip_of,
)
from pipelines.report.wording import percent_text
from pipelines.wording import counted

_CLASSES = {
    "complete": "#c6dfee",
    "90 % and more": "#f6e3b4",
    "50 to 90 %": "#f0a868",
    "below 50 %": "#d9642c",
    "none": "#7a2e10",
}
_QUALITIES = {"A": "actual", "S": "substituted", "E": "estimated", "N": "missing"}


def completeness(figures: Figures) -> Plot | None:
    """A heat map of metering points and local days: the least complete ones, and all the others in a row."""
    found = figures.completeness
    if not found.days:
        return None
    rows = [
        {
            "meter": row["metering_point_id"] or f"all other {found.others:,}",
            "day": f"{row['local_date']:%Y-%m-%d}",
            "usable": row["usable"],
            "asked": row["asked"],
            "class": _class(row["usable"], row["asked"]),
        }
        for row in found.days
    ]
    meters = in_order(row["meter"] for row in rows)
    chart = (
        alt.Chart(alt.NamedData(name="completeness"))
        .properties(height=max(48, 12 * len(meters)))
        .mark_rect()
        .encode(
            x=day_axis(figures.tariffs.time_zone, sorted({row["day"] for row in rows})),
            y=alt.Y("meter:N", title=None, axis=alt.Axis(labelFontSize=9), scale=tiled(meters)),
            color=colours_of("class", _CLASSES, symbolType="square"),
            tooltip=tooltip_of(
                meter="metering point", day="local day", usable_Q="usable half hours", asked_Q="asked for"
            ),
        )
    )
    says = (
        f"{found.usable:,} of {found.asked:,} half hours have a usable read"
        f" ({percent_text(found.usable, found.asked)}); {found.incomplete_points:,} of"
        f" {counted(found.metering_points, 'metering point')} lack some."
    )
    if found.others:
        says += " Shown are the least complete ones, and all the others in one row."
    return Plot.of(chart, rows, name="completeness", title="Completeness of the meters", says=says)


def _class(usable: int, asked: int) -> str:
    if usable >= asked:
        return "complete"
    if not usable:
        return "none"
    return list(_CLASSES)[1 + (usable * 10 < asked * 9) + (usable * 2 < asked)]


def qualities(figures: Figures) -> Plot | None:
    """Per day, the share of half hours without an actual read of the import."""
    found = figures.completeness.qualities
    if not found:
        return None
    of_day, of_quality = Counter[str](), Counter[str]()
    for row in found:
        of_day[f"{row['local_date']}"] += row["half_hours"]
        of_quality[row["quality"]] += row["half_hours"]
    rows = [
        {
            "day": f"{row['local_date']}",
            "quality": _QUALITIES[row["quality"]],
            "half_hours": row["half_hours"],
            "of": of_day[f"{row['local_date']}"],
        }
        for row in found
        if row["quality"] != "A"
    ]
    chart = (
        alt.Chart(alt.NamedData(name="qualities"))
        .properties(height=160)
        .transform_calculate(share="datum.half_hours / datum.of")
        .mark_bar()
        .encode(
            x=day_axis(figures.tariffs.time_zone, list(of_day)),
            y=alt.Y(
                "share:Q", title="of the half hours", axis=alt.Axis(format="%"), scale=alt.Scale(domainMin=0)
            ),
            color=colours_of("quality", {"substituted": SKY, "estimated": ORANGE, "missing": RED}),
            tooltip=tooltip_of(day="local day", quality="quality", half_hours_Q="half hours", of_Q="of"),
        )
    )
    shares = (
        f"{of_quality[letter]:,} {name} ({percent_text(of_quality[letter], of_quality.total())})"
        for letter, name in _QUALITIES.items()
    )
    return Plot.of(
        chart,
        rows,
        name="qualities",
        title="Half hours without an actual read",
        says=f"Of the import: {', '.join(shares)}.",
    )
