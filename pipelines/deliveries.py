"""Deliveries: what came in, what became of every row of it, and which earlier rows it supersedes (R6).

Nothing delivered is overwritten: rows are appended, and a key that stands again in a later delivery is noted
in raw.supersessions, once for every later delivery that has it.
"""

from dataclasses import dataclass
from datetime import datetime

import duckdb

from pipelines.errors import JobFailed
from pipelines.feeds import METER_INTERVALS, ROW_STATUS, Feed, Kind
from pipelines.formats import LONGEST_ROW_TEXT, ReadRows, RefusedFile
from pipelines.versions import SEEN_NOW

LOADED, REFUSED = "loaded", "refused"


@dataclass(frozen=True)
class Delivery:
    """One delivered file and what became of it; counts are rows of the feed (half hours for NEM12).

    rows_in = rows_accepted + rows_duplicate + rows_quarantined. rows_superseded counts earlier rows that this
    delivery supersedes.
    """

    delivery_no: int
    feed: str
    sha256: str
    file_name: str
    format: str
    received_at: datetime
    bytes: int
    outcome: str = LOADED
    reason: str | None = None
    rows_in: int = 0
    rows_accepted: int = 0
    rows_duplicate: int = 0
    rows_quarantined: int = 0
    notes: str | None = None
    rows_superseded: int = 0


@dataclass(frozen=True)
class KnownDelivery:
    """A delivery that is registered already, with how many of its rows later deliveries superseded, and when
    and by whom it was withdrawn, if it was.
    """

    delivery_no: int
    file_name: str
    format: str
    outcome: str
    reason: str | None
    rows_superseded: int
    withdrawn_at: datetime | None
    withdrawn_by: str | None


@dataclass(frozen=True)
class RowCounts:
    """What became of the rows of one loaded delivery."""

    rows_accepted: int
    rows_duplicate: int
    rows_quarantined: int
    rows_superseded: int


def last_instant(connection: duckdb.DuckDBPyConnection) -> datetime | None:
    """When a delivery was last received or withdrawn (naive UTC), None before the first."""
    rows: list[tuple[datetime | None]] = connection.execute(
        "select max(instant) from (select received_at as instant from raw.deliveries"
        " union all select withdrawn_at from raw.withdrawals)"
    ).fetchall()
    return rows[0][0]


def next_delivery_no(connection: duckdb.DuckDBPyConnection) -> int:
    """The number of the next delivery; numbers have no gaps."""
    query = "select coalesce(max(delivery_no), 0) + 1 from raw.deliveries"
    return int(connection.execute(query).fetchall()[0][0])


def find_known(connection: duckdb.DuckDBPyConnection, *, feed: str, sha256: str) -> KnownDelivery | None:
    """The delivery with these bytes, the loaded one where an earlier one was refused."""
    rows = connection.execute(
        """
        select delivery_no, file_name, format, outcome, deliveries.reason, withdrawn_at, "by"
        from raw.deliveries
        left join raw.withdrawals using (delivery_no)
        where feed = ? and sha256 = ?
        order by outcome = 'refused', delivery_no
        limit 1
        """,
        [feed, sha256],
    ).fetchall()
    if not rows:
        return None
    delivery_no, file_name, file_format, outcome, reason, withdrawn_at, withdrawn_by = rows[0]
    return KnownDelivery(
        delivery_no=delivery_no,
        file_name=file_name,
        format=file_format,
        outcome=outcome,
        reason=reason,
        rows_superseded=rows_superseded(connection, delivery_no),
        withdrawn_at=withdrawn_at,
        withdrawn_by=withdrawn_by,
    )


def rows_superseded(connection: duckdb.DuckDBPyConnection, delivery_no: int) -> int:
    """How many rows of a delivery do not count now as later deliveries hold their keys again."""
    rows = connection.execute(
        f"""
        select count(distinct row_no) from raw.supersessions
        where delivery_no = ? and superseded_by_delivery_no in ({SEEN_NOW})
        """,
        [delivery_no],
    ).fetchall()
    return int(rows[0][0])


def known_bytes(connection: duckdb.DuckDBPyConnection) -> set[tuple[str, str]]:
    """Feed and SHA-256 of every delivery."""
    return set(connection.execute("select feed, sha256 from raw.deliveries").fetchall())


