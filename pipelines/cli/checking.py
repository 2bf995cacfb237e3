"""The command that checks what was written before."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.application import JsonOption, WarehouseOption, app, session_of
from pipelines.errors import BadInput


@app.command(
    epilog="\b\nExamples:\n"
    "  vgi check exports/2023-12/2023-12-0123456789abcdef\n"
    "  vgi check exports/2023-12/2023-12-0123456789abcdef --public-key operator.pub"
)
def check(
    ctx: typer.Context,
    *,
    export_dir: Annotated[
        Path | None, typer.Argument(metavar="EXPORT_DIR", help="The folder of one run's export.")
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
    """Check an export folder: signature, files, rows, schemas, keys and control totals.

    Needs no warehouse: a partner can run it. Ends with 1 if it finds a fault.
    """
    session = session_of(ctx, warehouse=warehouse, json=json)
    if export_dir is None:
        raise BadInput("Name the export folder to check: vgi check EXPORT_DIR.")
    from pipelines.check.exports import check_export  # noqa: PLC0415
    from pipelines.check.show import print_export_check  # noqa: PLC0415
    from pipelines.signing import read_public_key  # noqa: PLC0415

    key = None if public_key is None else read_public_key(public_key)
    checked = check_export(export_dir, public_key=key)
    session.show(checked, lambda console: print_export_check(console, checked))
    if checked.faults:
        raise typer.Exit(1)
