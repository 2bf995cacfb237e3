"""The command that checks what was written before: an export, or the warehouse with its store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.application import JsonOption, Session, WarehouseOption, app, progress_shown, session_of
from pipelines.errors import BadInput


@app.command(
    epilog="\b\nExamples:\n"
    "  vgi check                                         the warehouse, its books and its stored deliveries\n"
    "  vgi check exports/2023-12/2023-12-0123456789abcdef\n"
    "  vgi check exports/2023-12/2023-12-0123456789abcdef --public-key operator.pub"
)
def check(
    ctx: typer.Context,
    *,
    export_dir: Annotated[
        Path | None,
        typer.Argument(
            metavar="[EXPORT_DIR]", help="The folder of one run's export. [default: the warehouse]"
        ),
    ] = None,
    public_key: Annotated[
        Path | None,
        typer.Option(
            "--public-key",
            metavar="FILE",
            help="The operator's key, from elsewhere than the folder. [default: the one in the folder]",
        ),
    ] = None,
    warehouse: WarehouseOption = None,
    json: JsonOption = False,
) -> None:
    """Check that what was written is complete and unchanged, and change nothing. Exit 1 for a fault.

    Of an export folder: signature, files, rows, schemas, keys and control totals; needs no warehouse, so that
    a partner can run it. Without a folder, of the warehouse: every table, the ledger's hash chain and double
    entry, the journal, and every stored delivery.
    """
    session = session_of(ctx, warehouse=warehouse, json=json)
    if export_dir is not None:
        sound = _export_is_sound(session, export_dir, public_key=public_key)
    elif public_key is not None:
        raise BadInput("--public-key is of an export: name its folder (vgi check EXPORT_DIR).")
    else:
        sound = _warehouse_is_sound(session)
    if not sound:
        raise typer.Exit(1)


def _export_is_sound(session: Session, export_dir: Path, *, public_key: Path | None) -> bool:
    from pipelines.check_export import check_export  # noqa: PLC0415
    from pipelines.check_export.show import print_export_check  # noqa: PLC0415
    from pipelines.signing import read_public_key  # noqa: PLC0415

    key = None if public_key is None else read_public_key(public_key)
    checked = check_export(export_dir, public_key=key)
    session.show(checked, lambda console: print_export_check(console, checked))
    return not checked.faults


def _warehouse_is_sound(session: Session) -> bool:
    from pipelines.check.show import print_warehouse_check  # noqa: PLC0415
    from pipelines.check.warehouse import check_warehouse  # noqa: PLC0415

    with progress_shown() as (progress, detail):
        verdict = check_warehouse(session.warehouse_file, progress=progress, detail=detail)
    session.show(verdict.as_dict(), lambda console: print_warehouse_check(console, verdict))
    return verdict.is_sound
