"""The command `vgi` in a process group of its own, forked from a process that has imported everything."""

import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.crashes.preloaded"])
_PATIENCE_SECONDS = 240
_POLL_SECONDS = 0.0005


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code (negative: the signal that ended it) and all that it said."""

    code: int
    said: str


@dataclass(frozen=True)
class Command:
    """A command under way; `log` is its stage log."""

    process: BaseProcess
    output: Path
    log: Path

    def wait(self) -> Ended:
        """Wait for its end."""
        self.process.join(_PATIENCE_SECONDS)
        assert self.process.exitcode is not None, f"still at it: {self.output.read_text()}"
        return Ended(self.process.exitcode, self.output.read_text())

    def kill(self) -> None:
        """SIGKILL, to the whole group, unless it has ended by itself."""
        assert self.process.pid is not None
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.join()

    def lines(self) -> list[dict[str, Any]]:
        """Its stage log so far, whole lines."""
        text = self.log.read_text() if self.log.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def wait_for(self, stage: str) -> bool:
        """Wait until the log says that a stage began; False if the command ended without."""
        start = f'"stage": "{stage}", "event": "start"'
        while self.process.is_alive():
            if self.log.exists() and start in self.log.read_text():
                return True
            time.sleep(_POLL_SECONDS)
        return False


def begin(arguments: Sequence[str | Path], *, log: Path, before: Callable[[], None] | None = None) -> Command:
    """Start `vgi` with these arguments; `before`, a function of a module, is called in its process first."""
    output = log.with_suffix(".said")
    process = _FORKS.Process(target=_run, args=([str(each) for each in arguments], log, output, before))
    process.start()
    return Command(process=process, output=output, log=log)


def run(arguments: Sequence[str | Path], *, log: Path, before: Callable[[], None] | None = None) -> Ended:
    """Run `vgi` to its end, its own or another."""
    return begin(arguments, log=log, before=before).wait()


def _run(arguments: list[str], log: Path, output: Path, before: Callable[[], None] | None) -> None:
    os.setsid()
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.environ.update(VGI_LOG=str(log), VGI_THREADS="2", VGI_OPERATOR="vgi")
    sys.argv = ["vgi", *arguments]
    from pipelines.cli import main

    if before is not None:
        before()
    main()
