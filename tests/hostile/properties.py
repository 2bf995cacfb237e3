"""What has to hold for every file, however broken: the properties that the fuzzer tries."""

import tempfile
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from pipelines.deliveries import Delivery
from pipelines.errors import BadInput
from pipelines.feeds import FEEDS
from pipelines.ingest import ingest
from pipelines.sources import read_sources
from pipelines.tariff_files import read_documents
from pipelines.warehouse import open_warehouse
from tests.hostile import contract, meter_reference
from tests.hostile.mutations import Input
from tests.simulate.contract_reader import CONTRACT

NOW = datetime.fromisoformat("2024-03-01T12:00:00")
_IN_MEMORY = Path("/dev/shm")


def check_deliveries(files: list[Input]) -> None:
    """Deliver files together: each becomes what the contract says of its bytes, and again nothing changes."""
    with tempfile.TemporaryDirectory(dir=_IN_MEMORY if _IN_MEMORY.is_dir() else None) as folder:
        landing, warehouse = Path(folder) / "landing", Path(folder) / "w.duckdb"
        for feed in CONTRACT:
            (landing / feed).mkdir(parents=True)
        named = {f"{number:03}{file.ending}": file for number, file in enumerate(files)}
        for name, file in named.items():
            (landing / file.feed / name).write_bytes(file.content)
        report = ingest(landing, warehouse=warehouse, received_at=None, clock=lambda: NOW)
        assert len(report.deliveries) + len(report.already_known) == len(files), report.warnings
        # What the second ingest leaves is what the first one reported, so it changed nothing.
        again = ingest(landing, warehouse=warehouse, received_at=None, clock=lambda: NOW)
        assert again.deliveries == () and len(again.already_known) == len(files)
        with open_warehouse(warehouse, read_only=True) as connection:
            held = _Held(connection)
    for delivery in report.deliveries:
        check_delivery(delivery, named[delivery.file_name], held=held)
    known = {delivery.delivery_no for delivery in report.deliveries}
    assert held.registered == len(known) and {*held.rows, *held.quarantine} <= known


class _Held:
    """What a warehouse holds of each delivery: raw rows by line, and quarantine."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.registered = len(connection.execute("select delivery_no from raw.deliveries").fetchall())
        self.rows: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for feed in FEEDS:
            cursor = connection.execute(f"select * from raw.{feed}")
            names = [column[0] for column in cursor.description or ()]
            for row in cursor.fetchall():
                values = dict(zip(names, row, strict=True))
                self.rows[values.pop("delivery_no")].append(values)
        self.quarantine: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
        query = "select delivery_no, line, column_name, reason, row_text from raw.quarantine"
        for number, *entry in connection.execute(query).fetchall():
            self.quarantine[number].append(tuple(entry))


def check_delivery(delivery: Delivery, file: Input, *, held: _Held) -> None:
    """One delivery against a second reading of its bytes."""
    rows, quarantine = held.rows[delivery.delivery_no], held.quarantine[delivery.delivery_no]
    counts = (delivery.rows_accepted, delivery.rows_duplicate, delivery.rows_quarantined)
    assert delivery.rows_in == sum(counts) and min(counts) >= 0, (file, counts)
    assert len(rows) == delivery.rows_accepted, file
    for _, column, reason, row_text in quarantine:
        assert reason and reason.isprintable() and len(reason) < 1000, (file, reason)
        assert (column or "").isprintable() and len(row_text or "") <= 1000, file
    if delivery.outcome == "refused":
        assert len(quarantine) == 1 and counts[:2] == (0, 0), file
    else:
        assert all(line is not None for line, *_ in quarantine), file
    check = _check_meter_file if delivery.format == "nem12" else _check_csv
    check(delivery, file, rows=rows, quarantine=quarantine)


def _check_csv(
    delivery: Delivery, file: Input, *, rows: list[dict[str, Any]], quarantine: list[tuple[Any, ...]]
) -> None:
    try:
        reading = contract.read(file.feed, file.content)
    except contract.Refused as refusal:
        assert delivery.outcome == "refused", (file, str(refusal))
        return
    assert delivery.outcome == "loaded", (file, delivery.reason)
    accepted = {row.pop("line"): row for row in rows}
    for row in rows:
        row.pop("row_no")
        if file.feed == "meter_intervals":
            assert row.pop("row_status") == "active"
    assert accepted == reading.accepted, file
    assert delivery.rows_duplicate == len(reading.duplicates), file
    assert sorted(line for line, *_ in quarantine) == sorted(reading.bad), file
    for line, column, *_ in quarantine:
        assert column in reading.bad[line], (file, line, column)


def _check_meter_file(
    delivery: Delivery, file: Input, *, rows: list[dict[str, Any]], quarantine: list[tuple[Any, ...]]
) -> None:
    if delivery.outcome == "refused":
        return
    wanted = meter_reference.half_hours(file.content, quarantined={line for line, *_ in quarantine})
    found = {
        (row["metering_point_id"], row["interval_start"]): (
            row["import_wh"],
            row["backfeed_wh"],
            row["quality"],
        )
        for row in rows
    }
    assert found == wanted, file


# ---- documents


def check_sources(content: bytes) -> None:
    """A sources.yaml is read, or refused with a sentence that can be printed."""
    with tempfile.NamedTemporaryFile(suffix=".yaml") as file:
        file.write(content)
        file.flush()
        try:
            sources = read_sources(Path(file.name))
        except BadInput as error:
            _check_sentences(error, content)
            return
    for source in sources.values():
        assert -14 * 60 <= source.offset_minutes <= 14 * 60 and source.offset_minutes % 30 == 0, content


def check_tariff(content: bytes) -> None:
    """A tariff is read, or refused with sentences that can be printed; no number in it became a float."""
    try:
        tariffs = read_documents({"tariff.yaml": content}).book.tariffs
    except BadInput as error:
        _check_sentences(error, content)
        return
    assert "float" not in repr([type(value) for tariff in tariffs for value in vars(tariff).values()]), (
        content
    )


def _check_sentences(error: BadInput, content: bytes) -> None:
    for sentence in str(error).splitlines() or [""]:
        assert sentence.isprintable() and 0 < len(sentence) < 2000, (content, sentence)
