"""The commands that change the warehouse: from a landing folder to issued exports."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines import config
from pipelines.cli.application import (
    AsOfOption,
    HoldOption,
    JsonOption,
    LandingArgument,
    OutOption,
    PeriodArgument,
    ReceivedAtOption,
    RunIdArgument,
    TariffsOption,
    WarehouseOption,
    app,
    instant_of,
    period_of,
    progress_shown,
    session_of,
    tariffs_if_named,
    tariffs_of,
)
from pipelines.instants import current_instant
from pipelines.wording import counted


@app.command(
    epilog="\b\nExamples:\n  vgi ingest landing/\n  vgi ingest landing/ --received-at 2024-01-05T00:00:00Z"
)
def ingest(
    ctx: typer.Context,
    *,
    landing_dir: LandingArgument,
    received_at: ReceivedAtOption = None,
    warehouse: WarehouseOption = None,
    json: JsonOption = False,
) -> None:
    """Register, check and load whatever is new in a landing folder."""
    session = session_of(ctx, warehouse=warehouse, json=json)
    instant = instant_of(received_at)
    from pipelines.ingest import ingest as ingest_folder  # noqa: PLC0415
    from pipelines.render import print_ingest  # noqa: PLC0415

    with progress_shown() as (_, detail):
        report = ingest_folder(
            landing_dir,
            warehouse=session.warehouse_file,
            received_at=instant,
            clock=current_instant,
            progress=detail,
        )
    session.show(report.as_dict(), lambda console: print_ingest(console, report))


@app.command(epilog="\b\nExamples:\n  vgi verify 2023-12\n  vgi verify 2023-12 --as-of 2024-01-05T00:00:00Z")
def verify(  # noqa: PLR0913 -- the options of the command
    ctx: typer.Context,
    *,
    period: PeriodArgument,
    as_of: AsOfOption = None,
    tariffs: TariffsOption = None,
    warehouse: WarehouseOption = None,
    json: JsonOption = False,
) -> None:
    """Verify what was achieved in a period (dbt), without settling it.

    Without --tariffs, those of the last run decide which reads are good enough.
    """
    session = session_of(ctx, warehouse=warehouse, json=json)
    instant, month = instant_of(as_of), period_of(period)
    from pipelines.render import print_verified  # noqa: PLC0415
    from pipelines.settle import verify_period  # noqa: PLC0415

    with progress_shown() as (progress, detail):
        verified = verify_period(
            warehouse=session.warehouse_file,
            period=month,
            now=current_instant(),
            tariffs=tariffs_if_named(tariffs),
            as_of=instant,
            progress=progress,
            detail=detail,
        )
    session.show(
        verified, lambda console: print_verified(console, verified, warehouse=session.warehouse_file)
    )


@app.command(
    epilog="\b\nExamples:\n"
    "  vgi settle 2023-12 --tariffs tariffs/\n"
    "  vgi settle 2023-12 --tariffs tariffs/ --as-of 2024-01-05T00:00:00Z --hold-for-approval"
)
def settle(  # noqa: PLR0913 -- the options of the command
    ctx: typer.Context,
    *,
    period: PeriodArgument,
    tariffs: TariffsOption = None,
    as_of: AsOfOption = None,
    hold_for_approval: HoldOption = False,
    warehouse: WarehouseOption = None,
    json: JsonOption = False,
) -> None:
    """Verify, settle and audit a period, and approve it unless held.

    A run that exists is found and not settled again.
    """
    session = session_of(ctx, warehouse=warehouse, json=json)
    hold = hold_for_approval or config.hold_for_approval()
    instant, month, books_of_tariffs = instant_of(as_of), period_of(period), tariffs_of(tariffs)
    from pipelines.render import print_settled  # noqa: PLC0415
    from pipelines.settle import settle as settle_period  # noqa: PLC0415
    from pipelines.summary import summarise  # noqa: PLC0415

    with progress_shown() as (progress, detail):
        settled = settle_period(
            warehouse=session.warehouse_file,
            period=month,
            tariffs=books_of_tariffs,
            now=current_instant(),
            by=config.APPROVED_BY_ITSELF,
            as_of=instant,
            hold_for_approval=hold,
            progress=progress,
            detail=detail,
        )
    summary = summarise(warehouse=session.warehouse_file, run_id=settled.run_id)
    session.show(
        {"settled": settled, "summary": summary}, lambda console: print_settled(console, settled, summary)
    )


@app.command(epilog="\b\nExample:\n  vgi approve 2023-12-0123456789abcdef")
def approve(
    ctx: typer.Context,
    *,
    run_id: RunIdArgument,
    warehouse: WarehouseOption = None,
    json: JsonOption = False,
) -> None:
    """Approve a run that awaits it: this books it. In the name of VGI_OPERATOR, or of the machine's user."""
    session = session_of(ctx, warehouse=warehouse, json=json)
    from pipelines.approval import approve as approve_run  # noqa: PLC0415

    by = config.operator()
    bookings = approve_run(warehouse=session.warehouse_file, run_id=run_id, now=current_instant(), by=by)
    session.show(
        {"run_id": run_id, "state": "approved", "by": by, "bookings": bookings},
        lambda console: console.print(
            f"Run {run_id} is approved by {by}, {counted(bookings, 'booking')}; to issue it:"
            f" vgi export {run_id} --out DIR",
            markup=False,
        ),
    )


