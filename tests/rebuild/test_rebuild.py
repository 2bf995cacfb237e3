"""A lost warehouse comes back whole from its store: rows, books, results, journal and exports (R23)."""

import shutil
from pathlib import Path

import pytest

from pipelines import journal
from pipelines.books import open_books
from pipelines.errors import BadInput, DamageFound
from pipelines.export import export_run, exported_sha256
from pipelines.journal import Event
from pipelines.rebuild.warehouse import Rebuilt, rebuild
from pipelines.recompute import recompute
from pipelines.store import sha256_of, store_of
from pipelines.warehouse import open_warehouse
from tests.pipeline.world import NOW
from tests.rebuild.contents import contents, file_bytes
from tests.rebuild.history import BY, History

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("given_verification"),
]


def _journal(store: Path) -> list[journal.Entry]:
    return list(journal.read_file(store / journal.FILE_NAME))


def test_the_history_holds_all_that_a_journal_tells_of(history: History) -> None:
    entries = _journal(store_of(history.warehouse))
    assert {entry.event for entry in entries} == set(Event)
    states = {entry.told["state"] for entry in entries if entry.event is Event.STATE}
    assert states == {"computed", "audited", "approved", "rejected", "issued", "superseded"}
    held = contents(history.warehouse)
    reasons = {row[3] for row in held["raw.quarantine"]}
    assert any("steam" in str(row) for row in held["raw.quarantine"])
    assert len(reasons) >= 3
    assert len(held["raw.meter_settings"]) == 2
    assert len(held["raw.supersessions"]) > 0
    assert {row[7] for row in held["raw.deliveries"]} == {"loaded", "refused"}


def test_a_lost_warehouse_is_made_anew_with_all_that_it_held(history: History, rebuilt: Rebuilt) -> None:
    folder = rebuilt.warehouse.parent
    assert contents(rebuilt.warehouse) == contents(history.warehouse)
    assert file_bytes(folder / "out") == file_bytes(history.out)
    assert file_bytes(rebuilt.store) == file_bytes(store_of(history.warehouse))
    assert rebuilt.entries_completed == 0
    assert len(rebuilt.exports) == len(rebuilt.exported_run_ids) == 5
    names = {path.name for path in folder.iterdir()}
    assert names == {"vgi.duckdb", "vgi.duckdb.deliveries", "vgi.duckdb.settling", "out"}


