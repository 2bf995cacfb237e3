"""The export folder of a run: complete or absent, and the same bytes whenever it is asked for (R23)."""

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import polars as pl

from expectations.judgement import GateReport
from pipelines import runs
from pipelines.approval import finish_replay
from pipelines.books import open_books, read_result, transaction
from pipelines.check.before_issue import refuse_damaged
from pipelines.datapackage import (
    FILE_NAME,
    UnsafeCells,
    WrittenFile,
    control_totals,
    descriptor_bytes,
    package_descriptor,
)
from pipelines.errors import BadInput, JobFailed
from pipelines.evidence import MOST_KEYS
from pipelines.exports import EXPORTS, UNSAFE_TEXT, ColumnType, Export
from pipelines.gates import before_export
from pipelines.runs import AFTER_APPROVAL, Kind, Run, State
from pipelines.signing import PUBLIC_KEY_FILE, SIGNATURE_FILE, SIGNATURE_FILES, SigningKey, public_key_of
from pipelines.store import sha256_of


@dataclass(frozen=True, kw_only=True)
class Exported:
    """Where a run was exported to, as what, and whether it had stood there already; `signed_by` is the
    fingerprint of the key whose signature lies there, if one does.
    """

    run_id: str
    folder: Path
    kind: Kind
    state: State
    already_there: bool
    rows: Mapping[str, int]
    signed_by: str | None = None
    gate_warnings: tuple[str, ...] = ()


def export_run(  # noqa: PLR0913 -- all keyword-only
    *,
    warehouse: Path,
    run_id: str,
    out: Path,
    now: datetime,
    by: str,
    signing_key: SigningKey | None = None,
) -> Exported:
    """Write `<out>/<settlement_period>/<run_id>/`, signed if there is a key, and issue the run (a replay is
    written, marked, never issued).

    A complete folder of the same bytes is left alone, with its signature, whoever's it is; an unsigned one is
    signed if there is a key. Raises BadInput if the run may not be exported, DamageFound if the books or the
    delivered files that it rests on are damaged, GateFailed if what it stored does not balance or must not
    leave, JobFailed if other bytes stand in its place or the folder cannot be written; then nothing is left
    half done.
    """
    refuse_unwritable(out)
    with open_books(warehouse) as connection:
        run = runs.get_run(connection, run_id)
        kind = _exportable_kind(connection, run)
        refuse_damaged(connection, warehouse=warehouse, run=run)
        if kind is Kind.REPLAY:
            finish_replay(connection, run)
        folder = out / run.settlement_period / run_id
        already_there, files, gate = _place(
            connection, run=run, kind=kind, folder=folder, now=now, signing_key=signing_key
        )
        if kind is not Kind.REPLAY:
            _issue(connection, run=run, now=now, by=by)
        state = runs.state_of(connection, run_id)
    assert state is not None
    return Exported(
        run_id=run_id,
        folder=folder,
        kind=kind,
        state=state,
        already_there=already_there,
        rows={file.export.file_name: file.rows for file in files},
        signed_by=_signed_by(folder),
        gate_warnings=gate.warnings,
    )


def refuse_unwritable(out: Path) -> None:
    """BadInput if no export folder can be made below `out`; nothing is left there."""
    nearest = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    if not nearest.is_dir():
        raise BadInput(f"{nearest} is a file; name the folder that exports go to.")
    try:
        with TemporaryDirectory(dir=nearest, prefix=".vgi-"):
            pass
    except OSError as error:
        raise BadInput(
            f"Nothing can be written to {nearest} ({error.strerror or error}); name another folder"
            " for the exports (--out DIR)."
        ) from error


