"""The report's plots: Vega-Lite by Altair, of rows that were summed before.

Energy and money come as whole numbers of smallest units; the plot divides them for the axis. Times are texts of
the programme's local time, since a plot would show an instant in the reader's own time zone.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import altair as alt

from pipelines.report.figures import MOST_EVENTS, Figures, Payees
from pipelines.report.wording import kwh_text, local_text, percent_text
from pipelines.wording import counted, money_text

_ROW = 20
# Okabe and Ito's colours: told apart by the colour-blind, on white and on black.
_BLUE, _SKY, _ORANGE, _RED, _GREY = "#0072B2", "#56B4E9", "#E69F00", "#D55E00", "#9aa5b1"
_ACHIEVED_CLASSES = (
    "below 50 %",
    "50 to 80 %",
    "80 to 100 %",
    "100 to 120 %",
    "120 % and more",
    "not instructed",
)
_ACHIEVED_COLOURS = ("#d9642c", "#f0a868", "#f6e3b4", "#a9d3ea", "#5fa6d6", "#c5ccd3")
_COMPLETE_CLASSES = ("complete", "90 % and more", "50 to 90 %", "below 50 %", "none")
_COMPLETE_COLOURS = ("#c6dfee", "#f6e3b4", "#f0a868", "#d9642c", "#7a2e10")
_QUALITY_NAMES = {"A": "actual", "S": "substituted", "E": "estimated", "N": "missing"}
_OUTCOME_COLOURS = {
    "fulfilled": _BLUE, "pending": _SKY, "lapsed": _RED, "revoked": _ORANGE, "not_needed": _GREY
}  # fmt: skip
_MOST_LABELLED_EVENTS = 16
_GAPS = alt.Scale(paddingInner=0.06)


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A Vega-Lite specification with its rows, and in words what it shows."""

    name: str
    title: str
    says: str
    spec: dict[str, Any]


def plots_of(figures: Figures) -> dict[str, Plot]:
    """The plots of a report by name; one that would show nothing is left out."""
    makers: tuple[Callable[[Figures], Plot | None], ...] = (
        _events,
        _aggregators,
        _half_hours,
        _users,
        _users_distribution,
        _managers,
        _managers_distribution,
        _leases,
        _completeness,
        _qualities,
        _exceptions,
        _hold_reasons,
    )
    made = (maker(figures) for maker in makers)
    return {plot.name: plot for plot in made if plot is not None}


def _plot(name: str, title: str, says: str, chart: alt.TopLevelMixin, rows: Iterable[dict[str, Any]]) -> Plot:
    spec = chart.to_dict()
    # The page brings its own Vega; the schema's address would only look like one to load.
    del spec["$schema"]
    spec.pop("config", None)
    return Plot(
        name=name,
        title=title,
        says=says,
        spec={
            **spec,
            "width": "container",
            "autosize": {"type": "fit-x", "contains": "padding"},
            "description": f"{title}. {says}",
            "datasets": {name: list(rows)},
        },
    )


def _bars(name: str, *, rows: int, least: int = 1) -> alt.Chart:
    return alt.Chart(alt.NamedData(name=name)).properties(height=_ROW * max(rows, least))


