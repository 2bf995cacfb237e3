"""`vgi check`: a sound warehouse is called sound, and each part has a fault that it names, with a remedy."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines import cli
from pipelines.check.verdict import WarehouseCheck
from pipelines.check.warehouse import check_warehouse
from pipelines.errors import BadInput, DamageFound
from pipelines.ingest import ingest
from pipelines.journal import journal_path
from pipelines.store import store_of
from pipelines.warehouse import open_warehouse
from tests.pipeline.world import JANUARY_12, NOW, World


def _checked(world: World) -> WarehouseCheck:
    return check_warehouse(world.warehouse)


def _change(world: World, statement: str) -> None:
    with open_warehouse(world.warehouse) as connection:
        connection.execute(statement)


def _last_run(world: World) -> str:
    return str(world.rows("select run_id from books.runs order by as_of desc limit 1")[0][0])


def test_a_sound_warehouse_is_called_sound_and_left_as_it_is(world: World) -> None:
    before = world.warehouse.read_bytes()
    check = _checked(world)
    assert check.faults == ()
    assert check.examined["bookings"] == 4
    assert check.examined["stored_deliveries"] == 2
    assert world.warehouse.read_bytes() == before


# What somebody, or a bug, does to a row: the part that notices, and what it says.
_PLANTED = {
    "an amount is changed": (
        "update books.bookings set amount = amount + 1 where booking_no = 2",
        {"hash chain is broken at booking 2", "entries of booking 2"},
    ),
    "an amount is changed with its entries": (
        "update books.bookings set amount = amount + 1 where booking_no = 2;"
        "update books.entries set amount = amount + 1 where booking_no = 2",
        {"hash chain is broken at booking 2"},
    ),
    "the payee is changed": (
        "update books.bookings set payee_id = 'U-9' where booking_no = 1;"
        "update books.entries set account_id = 'U-9' where booking_no = 1 and account_kind <> 'programme'",
        {"hash chain is broken at booking 1"},
    ),
    "a booking is gone from the middle": (
        "delete from books.bookings where booking_no = 2",
        {"some are missing", "hash chain is broken at booking 3", "entries of booking 2"},
    ),
    "the last booking is gone": (
        "delete from books.bookings where booking_no = 4; delete from books.entries where booking_no = 4",
        {"the ledger ended at booking 4"},
    ),
    "a booking stands twice": (
        "insert into books.bookings select * from books.bookings where booking_no = 3",
        {"stand twice", "entries of booking 3"},
    ),
    "an entry is gone": (
        "delete from books.entries where booking_no = 3 and side = 'debit'",
        {"entries of booking 3"},
    ),
    "an entry of nothing": (
        "insert into books.entries select 9, * exclude (booking_no) from books.entries where booking_no = 3",
        {"entries of booking 9"},
    ),
    "a head is changed": (
        "update books.run_events set chain_hash = repeat('0', 64) where booking_no = 4",
        {"the ledger ended at booking 4", "otherwise than its journal tells"},
    ),
    "a state is forged": (
        "update books.run_events set \"by\" = 'Eve' where state = 'approved'",
        {"(approved)", "otherwise than its journal tells"},
    ),
    "a row is gone": (
        "delete from raw.vehicles where vehicle_id = 'V-1'",
        {"delivery 2 (vehicles/1.csv) 2 rows were accepted and 1 are there"},
    ),
    "a row of no delivery": (
        "insert into raw.vehicles select 7, * exclude (delivery_no) from raw.vehicles limit 1",
        {"delivery 7 of vehicles that nobody registered"},
    ),
    "a delivery is forged": (
        "update raw.deliveries set rows_quarantined = 1 where delivery_no = 1",
        {"delivery 1 otherwise than its journal tells"},
    ),
    "the journal is changed": (
        "update books.journal set document = replace(document, 'vehicles', 'cars') where event = 'received'",
        {"Entry", "does not follow"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("planted", _PLANTED)
def test_what_is_changed_in_the_warehouse_is_named(world: World, planted: str) -> None:
    statement, wanted = _PLANTED[planted]
    _change(world, statement)
    faults = _checked(world).faults
    for words in wanted:
        assert any(words in fault.found for fault in faults), (words, [fault.found for fault in faults])
    assert all("backup" in fault.remedy for fault in faults)


def _flip_last_byte_but_one(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)


def _delivered(world: World) -> Path:
    return next((store_of(world.warehouse) / "vehicles").iterdir())


_BESIDE: dict[str, tuple[Callable[[World], object], str]] = {
    "a stored file has a flipped bit": (
        lambda world: _flip_last_byte_but_one(_delivered(world)),
        "delivery 2 (vehicles/1.csv) are not those that were delivered",
    ),
    "a stored file is gone": (
        lambda world: _delivered(world).unlink(),
        "delivery 2 (vehicles/1.csv) are missing",
    ),
    "the journal is gone": (lambda world: journal_path(world.warehouse).unlink(), "is missing"),
    "the journal has a flipped bit": (
        lambda world: journal_path(world.warehouse).write_bytes(
            journal_path(world.warehouse).read_bytes().replace(b'"bytes":', b'"bytez":', 1)
        ),
        "line 1: the entry does not follow",
    ),
    "the warehouse is gone": (lambda world: world.warehouse.unlink(), "tells what it held"),
    "the warehouse is no DuckDB file": (
        lambda world: world.warehouse.write_bytes(b"x" * 4096),
        "no DuckDB file",
    ),
}


@pytest.mark.parametrize("planted", _BESIDE)
def test_what_is_damaged_in_the_files_is_named(world: World, planted: str) -> None:
    damage, words = _BESIDE[planted]
    damage(world)
    faults = _checked(world).faults
    assert any(words in fault.found for fault in faults), [fault.found for fault in faults]
    assert all("backup" in fault.sentence for fault in faults)


def test_without_a_warehouse_the_store_is_checked_by_the_journal(world: World) -> None:
    world.warehouse.unlink()
    _flip_last_byte_but_one(_delivered(world))
    check = _checked(world)
    assert check.examined["stored_deliveries"] == 2
    assert [fault.part for fault in check.faults] == ["warehouse", "deliveries"]


def test_what_a_killed_process_left_out_of_the_journals_file_is_no_fault(world: World) -> None:
    path = journal_path(world.warehouse)
    path.write_bytes(path.read_bytes()[:-10])
    assert _checked(world).is_sound


def test_where_nothing_is_there_is_nothing_to_check(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no warehouse"):
        check_warehouse(tmp_path / "none.duckdb")


@pytest.mark.parametrize("planted", ["an amount is changed with its entries", "the last booking is gone"])
def test_nothing_is_exported_of_a_ledger_that_was_changed(world: World, planted: str) -> None:
    _change(world, _PLANTED[planted][0])
    with pytest.raises(DamageFound, match=r"Nothing of run .* was issued\.\n.*backup"):
        world.export(_last_run(world))
    assert not list(world.out.glob("*/*"))


def test_a_stored_file_that_the_run_rests_on_stops_the_export_until_it_is_delivered_again(
    world: World, tmp_path: Path
) -> None:
    _flip_last_byte_but_one(_delivered(world))
    with pytest.raises(DamageFound, match="deliver the same file again"):
        world.export(_last_run(world))
    assert not list(world.out.glob("*/*"))
    report = ingest(tmp_path / "vehicles", warehouse=world.warehouse, received_at=None, clock=lambda: NOW)
    assert any("were gone or damaged" in warning for warning in report.warnings)
    assert report.deliveries == ()
    assert _checked(world).is_sound
    assert world.export(_last_run(world)).rows["bookings.csv"] == 1


def test_a_stored_file_of_another_month_does_not_stop_the_export(world: World, tmp_path: Path) -> None:
    header = "metering_point_id,interval_start,import_wh,backfeed_wh,quality"
    folder = tmp_path / "other" / "meter_intervals"
    folder.mkdir(parents=True)
    (folder / "june.csv").write_text(f"{header}\nMP-1,2023-06-01T00:00:00Z,0,0,A\n")
    ingest(tmp_path / "other", warehouse=world.warehouse, received_at=JANUARY_12, clock=lambda: NOW)
    run_id = world.settle().run_id
    _flip_last_byte_but_one(next((store_of(world.warehouse) / "meter_intervals").iterdir()))
    assert world.export(run_id).run_id == run_id
    assert [fault.part for fault in _checked(world).faults] == ["deliveries"]


def test_the_command_says_the_verdict_and_exits_1_on_a_fault(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*arguments: str) -> tuple[object, str]:
        monkeypatch.setattr("sys.argv", ["vgi", "--warehouse", str(world.warehouse), "check", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code, capsys.readouterr().out

    code, out = run()
    assert (code, out.splitlines()[-1]) == (0, "All is what was written.")
    _flip_last_byte_but_one(_delivered(world))
    code, out = run()
    assert (code, out.splitlines()[-1]) == (1, "1 fault.")
    code, out = run("--json")
    document = json.loads(out)
    assert (code, document["is_sound"], document["faults"][0]["part"]) == (1, False, "deliveries")
