"""The main job, killed all over each of its stages and run again: nothing is lost, nothing is there twice."""

from collections.abc import Callable
from pathlib import Path
from shutil import rmtree

import pytest

from tests.crashes.conftest import Undisturbed
from tests.crashes.ends import check_survived
from tests.crashes.kills import STAGES, kill_inside
from tests.crashes.world import INITIAL, LATE


@pytest.mark.slow
def test_the_log_tells_every_stage(undisturbed: Undisturbed) -> None:
    assert set(undisturbed.seconds) == {(receipt, stage) for receipt in (INITIAL, LATE) for stage in STAGES}


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_a_killed_job_run_again_ends_as_one_that_was_not(
    stage: str, undisturbed: Undisturbed, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    _survives(undisturbed, stage=stage, kills=4, folder=tmp_path, tell=record_property)


@pytest.mark.nightly
@pytest.mark.parametrize("stage", STAGES)
def test_many_killed_jobs(
    stage: str, undisturbed: Undisturbed, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    _survives(undisturbed, stage=stage, kills=40, folder=tmp_path, tell=record_property)


def _survives(
    undisturbed: Undisturbed,
    *,
    stage: str,
    kills: int,
    folder: Path,
    tell: Callable[[str, object], None],
) -> None:
    """Kills spread evenly over the stage, in turn in the first settlement and in a correction."""
    instants = []
    for number in range(kills):
        receipt = (INITIAL, LATE)[number % 2]
        killed = kill_inside(
            undisturbed,
            receipt=receipt,
            stage=stage,
            part=(number + 0.5) / kills,
            folder=_made(folder / str(number)),
        )
        check_survived(killed.world, receipt=receipt, undisturbed=undisturbed, log=folder / f"{number}.jsonl")
        instants.append(killed.after_seconds)
        rmtree(folder / str(number))
    tell(
        "figures",
        f"{stage}: {kills} kills survived, {min(instants):.3f} to {max(instants):.3f} s after its start;"
        " 0 lost, 0 doubled",
    )


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
