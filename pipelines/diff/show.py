"""The difference of two runs on a terminal: totals first, then who is owed otherwise, then why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from itertools import groupby
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from pipelines.instants import instant_text
from pipelines.wording import counted, money_text

if TYPE_CHECKING:
    from rich.console import Console

    from pipelines.diff.report import Cause, Change, Difference, OnlyDelivery

_MOST_ROWS = 20
_MOST_FILES = 4
_WITHDRAWN = " (withdrawn)"
_TITLES = {
    "user_points": "Points by user",
    "manager_fee_reductions": "Fee reductions by contract",
    "dr_achievement": "Performances",
    "settlement_lines": "Lines",
    "lease_outcomes": "Leases",
    "aggregator_achievement": "Aggregators",
    "exceptions": "Exceptions",
    "dr_intervals": "Half hours",
}
_AMOUNTS = {"user_points": "points", "manager_fee_reductions": "reduction_minor"}
_MONEY = ("fee reductions", "fee reductions booked")
# What a run booked is its own: the two are no before and after.
_BY_EACH = ("bookings made", "points booked", "fee reductions booked")
# What is told of a key that only one of them found.
_TOLD = frozenset(
    {
        "requested", "achieved", "payable", "points", "status", "outcome", "import_wh", "backfeed_wh",
        "dr_import_wh", "instructed_wh", "achieved_wh", "energy_wh",
    }
)  # fmt: skip


def print_difference(console: Console, difference: Difference, *, everything: bool) -> None:
    """Print what differs; without `everything`, of each table the first rows and how many more there are."""
    _print_head(console, difference)
    if difference.run_a.run_id == difference.run_b.run_id:
        return
    _print_deliveries(console, difference, everything=everything)
    _print_totals(console, difference)
    causes = {cause.cause_no: cause for cause in difference.causes}
    for table, title in _TITLES.items():
        changes = [change for change in difference.changes if change.table == table]
        if changes:
            _print_changes(console, title, changes, causes, difference=difference, everything=everything)
    if not difference.changes:
        console.print(Text("\nBoth found the same."))
    uncaused = sum(1 for change in difference.changes if not change.causes)
    if uncaused:
        console.print(Text(f"\nOf {counted(uncaused, 'change')} the cause was not found."))


def _print_head(console: Console, difference: Difference) -> None:
    a, b = difference.run_a, difference.run_b
    if a.run_id == b.run_id:
        console.print(Text(f"Both are run {a.run_id}: nothing differs."))
        return
    console.print(Text(f"{difference.settlement_period}: from run A to run B", style="bold"))
    for name, run in (("A", a), ("B", b)):
        console.print(
            Text(
                f"  {name}  {run.run_id}  as of {instant_text(run.as_of)}, {run.kind}, {run.state};"
                f" tariffs {', '.join(run.tariff_versions)}; rules {run.rules_version}"
            )
        )


def _print_deliveries(console: Console, difference: Difference, *, everything: bool) -> None:
    """The deliveries that one run rests on and the other does not; those that moved nothing are counted."""
    moving = [each for each in difference.deliveries if each.changes or everything]
    if moving:
        table = _table("only in", "file", "received at", ">rows", ">seen otherwise", ">changes")
        for each in moving if everything else moving[:_MOST_ROWS]:
            table.add_row(*_delivery_cells(each))
        _print(console, "Deliveries that only one of them rests on", table, rows=len(moving))
    idle = len(difference.deliveries) - len(moving)
    if idle:
        console.print(Text(f"  and {counted(idle, 'file')} that changed nothing: --all lists them"))
    if not difference.deliveries:
        console.print(Text("\nBoth rest on the same deliveries."))


def _delivery_cells(each: OnlyDelivery) -> tuple[str | Text, ...]:
    return (
        each.only_in.upper(),
        Text(f"{each.feed}/{each.file_name}{_WITHDRAWN if each.withdrawn else ''}"),
        instant_text(each.received_at),
        f"{each.rows:,}",
        f"{each.rows_seen_otherwise:,}",
        f"{each.changes:,}",
    )


def _print_totals(console: Console, difference: Difference) -> None:
    table = _table("", ">A", ">B", ">difference")
    for total in difference.totals:
        if total.a == total.b:
            continue
        shown = [total.a, total.b] if total.what in _BY_EACH else [total.a, total.b, total.b - total.a]
        if total.what in _MONEY:
            table.add_row(total.what, *(_money(difference, amount) for amount in shown))
        else:
            table.add_row(total.what, *(f"{amount:,}" for amount in shown))
    if table.row_count:
        _print(console, "Totals that differ", table)


def _money(difference: Difference, minor: int) -> str:
    return money_text(minor, currency=difference.currency, digits=difference.currency_digits)


def _print_changes(  # noqa: PLR0913 -- all of them are shown
    console: Console,
    title: str,
    changes: list[Change],
    causes: Mapping[int, Cause],
    *,
    difference: Difference,
    everything: bool,
) -> None:
    table = _table(*_headings(changes[0]), "because of")
    for change in changes if everything else changes[:_MOST_ROWS]:
        because = Text("\n".join(_because(change, causes, everything=everything)))
        table.add_row(*_key_cells(change), *_value_cells(change, difference), because)
    _print(console, f"{title}: {len(changes):,}", table, rows=len(changes))


def _headings(change: Change) -> Iterator[str]:
    if change.table == "exceptions":
        yield from ("code", "concerns")
    else:
        yield from (name.removesuffix("_id") for name in change.key)
    if change.table in _AMOUNTS:
        yield from (">A", ">B", ">difference")
    if change.table != "user_points":
        yield "A -> B"


def _key_cells(change: Change) -> Iterator[Text]:
    if change.table == "exceptions":
        yield Text(str(change.key["code"]))
        yield Text(" ".join(_cell(value) for value in list(change.key.values())[1:] if value))
    else:
        yield from (Text(_cell(value)) for value in change.key.values())


def _value_cells(change: Change, difference: Difference) -> Iterator[Text]:
    amount = _AMOUNTS.get(change.table)
    if amount is not None:
        yield from _amount_cells(change, amount, difference)
    if change.table != "user_points":
        yield Text("; ".join(_moved(change, but=amount)))


def _amount_cells(change: Change, amount: str, difference: Difference) -> Iterator[Text]:
    moved = [each for each in change.columns if each.column == amount]
    if not moved:
        yield from (Text(), Text(), Text())
        return
    a, b = _whole(moved[0].a), _whole(moved[0].b)
    for value in (a, b, b - a):
        yield Text(f"{value:,}" if amount == "points" else _money(difference, value))


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _moved(change: Change, *, but: str | None) -> Iterator[str]:
    """What moved; an exception's sentence is left to `vgi exceptions`."""
    if change.change != "changed":
        yield "only in B" if change.change == "added" else "only in A"
    elif all(each.column == "detail" for each in change.columns):
        yield "told otherwise"
    for each in change.columns:
        if each.column in (but, "detail"):
            continue
        if change.change == "changed":
            yield f"{each.column} {_cell(each.a)} -> {_cell(each.b)}"
        elif each.column in _TOLD and (value := each.a if each.b is None else each.b) is not None:
            yield f"{each.column} {_cell(value)}"