def register(connection: duckdb.DuckDBPyConnection, delivery: Delivery) -> None:
    """Write a delivery down. Raises JobFailed if its rows do not add up."""
    if delivery.rows_in != delivery.rows_accepted + delivery.rows_duplicate + delivery.rows_quarantined:
        raise JobFailed(
            f"The rows of {delivery.feed}/{delivery.file_name} do not add up: {delivery.rows_in} in, "
            f"{delivery.rows_accepted} accepted, {delivery.rows_duplicate} duplicate, "
            f"{delivery.rows_quarantined} quarantined; nothing was loaded."
        )
    connection.execute(
        "insert into raw.deliveries values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            delivery.delivery_no,
            delivery.feed,
            delivery.sha256,
            delivery.file_name,
            delivery.format,
            delivery.received_at,
            delivery.bytes,
            delivery.outcome,
            delivery.reason,
            delivery.rows_in,
            delivery.rows_accepted,
            delivery.rows_duplicate,
            delivery.rows_quarantined,
            delivery.notes,
        ],
    )


def quarantine_file(connection: duckdb.DuckDBPyConnection, *, delivery_no: int, refusal: RefusedFile) -> None:
    """Put a refused file into quarantine whole, as one row."""
    connection.execute(
        "insert into raw.quarantine values (?, ?, ?, ?, null)",
        [delivery_no, refusal.line, refusal.column, refusal.reason],
    )


def load_rows(
    connection: duckdb.DuckDBPyConnection, *, feed: Feed, delivery: Delivery, read: ReadRows
) -> RowCounts:
    """Load what a reader found in one file: duplicates once, conflicts and bad rows to quarantine."""
    duplicates, conflicting = _set_repeated_aside(connection, feed=feed, delivery_no=delivery.delivery_no)
    has_repeated = duplicates + conflicting > 0
    connection.execute(
        "insert into raw.quarantine select ?, line, column_name, reason, row_text from bad_rows",
        [delivery.delivery_no],
    )
    superseded = _note_supersessions(connection, feed=feed, delivery=delivery, has_repeated=has_repeated)
    accepted = _append(connection, feed=feed, delivery_no=delivery.delivery_no, has_repeated=has_repeated)
    return RowCounts(
        rows_accepted=accepted,
        rows_duplicate=read.rows_duplicate + duplicates,
        rows_quarantined=read.rows_quarantined + conflicting,
        rows_superseded=superseded,
    )


def _append(
    connection: duckdb.DuckDBPyConnection, *, feed: Feed, delivery_no: int, has_repeated: bool
) -> int:
    names = ", ".join((*feed.column_names, ROW_STATUS))
    inserted = connection.execute(
        f"insert into raw.{feed.name} (delivery_no, row_no, line, {names}) "
        f"select {delivery_no}, row_no, line, {names} from good_rows {_only_kept(has_repeated)}"
    ).fetchall()
    return int(inserted[0][0])


def _only_kept(has_repeated: bool) -> str:
    return "where row_no not in (select row_no from dropped_rows)" if has_repeated else ""


# ---- keys that stand more than once in a file, in good rows or in a good and a bad one


def _set_repeated_aside(
    connection: duckdb.DuckDBPyConnection, *, feed: Feed, delivery_no: int
) -> tuple[int, int]:
    """Counts of duplicate and of conflicting rows: both go to dropped_rows, conflicts to quarantine too."""
    if not _has_repeated_keys(connection, feed=feed):
        return 0, 0
    key = ", ".join(feed.key)
    contents = _joined((*feed.column_names, ROW_STATUS), feed=feed, separator="chr(31)")
    connection.execute(
        f"""
        create or replace temp table repeated_rows as
        with spoilt as (
            select {key}, min(line) as spoilt_line from spoilt_keys group by {key}
        ),
        repeated_keys as (
            select {key} from good_rows group by {key} having count(*) > 1
            union
            select {key} from spoilt
        ),
        repeated as (
            select {key}, line, row_no, {contents} as contents
            from good_rows
            inner join repeated_keys using ({key})
        ),
        keys as (
            select {key}, min(row_no) as first_row_no, arg_min(contents, row_no) as first_contents
            from repeated
            group by {key}
        ),
        others as (
            select {key}, min(line) filter (where contents <> first_contents) as other_line
            from repeated
            inner join keys using ({key})
            group by {key}
        )
        select
            line,
            row_no,
            first_row_no,
            coalesce(other_line, spoilt_line) is not null as is_conflict,
            least(
                spoilt_line,
                case
                    when contents = first_contents then other_line
                    else min(line) over (partition by {key})
                end
            ) as other_line,
        from repeated
        inner join keys using ({key})
        inner join others using ({key})
        left join spoilt using ({key})
        """
    )
    connection.execute(
        "create or replace temp table dropped_rows as select row_no, is_conflict from repeated_rows "
        "where is_conflict or row_no <> first_row_no"
    )
    _quarantine_conflicts(connection, feed=feed, delivery_no=delivery_no)
    counts = connection.execute(
        "select count(*) filter (where not is_conflict), count(*) filter (where is_conflict) "
        "from dropped_rows"
    ).fetchall()[0]
    return int(counts[0]), int(counts[1])


