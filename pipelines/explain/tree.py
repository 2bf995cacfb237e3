"""An explanation as a tree for a terminal: long lists shortened, each step with its rules and where it stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from pipelines.explain.evidence import DeliveredRow
from pipelines.explain.explanation import Explanation
from pipelines.explain.steps import Step
from pipelines.instants import instant_text
from pipelines.wording import counted

Item = TypeVar("Item")

_FIRST_FEW = 5
_SHOWN_ROWS = 3
# What the arithmetic says already, or what every step of a list shares.
_SPANS = ("from", "to")


def print_explanation(console: Console, explanation: Explanation, *, everything: bool = False) -> None:
    """The head, the tree of steps, the reads that are missing, and the files it all rests on."""
    run = explanation.run
    zone = ZoneInfo(run.time_zone)
    console.print(
        Text(
            f"Run {run.run_id} of {run.settlement_period} as of {instant_text(run.as_of)} ({run.kind},"
            f" {run.state}), rules version {run.rules_version};"
            f" local times are of {run.time_zone}."
        )
    )
    show = _Shown(explanation.rows, zone=zone, everything=everything)
    console.print(show.tree(explanation.step))
    if explanation.missing_reads:
        console.print(Text("Missing reads", style="bold"))
        for each in show.first(explanation.missing_reads):
            console.print(Text(f"  {each.metering_point_id} {show.instant(each.interval_start)}"))
        show.say_more(console, explanation.missing_reads)
    _print_rows(console, explanation, show)


def _print_rows(console: Console, explanation: Explanation, show: _Shown) -> None:
    rows = explanation.rows
    counts = Counter((row.feed, row.file_name, row.delivery_no, row.received_at) for row in rows)
    console.print(Text(f"Rests on {counted(len(rows), 'delivered row')}", style="bold"))
    for (feed, file_name, delivery_no, received_at), number in counts.items():
        console.print(
            Text(
                f"  {feed}/{file_name}, delivery {delivery_no}, received {instant_text(received_at)}:"
                f" {counted(number, 'row')}"
            )
        )
    replacing = [row for row in rows if row.supersedes]
    for row in show.first(replacing):
        earlier = row.supersedes[0]
        console.print(
            Text(
                f"  {show.place(row)} replaced {earlier.file_name}:{earlier.line},"
                f" received {instant_text(earlier.received_at)}"
            )
        )
    show.say_more(console, replacing)
    if show.everything:
        for row in rows:
            values = ", ".join(
                f"{name} {_text(value)}" for name, value in row.values.items() if value is not None
            )
            console.print(Text(f"  {show.place(row)} {values}"))


class _Shown:
    """How much of an explanation is shown, and how its instants and rows read."""

    def __init__(self, rows: Sequence[DeliveredRow], *, zone: ZoneInfo, everything: bool) -> None:
        self._rows = rows
        self._zone = zone
        self.everything = everything

    def tree(self, step: Step) -> Tree:
        """A step with the steps below it."""
        root = Tree(self._line(step), guide_style="dim")
        self._grow(root, step)
        return root

    def _grow(self, branch: Tree, step: Step) -> None:
        for below in self.first(step.steps):
            self._grow(branch.add(self._line(below)), below)
        hidden = len(step.steps) - len(self.first(step.steps))
        if hidden:
            branch.add(Text(f"and {hidden:,} more; --all", style="dim"))

    def first(self, items: Sequence[Item]) -> Sequence[Item]:
        """The first few of a long list; all of it where everything is shown or one more would do."""
        return items if self.everything or len(items) <= _FIRST_FEW + 1 else items[:_FIRST_FEW]

    def _line(self, step: Step) -> Text:
        line = Text()
        line.append(" ".join((step.name, *self._keys(step))))
        line.append(f": {self._value(step)}", style="bold")
        if step.arithmetic:
            line.append(f" = {step.arithmetic}" if isinstance(step.value, int) else f", {step.arithmetic}")
        cited = [*step.rules, *([f"tariff {step.tariff_version}"] if step.tariff_version else [])]
        if cited:
            line.append(f" ({', '.join(cited)})", style="cyan")
        if step.rows:
            line.append(f" [{self._places(step)}]", style="dim")
        return line

    def _value(self, step: Step) -> str:
        if step.value is None:
            return "missing"
        shown = f"{step.value:,}" if isinstance(step.value, int) else step.value
        return f"{shown} {step.unit}".rstrip()

    def _keys(self, step: Step) -> Iterator[str]:
        for name, value in step.keys.items():
            if name not in _SPANS and value not in ("", None):
                yield self.instant(value) if isinstance(value, datetime) else str(value)
        starts, ends = (step.keys.get(name) for name in _SPANS)
        if isinstance(starts, datetime) and isinstance(ends, datetime):
            yield f"{self.instant(starts)} to {ends:%H:%M:%S}Z"

    def instant(self, instant: datetime) -> str:
        """In UTC, with the local time of the programme."""
        local = instant.replace(tzinfo=ZoneInfo("UTC")).astimezone(self._zone)
        return f"{instant_text(instant)} ({local:%d %H:%M})"

    def _places(self, step: Step) -> str:
        shown = step.rows if self.everything else step.rows[:_SHOWN_ROWS]
        places = ", ".join(self.place(self._rows[number - 1]) for number in shown)
        hidden = len(step.rows) - len(shown)
        return places + (f" and {hidden:,} more" if hidden else "")

    def place(self, row: DeliveredRow) -> str:
        """Where a row stands."""
        return f"{row.file_name}:{row.line}"

    def say_more(self, console: Console, items: Sequence[object]) -> None:
        if hidden := len(items) - len(self.first(items)):
            console.print(Text(f"  and {hidden:,} more; --all", style="dim"))


def _text(value: object) -> str:
    return instant_text(value) if isinstance(value, datetime) else str(value)