def _events(figures: Figures) -> Plot | None:
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
    largest = sorted(rows, key=lambda row: max(row["instructed_wh"] or 0, row["achieved_wh"]), reverse=True)
    shown = [row for row in rows if row in largest[:MOST_EVENTS]]
    order = [row["event"] for row in shown]
    base = _bars("events", rows=len(shown)).transform_calculate(
        achieved="datum.achieved_wh / 1000", instructed="datum.instructed_wh / 1000"
    )
    y = alt.Y("event:N", sort=order, title=None)
    tooltip = [
        alt.Tooltip("event:N", title="event"),
        alt.Tooltip("achieved_wh:Q", title="achieved Wh", format=","),
        alt.Tooltip("instructed_wh:Q", title="instructed Wh", format=","),
        alt.Tooltip("rate:N", title="rate"),
    ]
    bars = base.mark_bar(height={"band": 0.7}).encode(
        x=alt.X("achieved:Q", title="kWh", axis=alt.Axis(format=",f")),
        y=y,
        color=alt.Color(
            "direction:N",
            title=None,
            scale=alt.Scale(domain=["suppression", "increase"], range=[_BLUE, _ORANGE]),
            legend=alt.Legend(orient="top", labelExpr="datum.label + ': achieved'"),
        ),
        tooltip=tooltip,
    )
    ticks = base.transform_filter("isValid(datum.instructed_wh)").mark_tick(
        thickness=3, height={"band": 1}, color=_GREY
    )
    instructed = ticks.encode(x="instructed:Q", y=y, tooltip=tooltip)
    total, wanted = (
        sum(row["achieved_wh"] for row in rows),
        sum(row["instructed_wh"] or 0 for row in rows),
    )
    says = (
        f"{counted(len(rows), 'event')}: {kwh_text(total)} achieved of {kwh_text(wanted)} instructed"
        f" ({percent_text(total, wanted)}). The grey line across each bar is what was instructed."
    )
    if len(shown) < len(rows):
        says += f" Shown are the {len(shown)} events with most energy."
    return _plot("events", "Achieved against instructed, by event", says, bars + instructed, shown)


def _aggregators(figures: Figures) -> Plot | None:
    """Rates of the levels: a row per aggregator, a column per event."""
    if not figures.aggregators:
        return None
    rows = [
        {
            "who": _aggregator_name(row),
            "event": row["dr_event_id"],
            "instructed_wh": row["instructed_wh"],
            "achieved_wh": row["achieved_wh"],
            "rate": percent_text(row["achieved_wh"], row["instructed_wh"]),
            "label": f"{row['achieved_wh'] * 100 // row['instructed_wh']:,}" if row["instructed_wh"] else "–",
            "class": _achieved_class(row["achieved_wh"], row["instructed_wh"]),
        }
        for row in figures.aggregators
    ]
    who, events = (
        _in_order(row["who"] for row in rows),
        _in_order(
            event["dr_event_id"]
            for event in figures.events
            if any(event["dr_event_id"] == row["event"] for row in rows)
        ),
    )
    base = _bars("aggregators", rows=len(who)).encode(
        x=alt.X("event:N", sort=events, title=None, axis=alt.Axis(labelAngle=-50), scale=_GAPS),
        y=alt.Y("who:N", sort=who, title=None, scale=_GAPS),
        tooltip=[
            alt.Tooltip("who:N", title="level"),
            alt.Tooltip("event:N", title="event"),
            alt.Tooltip("achieved_wh:Q", title="achieved Wh", format=","),
            alt.Tooltip("instructed_wh:Q", title="instructed Wh", format=","),
            alt.Tooltip("rate:N", title="rate"),
        ],
    )
    chart: alt.Chart | alt.LayerChart = base.mark_rect().encode(
        color=_classes("class:N", _ACHIEVED_CLASSES, _ACHIEVED_COLOURS)
    )
    if len(events) <= _MOST_LABELLED_EVENTS:
        chart = chart + base.mark_text(fontSize=10, color="#111", clip=True).encode(text="label:N")
    says = (
        "Percent of the instructed energy that was achieved, by the utility, by the parents and by the children"
        " below them; held performances are counted in."
    )
    return _plot("aggregators", "Achievement rate at each level", says, chart, rows)


def _aggregator_name(row: dict[str, Any]) -> str:
    if row["level"] == "utility":
        return "utility"
    if row["aggregator_id"] is None:
        return f"the other {row['others']:,} {'parents' if row['level'] == 'parent' else 'children'}"
    return f"{row['level']} {row['aggregator_id']}"


