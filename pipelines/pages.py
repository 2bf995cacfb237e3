"""What the pages for operators and auditors show: read from the warehouse, briefly, and never written."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

import duckdb

from pipelines import runs
from pipelines.audit_docs import REPORTS
from pipelines.datapackage import FILE_NAME
from pipelines.errors import JobFailed
from pipelines.exports import EXCEPTIONS, EXPORTS
from pipelines.instants import current_instant
from pipelines.runs import RunEvent
from pipelines.signing import PUBLIC_KEY_FILE, SIGNATURE_FILE
from pipelines.status import OpenWork, RunStatus, runs_and_open_work
from pipelines.summary import Summary, summary_of
from pipelines.warehouse import open_warehouse

EXCEPTIONS_A_PAGE = 200
# What may be downloaded of a run, by file name: its manifest and the files of the catalogue.
DOWNLOADS = {
    FILE_NAME: "What the folder holds, typed and summed, with the hash of every file: the data package",
    SIGNATURE_FILE: "Signature of the data package, and so of every file",
    PUBLIC_KEY_FILE: "Public key that the signature is checked with",
    **{export.file_name: export.description for export in EXPORTS},
}
_WAIT_SECONDS = 0.5
_MOST_KEPT = 64
_T = TypeVar("_T")
_Stamp = tuple[tuple[int, int] | None, ...]


class BeingWritten(Exception):
    """A writer holds the warehouse, and what was asked for was never read before."""


@dataclass(frozen=True, kw_only=True)
class Reading(Generic[_T]):
    """What was read and when; `being_written` if a writer holds the warehouse, so that newer may follow."""

    value: _T
    read_at: datetime
    being_written: bool = False


@dataclass(frozen=True, kw_only=True)
class Overview:
    """Every run, the newest period and as-of first, with the points it found, and what waits for somebody."""

    runs: tuple[RunStatus, ...]
    points: dict[str, int]
    open: OpenWork

    def period_of(self, run_id: str) -> str | None:
        """The settlement period of a run; None if there is no such run."""
        return next((run.settlement_period for run in self.runs if run.run_id == run_id), None)


@dataclass(frozen=True, kw_only=True)
class RunDetails:
    """One run: its totals, the states it went through, and some of its exceptions."""

    summary: Summary
    events: tuple[RunEvent, ...]
    exceptions: tuple[dict[str, Any], ...]


class BriefReader:
    """Reads one warehouse, and keeps what it read until the file changes.

    Only a changed file is opened, and for one reading at a time: DuckDB's lock is the process's, and goes as
    soon as any part of the process closes the file, so that a writer would come in under a second reading.
    """

    def __init__(self, warehouse: Path) -> None:
        self._warehouse = warehouse
        self._one_at_a_time = threading.Lock()
        self._kept: OrderedDict[tuple[object, ...], tuple[_Stamp, Reading[Any]]] = OrderedDict()

    def overview(self) -> Reading[Overview]:
        """All runs. BeingWritten or BadInput if they cannot be read."""
        return self._read(("overview",), read_overview)

    def run(self, run_id: str, *, code: str | None, page: int) -> Reading[RunDetails]:
        """One run. BeingWritten or BadInput if it cannot be read, or if there is none."""
        return self._read(
            ("run", run_id, code, page),
            lambda connection: read_run(connection, run_id, code=code, page=page),
        )

    def _read(self, key: tuple[object, ...], query: Callable[[duckdb.DuckDBPyConnection], _T]) -> Reading[_T]:
        with self._one_at_a_time:
            stamp = self._stamp()
            kept_stamp, kept = self._kept.get(key, (None, None))
            if kept is not None and kept_stamp == stamp:
                return kept
            try:
                reading = Reading(value=self._query(query), read_at=current_instant())
            except JobFailed as error:
                if kept is None:
                    raise BeingWritten from error
                return replace(kept, being_written=True)
            self._keep(key, stamp, reading)
            return reading

    def _query(self, query: Callable[[duckdb.DuckDBPyConnection], _T]) -> _T:
        with open_warehouse(self._warehouse, read_only=True, wait_seconds=_WAIT_SECONDS) as connection:
            return query(connection)

    def _keep(self, key: tuple[object, ...], stamp: _Stamp, reading: Reading[Any]) -> None:
        self._kept[key] = (stamp, reading)
        self._kept.move_to_end(key)
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)

    def _stamp(self) -> _Stamp:
        """Changes whenever a writer commits."""
        log = self._warehouse.with_name(f"{self._warehouse.name}.wal")
        return tuple(_changed(path) for path in (self._warehouse, log))


def _changed(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_size


def read_overview(connection: duckdb.DuckDBPyConnection) -> Overview:
    """All runs and what is open."""
    all_runs, open_work = runs_and_open_work(connection)
    points = connection.execute(
        "select run_id, sum(points)::bigint from results.user_amounts group by run_id"
    ).fetchall()
    return Overview(runs=tuple(reversed(all_runs)), points=dict(points), open=open_work)


def read_run(
    connection: duckdb.DuckDBPyConnection, run_id: str, *, code: str | None = None, page: int = 1
) -> RunDetails:
    """A run with one page of its exceptions, of one code if given. BadInput if there is no such run."""
    return RunDetails(
        summary=summary_of(connection, run_id),
        events=runs.events_of(connection, run_id),
        exceptions=_exceptions(connection, run_id, code=code, page=page),
    )


def _exceptions(
    connection: duckdb.DuckDBPyConnection, run_id: str, *, code: str | None, page: int
) -> tuple[dict[str, Any], ...]:
    names = EXCEPTIONS.column_names
    rows = connection.execute(
        f"""
        select {", ".join(names)}
        from results.exceptions
        where run_id = $run_id and ($code is null or code = $code)
        order by {", ".join(f"{name} nulls first" for name in names)}
        limit $most offset $skipped
        """,
        {
            "run_id": run_id,
            "code": code,
            "most": EXCEPTIONS_A_PAGE,
            "skipped": (page - 1) * EXCEPTIONS_A_PAGE,
        },
    ).fetchall()
    return tuple(dict(zip(names, row, strict=True)) for row in rows)


def download(exports: Path, *, period: str, run_id: str, name: str) -> Path | None:
    """An export file of a run that stands in the warehouse; None for any other name, and what is not there.

    Links that lead out of the run's folder are not followed.
    """
    if name not in DOWNLOADS:
        return None
    folder = exports.resolve() / period / run_id
    path = folder / name
    return path if path.is_file() and path.resolve() == path else None


def report(docs: Path, *, run_id: str) -> Path | None:
    """The report of a run that stands in the warehouse; None if it was not written.

    Links that lead out of the reports' folder are not followed.
    """
    path = docs.resolve() / REPORTS / f"{run_id}.html"
    return path if path.is_file() and path.resolve() == path else None


def downloads(exports: Path, *, period: str, run_id: str) -> dict[str, int]:
    """The export files of a run that are there, with their bytes."""
    found = {name: download(exports, period=period, run_id=run_id, name=name) for name in DOWNLOADS}
    return {name: path.stat().st_size for name, path in found.items() if path is not None}
