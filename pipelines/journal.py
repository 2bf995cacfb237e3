"""The journal: what was received and decided, in order and hash-chained, in the warehouse and beside it.

An entry is written in the transaction of what it tells, into `books.journal`, and copied after the commit
to a file in the store of received bytes. What a killed process left out of the file is added when the
warehouse is next opened; a file that knows more than the warehouse, or otherwise, tells of a warehouse that
was lost, cut short or swapped, and nothing is done with it. `vgi rebuild` makes a warehouse of the store.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import duckdb

from pipelines.errors import DamageFound
from pipelines.instants import instant_text
from pipelines.store import fsync_folder, make_folder, store_of

FILE_NAME = "journal.jsonl"
START = "0" * 64
_TAIL_BYTES = 1 << 16

DEFINITIONS = """
create schema if not exists books;
create table if not exists books.journal (
    seq bigint not null,
    event varchar not null,
    "at" timestamp not null,
    document varchar not null,
    chain_hash varchar not null
);
"""


class Event(StrEnum):
    """What a journal tells of."""

    RECEIVED = "received"
    NOTED = "noted"
    WITHDRAWN = "withdrawn"
    RUN = "run"
    STATE = "state"
    EXPORTED = "exported"
    CLOSED = "closed"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry; `document` is canonical JSON, `at` naive UTC, `chain_hash` covers all entries up to it."""

    seq: int
    event: Event
    at: datetime
    document: str
    chain_hash: str

    @property
    def told(self) -> Any:
        """The document, read."""
        return json.loads(self.document)

    @property
    def line(self) -> str:
        """The entry's line in the file."""
        text = told_text(seq=self.seq, event=self.event, at=self.at, document=self.document)
        return f'{text[:-1]},"chain_hash":"{self.chain_hash}"}}\n'


def told_text(*, seq: int, event: str, at: datetime, document: str) -> str:
    """What of an entry its hash covers, besides the hash before it."""
    return f'{{"seq":{seq},"event":"{event}","at":"{instant_text(at)}","document":{document}}}'


def chained(previous_hash: str, text: str) -> str:
    """The hash of an entry: SHA-256 over the hash before it and its own text."""
    return hashlib.sha256((previous_hash + text).encode()).hexdigest()


def journal_path(warehouse: Path) -> Path:
    """The journal's file, in the store of received bytes."""
    return store_of(warehouse) / FILE_NAME


def record(
    connection: duckdb.DuckDBPyConnection, *, event: Event, at: datetime, document: Mapping[str, object]
) -> None:
    """Append an entry, inside the caller's transaction."""
    seq, previous_hash = _head(connection)
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    told = told_text(seq=seq + 1, event=event, at=at, document=text)
    connection.execute(
        "insert into books.journal values (?, ?, ?, ?, ?)",
        [seq + 1, event.value, at, text, chained(previous_hash, told)],
    )


def entries(connection: duckdb.DuckDBPyConnection, *, after: int = 0) -> Iterator[Entry]:
    """The entries of the warehouse behind a number, in their order."""
    rows = connection.execute(
        'select seq, event, "at", document, chain_hash from books.journal where seq > ? order by seq', [after]
    )
    while row := rows.fetchone():
        seq, event, at, document, chain_hash = row
        yield Entry(seq=seq, event=Event(event), at=at, document=document, chain_hash=chain_hash)


def read_file(path: Path) -> Iterator[Entry]:
    """The entries of a journal's file; a last line that was not finished is left out.

    Raises DamageFound, naming the line, for one that is no entry or does not follow from those before it.
    """
    previous_hash = START
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            entry = _parsed(line, path=path, number=number)
            told = told_text(seq=entry.seq, event=entry.event, at=entry.at, document=entry.document)
            if entry.seq != number or entry.chain_hash != chained(previous_hash, told):
                raise DamageFound(
                    f"{path}, line {number}: the entry does not follow from those before it; the journal was"
                    " changed or lines of it were lost. Put it back from a backup."
                )
            previous_hash = entry.chain_hash
            yield entry


def tells_anything(warehouse: Path) -> bool:
    """Whether the file beside a warehouse has entries."""
    path = journal_path(warehouse)
    return path.is_file() and path.stat().st_size > 0


