"""Results on the terminal, as tables a person likes to read, and as JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from expectations.catalogue import Gate
from pipelines.balance import Balance, Totals, amount_text
from pipelines.instants import instant_text
from pipelines.runs import Kind, State
from pipelines.wording import counted, money_text, without_keys

if TYPE_CHECKING:
    from pipelines.exceptions import RunExceptions
    from pipelines.export import Exported
    from pipelines.ingest import IngestReport
    from pipelines.main_job import MainJob
    from pipelines.settle import Settled, Verified
    from pipelines.simulate import SimulationReport
    from pipelines.status import OpenWork, Status
    from pipelines.summary import Summary

_MOST_ROWS = 20
_MOST_AGGREGATORS = 40
_EXCEPTION_KEYS = (
    "metering_point_id", "evse_id", "vehicle_id", "dr_event_id", "lease_id", "session_id", "local_date",
)  # fmt: skip


def json_text(value: object) -> str:
    """A result as one JSON object, in ASCII: instants as text with Z, paths as text."""
    return json.dumps(_plain(value), indent=2)


def _plain(value: object) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, (StrEnum, date, Path)):
        return str(value)
    return value


def print_ingest(console: Console, report: IngestReport) -> None:
    """What an ingest took in, file by file."""
    table = _table("feed", "file", "outcome", ">rows", ">accepted", ">duplicate", ">quarantined")
    for delivery in report.deliveries:
        table.add_row(
            delivery.feed,
            Text(delivery.file_name),
            delivery.outcome,
            f"{delivery.rows_in:,}",
            f"{delivery.rows_accepted:,}",
            f"{delivery.rows_duplicate:,}",
            f"{delivery.rows_quarantined:,}",
        )
    _print_table(console, "Delivered", table)
    _print_ingest_remarks(console, report)


def _print_ingest_remarks(console: Console, report: IngestReport) -> None:
    """What there is to say of an ingest beyond its counts."""
    asking = [known.sentence for known in report.already_known if known.asks_for_a_look]
    for sentence in (*report.warnings, *asking):
        console.print(Text(sentence))
    if others := len(report.already_known) - len(asking):
        console.print(Text(f"Delivered before, nothing changed: {counted(others, 'file')}."))
    for delivery in report.deliveries:
        if delivery.reason:
            console.print(Text(f"{delivery.feed}/{delivery.file_name} was refused: {delivery.reason}"))
        if delivery.notes:
            console.print(Text(f"{delivery.feed}/{delivery.file_name}: {delivery.notes}"))
    _print_gate(console, Gate.LANDING, report.gate_warnings)
    console.print(Text(f"Received at {instant_text(report.received_at)}. {report.next_action}"))


def print_verified(console: Console, verified: Verified, *, warehouse: Path) -> None:
    """How much a verification found, table by table."""
    table = _table("table", ">rows")
    for name, rows in verified.rows.items():
        table.add_row(f"verified.{name}", f"{rows:,}")
    _print_table(console, f"{verified.settlement_period} as of {instant_text(verified.as_of)}", table)
    console.print(Text(f"To look at them: open {warehouse} with DuckDB. Nothing was settled."))


def print_settled(console: Console, settled: Settled, summary: Summary) -> None:
    """What became of a settlement: found or new, and what it came to."""
    print_summary(console, summary)
    _print_gate(console, Gate.BEFORE_SETTLEMENT, settled.gate_warnings)
    for sentence in settled.warnings:
        console.print(Text(sentence, style="yellow"))
    if settled.found:
        console.print(
            Text(
                f"Run {settled.run_id} was settled before and is {settled.state}:"
                f" {counted(settled.booked_now, 'booking')} made now."
            )
        )


def print_exported(console: Console, exported: Exported) -> None:
    """Where a run lies."""
    verb = "lies there already, the same bytes" if exported.already_there else "is written"
    marked = ", marked as a replay" if exported.kind is Kind.REPLAY else ""
    _print_gate(console, Gate.BEFORE_EXPORT, exported.gate_warnings)
    console.print(Text(f"Run {exported.run_id} {verb}{marked}: {exported.folder}"))
    console.print(Text(_signature_sentence(exported)))


def print_main_job(console: Console, job: MainJob) -> None:
    """What the main job did, stage by stage; the run's summary counts the deliveries by feed."""
    _print_ingest_remarks(console, job.ingested)
    print_settled(console, job.settled, job.summary)
    if job.exported is not None:
        if job.exported.already_there:
            console.print(Text("The export lay there already, the same bytes."))
        console.print(Text(_signature_sentence(job.exported)))


def _signature_sentence(exported: Exported) -> str:
    if exported.signed_by is None:
        return "The export is not signed: VGI_SIGNING_KEY is not set."
    return f"The export is signed by the key {exported.signed_by}."


