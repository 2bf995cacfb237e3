"""The application `vgi` that the commands join, the options they share, and what these say."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperGroup

from pipelines import config
from pipelines.errors import BadInput
from pipelines.instants import parse_instant

if TYPE_CHECKING:
    from rich.console import Console

    from pipelines.tariff_files import TariffFiles
    from settlement import SettlementPeriod

# In the order in which an operator meets them; help lists them so.
_COMMANDS = (
    "ingest", "verify", "settle", "approve", "reject", "export", "run", "status", "exceptions", "explain",
    "diff", "balance", "report", "statement", "quality", "docs", "withdraw", "close", "check", "rebuild",
    "simulate",
)  # fmt: skip


class _InOrderOfWork(TyperGroup):
    def list_commands(self, ctx: object) -> list[str]:
        return sorted(self.commands, key=_COMMANDS.index)


app = typer.Typer(
    name="vgi",
    cls=_InOrderOfWork,
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
        "--as-of", metavar="INSTANT", help="What was known then. [default: the last receipt or withdrawal]"
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
class Session:
    """What the options say that every command has."""

    warehouse: Path | None = None
    json: bool = False

    def joined(self, *, warehouse: Path | None, json: bool) -> Session:
        """With what was said after the command's name, which counts more."""
        return Session(warehouse or self.warehouse, json or self.json)

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
    ctx.obj = Session(warehouse, json)


def session_of(ctx: typer.Context, *, warehouse: Path | None, json: bool) -> Session:
    """The options of every command, those said after its name and those before."""
    before = ctx.obj
    assert isinstance(before, Session)
    return before.joined(warehouse=warehouse, json=json)


def instant_of(text: str | None) -> datetime | None:
    """The instant of an option, if it was given. Raises BadInput."""
    return None if text is None else parse_instant(text)


def period_of(text: str) -> SettlementPeriod:
    """The settlement period of an option. Raises PeriodError."""
    from settlement import SettlementPeriod  # noqa: PLC0415

    return SettlementPeriod.parse(text)


def tariffs_of(folder: Path | None) -> TariffFiles:
    """The tariffs of the folder named by the option or VGI_TARIFFS; BadInput if none is."""
    tariffs = tariffs_if_named(folder)
    if tariffs is None:
        raise BadInput("Name the folder of tariff files (--tariffs DIR, or VGI_TARIFFS).")
    return tariffs


def tariffs_if_named(folder: Path | None) -> TariffFiles | None:
    """The tariffs of the folder named by the option or VGI_TARIFFS; None if none is."""
    from pipelines.tariff_files import read_tariffs  # noqa: PLC0415

    named = folder or os.environ.get(config.TARIFFS_VARIABLE)
    return read_tariffs(Path(named)) if named else None


def date_of(text: str) -> date:
    """The date of an option. Raises BadInput."""
    try:
        if len(text) == len("2023-12-01"):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise BadInput(f"'{text}' is not a date; write it as 2023-12-01.")


def _console() -> Console:
    from rich.console import Console  # noqa: PLC0415

    # Piped into a file there is no width to wrap to: a table is not torn.
    piped = not sys.stdout.isatty()
    return Console(highlight=False, soft_wrap=piped, width=200 if piped else None)


@contextmanager
def progress_shown() -> Iterator[tuple[Callable[[str], None], Callable[[str], None]]]:
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