def _achieved_class(achieved: int, instructed: int | None) -> str:
    if not instructed:
        return "not instructed"
    percent = achieved * 100 // instructed
    edges = (50, 80, 100, 120)
    return _ACHIEVED_CLASSES[sum(percent >= edge for edge in edges)]


def _classes(field: str, names: tuple[str, ...], colours: tuple[str, ...]) -> alt.Color:
    return alt.Color(
        field,
        title=None,
        scale=alt.Scale(domain=list(names), range=list(colours)),
        legend=alt.Legend(orient="top", symbolType="square"),
    )


def _half_hours(figures: Figures) -> Plot | None:
    """Backfeed upwards and import downwards, in the half hours of events, day after day."""
    if not figures.half_hours:
        return None
    rows: list[dict[str, Any]] = []
    first_of_day: list[str] = []
    places: list[str] = []
    day = ""
    for each in figures.half_hours:
        local = local_text(each["interval_start"], figures.tariffs.time_zone)
        if local[:10] != day:
            day = local[:10]
            first_of_day.append(local)
            places.append(f"before {day}")
        places.append(local)
        for direction, energy in (("backfeed", each["backfeed_wh"]), ("import", each["import_wh"])):
            rows.append(
                {
                    "half_hour": local,
                    "utc": f"{each['interval_start']:%Y-%m-%d %H:%M}",
                    "direction": direction,
                    "wh": energy,
                }
            )
    chart = (
        alt.Chart(alt.NamedData(name="half_hours"))
        .properties(height=260)
        .transform_calculate(kwh="(datum.direction === 'import' ? -1 : 1) * datum.wh / 1000")
        .mark_bar()
        .encode(
            x=alt.X(
                "half_hour:O",
                # A place is left free before each day.
                scale=alt.Scale(domain=list(dict.fromkeys(places))[1:]),
                title=f"local time, {figures.tariffs.time_zone}",
                axis=alt.Axis(
                    values=first_of_day,
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
            color=alt.Color(
                "direction:N",
                title=None,
                scale=alt.Scale(domain=["backfeed", "import"], range=[_BLUE, _ORANGE]),
                legend=alt.Legend(orient="top"),
            ),
            tooltip=[
                alt.Tooltip("half_hour:O", title=f"local, {figures.tariffs.time_zone}"),
                alt.Tooltip("utc:O", title="UTC"),
                alt.Tooltip("direction:N"),
                alt.Tooltip("wh:Q", title="Wh", format=","),
            ],
        )
    )
    says = (
        f"Eligible energy of the vehicles with a signal: {kwh_text(figures.counts['backfeed_wh'])} fed back and"
        f" {kwh_text(figures.counts['import_wh'])} taken, in {counted(len(figures.half_hours), 'half hour')} with an event"
        f" on {counted(len(first_of_day), 'day')}."
    )
    return _plot("half_hours", "Energy delivered, by half hour", says, chart, rows)


def _users(figures: Figures) -> Plot | None:
    users = figures.users
    if not users.paid:
        return None
    rows = [{"user": row["payee"], "points": row["amount"]} for row in users.first]
    chart = (
        _bars("users", rows=len(rows))
        .mark_bar(height={"band": 0.7}, color=_BLUE)
        .encode(
            x=alt.X("points:Q", axis=alt.Axis(format=",f", tickMinStep=1)),
            y=alt.Y("user:N", sort=[row["user"] for row in rows], title=None),
            tooltip=[alt.Tooltip("user:N"), alt.Tooltip("points:Q", format=",")],
        )
    )
    says = f"{counted(users.total, 'point')} to {counted(users.paid, 'user')}."
    if users.others:
        says += f" Shown are the {len(rows)} with most; the other {users.others:,} have {users.of_others:,} together."
    return _plot("users", "Points by user", says, chart, rows)


def _users_distribution(figures: Figures) -> Plot | None:
    return _distribution(
        figures.users, name="users_distribution", title="How many users have how many points", noun="user", digits=0,
        unit="points",
    )  # fmt: skip


def _managers(figures: Figures) -> Plot | None:
    """Performance and offering side by side, and what the cap left of them."""
    managers = figures.managers
    if not managers.paid:
        return None
    scale = 10**figures.tariffs.currency_digits
    rows = [
        {
            "manager": row["payee"],
            "part": part,
            "millionths": row[f"{part}_millionths"],
            "reduction_minor": row["amount"],
        }
        for row in managers.first
        for part in ("performance", "offering")
    ]
    y = alt.Y("manager:N", sort=_in_order(row["manager"] for row in rows), title=None)
    base = _bars("managers", rows=len(managers.first)).transform_calculate(
        amount=f"datum.millionths / 1000000 / {scale}", reduction=f"datum.reduction_minor / {scale}"
    )
    money = f",.{figures.tariffs.currency_digits}f"
    tooltip = [
        alt.Tooltip("manager:N"),
        alt.Tooltip("part:N"),
        alt.Tooltip("amount:Q", title="earned by it", format=money),
        alt.Tooltip("reduction:Q", title="reduction in all", format=money),
    ]
    bars = base.mark_bar(height={"band": 0.7}).encode(
        x=alt.X("amount:Q", title=figures.tariffs.currency, stack="zero", axis=alt.Axis(format=",f")),
        y=y,
        color=alt.Color(
            "part:N",
            title=None,
            scale=alt.Scale(domain=["performance", "offering"], range=[_BLUE, _ORANGE]),
            legend=alt.Legend(orient="top"),
        ),
        order=alt.Order("part:N", sort="descending"),
        tooltip=tooltip,
    )
    ticks = (
        base.transform_filter("datum.part === 'offering'")
        .mark_tick(thickness=3, height={"band": 1}, color=_GREY)
        .encode(x="reduction:Q", y=y, tooltip=tooltip)
    )
    says = (
        f"{_money(managers.total, figures)} of fee reductions to {counted(managers.paid, 'manager')}. The grey line is the"
        " reduction: where a bar passes it, the cap of the contract cut it."
    )
    if managers.others:
        says += (
            f" Shown are the {len(managers.first)} with most; the other {managers.others:,} have"
            f" {_money(managers.of_others, figures)} together."
        )
    return _plot("managers", "Fee reductions by manager", says, bars + ticks, rows)


def _managers_distribution(figures: Figures) -> Plot | None:
    return _distribution(
        figures.managers, name="managers_distribution", title="How many managers have how much", noun="manager",
        digits=figures.tariffs.currency_digits, unit=figures.tariffs.currency,
    )  # fmt: skip


def _distribution(payees: Payees, *, name: str, title: str, noun: str, digits: int, unit: str) -> Plot | None:
    """A histogram, where the bars of single payees leave some out."""
    if not payees.others:
        return None
    scale = 10**digits
    rows = [
        {"from": row["from_amount"], "to": row["from_amount"] + payees.bin_width, "payees": row["payees"]}
        for row in payees.bins
    ]
    chart = (
        alt.Chart(alt.NamedData(name=name))
        .properties(height=180)
        .transform_calculate(lower=f"datum['from'] / {scale}", upper=f"datum.to / {scale}")
        .mark_bar(color=_BLUE)
        .encode(
            x=alt.X("lower:Q", bin="binned", title=unit, axis=alt.Axis(format=",f")),
            x2="upper:Q",
            y=alt.Y("payees:Q", title=f"{noun}s", axis=alt.Axis(format=",f", tickMinStep=1)),
            tooltip=[
                alt.Tooltip("lower:Q", title="from", format=","),
                alt.Tooltip("upper:Q", title="to below", format=","),
                alt.Tooltip("payees:Q", title=f"{noun}s", format=","),
            ],
        )
    )
    most = max(rows, key=lambda row: row["payees"])
    says = f"All {payees.paid:,} {noun}s with any; most, {most['payees']:,}, lie in one step of the scale."
    return _plot(name, title, says, chart, rows)


def _leases(figures: Figures) -> Plot | None:
    if not figures.leases:
        return None
    rows = [{"outcome": row["outcome"].replace("_", " "), "leases": row["leases"]} for row in figures.leases]
    colours = [_OUTCOME_COLOURS[row["outcome"]] for row in figures.leases]
    order = [row["outcome"] for row in rows]
    base = _bars("leases", rows=len(rows)).encode(
        x=alt.X("leases:Q", axis=alt.Axis(format=",f", tickMinStep=1)),
        y=alt.Y("outcome:N", sort=order, title=None),
    )
    bars = base.mark_bar(height={"band": 0.7}).encode(
        color=alt.Color("outcome:N", scale=alt.Scale(domain=order, range=colours), legend=None),
        tooltip=[alt.Tooltip("outcome:N"), alt.Tooltip("leases:Q", format=",")],
    )
    parts = ", ".join(f"{row['leases']:,} {row['outcome']}" for row in rows)
    says = f"{counted(figures.counts['leases'], 'lease')} of the period: {parts}."
    return _plot("leases", "What became of the permission leases", says, bars, rows)


def _completeness(figures: Figures) -> Plot | None:
    found = figures.completeness
    if not found.days:
        return None
    rows = [
        {
            "meter": row["metering_point_id"] or f"all other {found.others:,}",
            "day": f"{row['local_date']:%Y-%m-%d}",
            "usable": row["usable"],
            "asked": row["asked"],
            "class": _complete_class(row["usable"], row["asked"]),
        }
        for row in found.days
    ]
    meters = _in_order(row["meter"] for row in rows)
    chart = (
        alt.Chart(alt.NamedData(name="completeness"))
        .properties(height=max(60, 12 * len(meters)))
        .mark_rect()
        .encode(
            x=alt.X(
                "day:O",
                title=f"local day, {figures.tariffs.time_zone}",
                axis=alt.Axis(labelExpr="slice(datum.value, 8)", labelAngle=0, labelOverlap=True),
                scale=_GAPS,
            ),
            y=alt.Y("meter:N", sort=meters, title=None, axis=alt.Axis(labelFontSize=9), scale=_GAPS),
            color=_classes("class:N", _COMPLETE_CLASSES, _COMPLETE_COLOURS),
            tooltip=[
                alt.Tooltip("meter:N", title="metering point"),
                alt.Tooltip("day:O", title="local day"),
                alt.Tooltip("usable:Q", title="usable half hours", format=","),
                alt.Tooltip("asked:Q", title="half hours asked for", format=","),
            ],
        )
    )
    says = (
        f"{found.usable:,} of {found.asked:,} half hours have a usable read ({percent_text(found.usable, found.asked)});"
        f" {found.incomplete_points:,} of {counted(found.metering_points, 'metering point')} lack some."
    )
    if found.others:
        says += " Shown are the least complete ones, and all the others in one row."
    return _plot("completeness", "Completeness of the meters", says, chart, rows)


def _complete_class(usable: int, asked: int) -> str:
    if usable >= asked:
        return "complete"
    if not usable:
        return "none"
    return _COMPLETE_CLASSES[1 + (usable * 10 < asked * 9) + (usable * 2 < asked)]


def _qualities(figures: Figures) -> Plot | None:
    """Per day, the share of half hours without an actual read."""
    found = figures.completeness.qualities
    if not found:
        return None
    of_day: dict[str, int] = {}
    sums = dict.fromkeys(_QUALITY_NAMES, 0)
    for row in found:
        day = f"{row['local_date']:%Y-%m-%d}"
        of_day[day] = of_day.get(day, 0) + row["half_hours"]
        sums[row["quality"]] += row["half_hours"]
    rows = [
        {
            "day": f"{row['local_date']:%Y-%m-%d}",
            "quality": _QUALITY_NAMES[row["quality"]],
            "half_hours": row["half_hours"],
            "of": of_day[f"{row['local_date']:%Y-%m-%d}"],
        }
        for row in found
        if row["quality"] != "A"
    ]
    shown = [_QUALITY_NAMES[letter] for letter in "SEN"]
    chart = (
        alt.Chart(alt.NamedData(name="qualities"))
        .properties(height=160)
        .transform_calculate(share="datum.half_hours / datum.of")
        .mark_bar()
        .encode(
            x=alt.X(
                "day:O",
                title=f"local day, {figures.tariffs.time_zone}",
                axis=alt.Axis(labelExpr="slice(datum.value, 8)", labelAngle=0, labelOverlap=True),
            ),
            y=alt.Y(
                "share:Q", title="of the half hours", axis=alt.Axis(format="%"), scale=alt.Scale(domainMin=0)
            ),
            color=alt.Color(
                "quality:N",
                title=None,
                scale=alt.Scale(domain=shown, range=[_SKY, _ORANGE, _RED]),
                legend=alt.Legend(orient="top"),
            ),
            tooltip=[
                alt.Tooltip("day:O", title="local day"),
                alt.Tooltip("quality:N"),
                alt.Tooltip("half_hours:Q", title="half hours", format=","),
                alt.Tooltip("of:Q", title="of", format=","),
            ],
        )
    )
    all_of = sum(sums.values())
    parts = ", ".join(
        f"{sums[letter]:,} {name} ({percent_text(sums[letter], all_of)})"
        for letter, name in _QUALITY_NAMES.items()
    )
    return _plot("qualities", "Half hours without an actual read", f"Of the import: {parts}.", chart, rows)


def _exceptions(figures: Figures) -> Plot | None:
    if not figures.codes:
        return None
    rows = [{"code": row["code"], "exceptions": row["rows"]} for row in figures.codes]
    most = rows[0]
    says = (
        f"{counted(figures.counts['exceptions'], 'exception')} of {counted(len(rows), 'kind')}; most,"
        f" {most['exceptions']:,}, are {most['code']}."
    )
    return _counts_plot("exceptions", "Exceptions by code", says, rows, field="code", colour=_ORANGE)


def _hold_reasons(figures: Figures) -> Plot | None:
    if not figures.hold_reasons:
        return None
    rows = [
        {"reason": row["reason"].replace("_", " "), "performances": row["performances"]}
        for row in figures.hold_reasons
    ]
    says = f"{counted(figures.counts['held'], 'performance')} held; one may be held for several reasons."
    return _counts_plot("hold_reasons", "Why performances are held", says, rows, field="reason", colour=_RED)


def _counts_plot(
    name: str, title: str, says: str, rows: list[dict[str, Any]], *, field: str, colour: str
) -> Plot:
    """One bar of a count per word, in the order given."""
    count = next(key for key in rows[0] if key != field)
    chart = (
        _bars(name, rows=len(rows), least=2)
        .mark_bar(height={"band": 0.7}, color=colour)
        .encode(
            x=alt.X(f"{count}:Q", axis=alt.Axis(format=",f", tickMinStep=1)),
            y=alt.Y(f"{field}:N", sort=[row[field] for row in rows], title=None),
            tooltip=[alt.Tooltip(f"{field}:N"), alt.Tooltip(f"{count}:Q", format=",")],
        )
    )
    return _plot(name, title, says, chart, rows)


def _in_order(values: Iterable[str]) -> list[str]:
    """The different values, in the order of their first appearance."""
    return list(dict.fromkeys(values))


def _money(minor: int, figures: Figures) -> str:
    return money_text(minor, currency=figures.tariffs.currency, digits=figures.tariffs.currency_digits)
