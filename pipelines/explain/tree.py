"""An explanation as a tree for a terminal: a line a step, with its arithmetic, its rules and where it stands.

Long lists are shortened; the JSON has all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from pipelines.explain.evidence import DeliveredRow
from pipelines.explain.explanation import ExplainedRun, Explanation
from pipelines.explain.steps import Step
from pipelines.instants import instant_text
from pipelines.wording import counted, money_text

Item = TypeVar("Item")

_FIRST_FEW = 5
_ROWS_OF_A_STEP = 2
_MOST_STEPS = 40
_DEEPER = (
    "Deeper steps are left out; --all shows them, or explain a line, a performance or a lease by itself."
)
_SPAN = ("from", "to")
_COUNTED_UNITS = {"point": "point", "interval": "half hour", "half hour": "half hour"}


def print_explanation(console: Console, explanation: Explanation, *, everything: bool = False) -> None:
    """The run, the tree of steps, the reads that are missing, and the files that it all rests on."""
    run = explanation.run
    console.print(
        Text(
            f"Run {run.run_id}, settlement of {run.settlement_period} as of {instant_text(run.as_of)}"
            f" ({run.kind}, {run.state})"
        )
    )
    shown = _Shown(explanation, everything=everything)
    console.print(shown.tree(explanation.step))
    if shown.is_cut(explanation.step):
        console.print(Text(_DEEPER, style="dim"))
    if explanation.missing_reads:
        console.print(Text("Reads that were not delivered", style="bold"))
        _print_list(
            console,
            [
                f"{each.metering_point_id} {instant_text(each.interval_start)}"
                for each in explanation.missing_reads
            ],
            shown,
        )
    console.print(Text(f"Rests on {counted(len(explanation.rows), 'delivered row')}", style="bold"))
    _print_list(console, list(_files(explanation.rows)), shown, first=12)
    _print_list(console, list(_replaced(explanation.rows)), shown)
    _print_list(console, list(_counting_again(explanation.rows)), shown)
    if everything:
        _print_list(console, list(_contents(explanation.rows)), shown)


def _print_list(console: Console, lines: Sequence[str], shown: _Shown, *, first: int = _FIRST_FEW) -> None:
    few = shown.first(lines, few=first)
    for line in few:
        console.print(Text(f"  {line}"))
    if len(few) < len(lines):
        console.print(Text(f"  {_more(len(lines) - len(few))}", style="dim"))


def _files(rows: Sequence[DeliveredRow]) -> Iterator[str]:
    counts = Counter((row.feed, row.file_name, row.delivery_no, row.received_at, row.format) for row in rows)
    for (feed, file_name, delivery_no, received_at, file_format), number in counts.items():
        # A NEM12 file has a line a day and register, not one a half hour.
        note = (
            "; each from its day's records of the meter, at the first one's line"
            if file_format == "nem12"
            else ""
        )
        yield (
            f"{feed}/{file_name}: {counted(number, 'row')} of delivery {delivery_no}, received"
            f" {instant_text(received_at)}{note}"
        )


def _replaced(rows: Sequence[DeliveredRow]) -> Iterator[str]:
    for row in rows:
        for earlier in row.supersedes:
            yield (
                f"{row.feed}/{_place(row)} replaced {earlier.file_name}:{earlier.line} of delivery"
                f" {earlier.delivery_no}, received {instant_text(earlier.received_at)} (R6)"
            )


def _counting_again(rows: Sequence[DeliveredRow]) -> Iterator[str]:
    for row in rows:
        for withdrawn in row.counts_again:
            yield (
                f"{row.feed}/{_place(row)} counts again: {withdrawn.file_name} of delivery"
                f" {withdrawn.delivery_no} was withdrawn at {instant_text(withdrawn.withdrawn_at)} by"
                f" {withdrawn.by}: {withdrawn.reason} (R6)"
            )


def _contents(rows: Sequence[DeliveredRow]) -> Iterator[str]:
    for row in rows:
        values = (f"{name} {_text(value)}" for name, value in row.values.items() if value is not None)
        yield f"{row.feed}/{_place(row)} {', '.join(values)}"


def _place(row: DeliveredRow) -> str:
    return f"{row.file_name}:{row.line}"


def _text(value: object) -> str:
    return instant_text(value) if isinstance(value, datetime) else str(value)


def _more(hidden: int) -> str:
    return f"and {hidden:,} more; --all shows them"


class _Shown:
    """How much of an explanation is shown, and how."""

    def __init__(self, explanation: Explanation, *, everything: bool) -> None:
        self._rows = explanation.rows
        self._run: ExplainedRun = explanation.run
        self._everything = everything

    def first(self, items: Sequence[Item], *, few: int = _FIRST_FEW) -> Sequence[Item]:
        """The first few of a long list; all of it where everything is shown, or just one more."""
        return items if self._everything or len(items) <= few + 1 else items[:few]

    def tree(self, step: Step) -> Tree:
        """A step with the steps below it, as deep as a screen or two hold."""
        root = Tree(self._line(step, above={}), guide_style="dim")
        self._grow(root, step, above=step.keys, depth=self._depth(step))
        return root

    def is_cut(self, step: Step) -> bool:
        """Whether the tree leaves out the deepest steps."""
        depth = self._depth(step)
        return self._size(step, depth=depth) < self._size(step, depth=depth + 1)

    def _depth(self, step: Step) -> int:
        """The deepest level down to which the tree is not too long."""
        depth = 1
        while self._size(step, depth=depth) < (size := self._size(step, depth=depth + 1)):
            if size > _MOST_STEPS and not self._everything:
                break
            depth += 1
        return depth

    def _size(self, step: Step, *, depth: int) -> int:
        if depth == 0:
            return 1
        return 1 + sum(self._size(below, depth=depth - 1) for below in self.first(step.steps))

    def _grow(self, branch: Tree, step: Step, *, above: Mapping[str, object], depth: int) -> None:
        few = self.first(step.steps) if depth else ()
        for below in few:
            grown = branch.add(self._line(below, above=above))
            self._grow(grown, below, above={**above, **below.keys}, depth=depth - 1)
        if depth and len(few) < len(step.steps):
            branch.add(Text(_more(len(step.steps) - len(few)), style="dim"))

    def _line(self, step: Step, *, above: Mapping[str, object]) -> Text:
        """One step; what the steps above it name already is not said again."""
        line = Text(" ".join((step.name, *_named(step, above=above))))
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
        if not isinstance(step.value, int):
            return f"{step.value} {step.unit}".rstrip()
        if step.unit == self._run.currency:
            return money_text(step.value, currency=self._run.currency, digits=self._run.currency_digits)
        if noun := _COUNTED_UNITS.get(step.unit):
            return counted(step.value, noun)
        return f"{step.value:,} {step.unit}".rstrip()

    def _places(self, step: Step) -> str:
        shown = step.rows if self._everything else step.rows[:_ROWS_OF_A_STEP]
        hidden = len(step.rows) - len(shown)
        places = ", ".join(_place(self._rows[number - 1]) for number in shown)
        return places + (f" and {hidden:,} more" if hidden else "")


def _named(step: Step, *, above: Mapping[str, object]) -> Iterator[str]:
    for name, value in step.keys.items():
        if name not in _SPAN and value not in ("", above.get(name)):
            yield _text(value)
    starts, ends = (step.keys.get(name) for name in _SPAN)
    if isinstance(starts, datetime) and isinstance(ends, datetime):
        day = "" if starts.date() == ends.date() else f"{ends:%Y-%m-%dT}"
        yield f"{instant_text(starts)} to {day}{ends:%H:%M:%S}Z"
