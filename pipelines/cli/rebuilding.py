"""The command that makes a warehouse anew from the store of delivered files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli.application import JsonOption, WarehouseOption, app, progress_shown, session_of
from pipelines.wording import counted

if TYPE_CHECKING:
    from rich.console import Console

    from pipelines.rebuild.warehouse import Rebuilt


@app.command(
    epilog="\b\nExamples:\n"
    "  mv vgi.duckdb vgi.duckdb.damaged && vgi rebuild\n"
    "  vgi --warehouse copy/vgi.duckdb rebuild --store backup/vgi.duckdb.deliveries --out copy/exports"
)
def rebuild(
    ctx: typer.Context,
    *,
    store: Annotated[
        Path | None,
        typer.Option(
            "--store",
            metavar="DIR",
            help="Folder of delivered files and their journal; another one than the warehouse's own is"
            " copied. [default: WAREHOUSE.deliveries]",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write the exports out there as well.")
    ] = None,
    warehouse: WarehouseOption = None,
    json: JsonOption = False,
) -> None:
    """Make a lost warehouse anew from its delivered files and its journal.

    Everything received and decided is done again in its order, and compared with what was told of it: run
    ids, ledger and exports are the same, or nothing is put in place. A standing warehouse is not overwritten.
    """
    session = session_of(ctx, warehouse=warehouse, json=json)
    from pipelines.rebuild.warehouse import rebuild as rebuild_warehouse  # noqa: PLC0415

    with progress_shown() as (progress, detail):
        rebuilt = rebuild_warehouse(
            warehouse=session.warehouse_file, store=store, out=out, progress=progress, detail=detail
        )
    session.show(rebuilt, lambda console: _print(console, rebuilt))


def _print(console: Console, rebuilt: Rebuilt) -> None:
    head = rebuilt.ledger_head
    sentences = [
        f"Rebuilt {rebuilt.warehouse}: deliveries {rebuilt.deliveries:,}, runs {len(rebuilt.run_ids):,}.",
        f"Its journal (to entry {rebuilt.entries:,}) and ledger (to booking {head.booking_no:,}) are those"
        f" that were lost; the ledger's head is {head.chain_hash}.",
        f"{counted(len(rebuilt.exported_run_ids), 'export')} made again: the bytes that were issued.",
    ]
    if rebuilt.entries_completed:
        sentences.append(
            "The journal's file ended within a transaction; what follows from its beginning was added, to"
            f" entry {rebuilt.entries:,}."
        )
    sentences.extend(f"Exported to {folder}" for folder in rebuilt.exports)
    for sentence in sentences:
        console.print(sentence, markup=False)