def test_a_copy_is_made_from_a_store_that_stands_elsewhere(
    history: History, store: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "elsewhere" / "copy.duckdb"
    rebuild(warehouse=copy, store=store)
    assert contents(copy) == contents(history.warehouse)
    assert file_bytes(store_of(copy)) == file_bytes(store)
    kept = next(path for path in (store / "vehicles").iterdir())
    assert not (store_of(copy) / "vehicles" / kept.name).samefile(kept)


def test_exports_are_told_of_once_with_the_hash_of_their_datapackage(history: History) -> None:
    told = [entry.told for entry in _journal(store_of(history.warehouse)) if entry.event is Event.EXPORTED]
    assert len(told) == len({each["run_id"] for each in told}) == 5
    with open_books(history.warehouse) as connection:
        for each in told:
            datapackage = history.out / "2023-12" / each["run_id"] / "datapackage.json"
            assert each["datapackage_sha256"] == sha256_of(datapackage)
            assert exported_sha256(connection, each["run_id"]) == each["datapackage_sha256"]


def test_a_standing_warehouse_is_not_overwritten(lost: Path) -> None:
    lost.write_bytes(b"damaged")
    with pytest.raises(BadInput, match=r"vgi\.duckdb stands where the warehouse is to be.*\.aside"):
        rebuild(warehouse=lost)
    assert lost.read_bytes() == b"damaged"


def test_a_store_is_not_overwritten(history: History, store: Path, lost: Path) -> None:
    before = file_bytes(store)
    with pytest.raises(BadInput, match="is another store than"):
        rebuild(warehouse=lost, store=store_of(history.warehouse))
    assert file_bytes(store) == before


def test_the_log_of_a_lost_warehouse_is_not_taken_for_that_of_the_new_one(lost: Path) -> None:
    lost.with_name("vgi.duckdb.wal").write_bytes(b"left over")
    with pytest.raises(BadInput, match=r"vgi\.duckdb\.wal stands where"):
        rebuild(warehouse=lost)


def test_without_a_journal_nothing_is_rebuilt(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="There is no journal"):
        rebuild(warehouse=tmp_path / "vgi.duckdb")
    assert list(tmp_path.iterdir()) == []


# ---- a journal that ends anywhere


def _cut(store: Path, kept: int) -> list[journal.Entry]:
    path = store / journal.FILE_NAME
    entries = _journal(store)
    path.write_text("".join(entry.line for entry in entries[:kept]), encoding="utf-8")
    return entries


def _check_cut(store: Path, kept: int) -> None:
    lost = store.with_name("vgi.duckdb")
    entries = _cut(store, kept)
    rebuilt = rebuild(warehouse=lost)
    with open_warehouse(lost) as connection:
        made = list(journal.entries(connection))
    assert len(made) == rebuilt.entries >= kept
    assert made == entries[: len(made)] == _journal(store)


def _within_a_transaction(store: Path) -> list[int]:
    """How many entries there are up to the first of a run's, and of an issue's that supersedes."""
    entries = _journal(store)
    first_run = next(entry.seq for entry in entries if entry.event is Event.RUN)
    superseding = next(e.seq for e in entries if e.event is Event.STATE and e.told["state"] == "superseded")
    return [first_run, superseding - 1]


def test_a_transaction_that_is_told_in_part_is_completed(store: Path, tmp_path: Path) -> None:
    for kept in _within_a_transaction(store):
        again = Path(shutil.copytree(store, store_of(tmp_path / str(kept) / "vgi.duckdb")))
        _check_cut(again, kept)


def test_any_beginning_of_a_journal_is_rebuilt(store: Path, tmp_path: Path) -> None:
    for kept in range(1, len(_journal(store)) + 1, 2):
        again = Path(shutil.copytree(store, store_of(tmp_path / str(kept) / "vgi.duckdb")))
        _check_cut(again, kept)


def test_a_last_line_that_was_not_finished_is_dropped(store: Path, lost: Path) -> None:
    path = store / journal.FILE_NAME
    _cut(store, 3)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"seq":4,"eve')
    rebuild(warehouse=lost)
    assert path.read_bytes() == whole


# ---- a run computed again


def test_stored_runs_come_out_as_they_were(rebuilt: Rebuilt) -> None:
    assert len(rebuilt.run_ids) == 6
    found = {run_id: recompute(warehouse=rebuilt.warehouse, run_id=run_id) for run_id in rebuilt.run_ids}
    assert found == dict.fromkeys(rebuilt.run_ids, ())


def test_a_result_and_a_booking_that_were_changed_are_noticed(rebuilt: Rebuilt, tmp_path: Path) -> None:
    changed = tmp_path / "vgi.duckdb"
    shutil.copy(rebuilt.warehouse, changed)
    shutil.copytree(rebuilt.store, store_of(changed))
    first = rebuilt.run_ids[0]
    with open_warehouse(changed) as connection:
        connection.execute("update results.user_amounts set points = points + 1 where run_id = ?", [first])
        connection.execute("update books.bookings set amount = amount + 1 where booking_no = 1")
    assert recompute(warehouse=changed, run_id=first) == ("user_amounts", "bookings")


def test_a_run_that_was_exported_is_never_exported_with_other_bytes(rebuilt: Rebuilt, tmp_path: Path) -> None:
    changed = tmp_path / "vgi.duckdb"
    shutil.copy(rebuilt.warehouse, changed)
    shutil.copytree(rebuilt.store, store_of(changed))
    with open_warehouse(changed) as connection:
        connection.execute("update results.exceptions set detail = detail || ' '")
    with pytest.raises(DamageFound, match="was exported with a datapackage"):
        export_run(warehouse=changed, run_id=rebuilt.run_ids[0], out=tmp_path / "out", now=NOW, by=BY)
    assert file_bytes(tmp_path / "out") == {}
