"""What a warehouse holds and what is open, on the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from pipelines.instants import instant_text
from pipelines.render.tables import MOST_ROWS, print_counts, print_table, table_of
from pipelines.wording import counted

if TYPE_CHECKING:
    from pipelines.exceptions import RunExceptions
    from pipelines.status import OpenWork, Status

_EXCEPTION_KEYS = (
    "metering_point_id", "evse_id", "vehicle_id", "dr_event_id", "lease_id", "session_id", "local_date",
)  # fmt: skip


def print_status(console: Console, status: Status, *, all_deliveries: bool) -> None:
    """Deliveries, runs, and what is open."""
    _print_deliveries(console, status, all_deliveries=all_deliveries)
    table = table_of(
        "run", "as of", "kind", "state", "since", "by", ">held", ">pending leases", ">exceptions"
    )
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
    print_table(console, "Runs", table)
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
        print_counts(console, f"Exceptions of run {run.run_id}", "code", run.counts)
        shown = run.rows if everything else run.rows[:MOST_ROWS]
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


def _print_gates(console: Console, status: Status) -> None:
    table = table_of("gate", "of", "at", ">hold", ">warnings", ">blocking")
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
    print_table(console, "Gates, as last judged (vgi quality)", table)


def _print_deliveries(console: Console, status: Status, *, all_deliveries: bool) -> None:
    shown = status.deliveries if all_deliveries else status.deliveries[-MOST_ROWS:]
    table = table_of(
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
    print_table(console, title, table)
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
    more = len(sentences) - MOST_ROWS
    rest = [f"  and {counted(more, 'file')} more: vgi status --json"] if more > 0 else []
    return sentences[:MOST_ROWS] + rest
