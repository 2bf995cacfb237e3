"""Plots of who is paid how much."""

import altair as alt

from pipelines.report.figures import Figures, Payees
from pipelines.report.plots.drawing import (
    ACROSS,
    BAR,
    BLUE,
    ORANGE,
    Plot,
    amount_axis,
    bars_of,
    colours_of,
    count_axis,
    things,
    tooltip_of,
)
from pipelines.wording import counted, money_text


def users(figures: Figures) -> Plot | None:
    """Points of the users with most."""
    found = figures.users
    if not found.paid:
        return None
    rows = [{"user": row["payee"], "points": row["amount"]} for row in found.first]
    chart = (
        bars_of("users", rows=len(rows))
        .mark_bar(color=BLUE, **BAR)
        .encode(
            x=count_axis("points"),
            y=things("user", [row["user"] for row in rows]),
            tooltip=tooltip_of(user="user", points_Q="points"),
        )
    )
    says = f"{counted(found.total, 'point')} to {counted(found.paid, 'user')}."
    says += _others(found, of_others=f"{found.of_others:,}")
    return Plot.of(chart, rows, name="users", title="Points by user", says=says)


def managers(figures: Figures) -> Plot | None:
    """Performance and offering on top of each other, and what the cap left of them."""
    found = figures.managers
    if not found.paid:
        return None
    scale = 10**figures.tariffs.currency_digits
    rows = [
        {
            "manager": row["payee"],
            "part": part,
            "millionths": row[f"{part}_millionths"],
            "reduction_minor": row["amount"],
        }
        for row in found.first
        for part in ("performance", "offering")
    ]
    money = f",.{figures.tariffs.currency_digits}f"
    base = (
        bars_of("managers", rows=len(found.first))
        .transform_calculate(
            amount=f"datum.millionths / 1000000 / {scale}", reduction=f"datum.reduction_minor / {scale}"
        )
        .encode(
            y=things("manager", [row["payee"] for row in found.first]),
            tooltip=[
                *tooltip_of(manager="manager", part="part"),
                alt.Tooltip("amount:Q", title="earned by it", format=money),
                alt.Tooltip("reduction:Q", title="reduction in all", format=money),
            ],
        )
    )
    parts = base.mark_bar(**BAR).encode(
        x=amount_axis("amount", figures.tariffs.currency).stack("zero"),
        color=colours_of("part", {"performance": BLUE, "offering": ORANGE}),
        order=alt.Order("part:N", sort="descending"),
    )
    reductions = (
        base.transform_filter("datum.part === 'offering'").mark_tick(**ACROSS).encode(x="reduction:Q")
    )
    says = (
        f"{_money(found.total, figures)} of fee reductions to {counted(found.paid, 'manager')}. The dark line"
        " is the reduction: where a bar passes it, a contract's cap cut it."
        f"{_others(found, of_others=_money(found.of_others, figures))}"
    )
    return Plot.of(parts + reductions, rows, name="managers", title="Fee reductions by manager", says=says)


def _others(payees: Payees, *, of_others: str) -> str:
    if not payees.others:
        return ""
    shown = f" Shown are the {len(payees.first)} with most"
    return f"{shown}; the other {payees.others:,} have {of_others} together."


def _money(minor: int, figures: Figures) -> str:
    return money_text(minor, currency=figures.tariffs.currency, digits=figures.tariffs.currency_digits)


def users_distribution(figures: Figures) -> Plot | None:
    """How many users have how many points."""
    return _distribution(figures.users, noun="user", unit="points", digits=0)


def managers_distribution(figures: Figures) -> Plot | None:
    """How many managers have how much."""
    tariffs = figures.tariffs
    return _distribution(
        figures.managers, noun="manager", unit=tariffs.currency, digits=tariffs.currency_digits
    )


def _distribution(payees: Payees, *, noun: str, unit: str, digits: int) -> Plot | None:
    """A histogram, where the bars of single payees leave some out."""
    if not payees.others:
        return None
    name, scale = f"{noun}s_distribution", 10**digits
    rows = [
        {"least": row["from_amount"], "below": row["below_amount"], "payees": row["payees"]}
        for row in payees.bins
    ]
    edges = sorted({row[edge] / scale for row in rows for edge in ("least", "below")})
    # Each step is about as wide as the others on this scale.
    chart = (
        alt.Chart(alt.NamedData(name=name))
        .properties(height=180)
        .transform_calculate(lower=f"datum.least / {scale}", upper=f"datum.below / {scale}")
        .mark_rect(color=BLUE)
        .encode(
            x=alt.X(
                "lower:Q",
                title=unit,
                scale=alt.Scale(type="log", domain=[edges[0], edges[-1]], nice=False),
                axis=alt.Axis(values=edges, format=",~f", grid=False),
            ),
            x2="upper:Q",
            y=alt.Y("payees:Q", title=f"{noun}s", axis=alt.Axis(format=",f", tickMinStep=1)),
            y2=alt.datum(0),
            tooltip=tooltip_of(lower_Q="from", upper_Q="to below", payees_Q=f"{noun}s"),
        )
    )
    return Plot.of(
        chart,
        rows,
        name=name,
        title=f"How many {noun}s have how much",
        says=f"All {payees.paid:,} {noun}s with any, in steps of 1, 2, 5, 10 and so on.",
    )
