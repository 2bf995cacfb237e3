"""The command that checks what was written before."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.application import (
    JsonOption,
    Session,
    WarehouseOption,
    app,
    progress_shown,
    session_of,
)
from pipelines.errors import BadInput


@app.command(
    epilog="\b\nExamples:\n"
    "  vgi check\n"
    "  vgi --warehouse demo/vgi.duckdb check --json\n"
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
    """Check that the warehouse with its ledger, journal and stored deliveries, or an export folder, is what
    was written.

    An export folder needs no warehouse: a partner can check its signature, files, schemas and totals.
    Changes nothing, and ends with 1 if it finds a fault.
    """
    session = session_of(ctx, warehouse=warehouse, json=json)
    if export_dir is None:
        if public_key is not None:
            raise BadInput("--public-key is for an export: name its folder too (vgi check EXPORT_DIR).")
        is_sound = _check_warehouse(session)
    else:
        is_sound = _check_export(session, export_dir, public_key=public_key)
    if not is_sound:
        raise typer.Exit(1)


def _check_warehouse(session: Session) -> bool:
    from pipelines.check import check_warehouse  # noqa: PLC0415
    from pipelines.render import print_check  # noqa: PLC0415

    with progress_shown() as (progress, detail):
        verdict = check_warehouse(session.warehouse_file, progress=progress, detail=detail)
    session.show(verdict.as_dict(), lambda console: print_check(console, verdict))
    return verdict.is_sound


def _check_export(session: Session, export_dir: Path, *, public_key: Path | None) -> bool:
    from pipelines.check_export import check_export  # noqa: PLC0415
    from pipelines.check_export.show import print_export_check  # noqa: PLC0415
    from pipelines.signing import read_public_key  # noqa: PLC0415

    key = None if public_key is None else read_public_key(public_key)
    checked = check_export(export_dir, public_key=key)
    session.show(checked, lambda console: print_export_check(console, checked))
    return not checked.faults
