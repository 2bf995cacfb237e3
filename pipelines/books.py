"""Schemas `results` and `books` of the warehouse: what runs found, and the ledger (R23, R24).

Append-only: nothing here updates or deletes a row. Every function works on a connection that its caller
opened, and inside the caller's transaction.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import polars as pl

import settlement
from pipelines.errors import BadInput
from pipelines.exports import BOOKINGS, Export
from pipelines.journal import refuse_lost_warehouse
from pipelines.warehouse import open_warehouse

CHAIN_START = "0" * 64


@dataclass(frozen=True)
class ChainHead:
    """The last booking of the ledger and the hash over all bookings up to it."""

    booking_no: int
    chain_hash: str


@contextmanager
def open_books(warehouse: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a warehouse that exists, and close it again.

    Raises BadInput if there is no warehouse yet: books rest on deliveries.
    """
    refuse_missing(warehouse)
    with open_warehouse(warehouse) as connection:
        yield connection


def refuse_missing(warehouse: Path) -> None:
    """BadInput if there is no warehouse yet, DamageFound if there was one."""
    if warehouse.exists():
        return
    refuse_lost_warehouse(warehouse)
    raise BadInput(
        f"There is no warehouse {warehouse}; ingest a landing folder first (vgi ingest LANDING_DIR)."
    )


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """All that the block writes, or nothing of it."""
    connection.execute("begin")
    try:
        yield
    except BaseException:
        with suppress(duckdb.Error):  # after some errors DuckDB has ended the transaction itself
            connection.execute("rollback")
        raise
    connection.execute("commit")


def frame_of(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: Sequence[object] = ()
) -> pl.DataFrame:
    """The rows of a query as a frame."""
    connection.complete()  # else a result that was fetched in part stands in the way
    frame = pl.from_arrow(connection.sql(query, params=list(parameters)).to_arrow_table())
    assert isinstance(frame, pl.DataFrame)
    return frame


def store_result(
    connection: duckdb.DuckDBPyConnection, *, run_id: str, table: Export, frame: pl.DataFrame
) -> None:
    """Append the rows of one result table of a run."""
    columns = ", ".join(table.column_names)
    with _registered(connection, frame):
        connection.execute(
            f"insert into results.{table.name} (run_id, {columns}) select ?, {columns} from incoming",
            [run_id],
        )


def read_result(connection: duckdb.DuckDBPyConnection, *, run_id: str, table: Export) -> pl.DataFrame:
    """One result table of a run, in the order in which it is published: by its columns from the first, code
    point order, empty first.
    """
    columns = ", ".join(table.column_names)
    order = ", ".join(f"{name} nulls first" for name in table.column_names)
    query = f"select {columns} from results.{table.name} where run_id = ? order by {order}"
    return frame_of(connection, query, [run_id])


def has_result(connection: duckdb.DuckDBPyConnection, *, run_id: str, table: Export) -> bool:
    """Whether a result table holds any row of a run."""
    found = connection.execute(f"select true from results.{table.name} where run_id = ? limit 1", [run_id])
    return found.fetchone() is not None


def booked(
    connection: duckdb.DuckDBPyConnection, *, period: str, as_of: datetime | None = None
) -> pl.DataFrame:
    """All bookings of a period, in the order in which they were booked; with `as_of`, those of runs up to
    that as-of only. Columns of the export `bookings`.
    """
    columns = ", ".join(f"bookings.{name}" for name in BOOKINGS.column_names)
    query = f"""
        select {columns} from books.bookings
        inner join books.runs on runs.run_id = bookings.run_id
        where bookings.settlement_period = ? and (?::timestamp is null or runs.as_of <= ?::timestamp)
        order by bookings.booking_no
    """
    return frame_of(connection, query, [period, as_of, as_of])


def chain_head(connection: duckdb.DuckDBPyConnection) -> ChainHead:
    """The last booking and its chain hash; booking 0 with `CHAIN_START` while nothing is booked."""
    row = connection.execute(
        "select booking_no, chain_hash from books.bookings order by booking_no desc limit 1"
    ).fetchone()
    return ChainHead(row[0], row[1]) if row else ChainHead(0, CHAIN_START)


def append_bookings(
    connection: duckdb.DuckDBPyConnection,
    *,
    run_id: str,
    bookings: pl.DataFrame,
    entries: pl.DataFrame,
    booked_at: datetime,
) -> ChainHead:
    """Append a run's bookings to the ledger, numbered and chained, with their double entries; give the new
    head.

    A booking that stands already, under its id and with the same contents, is not appended again. LedgerError
    if it stands with other contents: then nothing is appended.
    """
    standing = _standing(connection, bookings)
    settlement.refuse_conflicts(bookings, standing)
    bookings = bookings.join(standing, on="booking_id", how="anti")
    entries = entries.join(standing, on="booking_id", how="anti")
    head = chain_head(connection)
    ordered = bookings.select(BOOKINGS.column_names).sort("booking_id")
    numbers = range(head.booking_no + 1, head.booking_no + 1 + ordered.height)
    hashes = list(_chain(head=head, run_id=run_id, bookings=ordered))
    chained = ordered.with_columns(
        pl.Series("booking_no", numbers, dtype=pl.Int64), pl.Series("chain_hash", hashes, dtype=pl.String)
    )
    columns = ", ".join(("booking_no", *BOOKINGS.column_names, "chain_hash"))
    with _registered(connection, chained):
        connection.execute(
            f"insert into books.bookings (run_id, booked_at, {columns}) select ?, ?, {columns} from incoming",
            [run_id, booked_at],
        )
    _append_entries(connection, entries=entries)
    return chain_head(connection)


def _standing(connection: duckdb.DuckDBPyConnection, bookings: pl.DataFrame) -> pl.DataFrame:
    """What stands in the ledger already under the ids of these bookings."""
    columns = ", ".join(BOOKINGS.column_names)
    query = f"select {columns} from books.bookings where booking_id in (select booking_id from incoming)"
    with _registered(connection, bookings):
        return frame_of(connection, query)


def _append_entries(connection: duckdb.DuckDBPyConnection, *, entries: pl.DataFrame) -> None:
    with _registered(connection, entries):
        connection.execute(
            """
            insert into books.entries by name
            select bookings.booking_no, incoming.*
            from incoming
            inner join books.bookings on bookings.booking_id = incoming.booking_id
            order by bookings.booking_no, incoming.side
            """
        )


def canonical_booking(*, booking_no: int, run_id: str, values: tuple[object, ...]) -> bytes:
    """The bytes of a booking that the chain covers: its number, its run and its export columns in order."""
    return json.dumps([booking_no, run_id, *values], ensure_ascii=False, separators=(",", ":")).encode()


def _chain(*, head: ChainHead, run_id: str, bookings: pl.DataFrame) -> Iterator[str]:
    chain_hash = head.chain_hash
    for booking_no, values in enumerate(bookings.iter_rows(), start=head.booking_no + 1):
        booking = canonical_booking(booking_no=booking_no, run_id=run_id, values=values)
        chain_hash = hashlib.sha256(chain_hash.encode() + booking).hexdigest()
        yield chain_hash


@contextmanager
def _registered(connection: duckdb.DuckDBPyConnection, frame: pl.DataFrame) -> Iterator[None]:
    connection.complete()  # as in frame_of
    connection.register("incoming", frame.to_arrow())
    try:
        yield
    finally:
        connection.unregister("incoming")