def print_simulation(console: Console, report: SimulationReport) -> None:
    """What was simulated, and what does not occur in it."""
    table = _table("file", ">rows", ">duplicate", ">to be quarantined", ">bytes")
    for file in report.files:
        table.add_row(
            Text(file.path),
            f"{file.rows:,}",
            f"{file.duplicates:,}",
            f"{file.quarantined:,}",
            f"{file.bytes:,}",
        )
    _print_table(console, f"Simulated: {report.rows:,} rows below {report.out_dir}", table)
    coverage = _table("situation", "", ">count")
    for row in report.coverage:
        coverage.add_row(row.group, row.situation, f"{row.count:,}" if row.count else "none")
    _print_table(console, "What occurs in it", coverage)
    console.print(Text(f"Deliveries and runs to try, in order: {report.plan}"))


def print_summary(console: Console, summary: Summary) -> None:
    """What a run came to: intake, achievement, points, fee reductions, exceptions, export."""
    _print_head(console, summary)
    _print_intake(console, summary)
    _print_performances(console, summary)
    _print_achievement(console, summary)
    _print_points(console, summary)
    _print_fee_reductions(console, summary)
    _print_counts(console, "Leases", "outcome", summary.lease_outcomes)
    _print_counts(console, "Exceptions", "code", summary.exceptions)
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
    table = _table(
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
    _print_table(console, "Deliveries this run rests on", table)
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
    table = _table(
        "event", "asked for", ">vehicles", ">held", ">provisional", ">requested", ">achieved", ">payable",
        "unit",
    )  # fmt: skip
    for each in summary.performances[:_MOST_ROWS]:
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
    _print_table(
        console, "Performances by event", table, rows=len(summary.performances), export="dr_achievement.csv"
    )


def _print_achievement(console: Console, summary: Summary) -> None:
    table = _table("event", "level", "aggregator", ">instructed Wh", ">achieved Wh", ">rate")
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
    _print_table(
        console,
        "Achievement by event and aggregator",
        table,
        rows=len(summary.achievement),
        export="aggregator_achievement.csv, child aggregators among them",
    )


def _print_points(console: Console, summary: Summary) -> None:
    title = f"Points: {summary.points:,} to {summary.users_with_points:,} users"
    table = _table("user", ">points")
    for user_id, points in summary.top_users:
        table.add_row(user_id, f"{points:,}")
    _print_table(console, title, table, rows=summary.users_with_points, export="user_points.csv")


def _print_fee_reductions(console: Console, summary: Summary) -> None:
    def shown(minor: int) -> str:
        return money_text(minor, currency=summary.currency, digits=summary.currency_digits)

    reduced = [each for each in summary.fee_reductions if each.reduction_minor]
    title = (
        f"Fee reductions: {shown(summary.reduction_minor)} on {len(reduced):,} of"
        f" {len(summary.fee_reductions):,} contracts"
    )
    table = _table("manager", "contract", ">reduction")
    for each in reduced[:_MOST_ROWS]:
        table.add_row(each.manager_id, each.contract_id, shown(each.reduction_minor))
    _print_table(console, title, table, rows=len(reduced), export="manager_fee_reductions.csv")


def _print_counts(console: Console, title: str, label: str, counts: Mapping[str, int]) -> None:
    table = _table(label, ">count")
    for name, count in counts.items():
        table.add_row(name, f"{count:,}")
    _print_table(console, title, table)


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


def print_status(console: Console, status: Status, *, all_deliveries: bool) -> None:
    """Deliveries, runs, and what is open."""
    _print_deliveries(console, status, all_deliveries=all_deliveries)
    table = _table("run", "as of", "kind", "state", "since", "by", ">held", ">pending leases", ">exceptions")
    table.columns[0].no_wrap = True  # to be copied whole, whatever else the terminal has to cut
    for run in status.runs:
        table.add_row(
            run.run_id,
            instant_text(run.as_of),
            run.kind,
            run.state,
            instant_text(run.since),
            Text(run.by),
            f"{run.held_performances:,}",
            f"{run.pending_leases:,}",
            f"{run.exceptions:,}",
        )
    _print_table(console, "Runs", table)
    for closing in status.closings:
        console.print(
            Text(
                f"  {closing.settlement_period} was closed at {instant_text(closing.closed_at)} by"
                f" {closing.by}; corrections of it are booked in {closing.booked_in_period}."
            )
        )
    _print_gates(console, status)
    for sentence in _open_sentences(status):
        console.print(Text(sentence))


def print_exceptions(console: Console, found: tuple[RunExceptions, ...], *, everything: bool) -> None:
    """Exceptions with their sentences, the dearest first; of each run the first, unless all are asked for."""
    if not found:
        console.print(Text("There is no run yet; settle a period first (vgi settle PERIOD --tariffs DIR)."))
    for run in found:
        _print_counts(console, f"Exceptions of run {run.run_id}", "code", run.counts)
        shown = run.rows if everything else run.rows[:_MOST_ROWS]
        for row in shown:
            keys = [getattr(row, name) for name in _EXCEPTION_KEYS]
            energy = "" if row.energy_wh is None else f", {row.energy_wh:,} Wh"
            named = " ".join(str(key) for key in keys if key)
            console.print(Text(f"\n{row.code}  {named}{energy}", style="bold"))
            console.print(Text(f"  {row.detail}"))
        if len(shown) < len(run.rows):
            console.print(
                Text(f"\nand {len(run.rows) - len(shown):,} more: --all lists them, --code those of one code")
            )
        if not run.rows:
            console.print(Text(f"Run {run.run_id}: no such exception."))


def print_balance(console: Console, balance: Balance, *, with_history: bool) -> None:
    """What stands for one payee, by unit and settlement period, and every booking if asked for."""
    name, when = f"{balance.payee_kind} {balance.payee_id}", _as_of_text(balance.as_of)
    if not balance.units:
        console.print(Text(f"Nothing was booked for {name}{when}."))
    for unit in balance.units:
        amount = amount_text(unit.debt or unit.owed, unit=unit.unit, currency=balance.currency)
        standing = f"a debt of {amount}, which later awards pay off first" if unit.debt else f"{amount} owed"
        console.print(Text(f"{name}{when}: {standing}, by {counted(unit.bookings, 'booking')}."))
    table = _table("settlement period", "booked in", ">bookings", ">amount")
    for each in balance.periods:
        amount = amount_text(each.amount, unit=each.unit, currency=balance.currency)
        table.add_row(each.settlement_period, each.booked_in_period, f"{each.bookings:,}", amount)
    _print_table(console, "By settlement period", table)
    if with_history:
        _print_history(console, balance)


def _print_history(console: Console, balance: Balance) -> None:
    table = _table(">no", "booked at", "reason", "for", "run", ">amount", ">balance")
    for booked in balance.history:
        amounts = [
            amount_text(amount, unit=booked.unit, currency=balance.currency)
            for amount in (booked.amount, booked.balance)
        ]
        at = instant_text(booked.booked_at)
        table.add_row(f"{booked.booking_no}", at, booked.reason, Text(booked.key), booked.run_id, *amounts)
    _print_table(console, "Bookings", table)


def print_totals(console: Console, totals: Totals) -> None:
    """What was booked for all payees, by kind and unit."""
    table = _table("payees", "unit", ">payees", ">bookings", ">booked", ">booked back", ">balance", ">debts")
    for each in totals.totals:
        amounts = [
            amount_text(amount, unit=each.unit, currency=totals.currency)
            for amount in (each.booked_more, -each.booked_back, each.balance, each.debt)
        ]
        table.add_row(f"{each.payee_kind}s", each.unit, f"{each.payees:,}", f"{each.bookings:,}", *amounts)
    if not totals.totals:
        console.print(Text(f"Nothing was booked{_as_of_text(totals.as_of)}."))
    _print_table(console, f"Booked{_as_of_text(totals.as_of)}", table)
    for entry in totals.entries:
        amount = amount_text(entry.debits, unit=entry.unit, currency=totals.currency)
        console.print(Text(f"Debits = credits: {amount}."))


def _as_of_text(as_of: datetime | None) -> str:
    return f" by {instant_text(as_of)}" if as_of is not None else ""


def _print_gate(console: Console, gate: Gate, warnings: Sequence[str]) -> None:
    """What a gate found and let pass: each in a line of its own, without the keys that the Data Docs list."""
    if not warnings:
        return
    told = f"Gate {gate}: {counted(len(warnings), 'warning')}"
    console.print(Text(f"{told}; `vgi quality` writes pages with keys and remedies.", style="yellow"))
    for sentence in warnings:
        console.print(Text(f"  {without_keys(sentence)}"))


def _print_gates(console: Console, status: Status) -> None:
    table = _table("gate", "of", "at", ">hold", ">warnings", ">blocking")
    for gate in status.gates:
        table.add_row(
            gate.gate,
            gate.subject,
            instant_text(gate.at),
            f"{gate.expectations - len(gate.warnings) - len(gate.faults):,} of {gate.expectations:,}",
            f"{len(gate.warnings):,}",
            f"{len(gate.faults):,}",
            style="bold red" if gate.faults else "",
        )
    _print_table(console, "Gates, as last judged (vgi quality)", table)


def _print_deliveries(console: Console, status: Status, *, all_deliveries: bool) -> None:
    shown = status.deliveries if all_deliveries else status.deliveries[-_MOST_ROWS:]
    table = _table(
        "received at", "feed", "file", "outcome", ">rows", ">accepted", ">duplicate", ">quarantined",
    )  # fmt: skip
    for delivery in shown:
        table.add_row(
            instant_text(delivery.received_at),
            delivery.feed,
            Text(delivery.file_name),
            delivery.outcome,
            f"{delivery.rows_in:,}",
            f"{delivery.rows_accepted:,}",
            f"{delivery.rows_duplicate:,}",
            f"{delivery.rows_quarantined:,}",
        )
    in_quarantine = counted(status.quarantined_rows, "row")
    title = f"Deliveries: {len(status.deliveries):,}; in quarantine: {in_quarantine}"
    _print_table(console, title, table)
    if len(shown) < len(status.deliveries):
        console.print(Text(f"  and {len(status.deliveries) - len(shown):,} earlier ones: vgi status --all"))
    for delivery in status.deliveries:
        if delivery.withdrawn_at is not None:
            console.print(
                Text(
                    f"  withdrawn: {delivery.feed}/{delivery.file_name} (delivery {delivery.delivery_no}) at"
                    f" {instant_text(delivery.withdrawn_at)} by {delivery.withdrawn_by}:"
                    f" {delivery.withdrawal_reason}"
                )
            )
    for row in status.quarantine:
        where = f"{row.feed}/{row.file_name}" + (f" line {row.line}" if row.line is not None else "")
        column = f", {row.column}" if row.column else ""
        console.print(Text(f"  quarantined: {where}{column}: {row.reason}"))


def _open_sentences(status: Status) -> list[str]:
    work = status.open
    sentences = _sentences_of_files(work)
    sentences += [f"Run {run_id} awaits approval: vgi approve {run_id}" for run_id in work.awaiting_approval]
    sentences += [
        f"Run {run_id} awaits export: vgi export {run_id} --out DIR" for run_id in work.awaiting_export
    ]
    sentences += [
        f"{period}: {counted(count, 'held performance')}; paid once what holds them is delivered and the"
        " period is settled again."
        for period, count in work.held_performances.items()
    ]
    sentences += [
        f"{period}: {counted(count, 'pending lease')}." for period, count in work.pending_leases.items()
    ]
    sentences += [
        f"{each.settlement_period}: {counted(sum(each.counts.values()), 'exception')}"
        f" ({', '.join(f'{count:,} {code}' for code, count in each.counts.items())});"
        f" what to do about each: vgi exceptions {each.run_id}"
        for each in work.exceptions
    ]
    return sentences or ["Nothing is open."]


def _sentences_of_files(work: OpenWork) -> list[str]:
    refused = [
        f"{file.feed}/{file.file_name} was refused whole: {file.reason}. Nothing of it counts;"
        f" {_remedy_of_refused(file.file_name)}."
        for file in work.refused_files
    ]
    quarantined = [
        f"{file.feed}/{file.file_name}: {counted(file.rows_quarantined, 'row')} in quarantine (vgi status"
        " --quarantine); deliver what is mended in a new file of that name."
        for file in work.quarantined_files
    ]
    outdated = [
        f"{file.feed}/{file.file_name} was read before its source in sources.yaml changed; to have it read"
        " anew, deliver it as a new file of that name (one empty line more at its end makes it one)."
        for file in work.outdated_files
    ]
    return [sentence for sentences in (refused, quarantined, outdated) for sentence in _at_most(sentences)]


def _remedy_of_refused(file_name: str) -> str:
    if file_name.lower().endswith(".csv"):
        return "deliver it mended, under the same name"
    before, csv, _ = file_name.partition(".csv")
    return f"deliver the CSV as {before if csv else Path(file_name).stem}.csv"


def _at_most(sentences: list[str]) -> list[str]:
    more = len(sentences) - _MOST_ROWS
    rest = [f"  and {counted(more, 'file')} more: vgi status --json"] if more > 0 else []
    return sentences[:_MOST_ROWS] + rest


def _table(*columns: str) -> Table:
    """A table with these columns; `>` before a name sets it flush right."""
    table = Table(header_style="dim", box=None)
    for column in columns:
        table.add_column(column.removeprefix(">"), justify="right" if column.startswith(">") else "left")
    return table


def _print_table(console: Console, title: str, table: Table, *, rows: int = 0, export: str = "") -> None:
    """Print a table unless it is empty; where it shows some of the `rows` only, say where the others are."""
    if not table.row_count:
        return
    console.print(Text(f"\n{title}", style="bold"))
    console.print(table)
    if rows > table.row_count:
        console.print(Text(f"  and {rows - table.row_count:,} more in {export}"))
