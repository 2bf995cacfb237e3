"""The commands for what a person decides about deliveries and periods, and nobody takes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pipelines import config
from pipelines.cli.application import (
    JsonOption,
    PeriodArgument,
    WarehouseOption,
    app,
    instant_of,
    period_of,
    session_of,
)
from pipelines.instants import current_instant, instant_text
from pipelines.wording import counted

if TYPE_CHECKING:
    from rich.console import Console

    from pipelines.withdraw import Withdrawal


@app.command(
    epilog="\b\nExamples:\n"
    '  vgi withdraw 17 --reason "reads of another meter"\n'
    '  vgi withdraw meter_intervals/reads-12.csv --reason "sent by mistake"\n'
    '  vgi withdraw 3fa85f64 --reason "sent by mistake" --at 2024-02-01T09:00:00Z'
)
def withdraw(  # noqa: PLR0913 -- the options of the command
    ctx: typer.Context,
    *,
    delivery: Annotated[
        str,
        typer.Argument(
            metavar="DELIVERY", help="Its number, its feed/file name, or the begin of its SHA-256."
        ),
    ],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept with the delivery.")],
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="INSTANT", help="From when on it is not seen. [default: now]"),
    ] = None,
    warehouse: WarehouseOption = None,
    json: JsonOption = False,
) -> None:
    """Withdraw a delivery: its rows are not seen any more, and those it superseded count again.

    Runs as of an earlier instant see it still. In the name of VGI_OPERATOR, or of the machine's user.
    """
    session = session_of(ctx, warehouse=warehouse, json=json)
    instant = instant_of(at)
    from pipelines.withdraw import withdraw as withdraw_delivery  # noqa: PLC0415

    withdrawal = withdraw_delivery(
        warehouse=session.warehouse_file,
        delivery=delivery,
        reason=reason,
        by=config.operator(),
        now=current_instant(),
        withdrawn_at=instant,
    )
    session.show(withdrawal, lambda console: _print_withdrawal(console, withdrawal))


def _print_withdrawal(console: Console, withdrawal: Withdrawal) -> None:
    """What a withdrawal did, and what is left to do."""
    for warning in withdrawal.warnings:
        console.print(warning, markup=False, style="yellow")
    console.print(
        f"Delivery {withdrawal.delivery_no} ({withdrawal.feed}/{withdrawal.file_name}) is withdrawn by"
        f" {withdrawal.by} as of {instant_text(withdrawal.withdrawn_at)}:"
        f" {counted(withdrawal.rows_withdrawn, 'row')} not seen any more,"
        f" {counted(withdrawal.rows_restored, 'earlier version')} back in their place.",
        markup=False,
    )
    for period in withdrawal.settle_again:
        console.print(
            f"{period} was settled before: settle it again (vgi settle {period} --tariffs DIR), and what the"
            " delivery moved is booked back.",
            markup=False,
        )


@app.command(epilog="\b\nExample:\n  vgi close 2023-12")
def close(
    ctx: typer.Context,
    *,
    period: PeriodArgument,
    warehouse: WarehouseOption = None,
    json: JsonOption = False,
) -> None:
    """Close a settled period for good: its corrections are booked in the next period that is open.

    In the name of VGI_OPERATOR, or of the machine's user.
    """
    session = session_of(ctx, warehouse=warehouse, json=json)
    month = period_of(period)
    from pipelines.closing import close as close_period  # noqa: PLC0415

    closing = close_period(
        warehouse=session.warehouse_file, period=month, by=config.operator(), now=current_instant()
    )
    session.show(
        closing,
        lambda console: console.print(
            f"{closing.settlement_period} is closed by {closing.by}; corrections of it are booked in"
            f" {closing.booked_in_period}.",
            markup=False,
        ),
    )
