"""Each fault that shows only over time, or under a kill, breaks the law that it is about."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.histories.planted import FAULTS, FaultOverTime
from tests.histories.play import BROKEN

ROOT = Path(__file__).resolve().parents[2]
NEEDED = (
    "dbt_project",
    "expectations",
    "pipelines",
    "settlement",
    "tests/agreement",
    "tests/histories",
    "tests/oracle",
    "tests/faults",
)

pytestmark = pytest.mark.nightly


@pytest.mark.parametrize("planted", FAULTS, ids=lambda planted: planted.fault.name)
def test_a_fault_over_time_breaks_a_law(planted: FaultOverTime, tmp_path: Path) -> None:
    for part in NEEDED:
        ignored = shutil.ignore_patterns("__pycache__", "target", "logs")
        shutil.copytree(ROOT / part, tmp_path / part, ignore=ignored)
    fault = planted.fault
    file = tmp_path / fault.file
    text = file.read_text()
    assert text.count(fault.right) == 1, f"{fault.file} no longer has the line that {fault.name} breaks"
    file.write_text(text.replace(fault.right, fault.wrong))
    played = _played(tmp_path, seed=planted.seed, kill=planted.kill)
    told, _, story = played.stdout.partition("\n")
    assert played.returncode == 1, story + played.stderr[-3000:]
    assert told.startswith(BROKEN) and re.search(planted.law, told), told


def _played(tree: Path, *, seed: int, kill: str | None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-m", "tests.histories.play", "--seed", str(seed)),
            *(("--kill", kill) if kill else ()),
        ],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )
