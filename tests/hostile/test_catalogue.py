"""The catalogue of hostile input: every file and every cell of it delivered at once, beside good files.

What each has to become stands in csv_files, meter_files and cells.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.deliveries import Delivery
from pipelines.feeds import FEEDS
from pipelines.ingest import IngestReport, ingest
from pipelines.store import stored_path
from pipelines.warehouse import open_warehouse
from tests.hostile.cells import IDS, INSTANTS, INTEGERS, WORDS
from tests.hostile.contract import columns_of, key_of
from tests.hostile.csv_files import CSV_FILES
from tests.hostile.hostile_file import Hostile
from tests.hostile.meter_files import METER_FILES, SOURCES
from tests.hostile.rows import csv_of, good_cells
from tests.simulate.contract_reader import CONTRACT

NOW = datetime.fromisoformat("2024-03-01T12:00:00")
FILES = {f"K{number:03}": hostile for number, hostile in enumerate((*CSV_FILES, *METER_FILES))}
COLUMNS = [(feed, column) for feed in CONTRACT for column in columns_of(feed)]


@dataclass(frozen=True)
class Outcome:
    """The one ingest of everything, and the warehouse it left."""

    landing: Path
    warehouse: Path
    report: IngestReport
    connection: duckdb.DuckDBPyConnection

    def delivery(self, feed: str, file_name: str) -> Delivery:
        [delivery] = [
            delivery
            for delivery in self.report.deliveries
            if (delivery.feed, delivery.file_name) == (feed, file_name)
        ]
        return delivery

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        return self.connection.execute(query, list(parameters)).fetchall()

    def quarantine(self, delivery: Delivery) -> list[tuple[int | None, str | None, str, str | None]]:
        return self.rows(
            "select line, column_name, reason, row_text from raw.quarantine where delivery_no = ? "
            "order by line",
            delivery.delivery_no,
        )

    def published(self, feed: str, key: str) -> list[str]:
        """The rows whose first key column begins so, columns joined by `|`."""
        columns = ", ".join(f"coalesce({column.name}::varchar, '')" for column in FEEDS[feed].columns)
        query = (
            f"select concat_ws('|', {columns}) from published.{feed} where starts_with({key_of(feed)[0]}, ?)"
        )
        return sorted(row for (row,) in self.rows(query, key))


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    folder = tmp_path_factory.mktemp("hostile")
    landing = folder / "landing"
    for feed in CONTRACT:
        (landing / feed).mkdir(parents=True)
        cells = good_cells(feed, key="GOOD")
        (landing / feed / "good.csv").write_text(csv_of(list(cells), list(cells.values())))
    (landing / "sources.yaml").write_text(SOURCES)
    for key, hostile in FILES.items():
        (landing / hostile.feed / hostile.file_name.format(number=key)).write_bytes(hostile.bytes_for(key))
    for feed, column in COLUMNS:
        (landing / feed / f"cells-{column}.csv").write_text(_file_of_cells(feed, column))
    report = ingest(landing, warehouse=folder / "w.duckdb", received_at=None, clock=lambda: NOW)
    with open_warehouse(folder / "w.duckdb", read_only=True) as connection:
        yield Outcome(landing, folder / "w.duckdb", report, connection)


# ---- file by file


@pytest.mark.parametrize("key", FILES, ids=lambda key: FILES[key].name)
def test_a_hostile_file_becomes_what_the_catalogue_says(outcome: Outcome, key: str) -> None:
    hostile = FILES[key]
    delivery = outcome.delivery(hostile.feed, hostile.file_name.format(number=key))
    assert (delivery.outcome == "refused") == hostile.refused
    counts = (hostile.accepted, hostile.duplicate, hostile.quarantined)
    assert (delivery.rows_accepted, delivery.rows_duplicate, delivery.rows_quarantined) == counts
    assert delivery.rows_in == sum(counts)
    _check_quarantine(outcome.quarantine(delivery), hostile, key=key)
    assert outcome.published(hostile.feed, key) == sorted(row.replace("@@@@", key) for row in hostile.loaded)
    assert (hostile.note or "") in (delivery.notes or "")
    kept = stored_path(outcome.warehouse, feed=hostile.feed, sha256=delivery.sha256)
    assert kept.read_bytes() == hostile.bytes_for(key)


def _check_quarantine(entries: list[tuple[Any, ...]], hostile: Hostile, *, key: str) -> None:
    if hostile.refused:
        assert len(entries) == 1
    found = {line: (column, reason) for line, column, reason, _ in entries}
    for line, column, words in hostile.found:
        assert found[line][0] == column and words.replace("@@@@", key) in found[line][1]
    if len(entries) < 100:
        assert set(found) == {line for line, _, _ in hostile.found}
    for _, column, reason, row_text in entries:
        assert len(reason) < 600 and reason.isprintable() and (column or "").isprintable()
        assert len(row_text or "") <= 1000


# ---- cell by cell: every column of every feed


def _hostile_cells(feed: str, column: str) -> dict[str, object]:
    domain = columns_of(feed)[column]
    kind = domain.rstrip("*?")
    cells: dict[str, object] = {"at": INSTANTS, "int": INTEGERS, "id": IDS}.get(kind) or dict.fromkeys(WORDS)
    if (feed, column) == ("dr_signals", "amount"):
        cells = {**cells, "0": None}
    if domain.endswith("?"):
        return cells
    return {**cells, "": None}


def _key_of_cell(number: int, column: str) -> str:
    return f"CELL-{column}-{number}"


def _file_of_cells(feed: str, column: str) -> str:
    """A row for each hostile cell, otherwise good, in the order of the catalogue; keys of their own."""
    rows = []
    for number, cell in enumerate(_hostile_cells(feed, column)):
        rows.append({**good_cells(feed, key=_key_of_cell(number, column)), column: cell})
    return csv_of(list(rows[0]), *(list(row.values()) for row in rows))


@pytest.mark.parametrize(("feed", "column"), COLUMNS, ids=lambda name: name)
def test_a_hostile_cell_is_read_as_it_stands_or_not_at_all(outcome: Outcome, feed: str, column: str) -> None:
    delivery = outcome.delivery(feed, f"cells-{column}.csv")
    cells = _hostile_cells(feed, column)
    worth = {line: value for line, value in enumerate(cells.values(), start=2) if value is not None}
    loaded = dict(
        outcome.rows(f"select line, {column} from raw.{feed} where delivery_no = ?", delivery.delivery_no)
    )
    assert loaded == worth
    texts = dict(enumerate(cells, start=2))
    entries = outcome.quarantine(delivery)
    assert {line for line, *_ in entries} == set(texts) - set(worth)
    for line, named, reason, _ in entries:
        assert line is not None and named == column
        assert reason.startswith(f"{column} is {_shown(texts[line])}; give "), reason
    assert delivery.rows_in == len(cells) == delivery.rows_accepted + delivery.rows_quarantined


def _shown(cell: str) -> str:
    if not cell:
        return "empty"
    spelled_out = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in cell[:60])
    return f"'{spelled_out}{'…' if len(cell) > 60 else ''}'"


# ---- all together


@pytest.mark.parametrize("feed", CONTRACT)
def test_a_good_file_beside_them_is_loaded_untouched(outcome: Outcome, feed: str) -> None:
    delivery = outcome.delivery(feed, "good.csv")
    assert (delivery.rows_in, delivery.rows_accepted, delivery.notes) == (1, 1, None)
    cells = good_cells(feed, key="GOOD")
    cells.pop("row_status", None)
    instants = {name: cell.replace("T", " ").removesuffix("Z") for name, cell in cells.items()}
    wanted = [
        instants[name] if domain.startswith("at") else cells[name]
        for name, domain in columns_of(feed).items()
        if name in cells
    ]
    assert outcome.published(feed, "GOOD") == ["|".join(wanted)]


def test_every_file_was_taken_and_every_row_is_accounted_for(outcome: Outcome) -> None:
    totals = outcome.report.totals
    assert not outcome.report.warnings and not outcome.report.already_known
    assert len(outcome.report.deliveries) == len(FILES) + len(COLUMNS) + len(CONTRACT)
    assert totals["rows_in"] == sum(count for name, count in totals.items() if name != "rows_in")


def test_all_of_it_again_changes_nothing(outcome: Outcome, tmp_path: Path) -> None:
    outcome.connection.close()
    counts = "select count(*), sum(rows_in), (select count(*) from raw.quarantine) from raw.deliveries"
    with open_warehouse(outcome.warehouse, read_only=True) as connection:
        before = connection.execute(counts).fetchall()
    report = ingest(outcome.landing, warehouse=outcome.warehouse, received_at=None, clock=lambda: NOW)
    assert report.deliveries == () and len(report.already_known) == len(outcome.report.deliveries)
    with open_warehouse(outcome.warehouse, read_only=True) as connection:
        assert connection.execute(counts).fetchall() == before
