"""Bounds of the command: how long `vgi --help` and `vgi run` on the sample take, and which imports it is."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.bounds import HELP_SECONDS, SAMPLE_SECONDS, Judged
from benchmarks.scene import Scene

DEAR_IMPORT_SECONDS = 0.3
_ROOT = Path(__file__).resolve().parent.parent
_VGI = "from pipelines.cli import main; main()"
_TIMES = 5


def judge_command(scene: Scene) -> Iterator[Judged]:
    """Wall seconds of whole processes; the imports of 0.3 s and more go to the notes."""
    scene.say("vgi --help, vgi run")
    helps = [_seconds(scene, "--help") for _ in range(_TIMES)]
    yield Judged(HELP_SECONDS, median(helps), f"median of {_TIMES}")
    runs = []
    for _ in range(2):
        with tempfile.TemporaryDirectory(dir=scene.work) as folder:
            runs.append(_seconds(scene, *_sample_run(Path(folder))))
    yield Judged(SAMPLE_SECONDS, runs[-1], "the second of two runs, each in a new warehouse")
    with tempfile.TemporaryDirectory(dir=scene.work) as folder:
        timed = _vgi(scene, "-X", "importtime", "-c", _VGI, *_sample_run(Path(folder)))
    scene.notes["dear imports of vgi run, s"] = dear_imports(timed.stderr)
    parts = scene.do("parse_project").parts
    scene.notes["the dbt project, CPU s"] = {part: cost.cpu_s for part, cost in parts.items()}


def dear_imports(told: str) -> dict[str, float]:
    """Packages whose import took 0.3 s or more, with what they import, as `-X importtime` tells it."""
    seconds: dict[str, float] = {}
    for line in told.splitlines():
        if not line.startswith("import time:") or "[us]" in line:
            continue
        _, cumulative_us, module = line.removeprefix("import time:").split("|")
        package = module.strip().partition(".")[0]
        seconds[package] = max(seconds.get(package, 0.0), int(cumulative_us) / 1e6)
    dear = {package: s for package, s in seconds.items() if s >= DEAR_IMPORT_SECONDS}
    return dict(sorted(dear.items(), key=lambda each: -each[1]))


def _sample_run(folder: Path) -> list[str]:
    sample = _ROOT / "sample"
    return [
        *("--warehouse", str(folder / "vgi.duckdb"), "run", str(sample / "landing")),
        *("--received-at", "2024-01-08T09:00:00Z", "--period", "2023-12"),
        *("--tariffs", str(sample / "tariffs"), "--out", str(folder / "exports")),
    ]


def _seconds(scene: Scene, *arguments: str) -> float:
    begun = time.perf_counter()
    _vgi(scene, "-c", _VGI, *arguments)
    return time.perf_counter() - begun


def _vgi(scene: Scene, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"VGI_THREADS": str(scene.threads), "PYTHONPATH": str(_ROOT)}
    return subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, check=True
    )
