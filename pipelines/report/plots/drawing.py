"""What all plots of the report share: their form, their colours, and how a plot becomes a specification."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

# Okabe and Ito's colours: told apart by the colour-blind, on white and on black.
BLUE, SKY, ORANGE, RED, GREY = "#0072B2", "#56B4E9", "#E69F00", "#D55E00", "#9aa5b1"
_DARK, _WHITE = "#3b4550", "#ffffff"
_GAP = 0.06
BAR: dict[str, Any] = {"height": {"band": 0.7}}
# Edged, so that it can be seen on a bar and on either ground.
ACROSS: dict[str, Any] = {
    "height": {"band": 1},
    "thickness": 4,
    "color": _DARK,
    "stroke": _WHITE,
    "strokeWidth": 1,
}
_ROW = 20


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A Vega-Lite specification with its rows, and in words what it shows."""

    name: str
    title: str
    says: str
    spec: dict[str, Any]

    @classmethod
    def of(
        cls, chart: alt.TopLevelMixin, rows: Iterable[dict[str, Any]], *, name: str, title: str, says: str
    ) -> "Plot":
        """The plot of a chart whose data are called `name`."""
        spec = chart.to_dict()
        # The page brings its own Vega and its own colours; the schema's address would look like one to load.
        del spec["$schema"]
        spec.pop("config", None)
        spec |= {
            "width": "container",
            "autosize": {"type": "fit-x", "contains": "padding"},
            "description": f"{title}. {says}",
            "datasets": {name: list(rows)},
        }
        return cls(name=name, title=title, says=says, spec=spec)


def bars_of(name: str, *, rows: int) -> alt.Chart:
    """A chart of one row of bars for each of so many things."""
    return alt.Chart(alt.NamedData(name=name)).properties(height=_ROW * max(rows, 2))


def things(field: str, order: Sequence[str]) -> alt.Y:
    """The things, from top to bottom."""
    return alt.Y(f"{field}:N", scale=ordered(order), title=None)


def ordered(order: Sequence[str]) -> alt.Scale:
    """A scale of texts in this order. Its domain is data; a `sort` would become code with the texts in it."""
    return alt.Scale(domain=list(order))


def tiled(order: Sequence[str]) -> alt.Scale:
    """As `ordered`, with gaps between tiles."""
    return alt.Scale(domain=list(order), paddingInner=_GAP)


def count_axis(field: str) -> alt.X:
    """An axis of counts."""
    return alt.X(f"{field}:Q", axis=alt.Axis(format=",f", tickMinStep=1))


def amount_axis(field: str, title: str) -> alt.X:
    """An axis of energy or money."""
    return alt.X(f"{field}:Q", title=title, axis=alt.Axis(format=",f"))


def day_axis(time_zone: str, days: Sequence[str]) -> alt.X:
    """An axis of local days, which are dates as text."""
    axis = alt.Axis(labelExpr="slice(datum.value, 8)", labelAngle=0, labelOverlap=True)
    return alt.X("day:O", title=f"local day, {time_zone}", axis=axis, scale=tiled(days))


def colours_of(field: str, colours: dict[str, str], **legend: Any) -> alt.Color:
    """A colour for each word of a field, with a legend above the plot."""
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    return alt.Color(f"{field}:N", title=None, scale=scale, legend=alt.Legend(orient="top", **legend))


def tooltip_of(**titles: str) -> list[alt.Tooltip]:
    """What is said of a mark: titles by field with its type, `_Q` for whole numbers."""
    return [
        alt.Tooltip(f"{name.removesuffix('_Q')}:Q", title=title, format=",")
        if name.endswith("_Q")
        else alt.Tooltip(f"{name}:N", title=title)
        for name, title in titles.items()
    ]


def in_order(values: Iterable[str]) -> list[str]:
    """The different values, in the order of their first appearance."""
    return list(dict.fromkeys(values))
