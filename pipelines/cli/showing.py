"""The commands that only look: what is there, what is open, what an amount rests on, and pages of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.application import (
    JsonOption,
    WarehouseOption,
    app,
    instant_of,
    period_of,
    progress_shown,
    session_of,
)
from pipelines.errors import BadInput
from pipelines.instants import current_instant


@app.command(epilog="\b\nExamples:\n  vgi status\n  vgi status --quarantine\n  vgi --json status")
def status(
    ctx: typer.Context,
    *,
    all_deliveries: Annotated[bool, typer.Option("--all", help="List every delivery.")] = False,
    quarantine: Annotated[bool, typer.Option("--quarantine", help="List every row in quarantine.")] = False,
    warehouse: WarehouseOption = None,
    json: JsonOption = False,
) -> None:
    """Deliveries, quarantine, runs, and what is open."""
    session = session_of(ctx, warehouse=warehouse, json=json)
    from pipelines.render import print_status  # noqa: PLC0415
    from pipelines.status import read_status  # noqa: PLC0415

    current = read_status(warehouse=session.warehouse_file, with_quarantine=quarantine)
    session.show(current, lambda console: print_status(console, current, all_deliveries=all_deliveries))


@app.command(
    epilog="\b\nExamples:\n"
    "  vgi exceptions\n"
    "  vgi exceptions 2023-12-0123456789abcdef --code missing_read --all"
)
def exceptions(  # noqa: PLR0913 -- the options of the command
    ctx: typer.Context,
    *,
    run_id: Annotated[
        str | None, typer.Argument(metavar="RUN_ID", help="A run. [default: the last one of each period]")
    ] = None,
    code: Annotated[str | None, typer.Option("--code", metavar="CODE", help="Of this code only.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="List every exception.")] = False,
    warehouse: WarehouseOption = None,
    json: JsonOption = False,
) -> None:
    """What somebody has to look at, with what to do about it; what costs most comes first."""
    session = session_of(ctx, warehouse=warehouse, json=json)
    from pipelines.exceptions import read_exceptions  # noqa: PLC0415
    from pipelines.render import print_exceptions  # noqa: PLC0415

    found = read_exceptions(warehouse=session.warehouse_file, run_id=run_id, code=code)
    session.show({"runs": found}, lambda console: print_exceptions(console, found, everything=everything))


@app.command(
    epilog="\b\nExamples:\n"
    "  vgi explain user U-7                              points of a user\n"
    "  vgi explain manager M-3                           fee reductions of a manager\n"
    "  vgi explain contract C-5                          fee reduction of one contract\n"
    "  vgi explain performance EVENT-1 V-7               what a vehicle did in an event, and why it is paid\n"
    "  vgi explain line EVENT-1 V-7 EVSE-2 --lease L-9   points of one settlement line\n"
    "  vgi explain lease L-9 --period 2023-12            what became of a lease\n"
    "  vgi explain booking 0123456789abcdef0123456789abcdef\n"
    "  vgi explain aggregator EVENT-1 AG-2               of an aggregator; without id, of the utility\n"
    "  vgi explain user U-7 --json                       complete, with every delivered row"
)
def explain(  # noqa: PLR0913 -- the options of the command
    ctx: typer.Context,
    *,
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            help="user, manager, contract, performance, line, lease, booking or aggregator.",
        ),
    ],
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID...", help="The ids that name it, as in the examples.")
    ] = None,
    run_id: Annotated[
        str | None,
        typer.Option("--run", metavar="RUN_ID", help="The run. [default: the last approved one that has it]"),
    ] = None,
    period: Annotated[
        str | None, typer.Option("--period", metavar="PERIOD", help="Only runs of this period, YYYY-MM.")
    ] = None,
    lease: Annotated[str | None, typer.Option("--lease", metavar="ID", help="Of a line.")] = None,
    access_class: Annotated[
        str | None, typer.Option("--access-class", metavar="CLASS", help="Of a line.")
    ] = None,
    level: Annotated[
        str | None, typer.Option("--level", metavar="LEVEL", help="Of an aggregator: parent or child.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Show long lists whole.")] = False,
    warehouse: WarehouseOption = None,
    json: JsonOption = False,
) -> None:
    """Explain an amount, rule by rule, down to the delivered rows that it rests on.

    From these rows and the tariffs named the rulebook gives the amount again. Reads only; if another run was
    verified since, the run is verified again first.
    """
    session = session_of(ctx, warehouse=warehouse, json=json)
    month = None if period is None else str(period_of(period))
    from pipelines.explain import explain as explain_amount  # noqa: PLC0415
    from pipelines.explain.subjects import subject_of  # noqa: PLC0415
    from pipelines.explain.tree import print_explanation  # noqa: PLC0415

    subject = subject_of(what, ids or [], lease_id=lease, access_class=access_class, level=level)
    with progress_shown() as (progress, detail):
        explanation = explain_amount(
            warehouse=session.warehouse_file,
            subject=subject,
            run_id=run_id,
            period=month,
            progress=progress,
            detail=detail,
        )
    session.show(explanation, lambda console: print_explanation(console, explanation, everything=everything))


@app.command(
    epilog="\b\nExamples:\n"
    "  vgi diff 2023-12-0123456789abcdef 2023-12-fedcba9876543210\n"
    "  vgi diff 2023-12-0123456789abcdef 2023-12-fedcba9876543210 --json"
)
def diff(  # noqa: PLR0913 -- the options of the command
    ctx: typer.Context,
    *,
    run_a: Annotated[str, typer.Argument(metavar="RUN_A", help="A run, as `vgi status` lists them.")],
    run_b: Annotated[str, typer.Argument(metavar="RUN_B", help="Another run of that period.")],
    everything: Annotated[bool, typer.Option("--all", help="List every change and every line.")] = False,
    warehouse: WarehouseOption = None,
    json: JsonOption = False,
) -> None:
    """What changed between two runs of a period, by key, and which delivered rows bear on it."""
    session = session_of(ctx, warehouse=warehouse, json=json)
    from pipelines.diff import diff_runs  # noqa: PLC0415
    from pipelines.diff.show import print_difference  # noqa: PLC0415

    difference = diff_runs(warehouse=session.warehouse_file, run_a=run_a, run_b=run_b)
    session.show(difference, lambda console: print_difference(console, difference, everything=everything))


ReportOutOption = Annotated[
    Path,
    typer.Option(
        "--out",
        metavar="FILE",
        help="An .html file, or a folder. [default: the current folder]",
        show_default=False,
    ),
]


@app.command(
    epilog="\b\nExamples:\n  vgi report\n  vgi report 2023-12-0123456789abcdef --out reports/december.html"
)
def report(
    ctx: typer.Context,
    *,
    run_id: Annotated[
        str | None, typer.Argument(metavar="RUN_ID", help="A run. [default: the one approved last]")
    ] = None,
    out: ReportOutOption = Path(),
    warehouse: WarehouseOption = None,
    json: JsonOption = False,
) -> None:
    """Write the report of a run: one page with plots, which opens offline."""
    session = session_of(ctx, warehouse=warehouse, json=json)
    from pipelines.report.write import write_report  # noqa: PLC0415

    written = write_report(warehouse=session.warehouse_file, out=out, run_id=run_id)
    session.show(written, lambda console: console.print(written.sentence, markup=False))


@app.command(
    epilog="\b\nExamples:\n  vgi statement --user U-0000027\n"
    "  vgi statement --manager M-L0000000 --run 2023-12-0123456789abcdef --out statements/"
)
def statement(  # noqa: PLR0913 -- the options of the command
    ctx: typer.Context,
    *,
    user: Annotated[str | None, typer.Option("--user", metavar="ID", help="A user of vehicles.")] = None,
    manager: Annotated[
        str | None, typer.Option("--manager", metavar="ID", help="A manager of contracts.")
    ] = None,
    run_id: Annotated[
        str | None, typer.Option("--run", metavar="RUN_ID", help="A run. [default: the one approved last]")
    ] = None,
    out: ReportOutOption = Path(),
    warehouse: WarehouseOption = None,
    json: JsonOption = False,
) -> None:
    """Write the statement of one user or manager: what he is paid for a period, and why, on one page."""
    session = session_of(ctx, warehouse=warehouse, json=json)
    payees = {"user": user, "manager": manager}
    named = [(kind, payee_id) for kind, payee_id in payees.items() if payee_id is not None]
    if len(named) != 1:
        raise BadInput("Name one user (--user ID) or one manager (--manager ID).")
    from pipelines.report.statement import write_statement  # noqa: PLC0415

    ((kind, payee_id),) = named
    written = write_statement(
        warehouse=session.warehouse_file, out=out, payee_kind=kind, payee_id=payee_id, run_id=run_id
    )
    session.show(written, lambda console: console.print(written.sentence, markup=False))


@app.command(
    epilog="\b\nExamples:\n"
    "  vgi balance                                               totals by payee kind and unit\n"
    "  vgi balance --user U-0000027 --history\n"
    "  vgi balance --manager M-L0000000 --as-of 2024-01-31T00:00:00Z --json"
)
def balance(  # noqa: PLR0913 -- the options of the command
    ctx: typer.Context,
    *,
    user: Annotated[str | None, typer.Option("--user", metavar="ID", help="A user of vehicles.")] = None,
    manager: Annotated[
        str | None, typer.Option("--manager", metavar="ID", help="A manager of contracts.")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="INSTANT", help="What was booked by then. [default: now]")
    ] = None,
    history: Annotated[bool, typer.Option("--history", help="List every booking.")] = False,
    warehouse: WarehouseOption = None,
    json: JsonOption = False,
) -> None:
    """What was booked for a user or manager, and what stands; without one, the totals of all.

    A balance below 0 is a debt: it is carried forward, and later awards pay it off first.
    """
    session = session_of(ctx, warehouse=warehouse, json=json)
    instant = instant_of(as_of)
    if user is not None and manager is not None:
        raise BadInput("Name one user (--user ID) or one manager (--manager ID), or none for the totals.")
    from pipelines import balance as books  # noqa: PLC0415
    from pipelines.render import print_balance, print_totals  # noqa: PLC0415

    file, now = session.warehouse_file, current_instant()
    payee_id = user if user is not None else manager
    if payee_id is None:
        totals = books.read_totals(warehouse=file, now=now, as_of=instant)
        session.show(totals, lambda console: print_totals(console, totals))
        return
    kind = "user" if user is not None else "manager"
    booked = books.read_balance(warehouse=file, payee_kind=kind, payee_id=payee_id, now=now, as_of=instant)
    session.show(
        booked.as_dict(with_history=history),
        lambda console: print_balance(console, booked, with_history=history),
    )


@app.command(
    epilog="\b\nExamples:\n"
    "  vgi docs --out audit-docs/\n"
    "  vgi --warehouse demo/vgi.duckdb docs --out demo/docs"
)
def docs(
    ctx: typer.Context,
    *,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder that the page goes to.")],
    warehouse: WarehouseOption = None,
    json: JsonOption = False,
) -> None:
    """Build the audit docs: one page, which opens offline, on how a settlement is made and checked."""
    session = session_of(ctx, warehouse=warehouse, json=json)
    from pipelines.audit_docs import build_docs  # noqa: PLC0415

    with progress_shown() as (progress, _):
        progress("Building the audit docs.")
        page = build_docs(warehouse=session.warehouse_file, out=out)
    session.show({"page": page}, lambda console: console.print(f"Open {page} in a browser."))


@app.command(epilog="\b\nExamples:\n  vgi quality\n  vgi quality --out quality/")
def quality(
    ctx: typer.Context,
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder of the pages. [default: WAREHOUSE.quality]"),
    ] = None,
    warehouse: WarehouseOption = None,
    json: JsonOption = False,
) -> None:
    """Write what the gates found as Data Docs: pages that open offline."""
    session = session_of(ctx, warehouse=warehouse, json=json)
    from pipelines.quality_docs import build_quality_docs, quality_folder  # noqa: PLC0415

    folder = out or quality_folder(session.warehouse_file)
    index = build_quality_docs(warehouse=session.warehouse_file, out=folder)
    session.show({"index": index}, lambda console: console.print(f"Data Docs: {index}", markup=False))
