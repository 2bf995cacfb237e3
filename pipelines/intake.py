"""Intake: what becomes of one received file, whether an ingest hands it in or a rebuild of the warehouse."""

import dataclasses

import duckdb

from pipelines.deliveries import LOADED, REFUSED, Delivery, load_rows, quarantine_file, register
from pipelines.feeds import FEEDS, METER_INTERVALS
from pipelines.formats import ReadRows, RefusedFile
from pipelines.formats.canonical_csv import read_canonical_csv
from pipelines.formats.nem12 import HALF_HOURS_OF_DAY, read_nem12
from pipelines.formats.plain_text import count_lines_with_text
from pipelines.instants import instant_text
from pipelines.journal import Event, record
from pipelines.meter_settings import MeterSettings, note_settings
from pipelines.sources import MeterSource
from pipelines.store import ReceivedFile

CSV, NEM12 = "csv", "nem12"


def format_of(feed: str, file_name: str) -> str:
    """How a file of this name is read."""
    return NEM12 if feed == METER_INTERVALS and file_name.lower().endswith(".nem12.csv") else CSV


def take_in(
    connection: duckdb.DuckDBPyConnection,
    *,
    delivery: Delivery,
    received: ReceivedFile,
    source: MeterSource,
    refused_before: bool = False,
) -> Delivery | None:
    """Check and load one file, register it and tell the journal, inside the caller's transaction; a bad file
    goes to quarantine whole. The caller keeps the bytes before it commits.

    `source` counts for meter files in NEM12 only. One that was refused before and still is changes nothing:
    None.
    """
    try:
        taken = _loaded(connection, delivery=delivery, received=received, source=source)
    except RefusedFile as refusal:
        if refused_before:
            return None
        taken = _refused(connection, delivery=delivery, received=received, refusal=refusal)
    register(connection, taken)
    _tell(connection, taken, source=source)
    return taken


def _loaded(
    connection: duckdb.DuckDBPyConnection, *, delivery: Delivery, received: ReceivedFile, source: MeterSource
) -> Delivery:
    read = _read(connection, delivery=delivery, received=received, source=source)
    counts = load_rows(connection, feed=FEEDS[delivery.feed], delivery=delivery, read=read)
    if delivery.format == NEM12:
        settings = MeterSettings.of(read.nmis, source=source)
        note_settings(
            connection,
            delivery_no=delivery.delivery_no,
            settings=settings,
            noted_at=delivery.received_at,
        )
    return dataclasses.replace(
        delivery,
        outcome=LOADED,
        rows_in=read.rows_in,
        notes="; ".join(read.notes) or None,
        **dataclasses.asdict(counts),
    )


def _read(
    connection: duckdb.DuckDBPyConnection, *, delivery: Delivery, received: ReceivedFile, source: MeterSource
) -> ReadRows:
    if delivery.format == NEM12:
        return read_nem12(connection, path=received.path, scan=received.scan, source=source)
    return read_canonical_csv(connection, feed=FEEDS[delivery.feed], path=received.path, scan=received.scan)


def _refused(
    connection: duckdb.DuckDBPyConnection, *, delivery: Delivery, received: ReceivedFile, refusal: RefusedFile
) -> Delivery:
    rows = _countable_rows(delivery, received)
    quarantine_file(connection, delivery_no=delivery.delivery_no, refusal=refusal)
    return dataclasses.replace(
        delivery, outcome=REFUSED, reason=refusal.reason, rows_in=rows, rows_quarantined=rows
    )


def _countable_rows(delivery: Delivery, received: ReceivedFile) -> int:
    if received.scan.is_binary:
        return 0
    if delivery.format == NEM12:
        return HALF_HOURS_OF_DAY * count_lines_with_text(received.path, prefix="300,")
    return max(0, count_lines_with_text(received.path) - 1)


def _tell(connection: duckdb.DuckDBPyConnection, delivery: Delivery, *, source: MeterSource) -> None:
    """Into the journal: a delivery, and how its file was read."""
    document = dataclasses.asdict(delivery) | {"received_at": instant_text(delivery.received_at)}
    if delivery.format == NEM12:
        document["source"] = dataclasses.asdict(source)
    record(connection, event=Event.RECEIVED, at=delivery.received_at, document=document)
