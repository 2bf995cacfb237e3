"""The store of received bytes: every delivered file, under its hash, beside the warehouse.

Files are copied while they are hashed and looked over, so that what was judged is what was kept.
"""

import codecs
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path

_CHUNK_BYTES = 1 << 20
_MAGIC = (
    (b"\x1f\x8b", "gzip"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"PAR1", "Parquet"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstandard"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
)


@dataclass
class TextScan:
    """What one pass over the bytes of a file tells about it, before anything parses it."""

    size_bytes: int = 0
    newlines: int = 0
    commas: int = 0
    crlf_newlines: int = 0
    carriage_returns: int = 0
    quotes: int = 0
    opening_quotes: int = 0
    closing_quotes: int = 0
    has_bom: bool = False
    ends_with_newline: bool = False
    not_plain_text: str | None = None
    fault_line: int | None = None
    _last_byte: bytes = b"\n"
    _decoder: codecs.IncrementalDecoder = field(default_factory=codecs.getincrementaldecoder("utf-8"))
    _mid_character: bool = False

    def take(self, chunk: bytes) -> None:
        """Look at the next bytes of the file."""
        if self.size_bytes == 0:
            self.has_bom = chunk.startswith(codecs.BOM_UTF8)
            kind = next((name for magic, name in _MAGIC if chunk.startswith(magic)), None)
            if kind is not None:
                self.not_plain_text = (
                    f"is {kind}, not plain UTF-8 text; unpack or convert it and deliver the CSV"
                )
        if self.not_plain_text is None:
            self._look_at_text(chunk)
        self.size_bytes += len(chunk)

    def end(self) -> None:
        """The file is over: nothing may be left open."""
        self.ends_with_newline = self.size_bytes > 0 and self._last_byte == b"\n"
        if self._last_byte == b'"':
            self.closing_quotes += 1
        if self.not_plain_text is None and self._mid_character:
            self._refuse("ends in the middle of a UTF-8 character", line=self.newlines + 1)

    def _look_at_text(self, chunk: bytes) -> None:
        if b"\0" in chunk:
            line = self.newlines + chunk[: chunk.index(b"\0")].count(b"\n") + 1
            self._refuse("holds NUL bytes, so it is no plain text; deliver UTF-8 CSV", line=line)
            return
        self._check_utf8(chunk)
        self.newlines += chunk.count(b"\n")
        self.commas += chunk.count(b",")
        if b"\r" in chunk or self._last_byte == b"\r":
            self.carriage_returns += chunk.count(b"\r")
            self.crlf_newlines += (self._last_byte + chunk).count(b"\r\n")
        if b'"' in chunk or self._last_byte == b'"':
            self._count_quotes(chunk)
        self._last_byte = chunk[-1:]

    def _count_quotes(self, chunk: bytes) -> None:
        starts_here = self.size_bytes == 0 and chunk.removeprefix(codecs.BOM_UTF8).startswith(b'"')
        joined = self._last_byte_but_at_start + chunk
        self.quotes += chunk.count(b'"')
        self.opening_quotes += joined.count(b',"') + joined.count(b'\n"') + starts_here
        self.closing_quotes += joined.count(b'",') + joined.count(b'"\n') + joined.count(b'"\r')

    @property
    def _last_byte_but_at_start(self) -> bytes:
        return self._last_byte if self.size_bytes else b""

    def _check_utf8(self, chunk: bytes) -> None:
        if not self._mid_character and chunk.isascii():
            return
        try:
            self._decoder.decode(chunk)
        except UnicodeDecodeError as error:
            line = self.newlines + error.object[: error.start].count(b"\n") + 1
            self._refuse("is not valid UTF-8 text; deliver UTF-8 CSV", line=line)
            return
        self._mid_character = self._decoder.getstate()[0] != b""

    @property
    def is_binary(self) -> bool:
        """Of another kind than text, so that it has no lines."""
        return self.not_plain_text is not None and self.fault_line is None

    def _refuse(self, reason: str, *, line: int) -> None:
        self.not_plain_text = reason
        self.fault_line = line

    @property
    def is_empty(self) -> bool:
        """No byte but perhaps a byte order mark."""
        return self.size_bytes == 0 or (self.has_bom and self.size_bytes == len(codecs.BOM_UTF8))

    @property
    def line_count(self) -> int:
        """Lines of the file, the last one with or without its newline."""
        return self.newlines + (0 if self.ends_with_newline or self.is_empty else 1)

    @property
    def has_plain_quotes(self) -> bool:
        """No quote, or each at the very start or end of a value: none inside one, and none of a comma."""
        return self.quotes == 2 * self.opening_quotes == 2 * self.closing_quotes

    @property
    def has_stray_carriage_return(self) -> bool:
        """A carriage return that is not part of a line end."""
        return self.carriage_returns != self.crlf_newlines

    @property
    def line_end(self) -> str | None:
        r"""The line end of all lines, `\n` or `\r\n`; None if they differ."""
        if self.carriage_returns == 0:
            return "\n"
        return "\r\n" if self.crlf_newlines == self.newlines == self.carriage_returns else None


class NotReadable(Exception):
    """A file that cannot be taken: no regular file, one that is still written to, or one we may not read."""


@dataclass(frozen=True)
class ReceivedFile:
    """A copy of a delivered file that is not yet kept; `path` is readable until keep or discard."""

    path: Path
    kept_path: Path
    sha256: str
    scan: TextScan

    def keep(self) -> None:
        """Keep the bytes for good: on disk, under their hash, before anything that needs them commits."""
        with self.path.open("rb") as file:
            os.fsync(file.fileno())
        self.path.replace(self.kept_path)
        fsync_folder(self.kept_path.parent)

    def discard(self) -> None:
        """Forget the copy."""
        with suppress(FileNotFoundError):
            self.path.unlink()


def store_of(warehouse: Path) -> Path:
    """The folder of received bytes that belongs to a warehouse file."""
    return warehouse.with_name(warehouse.name + ".deliveries")


def stored_path(warehouse: Path, *, feed: str, sha256: str) -> Path:
    """Where the bytes of a delivery are kept."""
    return store_of(warehouse) / feed / sha256


def sha256_of(path: Path) -> str:
    """The hash of a file's bytes. Raises NotReadable as `receive` does."""
    with _open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def receive(source: Path, *, warehouse: Path, feed: str) -> ReceivedFile:
    """Copy a file into the store's folder for its feed, hashed and looked over in the same pass.

    Raises NotReadable for anything but a readable regular file that stands still; links are never followed.
    """
    folder = store_of(warehouse) / feed
    make_folder(folder)
    # One ingest at a time holds the warehouse, so a copy left by one that was killed is simply written over.
    copy = folder / ".receiving"
    digest, scan = hashlib.sha256(), TextScan()
    try:
        with _open_regular(source) as incoming, copy.open("wb") as outgoing:
            before = os.fstat(incoming.fileno())
            for chunk in _chunks(incoming):
                digest.update(chunk)
                scan.take(chunk)
                outgoing.write(chunk)
            _check_unchanged(before, os.fstat(incoming.fileno()))
        scan.end()
    except BaseException:
        copy.unlink(missing_ok=True)
        raise
    sha256 = digest.hexdigest()
    return ReceivedFile(path=copy, kept_path=folder / sha256, sha256=sha256, scan=scan)


def _open_regular(source: Path) -> FileIO:
    try:
        # Without O_NONBLOCK a pipe put into the folder would hold the ingest up for ever.
        descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise NotReadable(f"cannot be read ({error.strerror})") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotReadable("is not a regular file")
    return os.fdopen(descriptor, "rb", buffering=0)


def _check_unchanged(before: os.stat_result, after: os.stat_result) -> None:
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise NotReadable("was written to while it was read")


def _chunks(file: FileIO) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK_BYTES):
        yield chunk


def make_folder(folder: Path) -> None:
    """Make a folder with its parents, on disk when this returns."""
    if folder.is_dir():
        return
    folder.mkdir(parents=True, exist_ok=True)
    for parent in (folder.parent, folder.parent.parent):
        fsync_folder(parent)


def fsync_folder(folder: Path) -> None:
    """Have a folder's entries on disk: a file that was made, renamed or removed there."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