@app.command(
    epilog='\b\nExample:\n  vgi reject 2023-12-0123456789abcdef --reason "reads of MP-7 are in doubt"'
)
def reject(
    ctx: typer.Context,
    *,
    run_id: RunIdArgument,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept with the run.")],
    warehouse: WarehouseOption = None,
    json: JsonOption = False,
) -> None:
    """Reject a run that awaits approval: it is never booked nor exported."""
    session = session_of(ctx, warehouse=warehouse, json=json)
    from pipelines.approval import reject as reject_run  # noqa: PLC0415

    by = config.operator()
    reject_run(warehouse=session.warehouse_file, run_id=run_id, reason=reason, now=current_instant(), by=by)
    session.show(
        {"run_id": run_id, "state": "rejected", "by": by, "reason": reason},
        lambda console: console.print(f"Run {run_id} is rejected by {by}: {reason}", markup=False),
    )


@app.command(epilog="\b\nExample:\n  vgi export 2023-12-0123456789abcdef --out exports/")
def export(
    ctx: typer.Context,
    *,
    run_id: RunIdArgument,
    out: OutOption,
    warehouse: WarehouseOption = None,
    json: JsonOption = False,
) -> None:
    """Issue an approved run as a folder of CSV files and datapackage.json, or write out a replay.

    Signed with the private key in VGI_SIGNING_KEY (PEM), if there is one; SECURITY.md says more.
    """
    session = session_of(ctx, warehouse=warehouse, json=json)
    from pipelines.export import export_run  # noqa: PLC0415
    from pipelines.render import print_exported  # noqa: PLC0415
    from pipelines.signing import read_signing_key  # noqa: PLC0415

    exported = export_run(
        warehouse=session.warehouse_file,
        run_id=run_id,
        out=out,
        now=current_instant(),
        by=config.operator(),
        signing_key=read_signing_key(config.signing_key()),
    )
    session.show(exported, lambda console: print_exported(console, exported))


@app.command(
    epilog="\b\nExamples:\n"
    "  vgi run landing/ --period 2023-12 --tariffs tariffs/ --out exports/\n"
    "  vgi run landing/ --period 2023-12 --tariffs tariffs/ --out exports/ --hold-for-approval --json"
)
def run(  # noqa: PLR0913 -- the options of the command
    ctx: typer.Context,
    *,
    landing_dir: LandingArgument,
    period: Annotated[str, typer.Option("--period", metavar="PERIOD", help="Settlement period, YYYY-MM.")],
    out: OutOption,
    tariffs: TariffsOption = None,
    received_at: ReceivedAtOption = None,
    as_of: AsOfOption = None,
    hold_for_approval: HoldOption = False,
    warehouse: WarehouseOption = None,
    json: JsonOption = False,
) -> None:
    """The main job: ingest, settle, approve unless held, and export.

    A second time it finds the run, books nothing and exports the same bytes.
    """
    session = session_of(ctx, warehouse=warehouse, json=json)
    hold = hold_for_approval or config.hold_for_approval()
    month, received, known_by = period_of(period), instant_of(received_at), instant_of(as_of)
    books_of_tariffs = tariffs_of(tariffs)
    from pipelines.main_job import run_main_job  # noqa: PLC0415
    from pipelines.render import print_main_job  # noqa: PLC0415
    from pipelines.signing import read_signing_key  # noqa: PLC0415

    signing_key = read_signing_key(config.signing_key())
    with progress_shown() as (progress, detail):
        job = run_main_job(
            landing_dir=landing_dir,
            warehouse=session.warehouse_file,
            period=month,
            tariffs=books_of_tariffs,
            out=out,
            clock=current_instant,
            by=config.APPROVED_BY_ITSELF,
            received_at=received,
            as_of=known_by,
            hold_for_approval=hold,
            signing_key=signing_key,
            progress=progress,
            detail=detail,
        )
    session.show(job, lambda console: print_main_job(console, job))
