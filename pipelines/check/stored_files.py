"""The store of received bytes: every delivered file, against the hash under which it was kept."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from pipelines.check.verdict import Fault
from pipelines.journal import Entry, Event
from pipelines.runs import Run
from pipelines.store import NotReadable, sha256_of, stored_path
from pipelines.tariff_files import applied_tariffs
from pipelines.touched import SPANS
from pipelines.verify import range_of_reads
from settlement import SettlementPeriod

_READS = "meter_intervals"
_DISPATCH = ("dr_instructions", "dr_signals")


@dataclass(frozen=True, kw_only=True, order=True)
class StoredFile:
    """A file that the store has to hold."""

    delivery_no: int
    feed: str
    sha256: str
    file_name: str


def all_files(connection: duckdb.DuckDBPyConnection) -> list[StoredFile]:
    """The files of all deliveries, refused ones too."""
    rows = connection.execute(
        "select min(delivery_no), feed, sha256, any_value(file_name) from raw.deliveries"
        " group by feed, sha256 order by 1"
    ).fetchall()
    return [_file(row) for row in rows]


def told_files(entries: Iterable[Entry]) -> list[StoredFile]:
    """The files that a journal tells of: for where the warehouse cannot be asked."""
    told = [entry.told for entry in entries if entry.event is Event.RECEIVED]
    files = {(each["feed"], each["sha256"]): each for each in told}
    return sorted(
        StoredFile(**{name: each[name] for name in ("delivery_no", "feed", "sha256", "file_name")})
        for each in files.values()
    )


def files_of_run(connection: duckdb.DuckDBPyConnection, run: Run) -> list[StoredFile]:
    """The files of a run with rows that its period can need; of the others nothing in it was read.

    Their number does not grow with history, but for the registries, whose rows stay in force.
    """
    period = SettlementPeriod.parse(run.settlement_period)
    period_from, period_to = period.instants(applied_tariffs(run).book.time_zone)
    reads_from, reads_to = range_of_reads(connection, period_from, period_to)
    found: set[int] = set()
    for feed in SPANS:
        query = (
            f"select distinct delivery_no from raw.{feed} as rows where {_bears(feed, reads_from, reads_to)}"
        )
        found.update(number for (number,) in connection.execute(query).fetchall())
    rows = connection.execute(
        "select delivery_no, feed, sha256, file_name from books.run_deliveries where run_id = ?", [run.run_id]
    ).fetchall()
    return sorted(_file(row) for row in rows if row[0] in found)


def _bears(feed: str, reads_from: datetime, reads_to: datetime) -> str:
    """Whether a row may matter between two instants; literals, so that DuckDB leaves the other rows out."""
    first, end = f"timestamp '{reads_from}'", f"timestamp '{reads_to}'"
    if feed == _READS:
        return f"interval_start >= {first} and interval_start < {end}"
    if feed in _DISPATCH:
        events = f"select dr_event_id from raw.dr_events where starts_at < {end} and ends_at > {first}"
        return f"dr_event_id in ({events})"
    begins, ends = SPANS[feed]
    return f"rows.{begins} < {end} and (rows.{ends} is null or rows.{ends} > {first})"


def file_faults(
    warehouse: Path, files: Iterable[StoredFile], *, looked_at: Callable[[], None] = lambda: None
) -> Iterator[Fault]:
    """Files that are gone from the store or hold other bytes than were delivered."""
    for file in files:
        found = _what_is_wrong(warehouse, file)
        if found is not None:
            kept_at = stored_path(warehouse, feed=file.feed, sha256=file.sha256)
            named = f"delivery {file.delivery_no} ({file.feed}/{file.file_name})"
            yield Fault(
                part="deliveries",
                found=f"The stored bytes of {named} {found}.",
                remedy=(
                    f"Put {kept_at} back from a backup, or deliver the same file again (vgi ingest keeps its"
                    " bytes anew and changes nothing else)."
                ),
            )
        looked_at()


def _what_is_wrong(warehouse: Path, file: StoredFile) -> str | None:
    path = stored_path(warehouse, feed=file.feed, sha256=file.sha256)
    if not path.exists():
        return "are missing"
    try:
        return None if sha256_of(path) == file.sha256 else "are not those that were delivered"
    except (NotReadable, OSError) as error:
        return f"cannot be read ({error})"


def _file(row: tuple[int, str, str, str]) -> StoredFile:
    delivery_no, feed, sha256, file_name = row
    return StoredFile(delivery_no=delivery_no, feed=feed, sha256=sha256, file_name=file_name)
