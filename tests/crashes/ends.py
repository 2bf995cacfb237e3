"""What has to hold after a kill, and at the end."""

from pathlib import Path

from tests.crashes import command
from tests.crashes.conftest import Undisturbed
from tests.crashes.world import End, World


def check_survived(world: World, *, receipt: str, undisturbed: Undisturbed, log: Path) -> None:
    """The export is absent or complete; the same command again ends as an undisturbed one."""
    wanted = undisturbed.end[receipt]
    check_whole_or_absent(world, wanted)
    ended = command.run(world.main_job(receipt), log=log)
    assert ended.code == 0, ended.said
    check_same(world.state(), wanted)


def check_whole_or_absent(world: World, wanted: End) -> None:
    """No folder of a run holds part of its files; what is written aside has a hidden name."""
    found = {path: content for path, content in world.exported().items() if "/." not in f"/{path}"}
    folders = {path.rpartition("/")[0] for path in found}
    assert found == {
        path: content for path, content in wanted.exported.items() if path.rpartition("/")[0] in folders
    }, "a folder is there in part"


def check_same(found: End, wanted: End) -> None:
    """Everything that counts is equal."""
    assert (wanted.lost(found), wanted.doubled(found)) == (0, 0), "rows and files lost, and doubled"
    assert found == wanted
