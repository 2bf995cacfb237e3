"""Plots of what the events brought: achieved against instructed, and energy by half hour."""

from typing import Any

import altair as alt

from pipelines.instants import local_text
from pipelines.report.figures import MOST_EVENTS, Figures
from pipelines.report.plots.drawing import (
    ACROSS,
    BAR,
    BLUE,
    ORANGE,
    Plot,
    amount_axis,
    bars_of,
    colours_of,
    in_order,
    things,
    tiled,
    tooltip_of,
)
from pipelines.report.wording import kwh_text, percent_text
from pipelines.wording import counted

_NOT_INSTRUCTED = "not instructed"
_EDGES = (50, 80, 100, 120)
_CLASSES = {
    "below 50 %": "#d9642c",
    "50 to 80 %": "#f0a868",
    "80 to 100 %": "#f6e3b4",
    "100 to 120 %": "#a9d3ea",
    "120 % and more": "#5fa6d6",
    _NOT_INSTRUCTED: "#c5ccd3",
}
_MOST_LABELLED_EVENTS = 16


def achievement(figures: Figures) -> Plot | None:
    """Per event: achieved as a bar, instructed as a line across it."""
    rows = [
        {
            "event": event["dr_event_id"],
            "direction": event["direction"],
            "instructed_wh": event["instructed_wh"],
            "achieved_wh": event["achieved_wh"],
            "rate": percent_text(event["achieved_wh"], event["instructed_wh"]),
        }
        for event in figures.events
        if event["achieved_wh"] is not None
    ]
    if not rows:
        return None
    by_size = sorted(rows, key=lambda row: max(row["instructed_wh"] or 0, row["achieved_wh"]), reverse=True)
    largest = {row["event"] for row in by_size[:MOST_EVENTS]}
    shown = [row for row in rows if row["event"] in largest]
    base = (
        bars_of("achievement", rows=len(shown))
        .transform_calculate(achieved="datum.achieved_wh / 1000", instructed="datum.instructed_wh / 1000")
        .encode(
            y=things("event", [row["event"] for row in shown]),
            tooltip=tooltip_of(
                event="event", achieved_wh_Q="achieved Wh", instructed_wh_Q="instructed Wh", rate="rate"
            ),
        )
    )
    achieved = base.mark_bar(**BAR).encode(
        x=amount_axis("achieved", "kWh"),
        color=colours_of(
            "direction",
            {"suppression": BLUE, "increase": ORANGE},
            labelExpr="datum.label + ': achieved'",
        ),
    )
    instructed = (
        base.transform_filter("isValid(datum.instructed_wh)").mark_tick(**ACROSS).encode(x="instructed:Q")
    )
    return Plot.of(
        achieved + instructed,
        shown,
        name="achievement",
        title="Achieved against instructed, by event",
        says=_achievement_says(rows, shown=len(shown)),
    )


def _achievement_says(rows: list[dict[str, Any]], *, shown: int) -> str:
    achieved = sum(row["achieved_wh"] for row in rows)
    instructed = sum(row["instructed_wh"] or 0 for row in rows)
    says = (
        f"{counted(len(rows), 'event')}: {kwh_text(achieved)} achieved of {kwh_text(instructed)} instructed"
        f" ({percent_text(achieved, instructed)}). The dark line across a bar is what was instructed."
    )
    return f"{says} Shown are the {shown} events with most energy." if shown < len(rows) else says


