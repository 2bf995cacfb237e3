"""The rows of an export's CSV files against their schema: one sentence per fault, with line and column."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from pipelines.check.described import DescribedColumn, DescribedTable
from pipelines.check.faults import Fault
from pipelines.exports import UNSAFE_TEXT
from pipelines.wording import shortened

_LINE = "line of the file"
_MOST_ALIKE = 3
_INTEGER = "^-?(0|[1-9][0-9]{0,17})$"
_TIMES: dict[str, tuple[str, str, type[pl.Date] | type[pl.Datetime]]] = {
    "datetime": (
        "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$",
        "%Y-%m-%dT%H:%M:%SZ",
        pl.Datetime,
    ),
    "date": ("^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "%Y-%m-%d", pl.Date),
}
_EXPECTED = {
    "integer": "a whole number",
    "datetime": "an instant such as 2023-12-01T08:00:00Z",
    "date": "a date such as 2023-12-01",
}


def read_table(path: Path, table: DescribedTable) -> tuple[pl.DataFrame | None, list[Fault]]:
    """The cells of a file as text, empty ones as null, with the line of each row; None where its lines are
    not rows of the table at all.
    """
    fault = _fault_of_lines(path, table)
    if fault is not None:
        return None, [fault]
    cells = pl.read_csv(path, infer_schema=False, raise_if_empty=False)
    texts = cells.with_columns(pl.all().replace({"": None})).with_row_index(_LINE, offset=2)
    return texts, []


def check_rows(
    texts: pl.DataFrame, table: DescribedTable, *, referenced: Mapping[str, pl.DataFrame]
) -> list[Fault]:
    """Types, constraints, keys and formula-unsafe cells; foreign keys are looked up in `referenced`."""
    faults = [fault for column in table.columns for fault in _faults_of_column(texts, table, column)]
    return [*faults, *_doubled_keys(texts, table), *_dangling_keys(texts, table, referenced)]


def typed(texts: pl.DataFrame, table: DescribedTable) -> pl.DataFrame:
    """The rows with integers for integers; only of cells without a fault."""
    integers = [column.name for column in table.columns if column.type == "integer"]
    return texts.select(table.column_names).cast(dict.fromkeys(integers, pl.Int64))


def _fault_of_lines(path: Path, table: DescribedTable) -> Fault | None:
    """The first line that is no row of the table."""
    lines = _Lines(path)
    try:
        what = _fault_of_a_row(lines, table)
    except UnicodeDecodeError:
        what = "the line is not UTF-8 text"
    except csv.Error:
        what = "quotes or line ends are not those of a CSV file"
    if what is None and not lines.last.endswith("\n"):
        what = "the file ends within this line: it is cut off"
    return None if what is None else Fault(file=path.name, line=max(1, lines.number), what=what)


def _fault_of_a_row(lines: "_Lines", table: DescribedTable) -> str | None:
    """What is wrong with the line that was read last; None if all are rows."""
    width, wanted = len(table.columns), list(table.column_names)
    reader = csv.reader(lines, strict=True)
    if next(reader, None) != wanted:
        return f"the header is not {','.join(wanted)}"
    for number, row in enumerate(reader, start=2):
        if lines.number != number:
            return "a cell holds a line break"
        if len(row) != width:
            return f"the row has {len(row)} cells, not {width}"
    return None


class _Lines:
    """The lines of a file, counted; each ends with a line feed and nothing else."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.number = 0
        self.last = ""

    def __iter__(self) -> Iterator[str]:
        with self._path.open("rb") as file:
            for self.number, line in enumerate(file, start=1):
                self.last = line.decode()
                if "\r" in self.last:
                    raise csv.Error
                yield self.last


def _faults_of_column(texts: pl.DataFrame, table: DescribedTable, column: DescribedColumn) -> Iterator[Fault]:
    cell = pl.col(column.name)
    if column.required:
        yield from _where(texts, table, column, cell.is_null(), "is empty")
    if column.type == "integer":
        is_integer = cell.str.contains(_INTEGER)
        yield from _where(texts, table, column, ~is_integer, f"is not {_EXPECTED['integer']}")
        if column.minimum is not None:
            too_small = is_integer & (cell.cast(pl.Int64, strict=False) < column.minimum)
            yield from _where(texts, table, column, too_small, f"is below {column.minimum}")
    elif column.type in _TIMES:
        shape, form, kind = _TIMES[column.type]
        parsed = cell.str.strptime(kind, form, strict=False)
        wrong = cell.is_not_null() & (~cell.str.contains(shape) | parsed.is_null())
        yield from _where(texts, table, column, wrong, f"is not {_EXPECTED[column.type]}")
    else:
        yield from _faults_of_text(texts, table, column)


def _faults_of_text(texts: pl.DataFrame, table: DescribedTable, column: DescribedColumn) -> Iterator[Fault]:
    cell = pl.col(column.name)
    if column.values:
        allowed = f"is none of {', '.join(column.values)}"
        yield from _where(texts, table, column, ~cell.is_in(column.values), allowed)
    if column.pattern is not None:
        yield from _where(
            texts, table, column, ~cell.str.contains(column.pattern), f"does not match {column.pattern}"
        )
    yield from _where(
        texts, table, column, cell.str.contains(UNSAFE_TEXT), "would run as a formula, or tears its line"
    )


def _where(
    texts: pl.DataFrame, table: DescribedTable, column: DescribedColumn, wrong: pl.Expr, what: str
) -> Iterator[Fault]:
    found = texts.filter(wrong).select(_LINE, column.name)
    for line, value in found.head(_MOST_ALIKE).iter_rows():
        shown = "the cell" if value is None else repr(shortened(value))
        yield Fault(file=table.file_name, line=line, column=column.name, what=f"{shown} {what}")
    if found.height > _MOST_ALIKE:
        more = found.height - _MOST_ALIKE
        yield Fault(file=table.file_name, column=column.name, what=f"{more:,} more cells like these")


def _doubled_keys(texts: pl.DataFrame, table: DescribedTable) -> list[Fault]:
    if not table.primary_key:
        return []
    doubled = texts.filter(texts.select(table.primary_key).is_duplicated())
    again = doubled.with_columns(first=pl.col(_LINE).min().over(table.primary_key)).filter(
        pl.col(_LINE) != pl.col("first")
    )
    columns = ", ".join(table.primary_key)
    return [
        Fault(file=table.file_name, line=line, what=f"the key ({columns}) stands on line {first:,} already")
        for line, first in again.select(_LINE, "first").head(_MOST_ALIKE).iter_rows()
    ]


def _dangling_keys(
    texts: pl.DataFrame, table: DescribedTable, referenced: Mapping[str, pl.DataFrame]
) -> list[Fault]:
    faults: list[Fault] = []
    for key in table.foreign_keys:
        if key.table not in referenced:
            continue
        dangling = texts.join(
            referenced[key.table],
            left_on=key.columns,
            right_on=key.referenced,
            how="anti",
            maintain_order="left",
        )
        faults += [
            Fault(
                file=table.file_name,
                line=line,
                what=f"{key.table}.csv has no row of this ({', '.join(key.columns)})",
            )
            for [line] in dangling.select(_LINE).head(_MOST_ALIKE).iter_rows()
        ]
    return faults
