"""The command `vgi`: a thin layer of arguments, sentences and exit codes over the functions of this package.

Exit 0: done; 2: bad usage or bad input, with one sentence per fault; 1: the job failed and left nothing half
done. What is slow to import is imported by the commands that need it, so that `--help` answers at once.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from pipelines import config
from pipelines.errors import BadInput, VgiError
from pipelines.instants import current_instant, parse_instant
from pipelines.wording import counted

if TYPE_CHECKING:
    from rich.console import Console

    from pipelines.tariff_files import TariffFiles
    from settlement import SettlementPeriod

_INTERRUPTED = 130  # what shells report of a command that Ctrl-C ended

app = typer.Typer(
    name="vgi",
    help="Settles vehicle-to-grid demand response, month by month: from meter reads, charger logs, permission"
    " leases and DR signals to points, fee reductions and books.",
    epilog="\b\nA month, from landing folder to export folder:\n"
    "  vgi run landing/ --period 2023-12 --tariffs tariffs/ --out exports/\n"
    "\b\nWhat is there, and what waits for somebody:\n"
    "  vgi status",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

WarehouseOption = Annotated[
    Path | None,
    typer.Option(
        "--warehouse", metavar="FILE", help="The DuckDB file. [env: VGI_WAREHOUSE; default: vgi.duckdb]"
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")]
TariffsOption = Annotated[
    Path | None,
    typer.Option(
        "--tariffs",
        metavar="DIR",
        help="Folder of tariff files (*.yaml), one per version. [env: VGI_TARIFFS]",
    ),
]
AsOfOption = Annotated[
    str | None,
    typer.Option(
        "--as-of", metavar="INSTANT", help="What was known then. [default: receipt of the last delivery]"
    ),
]
ReceivedAtOption = Annotated[
    str | None,
    typer.Option("--received-at", metavar="INSTANT", help="When the files were received. [default: now]"),
]
HoldOption = Annotated[
    bool,
    typer.Option(
        "--hold-for-approval",
        help="Leave the run to be approved by a person (vgi approve). [env: VGI_HOLD_FOR_APPROVAL]",
    ),
]
OutOption = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder that export folders go to.")]
PeriodArgument = Annotated[str, typer.Argument(metavar="PERIOD", help="Settlement period, YYYY-MM.")]
RunIdArgument = Annotated[str, typer.Argument(metavar="RUN_ID", help="A run, as `vgi status` lists them.")]
LandingArgument = Annotated[
    Path, typer.Argument(metavar="LANDING_DIR", help="Folder with a sub-folder of files per feed.")
]


@dataclass
class _Session:
    """What the options say that every command has."""

    warehouse: Path | None = None
    json: bool = False

    def joined(self, *, warehouse: Path | None, json: bool) -> _Session:
        """With what was said after the command's name, which counts more."""
        return _Session(warehouse or self.warehouse, json or self.json)

    @property
    def warehouse_file(self) -> Path:
        named = os.environ.get(config.WAREHOUSE_VARIABLE)
        return self.warehouse or (Path(named) if named else config.DEFAULT_WAREHOUSE)

    def show(self, result: object, show_to_person: Callable[[Console], None]) -> None:
        """Print a result: as JSON, or as a person likes it."""
        from pipelines.render import json_text  # noqa: PLC0415

        if self.json:
            typer.echo(json_text(result))
        else:
            show_to_person(_console())