def _because(change: Change, causes: Mapping[int, Cause], *, everything: bool) -> list[str]:
    """A line a file with the lines of it that bear on the change, then what is no delivery."""
    lines_of: dict[str, set[int]] = {}
    withdrawn: set[str] = set()
    said = []
    for number in change.causes:
        cause = causes[number]
        if not cause.files:
            said.append(cause.detail)
        withdrawn.update(cause.withdrawn)
        for version in (cause.a, cause.b):
            if version is not None and (name := f"{cause.feed}/{version.file_name}") in cause.files:
                lines_of.setdefault(name, set()).add(version.line)
    files = [
        f"{name}:{','.join(_ranges(sorted(lines)))}{_WITHDRAWN if name in withdrawn else ''}"
        for name, lines in sorted(lines_of.items())
    ]
    if len(files) > _MOST_FILES and not everything:
        files = [*files[: _MOST_FILES - 1], f"and {len(files) - _MOST_FILES + 1} files more"]
    return [*files, *said] or ["cause not found"]


def _ranges(lines: list[int]) -> Iterator[str]:
    """Line numbers, neighbours as a range: 2, 3, 4, 9 as 2-4 and 9."""
    for _, group in groupby(enumerate(lines), key=lambda pair: pair[1] - pair[0]):
        together = [line for _, line in group]
        yield f"{together[0]}-{together[-1]}" if len(together) > 1 else str(together[0])


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int):
        return f"{value:,}"
    return "-" if value in (None, "") else str(value)


def _table(*columns: str) -> Table:
    table = Table(header_style="dim", box=None)
    for column in columns:
        table.add_column(
            column.removeprefix(">"), justify="right" if column.startswith(">") else "left", overflow="fold"
        )
    return table


def _print(console: Console, title: str, table: Table, *, rows: int = 0) -> None:
    console.print(Text(f"\n{title}", style="bold"))
    console.print(table)
    if rows > table.row_count:
        console.print(Text(f"  and {rows - table.row_count:,} more: --all lists them"))
