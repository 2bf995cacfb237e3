"""What a job did, on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from expectations.catalogue import Gate
from pipelines.instants import instant_text
from pipelines.render.summary import print_summary
from pipelines.render.tables import print_table, table_of
from pipelines.runs import Kind
from pipelines.wording import counted, without_keys

if TYPE_CHECKING:
    from pipelines.export import Exported
    from pipelines.ingest import IngestReport
    from pipelines.main_job import MainJob
    from pipelines.settle import Settled, Verified
    from pipelines.simulate import SimulationReport
    from pipelines.summary import Summary


def print_ingest(console: Console, report: IngestReport) -> None:
    """What an ingest took in, file by file."""
    table = table_of("feed", "file", "outcome", ">rows", ">accepted", ">duplicate", ">quarantined")
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
    print_table(console, "Delivered", table)
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
    table = table_of("table", ">rows")
    for name, rows in verified.rows.items():
        table.add_row(f"verified.{name}", f"{rows:,}")
    print_table(console, f"{verified.settlement_period} as of {instant_text(verified.as_of)}", table)
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
    table = table_of("file", ">rows", ">duplicate", ">to be quarantined", ">bytes")
    for file in report.files:
        table.add_row(
            Text(file.path),
            f"{file.rows:,}",
            f"{file.duplicates:,}",
            f"{file.quarantined:,}",
            f"{file.bytes:,}",
        )
    print_table(console, f"Simulated: {report.rows:,} rows below {report.out_dir}", table)
    coverage = table_of("situation", "", ">count")
    for row in report.coverage:
        coverage.add_row(row.group, row.situation, f"{row.count:,}" if row.count else "none")
    print_table(console, "What occurs in it", coverage)
    console.print(Text(f"Deliveries and runs to try, in order: {report.plan}"))


def _print_gate(console: Console, gate: Gate, warnings: Sequence[str]) -> None:
    """What a gate found and let pass: each in a line of its own, without the keys that the Data Docs list."""
    if not warnings:
        return
    told = f"Gate {gate}: {counted(len(warnings), 'warning')}"
    console.print(Text(f"{told}; `vgi quality` writes pages with keys and remedies.", style="yellow"))
    for sentence in warnings:
        console.print(Text(f"  {without_keys(sentence)}"))
