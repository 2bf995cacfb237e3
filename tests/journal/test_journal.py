"""The journal beside the warehouse: complete after every command, and the witness of one that is not."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines import journal
from pipelines.errors import DamageFound
from pipelines.ingest import ingest
from pipelines.instants import parse_instant
from pipelines.warehouse import open_warehouse

NOW = parse_instant("2024-02-01T00:00:00Z")
HEADER = "aggregator_id,valid_from,valid_to,level,parent_aggregator_id\n"


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    """A warehouse that received two files."""
    warehouse = tmp_path / "vgi.duckdb"
    for name in ("one", "two"):
        _deliver(warehouse, name)
    return warehouse


def _deliver(warehouse: Path, name: str) -> None:
    landing = warehouse.parent / f"landing-{name}"
    (landing / "aggregators").mkdir(parents=True)
    (landing / "aggregators" / f"{name}.csv").write_text(
        f"{HEADER}AG-{name},2023-01-01T00:00:00Z,,parent,\n", encoding="utf-8"
    )
    ingest(landing, warehouse=warehouse, received_at=None, clock=lambda: NOW)


def _in_warehouse(warehouse: Path) -> list[journal.Entry]:
    with open_warehouse(warehouse, read_only=True, compare_journal=False) as connection:
        return list(journal.entries(connection))


def _in_file(warehouse: Path) -> list[journal.Entry]:
    return list(journal.read_file(journal.journal_path(warehouse)))


def _opened(warehouse: Path, *, read_only: bool = False) -> None:
    with open_warehouse(warehouse, read_only=read_only):
        pass


def test_file_and_warehouse_tell_the_same(warehouse: Path) -> None:
    told = _in_file(warehouse)
    assert [entry.told["file_name"] for entry in told] == ["one.csv", "two.csv"]
    assert told == _in_warehouse(warehouse)


def test_what_is_rolled_back_is_not_told(warehouse: Path) -> None:
    before = _in_file(warehouse)
    with open_warehouse(warehouse) as connection:
        connection.execute("begin")
        journal.record(connection, event=journal.Event.CLOSED, at=NOW, document={})
        journal.write_out(connection, warehouse=warehouse)
        connection.execute("rollback")
    assert _in_file(warehouse) == before


def _cut(path: Path, keep: int) -> None:
    path.write_bytes(path.read_bytes()[:keep])


def _lengths_of_killed_writes(whole: bytes) -> Iterator[int]:
    first_line = whole.index(b"\n") + 1
    yield from (0, 1, first_line - 1, first_line, first_line + 1, len(whole) - 1)


def test_a_file_that_a_killed_process_left_short_is_completed(warehouse: Path) -> None:
    path = journal.journal_path(warehouse)
    whole = path.read_bytes()
    for kept in _lengths_of_killed_writes(whole):
        _cut(path, kept)
        _opened(warehouse)
        assert path.read_bytes() == whole, kept


def test_an_earlier_copy_of_the_warehouse_is_refused(warehouse: Path, tmp_path: Path) -> None:
    earlier = tmp_path / "earlier.duckdb"
    shutil.copy(warehouse, earlier)
    _deliver(warehouse, "three")
    shutil.copy(earlier, warehouse)
    for read_only in (False, True):
        with pytest.raises(
            DamageFound, match=r"ends at entry 2 of its journal, but .* at entry 3.*vgi rebuild"
        ):
            _opened(warehouse, read_only=read_only)
    assert len(_in_file(warehouse)) == 3


def test_another_warehouse_is_refused(warehouse: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "vgi.duckdb"
    other.parent.mkdir()
    for name in ("one", "three"):
        _deliver(other, name)
    shutil.copy(other, warehouse)
    with pytest.raises(DamageFound, match="tell different things at entry 2"):
        _opened(warehouse)


def test_a_lost_warehouse_is_not_begun_anew(warehouse: Path) -> None:
    warehouse.unlink()
    with pytest.raises(DamageFound, match=r"is gone, but .* tells what it held"):
        _opened(warehouse)
    assert not warehouse.exists()


def test_without_its_journal_a_warehouse_is_read_but_not_written_to(warehouse: Path) -> None:
    journal.journal_path(warehouse).unlink()
    _opened(warehouse, read_only=True)
    with pytest.raises(DamageFound, match=r"journal\.jsonl is missing"):
        _opened(warehouse)


def test_every_changed_byte_of_the_file_is_found(warehouse: Path) -> None:
    path = journal.journal_path(warehouse)
    whole = path.read_bytes()
    for place in range(0, len(whole) - 1, 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(DamageFound):
            list(journal.read_file(path))