def refuse_lost_warehouse(warehouse: Path) -> None:
    """DamageFound if there is no warehouse though the journal beside it has entries."""
    path = journal_path(warehouse)
    if tells_anything(warehouse):
        raise DamageFound(
            f"The warehouse {warehouse} is gone, but {path} tells what it held. Put it back from a backup, or"
            f" make it anew with `vgi rebuild`; to begin another one, move {path.parent} away first."
        )


def compare(connection: duckdb.DuckDBPyConnection, *, warehouse: Path, read_only: bool) -> None:
    """Hold the warehouse against the journal's file, and add to the file what a killed process left out.

    Raises DamageFound if the warehouse does not continue the file. A copy of a warehouse may be read without
    a journal, but not written to.
    """
    path = journal_path(warehouse)
    if not path.is_file():
        if read_only:
            return
        if _head(connection)[0] > 0:
            raise DamageFound(
                f"{path} is missing, which tells what {warehouse} received and decided. Put the folder"
                f" {path.parent} back from a backup; nothing was done."
            )
        _begin(path)
    _refuse_other_warehouse(connection, warehouse=warehouse, path=path)
    if not read_only:
        write_out(connection, warehouse=warehouse)


def write_out(connection: duckdb.DuckDBPyConnection, *, warehouse: Path) -> None:
    """Add to the file the committed entries that it lacks, on disk when this returns."""
    path = journal_path(warehouse)
    last, end = _last_entry(path)
    # A second connection sees what is committed, whatever its caller's transaction holds.
    with connection.cursor() as committed:
        lines = [entry.line for entry in entries(committed, after=last.seq if last else 0)]
    if not lines and end == path.stat().st_size:
        return
    with path.open("r+b") as file:
        file.truncate(end)
        file.seek(end)
        file.write("".join(lines).encode())
        file.flush()
        os.fsync(file.fileno())


def _begin(path: Path) -> None:
    """An empty file before the first entry: so a missing one is known to be lost."""
    make_folder(path.parent)
    path.touch()
    fsync_folder(path.parent)


def _head(connection: duckdb.DuckDBPyConnection) -> tuple[int, str]:
    row = connection.execute("select seq, chain_hash from books.journal order by seq desc limit 1").fetchone()
    return (row[0], row[1]) if row else (0, START)


def _refuse_other_warehouse(connection: duckdb.DuckDBPyConnection, *, warehouse: Path, path: Path) -> None:
    last, _ = _last_entry(path)
    if last is None:
        return
    row = connection.execute("select chain_hash from books.journal where seq = ?", [last.seq]).fetchone()
    if row is None:
        raise DamageFound(
            f"The warehouse {warehouse} ends at entry {_head(connection)[0]} of its journal, but {path} at"
            f" entry {last.seq}: it was cut short, or an earlier copy was put in its place. Put the last one"
            " back from a backup, or move it aside and make it anew with `vgi rebuild`; nothing was done."
        )
    if row[0] != last.chain_hash:
        raise DamageFound(
            f"The warehouse {warehouse} and {path} tell different things at entry {last.seq}: they do not"
            " belong together, or one of them was changed. Put both back from one backup, or move the"
            " warehouse aside and make it anew with `vgi rebuild`; nothing was done."
        )


def _last_entry(path: Path) -> tuple[Entry | None, int]:
    """The last whole line of the file, and where it ends."""
    size = path.stat().st_size
    with path.open("rb") as file:
        tail = b""
        begin = size
        while begin > 0 and tail.count(b"\n") < 2:
            begin = max(0, begin - _TAIL_BYTES)
            file.seek(begin)
            tail = file.read(size - begin)
    whole = tail[: tail.rfind(b"\n") + 1]
    if not whole:
        return None, begin
    return _parsed(whole.splitlines()[-1], path=path, number=None), begin + len(whole)


def _parsed(line: bytes, *, path: Path, number: int | None) -> Entry:
    try:
        fields = json.loads(line)
        entry = Entry(
            seq=fields["seq"],
            event=Event(fields["event"]),
            at=datetime.fromisoformat(fields["at"]).replace(tzinfo=None),
            document=json.dumps(
                fields["document"], ensure_ascii=False, separators=(",", ":"), sort_keys=True
            ),
            chain_hash=fields["chain_hash"],
        )
    except (ValueError, KeyError, TypeError) as error:
        where = f"line {number}" if number else "the last line"
        raise DamageFound(
            f"{path}, {where} is no entry of a journal: the file was damaged. Put it back from a backup;"
            " nothing was done."
        ) from error
    return entry
