"""A disk that fills up within the load, the verification, the settlement or the export."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from tests.crashes import command
from tests.crashes.conftest import Undisturbed
from tests.crashes.deaths import silent_about_the_disk
from tests.crashes.disks import Disk, small_disk
from tests.crashes.ends import check_same, check_whole_or_absent
from tests.crashes.world import INITIAL, World

pytestmark = pytest.mark.slow
KB = 1024
_STAGES = ("dbt", "settle")  # the world before each of them


def _fails_then_succeeds(disk: Disk, world: World, arguments: list[str | Path], *, logs: Path) -> None:
    ended = command.run(arguments, log=logs / "full.jsonl", before=disk.before)
    assert ended.code == 1, ended.said
    sentences = [line for line in ended.said.splitlines() if "No space is left" in line]
    assert len(sentences) == 1 and "run the same command again" in sentences[0], ended.said
    assert "Error" not in ended.said, "nothing of the machinery is shown"
    disk.grow()
    ended = command.run(arguments, log=logs / "enough.jsonl")
    assert ended.code == 0, ended.said


@pytest.mark.parametrize("kilobytes", [4, 8, 16, 100, 300, 600])
def test_the_disk_is_full_within_a_load(undisturbed: Undisturbed, tmp_path: Path, kilobytes: int) -> None:
    with small_disk(tmp_path / "disk", kilobytes=kilobytes) as disk:
        world = undisturbed.begin(INITIAL, disk.folder / "world")
        _fails_then_succeeds(disk, world, world.ingest(INITIAL), logs=tmp_path)
        check_same(world.state(), undisturbed.before[INITIAL, "dbt"].state())


def test_a_warehouse_that_does_not_say_so_is_noticed(undisturbed: Undisturbed, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", kilobytes=100) as disk:
        world = undisturbed.begin(INITIAL, disk.folder / "world")
        silent = replace(disk, before=partial(silent_about_the_disk, disk.before))
        with pytest.raises(AssertionError, match="The ingest failed"):
            _fails_then_succeeds(silent, world, world.ingest(INITIAL), logs=tmp_path)


@pytest.mark.parametrize("tenths", [1, 4, 8])
def test_the_disk_is_full_within_a_verification_or_settlement(
    undisturbed: Undisturbed, tmp_path: Path, tenths: int
) -> None:
    """Somewhere between the space that the deliveries take and what is needed in the end."""
    kilobytes = _between(
        [_bytes_below(undisturbed.before[INITIAL, stage].folder) for stage in _STAGES], tenths
    )
    file_kilobytes = _between(
        [undisturbed.before[INITIAL, stage].warehouse.stat().st_size for stage in _STAGES], tenths
    )
    with small_disk(tmp_path / "disk", kilobytes=kilobytes + 40, file_kilobytes=file_kilobytes) as disk:
        world = undisturbed.begin(INITIAL, disk.folder / "world", stage="dbt")
        _fails_then_succeeds(disk, world, world.main_job(INITIAL), logs=tmp_path)
        check_same(world.state(), undisturbed.end[INITIAL])


def _between(sizes_bytes: list[int], tenths: int) -> int:
    least, most = sizes_bytes
    return (least + (most - least) * tenths // 10) // KB


def _bytes_below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("kilobytes", [4, 30, 60, 150])
def test_the_disk_is_full_within_an_export(undisturbed: Undisturbed, tmp_path: Path, kilobytes: int) -> None:
    """The warehouse stands on another disk: the run is booked, and issued when the folder is complete."""
    world = undisturbed.begin(INITIAL, tmp_path / "world", stage="export")
    with small_disk(world.out, kilobytes=kilobytes) as disk:
        ended = command.run(world.main_job(INITIAL), log=tmp_path / "full.jsonl", before=disk.before)
        assert ended.code == 1 and "No space is left" in ended.said, ended.said
        assert world.exported() == {}
        disk.grow()
        ended = command.run(world.main_job(INITIAL), log=tmp_path / "enough.jsonl")
        assert ended.code == 0, ended.said
        check_whole_or_absent(world, undisturbed.end[INITIAL])
        check_same(world.state(), undisturbed.end[INITIAL])
