"""Each planted fault turns the comparison with the oracle red, and only a fault does."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.planted import FAULTS, Fault

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("dbt_project", "pipelines", "settlement", "tests/oracle", "tests/agreement")
WORLDS = "120"
OWN_ERRORS = ("pipelines.errors.", "settlement.errors.")

pytestmark = pytest.mark.slow


def _copy_of_the_product(folder: Path) -> Path:
    for part in NEEDED:
        shutil.copytree(
            ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", "target", "logs")
        )
    return folder


def _agrees(tree: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.agreement.agreement", "--seed", "5", "--worlds", WORLDS],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_product_as_it_is_agrees(tmp_path: Path) -> None:
    result = _agrees(_copy_of_the_product(tmp_path))
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_planted_fault_is_noticed(fault: Fault, tmp_path: Path) -> None:
    tree = _copy_of_the_product(tmp_path)
    file = tree / fault.file
    text = file.read_text()
    assert text.count(fault.right) == 1, f"{fault.file} no longer has the line that {fault.name} breaks"
    file.write_text(text.replace(fault.right, fault.wrong))
    result = _agrees(tree)
    assert _is_noticed(result), f"{fault.name} went unnoticed\n{result.stdout[-1500:]}{result.stderr[-1500:]}"


def _is_noticed(result: subprocess.CompletedProcess[str]) -> bool:
    """Whether rows disagree or a gate of the product refused; code that merely breaks does not count."""
    if "disagreements" in result.stdout:
        return result.returncode == 1
    last_words = result.stderr.strip().splitlines()[-1]
    return last_words.startswith(OWN_ERRORS) and "Error in" not in result.stderr
