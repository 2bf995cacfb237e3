"""Canonical CSV: a header matched by name, and rows judged column by column as text before they are typed.

A typed read would turn `102.6` into 103 and drop an offset, so values are matched against patterns first.
Two ways lead to the same judgement: DuckDB's reader for plain files (quotes at most around values, one kind
of line end, no empty line), and a line-by-line reader for all else. Both number lines as an editor does.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import duckdb
import polars as pl

from pipelines.feeds import FIRST_YEAR, ID_PATTERN, LARGEST_INTEGER, LAST_YEAR, ROW_STATUS, Column, Feed, Kind
from pipelines.formats import LONGEST_ROW_TEXT, ReadRows, RefusedFile
from pipelines.formats.plain_text import LONGEST_LINE, OPEN_END, check_plain_text, open_text
from pipelines.store import TextScan
from pipelines.wording import shortened, shown_sql

_BATCH_ROWS, _BATCH_CHARACTERS = 50_000, 10_000_000
_MOST_NAMES = 5
_INTEGER_PATTERN = "0*(?:[0-9]{1,12}|1000000000000)"
_CLOCK_PATTERN = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_YEAR_PATTERN = "(?:19[0-9]{2}|[2-8][0-9]{3}|9[0-8][0-9]{2}|99[0-8][0-9]|999[0-8])"
_LOCAL_PATTERN = f"{_YEAR_PATTERN}-[0-9]{{2}}-[0-9]{{2}}T{_CLOCK_PATTERN}:[0-5][0-9]"
_WELL_QUOTED = re.compile(r'(?:"(?:[^"]|"")*+"|[^",]*+)(?:,(?:"(?:[^"]|"")*+"|[^",]*+))*+')

assert LARGEST_INTEGER == 10**12 and (FIRST_YEAR, LAST_YEAR) == (1900, 9998), "the patterns above say so"


def read_canonical_csv(
    connection: duckdb.DuckDBPyConnection, *, feed: Feed, path: Path, scan: TextScan
) -> ReadRows:
    """Read a stored file of one feed into good_rows and bad_rows. Raises RefusedFile for a bad file."""
    check_plain_text(scan, path=path)
    header_line, header = _header(path)
    _check_header(header, feed=feed, line=header_line)
    connection.execute(
        "create or replace temp table unfit_rows (line bigint, field_count integer, row_text varchar)"
    )
    rows_in = None
    if _is_plain(scan, width=len(header)) and header_line == 1:
        rows_in = _read_plain(connection, feed=feed, path=path, scan=scan, header=header)
    if rows_in is None:
        rows_in = _read_line_by_line(connection, feed=feed, path=path, scan=scan, header=header)
    _define_bad_rows(connection, feed=feed, width=len(header))
    quarantined = connection.execute("select count(*) from bad_rows").fetchall()[0][0]
    notes = () if scan.ends_with_newline else (OPEN_END,)
    return ReadRows(rows_in=rows_in, rows_quarantined=quarantined, notes=notes)


def _header(path: Path) -> tuple[int, tuple[str, ...]]:
    with open_text(path) as file:
        line = 0
        while text := file.readline(LONGEST_LINE):
            line += 1
            if len(text) >= LONGEST_LINE:
                raise RefusedFile("the header line is too long to be one", line=line)
            if text := text.rstrip("\r\n"):
                return line, tuple(_fields_of(text, line=line))
    raise RefusedFile("the file holds empty lines only; a delivery has at least a header line")


def _check_header(header: tuple[str, ...], *, feed: Feed, line: int) -> None:
    if header[:2] == ("100", "NEM12"):
        raise RefusedFile("the file is NEM12; name it *.nem12.csv in the folder meter_intervals", line=line)
    allowed = [column.name for column in feed.file_columns]
    doubled = sorted(name for name, times in Counter(header).items() if times > 1)
    unknown = [name for name in dict.fromkeys(header) if name not in allowed]
    missing = [name for name in feed.column_names if name not in header]
    faults = [
        f"{fault} {_listed(names)}"
        for fault, names in (("misses", missing), ("does not know", unknown), ("doubles", doubled))
        if names
    ]
    if faults:
        column = (missing + unknown + doubled)[0]
        raise RefusedFile(
            f"the header {'; '.join(faults)}; the columns of {feed.name} are {', '.join(allowed)}",
            line=line,
            column=_shown(column),
        )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(_shown(name) for name in names[:_MOST_NAMES]) + more


def _shown(name: str) -> str:
    return name if re.fullmatch("[a-z0-9_]{1,40}", name) else repr(shortened(name))


def _is_plain(scan: TextScan, *, width: int) -> bool:
    # DuckDB's reader takes a comma too many at the end of a line for none, hence the count.
    has_plain_lines = scan.line_end is not None and scan.commas == scan.line_count * (width - 1)
    return scan.has_plain_quotes and has_plain_lines


# ---- DuckDB's reader


def _read_plain(
    connection: duckdb.DuckDBPyConnection, *, feed: Feed, path: Path, scan: TextScan, header: tuple[str, ...]
) -> int | None:
    """Rows in, or None where this reader and the file's line count do not agree on every row."""
    columns = ", ".join(f"'{_text(name)}': 'VARCHAR'" for name in header)
    # An error would abort the transaction of all files, so unfit lines are skipped, and missed below.
    source = f"""
        read_csv(
            $path, header = false, skip = 1, auto_detect = false, columns = {{{columns}}}, delim = ',',
            quote = '"', escape = '"', nullstr = '', compression = 'none', encoding = 'utf-8',
            strict_mode = true, null_padding = false, ignore_errors = true, max_line_size = {LONGEST_LINE}
        )
    """
    connection.execute(
        f"create or replace temp table judged_rows as {_judgement(feed, header=header, source=source)}",
        {"path": str(path)},
    )
    query = "select count(*), min(rowid), max(rowid) from judged_rows"
    rows, first, last = connection.execute(query).fetchall()[0]
    if rows != scan.line_count - 1 or (rows and last - first != rows - 1):
        return None
    # Nothing was skipped, so a row's place tells its line. In a transaction rowids start at a high number.
    _define_good_rows(connection, feed=feed, line=f"rowid - {first or 0} + 2")
    return int(rows)