def levels(figures: Figures) -> Plot | None:
    """Rates of the levels: a row per aggregator, a column per event."""
    if not figures.aggregators:
        return None
    rows = [_level(row) for row in figures.aggregators]
    shown = {row["event"] for row in rows}
    events = [event["dr_event_id"] for event in figures.events if event["dr_event_id"] in shown]
    who = in_order(row["who"] for row in rows)
    base = bars_of("levels", rows=len(who)).encode(
        x=alt.X("event:N", title=None, axis=alt.Axis(labelAngle=-50), scale=tiled(events)),
        y=alt.Y("who:N", title=None, scale=tiled(who)),
        tooltip=tooltip_of(
            who="level",
            event="event",
            achieved_wh_Q="achieved Wh",
            instructed_wh_Q="instructed Wh",
            rate="rate",
        ),
    )
    chart: alt.Chart | alt.LayerChart = base.mark_rect().encode(
        color=colours_of("class", _CLASSES, symbolType="square")
    )
    if len(events) <= _MOST_LABELLED_EVENTS:
        chart = chart + base.mark_text(fontSize=10, color="#111").encode(text="label:N")
    return Plot.of(
        chart,
        rows,
        name="levels",
        title="Achievement rate at each level",
        says="Percent of the instructed energy that was achieved, by the utility, by the parents and by the"
        " children; held performances are counted in.",
    )


def _level(row: dict[str, Any]) -> dict[str, Any]:
    achieved, instructed = row["achieved_wh"], row["instructed_wh"]
    percent = achieved * 100 // instructed if instructed else None
    return {
        "who": _name(row),
        "event": row["dr_event_id"],
        "instructed_wh": instructed,
        "achieved_wh": achieved,
        "rate": percent_text(achieved, instructed),
        "label": "–" if percent is None else f"{percent:,}",
        "class": _NOT_INSTRUCTED
        if percent is None
        else list(_CLASSES)[sum(percent >= edge for edge in _EDGES)],
    }


def _name(row: dict[str, Any]) -> str:
    if row["level"] == "utility":
        return "utility"
    if row["aggregator_id"] is None:
        return f"the other {row['others']:,} {'parents' if row['level'] == 'parent' else 'children'}"
    return f"{row['level']} {row['aggregator_id']}"


def half_hours(figures: Figures) -> Plot | None:
    """Backfeed upwards and import downwards, in the half hours of events, day after day."""
    if not figures.half_hours:
        return None
    zone = figures.tariffs.time_zone
    rows = [
        {
            "half_hour": local_text(each["interval_start"], zone),
            "utc": f"{each['interval_start']:%Y-%m-%d %H:%M}",
            "direction": direction,
            "wh": each[f"{direction}_wh"],
        }
        for each in figures.half_hours
        for direction in ("backfeed", "import")
    ]
    days: dict[str, list[str]] = {}
    for half_hour in in_order(row["half_hour"] for row in rows):
        days.setdefault(half_hour[:10], []).append(half_hour)
    # A place is left free before each day.
    places = [place for day, of_day in days.items() for place in (f"before {day}", *of_day)]
    chart = (
        alt.Chart(alt.NamedData(name="half_hours"))
        .properties(height=260)
        .transform_calculate(kwh="(datum.direction === 'import' ? -1 : 1) * datum.wh / 1000")
        .mark_bar()
        .encode(
            x=alt.X(
                "half_hour:O",
                scale=alt.Scale(domain=places[1:]),
                title=f"local time, {zone}",
                axis=alt.Axis(
                    values=[of_day[0] for of_day in days.values()],
                    labelExpr="slice(datum.value, 5, 16)",
                    labelAngle=-50,
                    labelOverlap=True,
                ),
            ),
            y=alt.Y(
                "kwh:Q",
                title="kWh: backfeed above, import below",
                stack=None,
                axis=alt.Axis(labelExpr="format(abs(datum.value), ',')"),
            ),
            color=colours_of("direction", {"backfeed": BLUE, "import": ORANGE}),
            tooltip=tooltip_of(half_hour=f"local, {zone}", utc="UTC", direction="direction", wh_Q="Wh"),
        )
    )
    return Plot.of(
        chart,
        rows,
        name="half_hours",
        title="Energy delivered, by half hour",
        says="Eligible energy of the vehicles with a signal:"
        f" {kwh_text(figures.counts['backfeed_wh'])} fed back and {kwh_text(figures.counts['import_wh'])}"
        f" taken, in {counted(len(figures.half_hours), 'half hour')} with an event,"
        f" on {counted(len(days), 'day')}.",
    )