def _has_repeated_keys(connection: duckdb.DuckDBPyConnection, *, feed: Feed) -> bool:
    if feed.name == METER_INTERVALS:
        # A day of a meter with as many rows as different half hours has none twice: far cheaper than by key.
        query = """
            select 1 from good_rows
            group by metering_point_id, epoch(interval_start)::bigint // 86400
            having count(*) <> bit_count(bit_or(1::bigint << (epoch(interval_start)::bigint % 86400 // 1800)))
            limit 1
        """
    else:
        query = f"select 1 from good_rows group by {', '.join(feed.key)} having count(*) > 1 limit 1"
    spoilt = f"select 1 from good_rows semi join spoilt_keys using ({', '.join(feed.key)}) limit 1"
    return any(connection.execute(each).fetchall() for each in (query, spoilt))


def _quarantine_conflicts(connection: duckdb.DuckDBPyConnection, *, feed: Feed, delivery_no: int) -> None:
    key = ", ".join(feed.key)
    row_text = _joined((*feed.column_names, ROW_STATUS), feed=feed, separator="','")
    shown_key = " || ', ' || ".join(f"'{name} ' || {_as_text(name, feed=feed)}" for name in feed.key)
    connection.execute(
        f"""
        insert into raw.quarantine
        select
            {delivery_no},
            line,
            '{key}',
            'the key ' || {shown_key} || ' stands with other contents on line ' || other_line
            || '; deliver the one row that is right',
            left({row_text}, {LONGEST_ROW_TEXT})
        from repeated_rows
        inner join good_rows using (line, row_no)
        where is_conflict
        """
    )


def _joined(names: tuple[str, ...], *, feed: Feed, separator: str) -> str:
    texts = ", ".join(f"coalesce({_as_text(name, feed=feed)}, '')" for name in names)
    return f"concat_ws({separator}, {texts})"


def _as_text(name: str, *, feed: Feed) -> str:
    is_instant = any(column.name == name and column.kind is Kind.INSTANT for column in feed.columns)
    return f"strftime({name}, '%Y-%m-%dT%H:%M:%SZ')" if is_instant else f"{name}::varchar"


# ---- keys that stand in other deliveries


def _note_supersessions(
    connection: duckdb.DuckDBPyConnection, *, feed: Feed, delivery: Delivery, has_repeated: bool
) -> int:
    """Note both ways who supersedes whom; returns how many rows were superseded anew by this delivery."""
    # Few rows of history can be concerned: a literal range lets DuckDB skip the rest of the reads.
    range_of_reads = _range_of_reads(connection) if feed.name == METER_INTERVALS else "true"
    if not connection.execute(f"select 1 from raw.{feed.name} where {range_of_reads} limit 1").fetchall():
        return 0
    key = ", ".join(feed.key)
    connection.execute(
        f"""
        create or replace temp table key_matches as
        with incoming as (
            select row_no as incoming_row_no, {key} from good_rows {_only_kept(has_repeated)}
        )
        select delivery_no, row_no, incoming_row_no
        from raw.{feed.name}
        inner join incoming using ({key})
        where {range_of_reads}
        """
    )
    later = _deliveries_in_force_after(connection, delivery=delivery)
    is_later = f"delivery_no in ({', '.join(map(str, later))})" if later else "false"
    # An insert of no rows would hide a large one after it from the rest of the transaction (DuckDB 2.0.0).
    if later:
        connection.execute(
            f"insert into raw.supersessions select {delivery.delivery_no}, incoming_row_no, delivery_no "
            f"from key_matches where {is_later}"
        )
    superseded = connection.execute(
        f"insert into raw.supersessions select delivery_no, row_no, {delivery.delivery_no} "
        f"from key_matches where not ({is_later})"
    ).fetchall()
    return int(superseded[0][0])


def _range_of_reads(connection: duckdb.DuckDBPyConnection) -> str:
    query = "select min(interval_start), max(interval_start) from good_rows"
    first, last = connection.execute(query).fetchall()[0]
    if first is None:
        return "false"
    return f"interval_start between timestamp '{first}' and timestamp '{last}'"


def _deliveries_in_force_after(connection: duckdb.DuckDBPyConnection, *, delivery: Delivery) -> list[int]:
    """Deliveries loaded already that yet come after this one: same instant, later file name (R6)."""
    rows = connection.execute(
        "select delivery_no from raw.deliveries where feed = ? and received_at = ? and file_name > ?",
        [delivery.feed, delivery.received_at, delivery.file_name],
    ).fetchall()
    return [int(row[0]) for row in rows]
