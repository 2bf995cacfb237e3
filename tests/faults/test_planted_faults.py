"""Each planted fault turns the comparison with the oracle or an assertion worked out by hand red."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.planted import FAULTS, Fault

ROOT = Path(__file__).resolve().parents[2]
BY_HAND = ("tests/settlement", "tests/scenarios")
NEEDED = (
    "dbt_project",
    "expectations",
    "pipelines",
    "settlement",
    "tests/oracle",
    "tests/agreement",
    *BY_HAND,
)
WORLDS = "120"
OWN_ERRORS = ("pipelines.errors.", "pipelines.gates.", "settlement.errors.")
FAILED_ASSERTION = re.compile(
    rf"^\S*/(?:{'|'.join(BY_HAND)})/\S+\.py:[0-9]+: (?:AssertionError|assert )", re.MULTILINE
)


def _copy_of_the_product(folder: Path) -> Path:
    for part in NEEDED:
        shutil.copytree(
            ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", "target", "logs")
        )
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def _python(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=tree, capture_output=True, text=True, check=False
    )


def _agrees(tree: Path) -> subprocess.CompletedProcess[str]:
    return _python(tree, "tests.agreement.agreement", "--seed", "5", "--worlds", WORLDS)


def _as_worked_out_by_hand(tree: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return _python(tree, "pytest", "--tb=line", *options, *BY_HAND)


def _up_to_the_first_failure(tree: Path) -> subprocess.CompletedProcess[str]:
    return _as_worked_out_by_hand(tree, "--exitfirst")


@pytest.mark.slow
def test_the_product_as_it_is_agrees(tmp_path: Path) -> None:
    tree = _copy_of_the_product(tmp_path)
    for result in (_agrees(tree), _as_worked_out_by_hand(tree)):
        assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]


def _plant(fault: Fault, tree: Path) -> None:
    file = tree / fault.file
    text = file.read_text()
    assert text.count(fault.right) == 1, f"{fault.file} no longer has the line that {fault.name} breaks"
    file.write_text(text.replace(fault.right, fault.wrong))


@pytest.mark.slow
def test_code_that_merely_breaks_is_not_noticed(tmp_path: Path) -> None:
    tree = _copy_of_the_product(tmp_path)
    _plant(
        Fault("no_such_column", "settlement/performances.py", 'wide("achieved") -', 'wide("gone") -'), tree
    )
    compared, by_hand = _agrees(tree), _as_worked_out_by_hand(tree)
    assert (compared.returncode, by_hand.returncode) == (1, 1)
    assert not _is_disagreement(compared) and not _is_failed_assertion(by_hand)


# Every second one in CI, the others by night: for each the project is parsed and its worlds settled anew.
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(fault, id=fault.name, marks=pytest.mark.nightly if number % 2 else pytest.mark.slow)
        for number, fault in enumerate(FAULTS)
    ],
)
def test_a_planted_fault_is_noticed(fault: Fault, tmp_path: Path) -> None:
    tree = _copy_of_the_product(tmp_path)
    _plant(fault, tree)
    said = ""
    # Random worlds rarely meet an amount or an instant that lies just on the edge of a rule.
    for check, is_noticed in ((_agrees, _is_disagreement), (_up_to_the_first_failure, _is_failed_assertion)):
        result = check(tree)
        if is_noticed(result):
            return
        said += result.stdout[-1500:] + result.stderr[-1500:]
    pytest.fail(f"{fault.name} went unnoticed\n{said}")


def _is_disagreement(result: subprocess.CompletedProcess[str]) -> bool:
    """Whether rows disagree or a gate of the product refused; code that merely breaks does not count."""
    if "disagreements" in result.stdout:
        return result.returncode == 1
    return _raised(result.stderr).startswith(OWN_ERRORS) and "Error in" not in result.stderr


def _raised(stderr: str) -> str:
    """The line of the last traceback that names its error; the error's own words may span more lines."""
    _, _, traceback = stderr.rpartition("Traceback (most recent call last):\n")
    return next((line for line in traceback.splitlines() if not line.startswith(" ")), "")


def _is_failed_assertion(result: subprocess.CompletedProcess[str]) -> bool:
    """Whether an assertion of a test failed; an error raised by the code under test does not count."""
    return result.returncode == 1 and FAILED_ASSERTION.search(result.stdout) is not None
