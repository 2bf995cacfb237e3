"""The formats of a delivery. Each reader defines temporary views.

`good_rows` (one row per row of the feed): line, row_no, the feed's columns, row_status.
`bad_rows` (one row per fault): line, column_name, reason, row_text.
`spoilt_keys` (one row per bad row whose key can be read): line, the feed's key columns.
"""

from dataclasses import dataclass

LONGEST_ROW_TEXT = 1000


class RefusedFile(Exception):
    """The file as a whole cannot be used; the reason is for an operator, without the file's name."""

    def __init__(self, reason: str, *, line: int | None = None, column: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line
        self.column = column


@dataclass(frozen=True)
class ReadRows:
    """What a reader found, in rows of the feed (half hours for meter reads), and whose meters they are.

    rows_in = rows in good_rows + rows_duplicate + rows_quarantined.
    """

    rows_in: int
    rows_duplicate: int = 0
    rows_quarantined: int = 0
    notes: tuple[str, ...] = ()
    nmis: tuple[str, ...] = ()
