"""The undisturbed month and its correction, made once, and the figures at the end."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.crashes import command
from tests.crashes.world import INITIAL, LATE, End, World, simulate_deliveries


@dataclass(frozen=True)
class Undisturbed:
    """A receipt's folder before each stage, the end, and how long each stage took."""

    before: dict[tuple[str, str], World]
    end: dict[str, End]
    seconds: dict[tuple[str, str], float]

    def begin(self, receipt: str, folder: Path, *, stage: str = "ingest") -> World:
        """A world of its own, in which the stages before this one are done."""
        return self.before[receipt, stage].copy_to(folder)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """Each receipt ingested, verified, and then settled, booked and exported by the main job."""
    folder = tmp_path_factory.mktemp("undisturbed")
    deliveries = simulate_deliveries(folder / "fleet")
    (folder / "nothing").mkdir()
    world = World(folder / "nothing", deliveries)
    before, end, seconds = {}, {}, {}
    for receipt in (INITIAL, LATE):
        for stage in ("ingest", "dbt", "settle"):
            before[receipt, stage] = world
            world = world.copy_to(folder / f"{receipt}-{stage}")
            does = {"ingest": world.ingest, "dbt": world.verify, "settle": world.main_job}[stage]
            begun = command.begin(does(receipt), log=folder / f"{receipt}-{stage}.jsonl")
            ended = begun.wait()
            assert ended.code == 0, ended.said
            seconds |= {
                (receipt, line["stage"]): line["seconds"]
                for line in begun.lines()
                if line["event"] == "end" and (receipt, line["stage"]) not in seconds
            }
        before |= {(receipt, stage): before[receipt, "settle"] for stage in ("book", "export")}
        end[receipt] = world.state()
    return Undisturbed(before, end, seconds)
