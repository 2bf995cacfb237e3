"""What DuckDB says of a file whose bytes changed, as a sentence with what to do about it.

DuckDB checks the checksum of each block that it reads and of each entry of its log that it replays. How it
fails where a length or a header is damaged is its own affair, so that its words are looked at.
"""

from collections.abc import Iterator
from pathlib import Path

import duckdb

from pipelines.errors import DamageFound

RESTORE = (
    "Move the damaged file aside, and put the warehouse and its .deliveries folder back from a backup, or"
    " make the warehouse anew from that folder (vgi rebuild); docs/recovery.md has the steps."
)
_SAID_OF_DAMAGE = (
    "corrupt", "checksum", "replaying wal", "wal file", "read enough bytes", "invalidated",
    "not a valid duckdb", "deserializ", "version number",
)  # fmt: skip
_PASSED_ON = ("corrupt database file", "corrupt wal file", "database has been invalidated", "internal error:")
_DISK_FULL = "no space left"  # which DuckDB may call fatal, and which leaves the file as it was
_KINDS = (duckdb.FatalException, duckdb.InternalException, duckdb.SerializationException)


def refuse_damage(error: BaseException, *, warehouse: Path) -> None:
    """DamageFound if an error comes of a warehouse file whose bytes are not those that were written."""
    if isinstance(error, DamageFound):
        return
    causes = list(_with_causes(error))
    told = next((each for each in causes if is_damage(each)), None)
    if told is not None and not any(_DISK_FULL in str(each).lower() for each in causes):
        raise DamageFound(
            f"The warehouse {warehouse} is damaged ({first_line(told)}). Nothing was done. {RESTORE}"
        ) from error


def is_damage(error: BaseException) -> bool:
    """Whether DuckDB, or what passes its words on, tells of a damaged file."""
    text = str(error).lower()
    if isinstance(error, _KINDS):
        return True
    if isinstance(error, duckdb.Error):
        return any(words in text for words in _SAID_OF_DAMAGE)
    return any(words in text for words in _PASSED_ON)


def first_line(error: BaseException) -> str:
    """What an error says first."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")


def _with_causes(error: BaseException) -> Iterator[BaseException]:
    each: BaseException | None = error
    while each is not None:
        yield each
        each = each.__cause__ or each.__context__
