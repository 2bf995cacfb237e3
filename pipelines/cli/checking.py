"""The command that checks what is stored."""

from __future__ import annotations

import typer

from pipelines.cli.application import JsonOption, WarehouseOption, app, progress_shown, session_of


@app.command(epilog="\b\nExamples:\n  vgi check\n  vgi --warehouse demo/vgi.duckdb check --json")
def check(ctx: typer.Context, *, warehouse: WarehouseOption = None, json: JsonOption = False) -> None:
    """Check that the warehouse, its ledger and journal, and every stored delivery are what was written.

    Reads all of it and changes nothing. Exit 1 if anything is damaged, with what to do about it.
    """
    session = session_of(ctx, warehouse=warehouse, json=json)
    from pipelines.check.warehouse import check_warehouse  # noqa: PLC0415
    from pipelines.render import print_check  # noqa: PLC0415

    with progress_shown() as (progress, detail):
        verdict = check_warehouse(session.warehouse_file, progress=progress, detail=detail)
    session.show(verdict.as_dict(), lambda console: print_check(console, verdict))
    if not verdict.is_sound:
        raise typer.Exit(1)
