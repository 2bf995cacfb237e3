"""A full disk: told in many ways by the system, DuckDB, Polars and dbt, and in one sentence to the person."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

from pipelines.errors import JobFailed

_CODES = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# DuckDB's own limit to what it lays aside is the space that was left.
_WORDS = (*map(os.strerror, _CODES), "max_temp_directory_size")


class DiskFull(JobFailed):
    """No space was left where something had to be written."""

    def __init__(self, place: Path) -> None:
        super().__init__(
            f"No space is left on the disk of {place}, so the job stopped and left nothing half done; free"
            " some and run the same command again."
        )


def refuse_full_disk(error: Exception, *, place: Path) -> None:
    """DiskFull, naming the place, if it was a full disk that caused the error; else nothing happens."""
    if not isinstance(error, DiskFull) and any(_tells_of_it(each) for each in _causes(error)):
        raise DiskFull(place) from error


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _tells_of_it(error: BaseException) -> bool:
    # Libraries raise errors of their own, and OSErrors without a code.
    return (isinstance(error, OSError) and error.errno in _CODES) or any(
        word in str(error) for word in _WORDS
    )
