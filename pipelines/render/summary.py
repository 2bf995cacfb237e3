"""The summary of a run on the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from pipelines.instants import instant_text
from pipelines.render.tables import MOST_ROWS, print_counts, print_table, table_of
from pipelines.runs import Kind, State
from pipelines.wording import counted, money_text

if TYPE_CHECKING:
    from pipelines.summary import Summary

_MOST_AGGREGATORS = 40


def print_summary(console: Console, summary: Summary) -> None:
    """What a run came to: intake, achievement, points, fee reductions, exceptions, export."""
    _print_head(console, summary)
    _print_intake(console, summary)
    _print_performances(console, summary)
    _print_achievement(console, summary)
    _print_points(console, summary)
    _print_fee_reductions(console, summary)
    print_counts(console, "Leases", "outcome", summary.lease_outcomes)
    print_counts(console, "Exceptions", "code", summary.exceptions)
    _print_end(console, summary)


def _print_head(console: Console, summary: Summary) -> None:
    said = {
        Kind.INITIAL: "the first settlement of the period",
        Kind.CORRECTION: "a correction",
        Kind.REPLAY: "a replay, which is never booked",
    }[summary.kind]
    console.print(
        Text(
            f"Settlement {summary.settlement_period} as of {instant_text(summary.as_of)}:"
            f" run {summary.run_id}, {said}, {summary.state}.",
            style="bold",
        )
    )


def _print_intake(console: Console, summary: Summary) -> None:
    table = table_of(
        "feed", ">files", ">refused", ">rows", ">accepted", ">duplicate", ">quarantined",
    )  # fmt: skip
    for feed in summary.intake:
        table.add_row(
            feed.feed,
            f"{feed.files:,}",
            f"{feed.refused_files:,}",
            f"{feed.rows_in:,}",
            f"{feed.rows_accepted:,}",
            f"{feed.rows_duplicate:,}",
            f"{feed.rows_quarantined:,}",
        )
    print_table(console, "Deliveries this run rests on", table)
    for row in summary.first_quarantined:
        where = f"{row.feed}/{row.file_name}" + (f" line {row.line}" if row.line is not None else "")
        column = f", {row.column}" if row.column else ""
        console.print(Text(f"  quarantined: {where}{column}: {row.reason}"))
    if summary.quarantine_entries > len(summary.first_quarantined):
        console.print(
            Text(
                f"  and {summary.quarantine_entries - len(summary.first_quarantined):,} more:"
                " vgi status --quarantine"
            )
        )


def _print_performances(console: Console, summary: Summary) -> None:
    table = table_of(
        "event", "asked for", ">vehicles", ">held", ">provisional", ">requested", ">achieved", ">payable",
        "unit",
    )  # fmt: skip
    for each in summary.performances[:MOST_ROWS]:
        table.add_row(
            each.dr_event_id,
            each.amount_kind,
            f"{each.performances:,}",
            f"{each.held:,}",
            f"{each.provisional:,}",
            f"{each.requested:,}",
            f"{each.achieved:,}",
            f"{each.payable:,}",
            each.unit,
        )
    print_table(
        console, "Performances by event", table, rows=len(summary.performances), export="dr_achievement.csv"
    )


def _print_achievement(console: Console, summary: Summary) -> None:
    table = table_of("event", "level", "aggregator", ">instructed Wh", ">achieved Wh", ">rate")
    above_children = [each for each in summary.achievement if each.level != "child"]
    for each in above_children[:_MOST_AGGREGATORS]:
        is_utility = each.level == "utility"
        table.add_row(
            each.dr_event_id if is_utility else "",
            each.level,
            each.aggregator_id,
            "" if each.instructed_wh is None else f"{each.instructed_wh:,}",
            f"{each.achieved_wh:,}",
            each.achievement_rate or "",
            style="bold" if is_utility else "",
        )
    print_table(
        console,
        "Achievement by event and aggregator",
        table,
        rows=len(summary.achievement),
        export="aggregator_achievement.csv, child aggregators among them",
    )


def _print_points(console: Console, summary: Summary) -> None:
    title = f"Points: {summary.points:,} to {summary.users_with_points:,} users"
    table = table_of("user", ">points")
    for user_id, points in summary.top_users:
        table.add_row(user_id, f"{points:,}")
    print_table(console, title, table, rows=summary.users_with_points, export="user_points.csv")


def _print_fee_reductions(console: Console, summary: Summary) -> None:
    def shown(minor: int) -> str:
        return money_text(minor, currency=summary.currency, digits=summary.currency_digits)

    reduced = [each for each in summary.fee_reductions if each.reduction_minor]
    title = (
        f"Fee reductions: {shown(summary.reduction_minor)} on {len(reduced):,} of"
        f" {len(summary.fee_reductions):,} contracts"
    )
    table = table_of("manager", "contract", ">reduction")
    for each in reduced[:MOST_ROWS]:
        table.add_row(each.manager_id, each.contract_id, shown(each.reduction_minor))
    print_table(console, title, table, rows=len(reduced), export="manager_fee_reductions.csv")


def _print_end(console: Console, summary: Summary) -> None:
    console.print(Text("\nIn short", style="bold"))
    for line in _in_short(summary):
        console.print(Text(f"  {line}"))
    console.print(Text(_what_next(summary), style="bold"))


def _in_short(summary: Summary) -> Iterator[str]:
    files = sum(feed.files for feed in summary.intake)
    rows_in = sum(feed.rows_in for feed in summary.intake)
    yield (
        f"{counted(rows_in, 'row')} in {counted(files, 'file')} came in,"
        f" {sum(feed.rows_quarantined for feed in summary.intake):,} of them in quarantine"
    )
    held = sum(each.held for each in summary.performances)
    provisional = sum(each.provisional for each in summary.performances)
    performances = sum(each.performances for each in summary.performances)
    yield f"{counted(performances, 'performance')}, {held:,} held and {provisional:,} provisional"
    reduction = money_text(summary.reduction_minor, currency=summary.currency, digits=summary.currency_digits)
    where = f", in {summary.booked_in_period}: the period is closed" if summary.booked_in_period else ""
    yield (
        f"{counted(summary.points, 'point')} to {counted(summary.users_with_points, 'user')},"
        f" {reduction} of fee reductions; {counted(summary.bookings, 'booking')}{where}"
    )
    exceptions = sum(summary.exceptions.values())
    yield f"{counted(exceptions, 'exception')} to look at" if exceptions else "no exceptions"


def _what_next(summary: Summary) -> str:
    if summary.export_folder is not None:
        return f"Exported to {summary.export_folder}"
    if summary.state is State.AUDITED and summary.kind is not Kind.REPLAY:
        return f"Awaits approval: vgi approve {summary.run_id}, or vgi reject {summary.run_id} --reason TEXT"
    return f"To export it: vgi export {summary.run_id} --out DIR"
