"""A job's stages, as they begin and end: one JSON line each, to the file that VGI_LOG names.

For operators, who see what a job does and how long it takes, and what a killed one was at: its line `start`
has no `end`. A line tells the instant, the process, the stage and the wall seconds; never whose data it is.
"""

import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from pipelines import config

_LOGGER = logging.getLogger(__name__)


class Stage(StrEnum):
    """What a job does one after the other; none stands inside another."""

    INGEST = "ingest"
    DBT = "dbt"
    SETTLE = "settle"
    BOOK = "book"
    EXPORT = "export"


@contextmanager
def stage(name: Stage) -> Iterator[None]:
    """Log that a stage begins, and that it ends or fails, with its wall seconds; also a decorator.

    Of a failure only the error's class is told: its sentence may hold ids. Without VGI_LOG nothing is
    written.
    """
    log = config.stage_log()
    begun = time.monotonic()
    _write(log, name, "start")
    try:
        yield
    except BaseException as error:
        _write(log, name, "fail", seconds=time.monotonic() - begun, error=type(error).__name__)
        raise
    _write(log, name, "end", seconds=time.monotonic() - begun)


def _write(
    log: Path | None, name: Stage, event: str, *, seconds: float | None = None, error: str | None = None
) -> None:
    if log is None:
        return
    line = {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "process": os.getpid(),
        "stage": name.value,
        "event": event,
    }
    if seconds is not None:
        line["seconds"] = round(seconds, 3)
    if error is not None:
        line["error"] = error
    try:
        _append(log, (json.dumps(line) + "\n").encode())
    except OSError as fault:
        # The log is for looking on: no job fails for it.
        _LOGGER.warning(
            "The stage log %s cannot be written (%s); name another file by VGI_LOG.", log, fault.strerror
        )


def _append(log: Path, line: bytes) -> None:
    """In one write, past all buffers of the process: it stands though the process is killed right after, and
    no other process's line comes between.
    """
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)
