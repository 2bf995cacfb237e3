"""What the stage log tells of a job, to operators and to the kills here."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipelines.stages import Stage, stage

_KILLED = """
import os, signal
from pipelines.stages import Stage, stage
with stage(Stage.BOOK):
    pass
with stage(Stage.EXPORT):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VGI_LOG", str(tmp_path / "stages.jsonl"))
    return tmp_path / "stages.jsonl"


def _lines(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_the_start_of_a_killed_stage_stands(log: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", _KILLED], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert [(line["stage"], line["event"]) for line in _lines(log)] == [
        ("book", "start"),
        ("book", "end"),
        ("export", "start"),
    ]


def test_a_failed_stage_tells_how_long_and_by_what_error_but_not_of_whom(log: Path) -> None:
    with pytest.raises(ValueError), stage(Stage.SETTLE):
        raise ValueError("U-0000001 has no vehicle V-0000001")
    start, fail = _lines(log)
    assert (start["event"], fail["event"], fail["error"]) == ("start", "fail", "ValueError")
    assert fail["seconds"] >= 0
    assert "0000001" not in log.read_text()


def test_a_job_does_not_fail_for_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("VGI_LOG", str(tmp_path / "no-such-folder" / "stages.jsonl"))
    with stage(Stage.INGEST):
        pass
    assert "no-such-folder" in caplog.text


def test_without_a_name_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VGI_LOG", raising=False)
    monkeypatch.chdir(tmp_path)
    with stage(Stage.INGEST):
        pass
    assert not list(tmp_path.iterdir())
