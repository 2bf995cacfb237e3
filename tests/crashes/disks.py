"""A disk that is full, and later is not."""

import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path


@dataclass(frozen=True)
class Disk:
    """A folder on a disk of a given size; `before` limits the process, where the disk does not."""

    folder: Path
    before: Callable[[], None] | None
    grow: Callable[[], None]


@contextmanager
def small_disk(folder: Path, *, kilobytes: int, file_kilobytes: int | None = None) -> Iterator[Disk]:
    """A file system of its own, as full as its size says; where none may be mounted, a limit to each file.

    The limit, `file_kilobytes` if given, answers as a full disk does, by another error of the system.
    """
    folder.mkdir()
    if not _mounted(folder, kilobytes=kilobytes):
        yield Disk(
            folder, before=partial(_limit_files, (file_kilobytes or kilobytes) * 1024), grow=lambda: None
        )
        return
    try:
        yield Disk(folder, before=None, grow=partial(_remount, folder))
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def _mounted(folder: Path, *, kilobytes: int) -> bool:
    try:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", folder],
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        return False
    return done.returncode == 0


def _remount(folder: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=1g", folder], check=True)


def _limit_files(size_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, size_bytes))