# ---- line by line


_UnfitRow = tuple[int, int | None, str]  # line, fields (None: not even looked for), text


class _Lines:
    """The lines of a file with their numbers; empty ones are skipped, those too long for a row set aside."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.line = 0
        self.first_of_row = 0
        self.text = ""
        self.too_long: list[tuple[int, str]] = []

    def __iter__(self) -> Iterator[str]:
        while text := self._file.readline(LONGEST_LINE):
            self.line += 1
            self.text = text
            if len(text) == LONGEST_LINE and not text.endswith("\n"):
                self.too_long.append((self.line, text[:LONGEST_ROW_TEXT]))
                self._skip_rest()
            elif stripped := text.rstrip("\r\n"):
                self.first_of_row = self.first_of_row or self.line
                yield stripped

    def _skip_rest(self) -> None:
        while text := self._file.readline(LONGEST_LINE):
            self.text = text
            if text.endswith("\n"):
                return


def _read_line_by_line(
    connection: duckdb.DuckDBPyConnection, *, feed: Feed, path: Path, scan: TextScan, header: tuple[str, ...]
) -> int:
    columns = ", ".join(f"{_text(name)} varchar" for name in header)
    connection.execute(f"create or replace temp table text_rows (line integer, {columns})")
    with open_text(path) as file:
        lines = _Lines(file)
        rows_in = _take_rows(connection, lines=lines, header=header, scan=scan)
    too_long = [(line, None, text) for line, text in lines.too_long]
    _set_aside(connection, too_long)
    judgement = _judgement(feed, header=header, source="text_rows")
    connection.execute(f"create or replace temp table judged_rows as {judgement}")
    _define_good_rows(connection, feed=feed, line="line")
    return rows_in + len(too_long)


def _take_rows(
    connection: duckdb.DuckDBPyConnection, *, lines: _Lines, header: tuple[str, ...], scan: TextScan
) -> int:
    """Move rows into text_rows, and those of another width into unfit_rows, in batches; rows moved."""
    width = len(header)
    rows = _rows(lines)
    next(rows)  # the header
    rows_in, held_characters, last = 0, 0, (0, width)
    fit: list[tuple[object, ...]] = []
    unfit: list[_UnfitRow] = []
    for line, fields in rows:
        rows_in += 1
        held_characters += len(lines.text)
        last = (line, len(fields))
        if len(fields) == width:
            fit.append((line, *fields))
        else:
            unfit.append((line, len(fields), ",".join(fields)[:LONGEST_ROW_TEXT]))
        if len(fit) + len(unfit) >= _BATCH_ROWS or held_characters >= _BATCH_CHARACTERS:
            _move(connection, fit=fit, unfit=unfit, header=header)
            held_characters, fit, unfit = 0, [], []
    _check_last(*last, width=width, scan=scan)
    _move(connection, fit=fit, unfit=unfit, header=header)
    return rows_in


def _check_last(line: int, field_count: int, *, width: int, scan: TextScan) -> None:
    if scan.ends_with_newline or line != scan.line_count or field_count >= width:
        return
    raise RefusedFile(
        f"the file is cut off: line {line}, its last, has {field_count} of {width} fields "
        "and no line end; deliver the whole file",
        line=line,
    )


def _rows(lines: _Lines) -> Iterator[tuple[int, list[str]]]:
    """Line and fields of every row, the header first. Raises RefusedFile for broken quotes or records."""
    # An open quote would swallow the rest of the file: the parser gives up long before memory does.
    csv.field_size_limit(LONGEST_LINE)
    reader = csv.reader(lines, strict=True)
    while True:
        consumed = reader.line_num
        lines.first_of_row = 0
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _broken_quoting(lines.first_of_row) from error
        if reader.line_num != consumed + 1:
            raise _broken_quoting(lines.first_of_row)
        if (
            '"' in lines.text
            and '"' in "".join(fields)
            and not _WELL_QUOTED.fullmatch(lines.text.rstrip("\r\n"))
        ):
            raise _broken_quoting(lines.line)
        yield lines.line, fields


def _broken_quoting(line: int) -> RefusedFile:
    return RefusedFile(
        f"a quote on line {line} is not closed on that line or stands inside a value; one row is one line: "
        "close the quote, double quotes inside a value, leave line breaks out, and deliver the file again",
        line=line,
    )


def _fields_of(text: str, *, line: int) -> list[str]:
    if not _WELL_QUOTED.fullmatch(text):
        raise _broken_quoting(line)
    return next(csv.reader([text], strict=True))


def _move(
    connection: duckdb.DuckDBPyConnection,
    *,
    fit: list[tuple[object, ...]],
    unfit: list[_UnfitRow],
    header: tuple[str, ...],
) -> None:
    _set_aside(connection, unfit)
    if not fit:
        return
    columns = list(zip(*fit, strict=True))
    names = ("line", *(_text(name) for name in header))
    frame = pl.DataFrame(dict(zip(names, columns, strict=True)), schema_overrides={"line": pl.Int32})
    cells = ", ".join(f"nullif({_text(name)}, '')" for name in header)
    connection.register("text_batch", frame)
    connection.execute(f"insert into text_rows select line, {cells} from text_batch")
    connection.unregister("text_batch")


def _set_aside(connection: duckdb.DuckDBPyConnection, rows: Sequence[_UnfitRow]) -> None:
    if not rows:
        return
    schema = {"line": pl.Int64, "field_count": pl.Int32, "row_text": pl.String}
    connection.register("unfit_batch", pl.DataFrame(rows, schema=schema, orient="row"))
    connection.execute("insert into unfit_rows select line, field_count, row_text from unfit_batch")
    connection.unregister("unfit_batch")


# ---- the judgement, the same for both readers


@dataclass(frozen=True)
class _Fault:
    """One way in which a row can be bad: SQL over typed and text columns, and the sentence for it."""

    column: str
    condition: str
    reason: str
    shown: str | None = None


def _text(name: str) -> str:
    return f"text_{name}"


def _judgement(feed: Feed, *, header: tuple[str, ...], source: str) -> str:
    """SQL: the rows of `source`, typed, with the number of their first fault (null: none)."""
    columns = [column for column in feed.file_columns if column.name in header]
    typed = ", ".join(f"{_typed(column)} as {column.name}" for column in columns)
    status = "" if ROW_STATUS in header else f", 'active' as {ROW_STATUS}"
    faults = _faults(feed)
    first_fault = " ".join(
        f"when {fault.condition} then {number}"
        for number, fault in enumerate(faults)
        if fault.column != ROW_STATUS or ROW_STATUS in header
    )
    shown = " ".join(
        f"when {number} then {shown_sql(fault.shown)}"
        for number, fault in enumerate(faults)
        if fault.shown and fault.column in header
    )
    texts = ", ".join(f"coalesce({_text(name)}, '')" for name in header)
    names = ", ".join((*feed.column_names, ROW_STATUS))
    line = "line, " if source == "text_rows" else ""
    return f"""
        with typed as (
            select *, {typed}{status} from {source}
        ),
        judged as (
            select *, (case {first_fault} end)::utinyint as fault_no from typed
        )
        select
            {line}{names},
            fault_no,
            case fault_no {shown} end as shown,
            case when fault_no is not null
                then left(concat_ws(',', {texts}), {LONGEST_ROW_TEXT}) end as row_text
        from judged
    """


def _typed(column: Column) -> str:
    text = _text(column.name)
    if column.kind is Kind.ID:
        return f"case when regexp_full_match({text}, '{ID_PATTERN}') then {text} end"
    if column.kind is Kind.INTEGER:
        is_plain = f"regexp_full_match({text}, '{_INTEGER_PATTERN}')"
        return f"case when {is_plain} then try_cast({text} as bigint) end"
    if column.kind is Kind.ENUM:
        return f"case when {text} in ({_quoted(column.values)}) then {text} end"
    if column.kind is Kind.BOOLEAN:
        return f"case {text} when 'true' then true when 'false' then false end"
    # A cast is cheapest for Z, but drops any other offset; %z knows offsets, but does not take Z.
    return f"""
        case
            when regexp_full_match({text}, '{_LOCAL_PATTERN}Z') then try_cast({text} as timestamp)
            when regexp_full_match({text}, '{_LOCAL_PATTERN}[+-]{_CLOCK_PATTERN}')
                then try_strptime({text}, '%Y-%m-%dT%H:%M:%S%z') at time zone 'UTC'
        end
    """


def _faults(feed: Feed) -> list[_Fault]:
    faults: list[_Fault] = []
    for column in feed.file_columns:
        faults += _column_faults(column)
    faults += [_Fault(rule.column, rule.broken_when, rule.reason) for rule in feed.row_rules]
    return faults


def _column_faults(column: Column) -> Iterator[_Fault]:
    name, text = column.name, _text(column.name)
    if not column.nullable:
        yield _Fault(name, f"{text} is null", f"{name} is empty; {_advice(column)}")
    malformed = f"{text} is not null and {name} is null" if column.nullable else f"{name} is null"
    yield _Fault(name, malformed, f"{name} is '{{shown}}'; {_advice(column)}", shown=text)
    if column.kind is Kind.INTEGER and column.minimum > 0:
        reason = f"{name} is '{{shown}}'; give at least {column.minimum}"
        yield _Fault(name, f"{name} < {column.minimum}", reason, shown=text)


def _advice(column: Column) -> str:
    if column.kind is Kind.ENUM:
        return f"give {' or '.join(column.values)}"
    if column.kind is Kind.INTEGER:
        return f"give {_unit(column.name)} as plain digits, at most 10^12"
    return {
        Kind.ID: "give an id of 1 to 64 letters, digits and . _ : * / - that starts with a letter or digit",
        Kind.BOOLEAN: "give true or false",
        Kind.INSTANT: f"give a real date and time as YYYY-MM-DDTHH:MM:SS with Z or an offset such as +09:00, "
        f"in the years {FIRST_YEAR} to {LAST_YEAR}",
    }[column.kind]


def _unit(name: str) -> str:
    units = {"_wh": "whole watt-hours", "_w": "whole watts", "_minor": "whole smallest currency units"}
    return next((unit for suffix, unit in units.items() if name.endswith(suffix)), "a whole number")


def _quoted(values: tuple[str, ...]) -> str:
    return ", ".join(f"'{value}'" for value in values)


def _define_good_rows(connection: duckdb.DuckDBPyConnection, *, feed: Feed, line: str) -> None:
    names = ", ".join((*feed.column_names, ROW_STATUS))
    connection.execute(
        f"create or replace temp view good_rows as select ({line})::integer as line, line as row_no, {names} "
        "from judged_rows where fault_no is null"
    )
    has_key = " and ".join(f"{name} is not null" for name in feed.key)
    connection.execute(
        f"create or replace temp view spoilt_keys as select ({line})::integer as line, {', '.join(feed.key)} "
        f"from judged_rows where fault_no is not null and {has_key}"
    )
    connection.execute(
        f"create or replace temp view faulty_rows as select ({line})::integer as line, fault_no, shown, "
        "row_text from judged_rows where fault_no is not null"
    )


def _define_bad_rows(connection: duckdb.DuckDBPyConnection, *, feed: Feed, width: int) -> None:
    """Define bad_rows. A view: millions of sentences would take more memory than the file itself."""
    faults = _faults(feed)
    frame = pl.DataFrame(
        {
            "fault_no": range(len(faults)),
            "column_name": [fault.column for fault in faults],
            "reason": [fault.reason for fault in faults],
        }
    )
    connection.register("fault_frame", frame)
    connection.execute("create or replace temp table fault_catalogue as select * from fault_frame")
    connection.unregister("fault_frame")
    connection.execute(
        f"""
        create or replace temp view bad_rows as
        select
            line,
            null::varchar as column_name,
            case
                when field_count is null
                    then 'the line is longer than {LONGEST_LINE:,} characters; no row of any feed is'
                else 'the row has ' || field_count || ' fields where the header has {width}; give one value '
                    || 'per column'
            end as reason,
            row_text
        from unfit_rows
        union all
        select line, column_name, replace(reason, '{{shown}}', coalesce(shown, '')), row_text
        from faulty_rows
        inner join fault_catalogue using (fault_no)
        """
    )