def _exportable_kind(connection: duckdb.DuckDBPyConnection, run: Run) -> Kind:
    state = runs.state_of(connection, run.run_id)
    kind = runs.kind_of(connection, run)
    if state is State.REJECTED:
        raise BadInput(
            f"Run {run.run_id} was rejected and is never exported; ingest better data or mend the tariffs,"
            f" and settle {run.settlement_period} again."
        )
    if kind is not Kind.REPLAY and state not in AFTER_APPROVAL:
        raise BadInput(
            f"Run {run.run_id} is {state} and awaits approval; approve it first (vgi approve {run.run_id})."
        )
    return kind


def _issue(connection: duckdb.DuckDBPyConnection, *, run: Run, now: datetime, by: str) -> None:
    """Issue an approved run; the runs of the period that were approved before it are superseded."""
    if runs.state_of(connection, run.run_id) is not State.APPROVED:
        return
    approved = runs.approved_runs(connection, run.settlement_period)
    with transaction(connection):
        runs.record_state(connection, run_id=run.run_id, state=State.ISSUED, at=now, by=by)
        for earlier in approved[: approved.index(run.run_id)]:
            if runs.state_of(connection, earlier) is not State.SUPERSEDED:
                runs.record_state(
                    connection,
                    run_id=earlier,
                    state=State.SUPERSEDED,
                    at=now,
                    by=by,
                    reason=f"superseded by {run.run_id}",
                )


def write_csv(export: Export, frame: pl.DataFrame, path: Path) -> None:
    """Write a frame as CSV: UTF-8, `\\n`, header, quotes only where needed, instants with `Z`, empty for
    null.
    """
    ordered = frame.select(export.column_names)
    texts = [column.name for column in export.columns if column.type in (ColumnType.TEXT, ColumnType.DECIMAL)]
    # Polars quotes an empty text but not a null: the file knows one kind of empty only.
    without_empty = ordered.with_columns(pl.col(texts).replace({"": None}))
    without_empty.write_csv(
        path,
        line_terminator="\n",
        quote_style="necessary",
        datetime_format="%Y-%m-%dT%H:%M:%SZ",
        date_format="%Y-%m-%d",
        null_value="",
    )


def unsafe_cells(export: Export, frame: pl.DataFrame) -> UnsafeCells:
    """The text cells of a frame that a spreadsheet would run as a formula, or that tear their line."""
    count, examples = 0, list[str]()
    for column in export.columns:
        if column.type not in (ColumnType.TEXT, ColumnType.DECIMAL):
            continue
        cells = frame[column.name]
        unsafe = cells.filter(cells.str.contains(UNSAFE_TEXT).fill_null(False))
        count += unsafe.len()
        examples += [f"{export.file_name} {column.name} {cell!r}" for cell in unsafe.head(MOST_KEYS)]
    return UnsafeCells(count=count, examples=tuple(examples[:MOST_KEYS]))


