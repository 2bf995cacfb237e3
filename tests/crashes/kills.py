"""SIGKILL at a given instant inside a stage."""

import time
from dataclasses import dataclass
from pathlib import Path

from tests.crashes import command
from tests.crashes.command import Command
from tests.crashes.conftest import Undisturbed
from tests.crashes.world import World

STAGES = ("ingest", "dbt", "settle", "book", "export")
_TRIES = 12
_SOONER = 0.75


@dataclass(frozen=True)
class Killed:
    """A world whose command was killed inside a stage, so many seconds after it began."""

    world: World
    after_seconds: float


def kill_inside(undisturbed: Undisturbed, *, receipt: str, stage: str, part: float, folder: Path) -> Killed:
    """Kill the main job when a part of a stage's undisturbed time has passed, sooner if it was over by then.

    The stages before it are done already, so that the main job passes over them.
    """
    after_seconds = undisturbed.seconds[receipt, stage] * part
    for attempt in range(_TRIES):
        world = undisturbed.begin(receipt, folder / str(attempt), stage=stage)
        begun = command.begin(world.main_job(receipt), log=folder / f"{attempt}.jsonl")
        if begun.wait_for(stage):
            time.sleep(after_seconds)
            begun.kill()
            if is_inside(begun, stage):
                return Killed(world, after_seconds)
        else:
            begun.wait()
        after_seconds *= _SOONER
    raise AssertionError(f"{stage} was over at each of {_TRIES} kills, the last after {after_seconds} s")


def is_inside(begun: Command, stage: str) -> bool:
    """Whether the log ends with the start of this stage: what was killed was inside it."""
    last = begun.lines()[-1]
    return (last["stage"], last["event"]) == (stage, "start")
