"""Killed between a commit and what follows it, and run again; and faults that would be noticed so."""

import signal
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from tests.crashes import command, deaths
from tests.crashes.conftest import Undisturbed
from tests.crashes.ends import check_same, check_survived, check_whole_or_absent
from tests.crashes.kills import is_inside
from tests.crashes.world import INITIAL, LATE, World

pytestmark = pytest.mark.slow


def _killed(
    undisturbed: Undisturbed, death: Callable[[], None], *, receipt: str, stage: str, folder: Path
) -> World:
    world = undisturbed.begin(receipt, folder / "world", stage=stage)
    ended = command.run(world.main_job(receipt), log=folder / "killed.jsonl", before=death)
    assert ended.code == -signal.SIGKILL, f"it did not come to {death.__name__}: {ended.said}"
    return world


@pytest.mark.parametrize("death", deaths.DEATHS, ids=lambda death: death.__name__)
def test_killed_at_a_place_and_run_again(
    death: Callable[[], None], undisturbed: Undisturbed, tmp_path: Path
) -> None:
    stage = deaths.stage_before(death)
    world = _killed(undisturbed, death, receipt=LATE, stage=stage, folder=tmp_path)
    check_survived(world, receipt=LATE, undisturbed=undisturbed, log=tmp_path / "again.jsonl")


@pytest.mark.parametrize("size", [0, 4096, 8192])
def test_killed_while_the_warehouse_is_made(undisturbed: Undisturbed, tmp_path: Path, size: int) -> None:
    world = undisturbed.begin(INITIAL, tmp_path / "world")
    duckdb.connect(str(world.warehouse)).close()
    with world.warehouse.open("r+b") as file:
        file.truncate(size)
    ended = command.run(world.ingest(INITIAL), log=tmp_path / "log.jsonl")
    assert ended.code == 0, ended.said
    check_same(world.state(), undisturbed.before[INITIAL, "dbt"].state())


def test_a_short_warehouse_that_held_something_is_refused(undisturbed: Undisturbed, tmp_path: Path) -> None:
    world = undisturbed.begin(INITIAL, tmp_path / "world", stage="dbt")
    with world.warehouse.open("r+b") as file:
        file.truncate(4096)
    ended = command.run(world.ingest(INITIAL), log=tmp_path / "log.jsonl")
    assert ended.code != 0
    assert world.warehouse.stat().st_size == 4096


def test_an_export_written_in_place_is_noticed(undisturbed: Undisturbed, tmp_path: Path) -> None:
    world = _killed(undisturbed, deaths.written_in_place, receipt=INITIAL, stage="settle", folder=tmp_path)
    with pytest.raises(AssertionError, match="in part"):
        check_whole_or_absent(world, undisturbed.end[INITIAL])


def test_a_booking_in_parts_is_noticed(undisturbed: Undisturbed, tmp_path: Path) -> None:
    world = _killed(undisturbed, deaths.booked_in_parts, receipt=INITIAL, stage="settle", folder=tmp_path)
    with pytest.raises(AssertionError):
        check_survived(world, receipt=INITIAL, undisturbed=undisturbed, log=tmp_path / "again.jsonl")


@pytest.mark.parametrize(
    ("fault", "stage"), [(deaths.books_what_is_booked, "settle"), (deaths.forgets_a_file, "ingest")]
)
def test_what_is_doubled_or_lost_is_noticed(
    fault: Callable[[], None], stage: str, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    death = deaths.after_a_file_is_kept if stage == "ingest" else deaths.between_audit_and_booking
    world = _killed(undisturbed, death, receipt=LATE, stage=stage, folder=tmp_path)
    command.run(world.main_job(LATE), log=tmp_path / "again.jsonl", before=fault)
    with pytest.raises(AssertionError, match="lost, and doubled"):
        check_same(world.state(), undisturbed.end[LATE])


def test_a_kill_after_its_stage_does_not_count(undisturbed: Undisturbed, tmp_path: Path) -> None:
    world = undisturbed.begin(LATE, tmp_path / "world", stage="export")
    begun = command.begin(world.main_job(LATE), log=tmp_path / "log.jsonl")
    assert begun.wait_for("export")
    begun.kill()
    assert is_inside(begun, "export") and not is_inside(begun, "book")
