"""The command that writes a fleet to try the settlement on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.application import (
    JsonOption,
    WarehouseOption,
    app,
    date_of,
    progress_shown,
    session_of,
)
from pipelines.errors import BadInput


@app.command(
    epilog="\b\nExamples:\n"
    "  vgi simulate demo/ --evses 100\n"
    "  vgi simulate demo/ --evses 1000 --first-day 2024-01-01 --days 31 --seed 7"
)
def simulate(  # noqa: PLR0913 -- the options of the command
    ctx: typer.Context,
    *,
    out_dir: Annotated[Path, typer.Argument(metavar="OUT_DIR", help="A new or empty folder.")],
    evses: Annotated[int, typer.Option("--evses", help="Number of EVSEs, 20 to 1,000,000.")] = 100,
    days: Annotated[int, typer.Option("--days", help="Number of local days, 7 to 400.")] = 31,
    first_day: Annotated[str, typer.Option(metavar="DATE", help="YYYY-MM-DD.")] = "2023-12-01",
    seed: Annotated[int, typer.Option("--seed", help="Equal seeds, equal bytes.")] = 1,
    time_zone: Annotated[str, typer.Option("--time-zone", help="Of the programme.")] = "Asia/Tokyo",
    currency: Annotated[str, typer.Option("--currency", help="JPY or GBP.")] = "JPY",
    id_prefix: Annotated[str, typer.Option("--id-prefix", help="Put before every id.")] = "",
    warehouse: WarehouseOption = None,
    json: JsonOption = False,
) -> None:
    """Write a simulated fleet's deliveries, tariffs and plan of runs, to try the settlement on."""
    session = session_of(ctx, warehouse=warehouse, json=json)
    from pipelines.render import print_simulation  # noqa: PLC0415
    from pipelines.simulate import PENCE, YEN  # noqa: PLC0415
    from pipelines.simulate import simulate as simulate_fleet  # noqa: PLC0415

    currencies = {"JPY": YEN, "GBP": PENCE}
    if currency not in currencies:
        raise BadInput(f"'{currency}' is not a currency of the simulation; give {' or '.join(currencies)}.")
    with progress_shown() as (progress, _):
        report = simulate_fleet(
            out_dir=out_dir,
            evses=evses,
            days=days,
            first_day=date_of(first_day),
            seed=seed,
            time_zone=time_zone,
            currency=currencies[currency],
            id_prefix=id_prefix,
            progress=progress,
        )
    session.show(report, lambda console: print_simulation(console, report))
