"""Work in a process of its own, so that its CPU, wall seconds and peak memory are nobody else's.

What it imports is imported before the clock starts.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.clock import Clock
from benchmarks.figures import Cost, Measurement
from benchmarks.tasks import TASKS

_ROOT = Path(__file__).resolve().parent.parent
TASK_MODULES = ("days", "floors", "late", "peer_tasks", "stages", "verifications", "worlds")


class WorkFailed(Exception):
    """A measured process failed; the sentence ends with what it said last."""


def measured(name: str, *, threads: int, **arguments: Any) -> Measurement:
    """Do a task in a new process and measure it; `arguments` are JSON and paths. Raises WorkFailed."""
    given = {key: str(value) if isinstance(value, Path) else value for key, value in arguments.items()}
    environment = os.environ | {
        "VGI_THREADS": str(threads),
        "POLARS_MAX_THREADS": str(threads),
        "PYTHONPATH": os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")]),
    }
    with tempfile.NamedTemporaryFile(suffix=".json") as result:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.child", name, json.dumps(given), result.name],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            said = "\n".join(done.stderr.strip().splitlines()[-12:])
            raise WorkFailed(f"{name} failed (exit {done.returncode}):\n{said}")
        found = json.loads(Path(result.name).read_text())
    return Measurement(
        cost=Cost(**found["cost"]),
        peak_bytes=found["peak_bytes"],
        parts={part: Cost(**cost) for part, cost in found["parts"].items()},
        facts=found["facts"],
    )


def _measure(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    task = TASKS[name]
    for module in task.imports:
        import_module(module)
    clock = Clock()
    used, wall = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    facts = task.work(clock, **arguments)
    seconds, now = time.perf_counter() - wall, resource.getrusage(resource.RUSAGE_SELF)
    cpu = now.ru_utime - used.ru_utime + now.ru_stime - used.ru_stime
    return {
        "cost": {"cpu_s": cpu, "wall_s": seconds},
        "peak_bytes": _peak_bytes(),
        "parts": {part: vars(cost) for part, cost in clock.costs.items()},
        "facts": facts,
    }


def _peak_bytes() -> int:
    """The most memory this process had resident.

    `ru_maxrss` would start from what the process that started this one had.
    """
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) * 1024


def main() -> None:
    """Do the task named by the first argument with the JSON of the second; its figures go to the third."""
    for module in TASK_MODULES:
        import_module(f"benchmarks.{module}")
    Path(sys.argv[3]).write_text(json.dumps(_measure(sys.argv[1], json.loads(sys.argv[2]))))


if __name__ == "__main__":
    main()
