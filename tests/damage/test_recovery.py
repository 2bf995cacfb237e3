"""The steps of docs/recovery.md, followed after each kind of damage, lead back to the same exports."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.cli import app
from tests.damage.settled_world import SettledWorld
from tests.damage.undamaged import Undamaged, vgi

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "recovery.md").read_text()
_VGI = """#!/bin/sh
exec {python} -c "import sys; from pipelines.cli import main; sys.argv[0] = 'vgi'; main()" "$@"
"""


def _steps(heading: str) -> str:
    """The commands below a heading of the page."""
    [section] = [part for part in PAGE.split("\n## ") if part.startswith(f"{heading}\n")]
    return "".join(re.findall(r"```sh\n(.*?)```", section, re.DOTALL))


def _follow(heading: str, *, world: SettledWorld) -> None:
    """Run the steps in the world's folder."""
    command = world.folder / "bin" / "vgi"
    command.parent.mkdir(exist_ok=True)
    command.write_text(_VGI.format(python=sys.executable))
    command.chmod(0o755)
    environment = os.environ | {
        "PATH": f"{command.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "VGI_WAREHOUSE": "vgi.duckdb",
        "RUN": world.issued,
        "FOLDER": str(world.folder_of(world.issued)),
    }
    steps = ["sh", "-euc", _steps(heading)]
    done = subprocess.run(
        steps, cwd=world.folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _commands() -> set[str]:
    return {each.name or getattr(each.callback, "__name__", "") for each in app.registered_commands}


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def _flip_everywhere(path: Path) -> None:
    """A bit of every 4,096 bytes: some of them matter."""
    content = bytearray(path.read_bytes())
    for place in range(5000, len(content), 4096):
        content[place] ^= 4
    path.write_bytes(content)


_DAMAGES: dict[str, tuple[str, Callable[[SettledWorld], object]]] = {
    "a stored delivery is flipped": ("A stored delivery", lambda world: _flip(world.deliveries[0])),
    "a stored delivery is gone": ("A stored delivery", lambda world: world.deliveries[-1].unlink()),
    "the journal is flipped": ("The journal's file", lambda world: _flip(world.journal)),
    "the journal is gone": ("The journal's file", lambda world: world.journal.unlink()),
    "the warehouse is flipped": (
        "The warehouse or its log",
        lambda world: _flip_everywhere(world.warehouse),
    ),
    "the warehouse is gone": ("The warehouse or its log", lambda world: world.warehouse.unlink()),
    "an export is flipped": (
        "An export",
        lambda world: _flip(world.folder_of(world.issued) / "bookings.csv"),
    ),
}


@pytest.mark.parametrize("damage", _DAMAGES)
def test_the_steps_of_the_page_lead_back_to_the_same_exports(
    folded: Undamaged, damage: str, tmp_path: Path
) -> None:
    heading, do = _DAMAGES[damage]
    if "vgi rebuild" in _steps(heading) and "rebuild" not in _commands():
        pytest.skip("there is no vgi rebuild yet")
    world = folded.world.copied(tmp_path / "world")
    do(world)
    for run_id in (world.issued, world.approved):
        code, _ = vgi("export", run_id, "--out", str(world.out), world=world)
        assert code == 1 or damage == "an export is flipped"
        assert heading == "An export" or world.exported(world.approved) is None
    _follow(heading, world=world)
    assert vgi("export", world.approved, "--out", str(world.out), world=world)[0] == 0
    assert world.exported(world.approved) == folded.export
    assert world.exported(world.issued) == folded.world.exported(folded.world.issued)
    assert vgi("check", world=world)[0] == 0
