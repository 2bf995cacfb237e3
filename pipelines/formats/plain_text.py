"""What every delivered text file must be, whatever its format: plain UTF-8 with proper line ends."""

from pathlib import Path
from typing import TextIO

from pipelines.formats import RefusedFile
from pipelines.store import TextScan

LONGEST_LINE = 1_000_000
# Said of a file that is read all the same: 2000 cut to 20 cannot be told from 20.
OPEN_END = "its last line has no line end; if it was cut off, deliver it whole"


def open_text(path: Path) -> TextIO:
    r"""Open for reading by lines; only `\n` ends one, and a byte order mark is skipped."""
    return path.open(encoding="utf-8-sig", newline="\n")


def check_plain_text(scan: TextScan, *, path: Path) -> None:
    """Raise RefusedFile for anything but plain text with at least one byte."""
    if scan.not_plain_text is not None:
        where = "the file" if scan.fault_line is None else f"line {scan.fault_line} of the file"
        raise RefusedFile(f"{where} {scan.not_plain_text}", line=scan.fault_line)
    if scan.is_empty:
        raise RefusedFile("the file is empty; a delivery has at least a header line")
    if scan.has_stray_carriage_return:
        line = _line_of_stray_carriage_return(path)
        raise RefusedFile(
            f"line {line} holds a carriage return that ends no line; end lines with \\n or \\r\\n", line=line
        )


def _line_of_stray_carriage_return(path: Path) -> int:
    line = 1
    ended_in_carriage_return = False
    with path.open("rb") as file:
        while piece := file.readline(LONGEST_LINE):
            if ended_in_carriage_return and piece != b"\n":
                return line
            if b"\r" in piece.removesuffix(b"\n").removesuffix(b"\r"):
                return line
            ended_in_carriage_return = piece.endswith(b"\r")
            line += piece.endswith(b"\n")
    return line


def count_lines_with_text(path: Path, *, prefix: str = "") -> int:
    """Lines that are not empty and start with the prefix, whatever their encoding and their line ends."""
    count = 0
    is_new_line = True
    with path.open(encoding="latin-1", newline=None) as file:
        while piece := file.readline(LONGEST_LINE):
            if is_new_line and piece.rstrip("\n") and piece.startswith(prefix):
                count += 1
            is_new_line = piece.endswith("\n")
    return count
