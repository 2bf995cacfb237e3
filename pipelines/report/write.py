"""A run's report as a file: one page that opens offline, the same bytes whenever it is written."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines import runs
from pipelines.errors import BadInput
from pipelines.report import figures as limits
from pipelines.report.figures import Figures, figures_of, last_approved_run
from pipelines.report.page import page_with_plots
from pipelines.report.plots import plots_of
from pipelines.report.sentences import sentences_of
from pipelines.warehouse import open_warehouse

_MOST_HALF_HOURS = 200


@dataclass(frozen=True, kw_only=True)
class Written:
    """A page that was written."""

    run_id: str
    file: Path
    bytes: int

    @property
    def sentence(self) -> str:
        """What was done, for a person."""
        return f"Wrote {self.file}, of run {self.run_id}."


def write_report(*, warehouse: Path, out: Path, run_id: str | None = None) -> Written:
    """Write the report of a run (default: the one approved last) to `out`: a file that ends in .html, or a
    folder, where it is called after the run.

    The warehouse is only read. BadInput if there is no such run, or `out` cannot be written.
    """
    with open_warehouse(warehouse, read_only=True) as connection:
        figures = figures_of(connection, run_id or approved_or_refuse(last_approved_run(connection)))
    chosen = figures.run.run_id
    return place(report_page(figures), run_id=chosen, out=out, name=f"{chosen}.html")


def write_reports_of_periods(*, warehouse: Path, out: Path, run_ids: Sequence[str]) -> tuple[Written, ...]:
    """Write the reports of some runs (default: the one approved last) and of all the others that were ever
    approved of their periods, whose state may have changed with them, to the folder `out`.
    """
    with open_warehouse(warehouse, read_only=True) as connection:
        chosen = run_ids or [approved_or_refuse(last_approved_run(connection))]
        periods = {runs.get_run(connection, run_id).settlement_period for run_id in chosen}
        approved = {each for period in periods for each in runs.approved_runs(connection, period)}
        found = [figures_of(connection, run_id) for run_id in sorted({*chosen, *approved})]
    return tuple(
        place(report_page(figures), run_id=figures.run.run_id, out=out, name=f"{figures.run.run_id}.html")
        for figures in found
    )


def report_page(figures: Figures) -> str:
    """The report as HTML."""
    plots = plots_of(figures)
    return page_with_plots(
        "report.html",
        specs={name: plot.spec for name, plot in plots.items()},
        figures=figures,
        plots=plots,
        words=sentences_of(figures),
        most={
            "events": limits.MOST_EVENTS,
            "half_hours": _MOST_HALF_HOURS,
            "exceptions_of_a_code": limits.MOST_EXCEPTIONS_OF_A_CODE,
        },
    )


def approved_or_refuse(run_id: str | None) -> str:
    """The run to take where none was named; BadInput if none was approved."""
    if run_id is None:
        raise BadInput("No run was approved yet; name one (vgi status lists them).")
    return run_id


def place(page: str, *, run_id: str, out: Path, name: str) -> Written:
    """Put a page into its place, in one piece; `name` is its name in a folder."""
    file = out if out.suffix.lower() == ".html" and not out.is_dir() else out / name
    partial = file.with_name(f".{file.name}.partial-{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.write_text(page, encoding="utf-8", newline="\n")
            partial.replace(file)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise BadInput(f"{file} cannot be written ({error.strerror}); name another place (--out).") from error
    return Written(run_id=run_id, file=file, bytes=file.stat().st_size)
