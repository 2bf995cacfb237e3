"""The journal, in the warehouse and beside it, against each other and against what they tell of."""

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import duckdb

from pipelines import journal
from pipelines.check.verdict import Fault
from pipelines.damage import RESTORE
from pipelines.errors import DamageFound

_MOST = 5
_MEND_FILE = (
    "If the warehouse is sound (no other fault is named), move the file to a backup and write it anew from"
    " the warehouse as docs/recovery.md says; else put both back from one backup."
)


def file_faults(warehouse: Path) -> Iterator[Fault]:
    """A journal's file that is missing, torn, or does not follow from its first line on."""
    path = journal.journal_path(warehouse)
    if not path.is_file():
        yield _fault(f"The journal {path} is missing.", _MEND_FILE)
        return
    try:
        for _ in journal.read_file(path):
            pass
    except (DamageFound, UnicodeDecodeError) as error:
        yield _fault(str(error), _MEND_FILE)


def readable_entries(warehouse: Path) -> list[journal.Entry]:
    """The entries of the file up to the first that is damaged; none without a file."""
    path = journal.journal_path(warehouse)
    entries: list[journal.Entry] = []
    if not path.is_file():
        return entries
    try:
        for entry in journal.read_file(path):
            entries.append(entry)
    except (DamageFound, UnicodeDecodeError):
        pass
    return entries


def table_faults(connection: duckdb.DuckDBPyConnection) -> Iterator[Fault]:
    """Entries of the warehouse that do not follow from the one before."""
    previous_hash = journal.START
    for number, entry in enumerate(journal.entries(connection), start=1):
        told = journal.told_text(seq=entry.seq, event=entry.event, at=entry.at, document=entry.document)
        if entry.seq != number or entry.chain_hash != journal.chained(previous_hash, told):
            yield _fault(
                f"Entry {entry.seq} of the warehouse's journal does not follow from those before it.", RESTORE
            )
            return
        previous_hash = entry.chain_hash


def difference_faults(connection: duckdb.DuckDBPyConnection, *, warehouse: Path) -> Iterator[Fault]:
    """A file that tells otherwise than the warehouse, or more. What it lacks at its end a killed process left
    out: the next command adds it.
    """
    in_file = readable_entries(warehouse)
    with connection.cursor() as reading:
        for told, known in zip_longest(in_file, journal.entries(reading)):
            if told is None:
                return
            if told != known:
                yield _fault(
                    f"{journal.journal_path(warehouse)} and the warehouse differ from entry {told.seq} on:"
                    " the warehouse was cut short, replaced or changed, or the file was.",
                    RESTORE,
                )
                return


def told_faults(connection: duckdb.DuckDBPyConnection) -> Iterator[Fault]:
    """Deliveries and states of runs that are otherwise than the journal tells, or of which it does not."""
    for name, query in (("delivery", _DELIVERIES), ("state of run", _STATES)):
        odd = connection.execute(query).fetchall()
        if odd:
            named = ", ".join(str(row[0]) for row in odd[:_MOST])
            more = f" and {len(odd) - _MOST:,} more" if len(odd) > _MOST else ""
            yield _fault(f"The warehouse has {name} {named}{more} otherwise than its journal tells.", RESTORE)


def count_entries(connection: duckdb.DuckDBPyConnection) -> int:
    """How many entries the warehouse's journal has."""
    row = connection.execute("select count(*) from books.journal").fetchone()
    return int(row[0]) if row else 0


def _fault(found: str, remedy: str) -> Fault:
    return Fault(part="journal", found=found, remedy=remedy)


_DELIVERY_TEXTS = ("feed", "sha256", "file_name", "format", "outcome", "reason", "notes")
_DELIVERY_NUMBERS = ("bytes", "rows_in", "rows_accepted", "rows_duplicate", "rows_quarantined")
_DELIVERIES = f"""
    with
    told as (
        select
            (document ->> 'delivery_no')::integer as delivery_no,
            "at" as received_at,
            {", ".join(f"document ->> '{name}' as {name}" for name in _DELIVERY_TEXTS)},
            {", ".join(f"(document ->> '{name}')::bigint as {name}" for name in _DELIVERY_NUMBERS)},
        from books.journal
        where event = 'received'
    ),
    known as (
        select delivery_no, received_at, {", ".join((*_DELIVERY_TEXTS, *_DELIVERY_NUMBERS))}
        from raw.deliveries
    ),
    odd as (
        (select * from told except all select * from known)
        union all
        (select * from known except all select * from told)
    )
    select distinct delivery_no from odd order by 1
"""
_STATES = """
    with
    told as (
        select
            document ->> 'run_id' as run_id,
            document ->> 'state' as state,
            "at",
            document ->> 'by' as "by",
            document ->> 'reason' as reason,
            (document ->> 'booking_no')::bigint as booking_no,
            document ->> 'chain_hash' as chain_hash,
        from books.journal
        where event = 'state'
    ),
    known as (select run_id, state, "at", "by", reason, booking_no, chain_hash from books.run_events),
    odd as (
        (select * from told except all select * from known)
        union all
        (select * from known except all select * from told)
    )
    select distinct run_id || ' (' || state || ')' from odd order by 1
"""
