"""Plots of what became of the leases, and of what somebody has to look at."""

import altair as alt

from pipelines.report.figures import Figures
from pipelines.report.plots.drawing import (
    BAR,
    BLUE,
    GREY,
    ORANGE,
    RED,
    SKY,
    Plot,
    bars_of,
    count_axis,
    things,
    tooltip_of,
)
from pipelines.wording import counted

_OUTCOMES = {"fulfilled": BLUE, "pending": SKY, "lapsed": RED, "revoked": ORANGE, "not_needed": GREY}


def leases(figures: Figures) -> Plot | None:
    """How many leases had which outcome."""
    if not figures.leases:
        return None
    rows = [
        {
            "outcome": row["outcome"].replace("_", " "),
            "leases": row["leases"],
            "colour": _OUTCOMES[row["outcome"]],
        }
        for row in figures.leases
    ]
    chart = (
        bars_of("leases", rows=len(rows))
        .mark_bar(**BAR)
        .encode(
            x=count_axis("leases"),
            y=things("outcome", [row["outcome"] for row in rows]),
            color=alt.Color("colour:N", scale=None),
            tooltip=tooltip_of(outcome="outcome", leases_Q="leases"),
        )
    )
    parts = ", ".join(f"{row['leases']:,} {row['outcome']}" for row in rows)
    return Plot.of(
        chart,
        rows,
        name="leases",
        title="What became of the permission leases",
        says=f"{counted(figures.counts['leases'], 'lease')} of the period: {parts}.",
    )


def exceptions(figures: Figures) -> Plot | None:
    """How many exceptions have which code."""
    if not figures.codes:
        return None
    rows = [{"code": row["code"], "exceptions": row["rows"]} for row in figures.codes]
    chart = (
        bars_of("exceptions", rows=len(rows))
        .mark_bar(color=ORANGE, **BAR)
        .encode(
            x=count_axis("exceptions"),
            y=things("code", [row["code"] for row in rows]),
            tooltip=tooltip_of(code="code", exceptions_Q="exceptions"),
        )
    )
    return Plot.of(
        chart,
        rows,
        name="exceptions",
        title="Exceptions by code",
        says=f"{counted(figures.counts['exceptions'], 'exception')} of {counted(len(rows), 'kind')}; most,"
        f" {rows[0]['exceptions']:,}, are {rows[0]['code']}.",
    )


def hold_reasons(figures: Figures) -> Plot | None:
    """How many performances are held for which reason (R15)."""
    if not figures.hold_reasons:
        return None
    rows = [
        {"reason": row["reason"].replace("_", " "), "performances": row["performances"]}
        for row in figures.hold_reasons
    ]
    chart = (
        bars_of("hold_reasons", rows=len(rows))
        .mark_bar(color=RED, **BAR)
        .encode(
            x=count_axis("performances"),
            y=things("reason", [row["reason"] for row in rows]),
            tooltip=tooltip_of(reason="reason", performances_Q="performances"),
        )
    )
    return Plot.of(
        chart,
        rows,
        name="hold_reasons",
        title="Why performances are held",
        says=f"{counted(figures.counts['held'], 'performance')} held; one may be held for several reasons.",
    )