@app.callback()
def _vgi(ctx: typer.Context, warehouse: WarehouseOption = None, json: JsonOption = False) -> None:
    ctx.obj = _Session(warehouse, json)


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
    session = _session(ctx, warehouse=warehouse, json=json)
    instant = _instant(received_at)
    from pipelines.ingest import ingest as ingest_folder  # noqa: PLC0415
    from pipelines.render import print_ingest  # noqa: PLC0415

    with _progress() as (_, detail):
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
    session = _session(ctx, warehouse=warehouse, json=json)
    instant, month = _instant(as_of), _period(period)
    from pipelines.render import print_verified  # noqa: PLC0415
    from pipelines.settle import verify_period  # noqa: PLC0415

    with _progress() as (progress, detail):
        verified = verify_period(
            warehouse=session.warehouse_file,
            period=month,
            now=current_instant(),
            tariffs=_tariffs(tariffs) if tariffs or os.environ.get(config.TARIFFS_VARIABLE) else None,
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
    session = _session(ctx, warehouse=warehouse, json=json)
    hold = hold_for_approval or config.hold_for_approval()
    instant, month, books_of_tariffs = _instant(as_of), _period(period), _tariffs(tariffs)
    from pipelines.render import print_settled  # noqa: PLC0415
    from pipelines.settle import settle as settle_period  # noqa: PLC0415
    from pipelines.summary import summarise  # noqa: PLC0415

    with _progress() as (progress, detail):
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
    session = _session(ctx, warehouse=warehouse, json=json)
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
    session = _session(ctx, warehouse=warehouse, json=json)
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
    """Issue an approved run as a folder of CSV files and datapackage.json, or write out a replay."""
    session = _session(ctx, warehouse=warehouse, json=json)
    from pipelines.export import export_run  # noqa: PLC0415
    from pipelines.render import print_exported  # noqa: PLC0415

    exported = export_run(
        warehouse=session.warehouse_file,
        run_id=run_id,
        out=out,
        now=current_instant(),
        by=config.operator(),
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
    session = _session(ctx, warehouse=warehouse, json=json)
    hold = hold_for_approval or config.hold_for_approval()
    month, received, known_by = _period(period), _instant(received_at), _instant(as_of)
    books_of_tariffs = _tariffs(tariffs)
    from pipelines.main_job import run_main_job  # noqa: PLC0415
    from pipelines.render import print_main_job  # noqa: PLC0415

    with _progress() as (progress, detail):
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
            progress=progress,
            detail=detail,
        )
    session.show(job, lambda console: print_main_job(console, job))


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
    session = _session(ctx, warehouse=warehouse, json=json)
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
    session = _session(ctx, warehouse=warehouse, json=json)
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
    session = _session(ctx, warehouse=warehouse, json=json)
    from pipelines.render import print_status  # noqa: PLC0415
    from pipelines.status import read_status  # noqa: PLC0415

    current = read_status(warehouse=session.warehouse_file, with_quarantine=quarantine)
    session.show(current, lambda console: print_status(console, current, all_deliveries=all_deliveries))


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
    session = _session(ctx, warehouse=warehouse, json=json)
    from pipelines.quality_docs import build_quality_docs, quality_folder  # noqa: PLC0415

    folder = out or quality_folder(session.warehouse_file)
    index = build_quality_docs(warehouse=session.warehouse_file, out=folder)
    session.show({"index": index}, lambda console: console.print(f"Data Docs: {index}", markup=False))


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
    session = _session(ctx, warehouse=warehouse, json=json)
    from pipelines.audit_docs import build_docs  # noqa: PLC0415

    with _progress() as (progress, _):
        progress("Building the audit docs.")
        page = build_docs(warehouse=session.warehouse_file, out=out)
    session.show({"page": page}, lambda console: console.print(f"Open {page} in a browser."))


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
    session = _session(ctx, warehouse=warehouse, json=json)
    month = None if period is None else str(_period(period))
    from pipelines.explain import explain as explain_amount  # noqa: PLC0415
    from pipelines.explain.subjects import subject_of  # noqa: PLC0415
    from pipelines.explain.tree import print_explanation  # noqa: PLC0415

    subject = subject_of(what, ids or [], lease_id=lease, access_class=access_class, level=level)
    with _progress() as (progress, detail):
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
    session = _session(ctx, warehouse=warehouse, json=json)
    from pipelines.exceptions import read_exceptions  # noqa: PLC0415
    from pipelines.render import print_exceptions  # noqa: PLC0415

    found = read_exceptions(warehouse=session.warehouse_file, run_id=run_id, code=code)
    session.show({"runs": found}, lambda console: print_exceptions(console, found, everything=everything))


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
    session = _session(ctx, warehouse=warehouse, json=json)
    from pipelines.diff import diff_runs  # noqa: PLC0415
    from pipelines.diff.show import print_difference  # noqa: PLC0415

    difference = diff_runs(warehouse=session.warehouse_file, run_a=run_a, run_b=run_b)
    session.show(difference, lambda console: print_difference(console, difference, everything=everything))


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
    session = _session(ctx, warehouse=warehouse, json=json)
    from pipelines.render import print_simulation  # noqa: PLC0415
    from pipelines.simulate import PENCE, YEN  # noqa: PLC0415
    from pipelines.simulate import simulate as simulate_fleet  # noqa: PLC0415

    currencies = {"JPY": YEN, "GBP": PENCE}
    if currency not in currencies:
        raise BadInput(f"'{currency}' is not a currency of the simulation; give {' or '.join(currencies)}.")
    with _progress() as (progress, _):
        report = simulate_fleet(
            out_dir=out_dir,
            evses=evses,
            days=days,
            first_day=_date(first_day),
            seed=seed,
            time_zone=time_zone,
            currency=currencies[currency],
            id_prefix=id_prefix,
            progress=progress,
        )
    session.show(report, lambda console: print_simulation(console, report))


def _date(text: str) -> date:
    try:
        if len(text) == len("2023-12-01"):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise BadInput(f"'{text}' is not a date; write it as 2023-12-01.")


def _session(ctx: typer.Context, *, warehouse: Path | None, json: bool) -> _Session:
    before = ctx.obj
    assert isinstance(before, _Session)
    return before.joined(warehouse=warehouse, json=json)


def _instant(text: str | None) -> datetime | None:
    return None if text is None else parse_instant(text)


def _period(text: str) -> SettlementPeriod:
    from settlement import SettlementPeriod  # noqa: PLC0415

    return SettlementPeriod.parse(text)


def _tariffs(folder: Path | None) -> TariffFiles:
    from pipelines.tariff_files import read_tariffs  # noqa: PLC0415

    named = folder or os.environ.get(config.TARIFFS_VARIABLE)
    if not named:
        raise BadInput("Name the folder of tariff files (--tariffs DIR, or VGI_TARIFFS).")
    return read_tariffs(Path(named))


def _console() -> Console:
    from rich.console import Console  # noqa: PLC0415

    # Piped into a file there is no width to wrap to: a table is not torn.
    piped = not sys.stdout.isatty()
    return Console(highlight=False, soft_wrap=piped, width=200 if piped else None)


@contextmanager
def _progress() -> Iterator[tuple[Callable[[str], None], Callable[[str], None]]]:
    """Two ways to say how far things are, on stderr: steps, and their details, which only a terminal is
    shown.
    """
    if not sys.stderr.isatty():
        yield (lambda sentence: typer.echo(sentence, err=True)), (lambda _: None)
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(stderr=True, highlight=False)
    with console.status("") as spinner:

        def step(sentence: str) -> None:
            console.print(sentence, markup=False, style="dim")
            spinner.update(sentence)

        # Text, so that no file name is taken for markup.
        yield step, lambda sentence: spinner.update(Text(sentence))


def main() -> NoReturn:
    """Run the command; every fault is a sentence and an exit code, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that knows ASCII only still gets an answer
            stream.reconfigure(errors="backslashreplace")
    try:
        code = int(app(prog_name="vgi", standalone_mode=False) or 0)
        if code == _INTERRUPTED:
            _say(["Interrupted: what was under way was undone."], code=code)
    except Exception as error:
        if config.debugging() and not isinstance(error, typer.TyperException):
            raise
        sentences, code = _fault(error)
        _say(sentences, code=code)
    sys.exit(code)


def _say(sentences: list[str], *, code: int) -> None:
    """Say what went wrong on stderr, and to machines that asked for JSON on stdout as well."""
    for sentence in sentences:
        typer.echo(sentence, err=True)
    if "--json" in sys.argv:
        from pipelines.render import json_text  # noqa: PLC0415

        typer.echo(json_text({"errors": sentences, "exit": code}))


def _fault(error: Exception) -> tuple[list[str], int]:
    """The sentences for an error, and the exit code."""
    if isinstance(error, typer.TyperException):
        return [_usage_sentence(error)], error.exit_code
    if isinstance(error, VgiError):
        return str(error).splitlines(), 2 if isinstance(error, BadInput) else 1
    from settlement import PeriodError, SettlementError, TariffError  # noqa: PLC0415

    if isinstance(error, SettlementError):
        return list(error.faults), 2 if isinstance(error, (PeriodError, TariffError)) else 1
    first = next(iter(str(error).splitlines()), "")
    return [f"The job failed: {type(error).__name__}: {first} (VGI_DEBUG=1 shows where.)"], 1


def _usage_sentence(error: typer.TyperException) -> str:
    """What is wrong with the arguments, and where help is; without any argument it is the help itself."""
    message = error.format_message()
    if "\n" in message:
        return message
    context: typer.Context | None = getattr(error, "ctx", None)
    return f"{message.rstrip('.')}; see {context.command_path if context else 'vgi'} --help."
