"""The sample month through the command: settled, corrected, lost, and made anew by `vgi rebuild`."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipelines.recompute import recompute
from tests.rebuild.contents import contents, file_bytes

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "sample"


def _vgi(*arguments: object) -> Any:
    code = "import sys; from pipelines.cli import main; sys.argv[0] = 'vgi'; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments), "--json"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_the_sample_is_lost_and_made_anew(tmp_path: Path) -> None:
    warehouse, out = tmp_path / "vgi.duckdb", tmp_path / "exports"
    for landing, received_at in (("landing", "2024-01-08T09:00:00Z"), ("late", "2024-01-20T09:00:00Z")):
        _vgi(
            *("--warehouse", warehouse, "run", SAMPLE / landing, "--received-at", received_at),
            *("--period", "2023-12", "--tariffs", SAMPLE / "tariffs", "--out", out),
        )
    before, issued = contents(warehouse), file_bytes(out)
    warehouse.rename(tmp_path / "aside.duckdb")
    rebuilt = _vgi("--warehouse", warehouse, "rebuild", "--out", tmp_path / "again")
    assert contents(warehouse) == before
    assert file_bytes(tmp_path / "again") == issued
    assert len(rebuilt["run_ids"]) == 2
    assert recompute(warehouse=warehouse, run_id=rebuilt["run_ids"][0]) == ()
