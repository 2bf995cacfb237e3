"""`vgi report` and `vgi statement`: where the page went, exit codes, one sentence per fault."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipelines import cli
from tests.report.conftest import Programme

UNKNOWN_RUN = "2023-12-0000000000000000"


@dataclass(frozen=True)
class Done:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Vgi = Callable[..., Done]


@pytest.fixture
def vgi(
    programme: Programme, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Vgi:
    """The command on the programme's warehouse, run in this process in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VGI_WAREHOUSE", str(programme.warehouse))
    monkeypatch.delenv("VGI_DEBUG", raising=False)

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["vgi", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        code = ended.value.code
        return Done(code if isinstance(code, int) else 0, captured.out, captured.err)

    return run


def written(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_the_report_of_the_run_approved_last_goes_to_the_current_folder(
    vgi: Vgi, programme: Programme, tmp_path: Path
) -> None:
    done = vgi("report")
    run_id = programme.correction.run_id
    assert (done.code, done.out) == (0, f"Wrote {run_id}.html, of run {run_id}.\n")
    assert written(tmp_path) == [f"{run_id}.html"]


def test_the_report_of_a_run_goes_where_it_is_sent(vgi: Vgi, programme: Programme, tmp_path: Path) -> None:
    done = vgi("report", programme.first.run_id, "--out", "reports/december.html", "--json")
    file = Path("reports/december.html")
    assert done.code == 0
    assert done.json == {
        "run_id": programme.first.run_id, "file": str(file), "bytes": file.stat().st_size
    }  # fmt: skip
    assert written(tmp_path) == [str(file)]


@pytest.mark.parametrize(("option", "payee_id"), [("--user", "U-2"), ("--manager", "M-1")])
def test_a_statement_goes_where_it_is_sent(
    vgi: Vgi, programme: Programme, tmp_path: Path, option: str, payee_id: str
) -> None:
    run_id = programme.first.run_id
    done = vgi("statement", option, payee_id, "--run", run_id, "--out", "statements", "--json")
    assert done.code == 0
    assert done.json["run_id"] == run_id
    assert written(tmp_path) == [done.json["file"]]
    assert payee_id in Path(done.json["file"]).read_text()
    again = vgi("statement", option, payee_id, "--run", run_id, "--out", "statements")
    assert again.out == f"Wrote {done.json['file']}, of run {run_id}.\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("report", UNKNOWN_RUN), f"There is no run {UNKNOWN_RUN}"),
        (("report", "../../x"), "There is no run ../../x"),
        (("report", "--out", "/proc/report.html"), "name another place (--out)."),
        (("statement",), "Name one user (--user ID) or one manager (--manager ID)."),
        (("statement", "--user", "U-1", "--manager", "M-1"), "Name one user (--user ID) or one manager"),
        (("statement", "--user", "U-9"), "knows no user U-9"),
        (("statement", "--manager", "U-1"), "knows no manager U-1"),
        (("statement", "--user", "U-1", "--run", UNKNOWN_RUN), f"There is no run {UNKNOWN_RUN}"),
        (("report", "--warehouse", "nowhere.duckdb"), "There is no warehouse"),
        (("statement", "--user", "U-1", "--warehouse", "nowhere.duckdb"), "There is no warehouse"),
    ],
)
def test_bad_input_ends_with_2_and_a_sentence(
    vgi: Vgi, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    done = vgi(*arguments, "--json")
    assert done.code == 2
    assert sentence in done.err
    assert done.err.count("\n") == 1
    assert done.json == {"errors": [done.err.rstrip("\n")], "exit": 2}
    assert written(tmp_path) == []