def _place(  # noqa: PLR0913 -- all keyword-only
    connection: duckdb.DuckDBPyConnection,
    *,
    run: Run,
    kind: Kind,
    folder: Path,
    now: datetime,
    signing_key: SigningKey | None,
) -> tuple[bool, list[WrittenFile], GateReport]:
    """Put the folder in its place, complete or not at all; tell whether it stood there complete already.

    It is written aside in any case, so that what stands there is compared with what the run says now, and
    judged before it is placed.
    """
    partial = folder.parent / f".{folder.name}.partial-{os.getpid()}"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(folder)
        try:
            files = _write_folder(connection, run=run, kind=kind, folder=partial, signing_key=signing_key)
            gate = before_export(connection, run=run, files=files, at=now)
            already_there = _stands_complete(folder, like=partial)
            if not already_there:
                _swap_in(partial, folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise JobFailed(
            f"The export folder {folder} cannot be written ({error.strerror or error}) and nothing was left"
            f" there; the run stands as it is, write it out with `vgi export {run.run_id} --out DIR`."
        ) from error
    return already_there, files, gate


def _write_folder(
    connection: duckdb.DuckDBPyConnection,
    *,
    run: Run,
    kind: Kind,
    folder: Path,
    signing_key: SigningKey | None,
) -> list[WrittenFile]:
    """Write every file of the export, one table in memory at a time, `datapackage.json` last."""
    folder.mkdir()
    files = [_write_file(connection, run=run, export=export, folder=folder) for export in EXPORTS]
    events = runs.events_of(connection, run.run_id)
    approval = next((event for event in events if event.state is State.APPROVED), None)
    descriptor = descriptor_bytes(package_descriptor(run=run, kind=kind, approval=approval, files=files))
    if signing_key is not None:
        _write(folder / SIGNATURE_FILE, signing_key.sign(descriptor))
        _write(folder / PUBLIC_KEY_FILE, signing_key.public.pem)
    _write(folder / FILE_NAME, descriptor)
    _sync(folder)
    return files


def _write_file(
    connection: duckdb.DuckDBPyConnection, *, run: Run, export: Export, folder: Path
) -> WrittenFile:
    frame = read_result(connection, run_id=run.run_id, table=export)
    path = folder / export.file_name
    write_csv(export, frame, path)
    _sync(path)
    return WrittenFile(
        export=export,
        rows=frame.height,
        lines=_count_lines(path),
        unsafe_cells=unsafe_cells(export, frame),
        bytes=path.stat().st_size,
        sha256=sha256_of(path),
        control_totals=control_totals(export, frame),
    )


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    _sync(path)


def _count_lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))


def _stands_complete(folder: Path, *, like: Path) -> bool:
    """Whether the folder holds exactly the files of the other, and is signed if that is, by whatever key.
    One without its manifest, or with a file missing, is incomplete; JobFailed if a complete one has other
    bytes, or a signature that does not hold.
    """
    if not (folder / FILE_NAME).is_file():
        return False
    written = {path.name for path in like.iterdir()}
    wanted = written - set(SIGNATURE_FILES)
    signatures = {name for name in SIGNATURE_FILES if (folder / name).exists()}
    standing = sorted({path.name for path in folder.iterdir()} - signatures)
    for name in standing:
        if name not in wanted:
            raise JobFailed(
                f"{folder / name} is not part of the export of this run; move it away and export again."
            )
        if sha256_of(folder / name) != sha256_of(like / name):
            raise JobFailed(
                f"{folder / name} is not what this run exported and is not overwritten; find out who"
                " changed it, then move the folder away and export again."
            )
    if signatures and _signed_by(folder) is None:
        raise JobFailed(
            f"The signature in {folder} does not hold and is not overwritten; find out who changed it, then"
            " move the folder away and export again."
        )
    return wanted == set(standing) and bool(signatures) >= (SIGNATURE_FILE in written)


def _signed_by(folder: Path) -> str | None:
    """The fingerprint of the key beside an export whose signature holds; None if there is no such."""
    try:
        key = public_key_of((folder / PUBLIC_KEY_FILE).read_bytes())
        signature = (folder / SIGNATURE_FILE).read_bytes()
    except OSError:
        return None
    if key is None or not key.holds(signature, of=(folder / FILE_NAME).read_bytes()):
        return None
    return key.fingerprint


def _remove_leftovers(folder: Path) -> None:
    """Remove what killed exports of this run left beside its folder."""
    for leftover in folder.parent.glob(f".{folder.name}.*-*"):
        owner = re.fullmatch(r".*-(\d+)", leftover.name)
        if owner is not None and not _is_running(int(owner[1])):
            shutil.rmtree(leftover, ignore_errors=True)


def _is_running(process_id: int) -> bool:
    if process_id == os.getpid():
        return False
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _swap_in(partial: Path, folder: Path) -> None:
    """Rename the written folder to its place; what stands there is incomplete and makes way."""
    incomplete = folder.parent / f".{folder.name}.incomplete-{os.getpid()}"
    if folder.exists():
        folder.rename(incomplete)
    partial.rename(folder)
    _sync(folder.parent)
    _sync(folder.parent.parent)
    shutil.rmtree(incomplete, ignore_errors=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
