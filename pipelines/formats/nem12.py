"""NEM12 meter files: interval records of registers, summed to half hours by R2.

nemreader does not do: it reads values through a float, drops line numbers, skips short records with a line in
the log and lets 400 records leave gaps. The tests hold this reader against it.
"""

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, Inexact, InvalidOperation, localcontext
from pathlib import Path

import duckdb
import polars as pl

from pipelines.feeds import FEEDS, FIRST_YEAR, ID_PATTERN, LARGEST_INTEGER, LAST_YEAR, METER_INTERVALS
from pipelines.formats import LONGEST_ROW_TEXT, ReadRows, RefusedFile
from pipelines.formats.plain_text import OPEN_END, check_plain_text, open_text
from pipelines.sources import MeterSource
from pipelines.store import TextScan
from pipelines.wording import shortened

HALF_HOURS_OF_DAY = 48
# A 300 record of 288 values as long as they may be has some 13,000.
_LONGEST_RECORD = 100_000
_EXACT = Context(prec=80, traps=[Inexact, InvalidOperation])
_VALUE = re.compile(r"[0-9]{1,13}(?:\.[0-9]{0,30})?", re.ASCII)
_QUALITY = re.compile(r"([AEFNSV])(?:[0-9]{2})?", re.ASCII)
_QUALITY_OF_FLAG = {"A": "A", "S": "S", "F": "S", "E": "E", "N": "N"}
_WORST_LAST = "ASEN"
_DIRECTION_OF_LETTER = {"E": "import_wh", "B": "backfeed_wh"}
_WH_OF_UNIT = {"WH": Decimal(1), "KWH": Decimal(1000)}
_REACTIVE_UNITS = ("VARH", "KVARH", "MVARH", "VAR", "KVAR", "MVAR")
_MINUTES_OF_TEXT = re.compile(r"0{0,8}(5|15|30)", re.ASCII)


@dataclass(frozen=True)
class _Register:
    """A 200 record: one register of one meter, for the 300 records behind it."""

    line: int
    nmi: str
    suffix: str
    unit: str
    interval_length: str

    @property
    def is_reactive(self) -> bool:
        """Whether the register counts reactive energy, which nothing is settled on."""
        return self.unit.upper() in _REACTIVE_UNITS

    @property
    def direction(self) -> str | None:
        """The column that the register counts for; None for reactive energy and for what is neither."""
        return None if self.is_reactive else _DIRECTION_OF_LETTER.get(self.suffix[:1])


@dataclass
class _IntervalRecord:
    """A 300 record with the 400 records that follow it, as text."""

    register: _Register
    line: int
    fields: list[str]
    events: list[tuple[int, list[str]]] = field(default_factory=list)


@dataclass(frozen=True)
class _RegisterDay:
    """The half hours of one register on one day of the meter's clock: exact Wh, None where missing."""

    line: int
    energies: tuple[Decimal | None, ...]
    qualities: tuple[str, ...]
    fingerprint: int


@dataclass(eq=False)
class _BadRecord(Exception):
    """A record that cannot be used, by the line at fault."""

    line: int
    column: str | None
    reason: str
    row_text: str


@dataclass
class _MeterFile:
    """Everything usable of a file, by NMI, day, direction and register."""

    registers: dict[str, dict[str, set[str]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(set))
    )
    days: dict[tuple[str, date], dict[tuple[str, str], list[_RegisterDay]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    texts: dict[int, str] = field(default_factory=dict)
    spoilt: dict[tuple[str, date], dict[tuple[str, str], int]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    left_out: Counter[str] = field(default_factory=Counter)
    bad_records: list[_BadRecord] = field(default_factory=list)
    duplicate_records: int = 0
    records_read: int = 0
    may_be_cut: bool = False


def read_nem12(
    connection: duckdb.DuckDBPyConnection, *, path: Path, scan: TextScan, source: MeterSource
) -> ReadRows:
    """Read a stored NEM12 file into good_rows and bad_rows, one row per half hour.

    A 300 record counts as 48 half hours; those of several registers that make up one meter's day count once.
    Raises RefusedFile for a broken structure.
    """
    check_plain_text(scan, path=path)
    with localcontext(_EXACT):
        meter_file = _MeterFile()
        for record in _interval_records(path, scan=scan, source=source, meter_file=meter_file):
            _take(record, source=source, meter_file=meter_file)
        _set_repeated_aside(meter_file)
        rows = list(_half_hours(meter_file, source=source))
    _fill(connection, rows=rows, bad_records=meter_file.bad_records)
    duplicates = meter_file.duplicate_records * HALF_HOURS_OF_DAY
    quarantined = len(meter_file.bad_records) * HALF_HOURS_OF_DAY
    return ReadRows(
        rows_in=_rows_in(meter_file),
        rows_duplicate=duplicates,
        rows_quarantined=quarantined,
        notes=tuple(_notes(meter_file, source=source)),
        nmis=tuple(sorted(meter_file.registers)),
    )


def _rows_in(meter_file: _MeterFile) -> int:
    """The rows that the 300 records read have to become, counted before anything became of them.

    A record less among those used, repeated or quarantined leaves the arithmetic of the delivery open.
    """
    left_out = sum(meter_file.left_out.values())
    merged = sum(len(registers) - 1 for registers in meter_file.days.values() if registers)
    return HALF_HOURS_OF_DAY * (meter_file.records_read - left_out - merged)


# ---- structure


def _records(path: Path) -> Iterator[tuple[int, list[str]]]:
    with open_text(path) as file:
        line = 0
        while text := file.readline(_LONGEST_RECORD):
            line += 1
            if len(text) == _LONGEST_RECORD and not text.endswith("\n"):
                raise RefusedFile(
                    f"line {line} is longer than {_LONGEST_RECORD:,} characters; no record of NEM12 is",
                    line=line,
                )
            if not (text := text.rstrip("\r\n")):
                continue
            try:
                yield line, next(csv.reader([text], strict=True))
            except csv.Error as error:
                raise RefusedFile(f"line {line} has broken quoting ({error})", line=line) from error


def _interval_records(
    path: Path, *, scan: TextScan, source: MeterSource, meter_file: _MeterFile
) -> Iterator[_IntervalRecord]:
    """The 300 records with their 400 records, registers left out and counted. Raises RefusedFile."""
    register: _Register | None = None
    open_record: _IntervalRecord | None = None
    previous: str | None = None
    line = 0
    for line, fields in _records(path):
        indicator = fields[0]
        _check_order(
            indicator, previous=previous, has_register=register is not None, line=line, source=source
        )
        if indicator == "400" and open_record is not None:
            open_record.events.append((line, fields))
        elif indicator in ("200", "300"):
            if open_record is not None:
                yield open_record
            open_record = None
        if indicator == "100" and fields[1:2] != ["NEM12"]:
            raise RefusedFile(f"line {line} says {_shown(','.join(fields[1:2]))}, not NEM12", line=line)
        if indicator == "200":
            register = _register(fields, line=line)
            _note_register(register, meter_file=meter_file)
        if indicator == "300" and register is not None:
            meter_file.records_read += 1
            open_record = _wanted(register, line=line, fields=fields, meter_file=meter_file)
        previous = indicator
    _check_end(previous, line=line, scan=scan, source=source, open_record=open_record)
    meter_file.may_be_cut = previous != "900" and not scan.ends_with_newline
    if open_record is not None:
        yield open_record


def _check_order(
    indicator: str, *, previous: str | None, has_register: bool, line: int, source: MeterSource
) -> None:
    if indicator not in ("100", "200", "300", "400", "500", "900"):
        raise RefusedFile(
            f"line {line} starts with {_shown(indicator)}, which is no record of NEM12", line=line
        )
    if previous == "900":
        raise RefusedFile(f"line {line} stands after the 900 record, which ends the file", line=line)
    if previous is None and indicator != "100" and source.needs_records_100_900:
        raise RefusedFile(
            "the file does not begin with a 100 record; deliver it whole, or set records_100_900: optional "
            "for its source in sources.yaml",
            line=line,
        )
    if indicator == "100" and previous is not None:
        raise RefusedFile(f"line {line} is a second 100 record; deliver one file each", line=line)
    if indicator in ("300", "400", "500") and not has_register:
        raise RefusedFile(f"line {line} is a {indicator} record without a 200 record before it", line=line)
    if indicator == "400" and previous not in ("300", "400"):
        raise RefusedFile(f"line {line} is a 400 record that follows no 300 record", line=line)


def _check_end(
    last: str | None, *, line: int, scan: TextScan, source: MeterSource, open_record: _IntervalRecord | None
) -> None:
    if last is None:
        raise RefusedFile("the file holds no record")
    if last != "900" and source.needs_records_100_900:
        raise RefusedFile(
            "the file is cut off: it has no 900 record at its end; deliver it whole, or set "
            "records_100_900: optional for its source in sources.yaml",
            line=line,
        )
    if scan.ends_with_newline or last != "300" or open_record is None:
        return
    if not any(_QUALITY.fullmatch(text) for text in open_record.fields[2:]):
        raise RefusedFile(f"the file is cut off in the middle of line {line}; deliver it whole", line=line)


def _register(fields: list[str], *, line: int) -> _Register:
    if len(fields) < 9 or not fields[1] or not fields[4]:
        raise RefusedFile(
            f"line {line} is a 200 record without NMI, register suffix, unit or interval length", line=line
        )
    return _Register(line=line, nmi=fields[1], suffix=fields[4], unit=fields[7], interval_length=fields[8])


def _note_register(register: _Register, *, meter_file: _MeterFile) -> None:
    if register.direction is not None:
        meter_file.registers[register.nmi][register.direction].add(register.suffix)


def _wanted(
    register: _Register, *, line: int, fields: list[str], meter_file: _MeterFile
) -> _IntervalRecord | None:
    if register.is_reactive:
        meter_file.left_out[f"{shortened(register.suffix)} ({register.unit})"] += 1
        return None
    return _IntervalRecord(register=register, line=line, fields=fields)


# ---- one record


def _take(record: _IntervalRecord, *, source: MeterSource, meter_file: _MeterFile) -> None:
    register = record.register
    try:
        _check_register(record, source=source)
        day = _date(record)
        register_day = _register_day(record)
    except _BadRecord as bad:
        meter_file.bad_records.append(bad)
        _note_spoilt(record, meter_file=meter_file)
        return
    assert register.direction is not None
    meter_file.days[register.nmi, day][register.direction, register.suffix].append(register_day)
    meter_file.texts[record.line] = _row_text(record.fields)


def _note_spoilt(record: _IntervalRecord, *, meter_file: _MeterFile) -> None:
    """Remember the register's day of a bad record, if its date can be read."""
    register = record.register
    with suppress(_BadRecord):
        key = (register.direction or "", register.suffix)
        meter_file.spoilt[register.nmi, _date(record)].setdefault(key, record.line)


def _bad(
    record: _IntervalRecord,
    reason: str,
    *,
    column: str | None,
    line: int | None = None,
    fields: Iterable[str] = (),
) -> _BadRecord:
    return _BadRecord(
        line=line or record.line,
        column=column,
        reason=f"{reason} (48 half hours of register {_shown(record.register.suffix)})",
        row_text=_row_text(fields or record.fields),
    )


def _row_text(fields: Iterable[str]) -> str:
    return ",".join(fields)[:LONGEST_ROW_TEXT]


def _shown(text: str) -> str:
    return repr(shortened(text))


def _check_register(record: _IntervalRecord, *, source: MeterSource) -> None:
    register = record.register
    if register.direction is None:
        reason = (
            f"a register in {_shown(register.unit)} that is neither import (E) nor backfeed (B) nor reactive "
            "energy cannot be read; leave it out of the file, or give it the suffix that says what it is"
        )
        raise _bad(record, reason, column="import_wh, backfeed_wh")
    if register.unit.upper() not in _WH_OF_UNIT:
        reason = f"the unit is {_shown(register.unit)}; give Wh or kWh"
        raise _bad(record, reason, column=register.direction)
    if not _MINUTES_OF_TEXT.fullmatch(register.interval_length):
        reason = f"the interval length is {_shown(register.interval_length)}; give 5, 15 or 30 minutes"
        raise _bad(record, reason, column="interval_start")
    if not re.fullmatch(ID_PATTERN, _metering_point_id(register.nmi, source=source)):
        reason = (
            f"the NMI {_shown(register.nmi)} is no valid id; name its metering point under "
            "metering_point_ids in sources.yaml"
        )
        raise _bad(record, reason, column="metering_point_id")


def _metering_point_id(nmi: str, *, source: MeterSource) -> str:
    return source.metering_point_ids.get(nmi, nmi)


def _date(record: _IntervalRecord) -> date:
    text = record.fields[1] if len(record.fields) > 1 else ""
    try:
        if not re.fullmatch("[0-9]{8}", text):
            raise ValueError
        day = date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        raise _bad(
            record, f"the date is {_shown(text)}; give a real one as YYYYMMDD", column="interval_start"
        ) from None
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise _bad(
            record,
            f"the date is {text}; give a year from {FIRST_YEAR} to {LAST_YEAR}",
            column="interval_start",
        )
    return day


def _register_day(record: _IntervalRecord) -> _RegisterDay:
    minutes = int(record.register.interval_length)
    count = 24 * 60 // minutes
    values, flag = _values_and_flag(record, count=count, minutes=minutes)
    qualities = _qualities(record, count=count, flag=flag)
    factor = _WH_OF_UNIT[record.register.unit.upper()]
    parts = [
        _energy(record, text=text, quality=quality, number=number, factor=factor)
        for number, (text, quality) in enumerate(zip(values, qualities, strict=True), start=1)
    ]
    step = 30 // minutes
    energies = tuple(_total(parts[first : first + step]) for first in range(0, count, step))
    if any(energy is not None and energy > LARGEST_INTEGER for energy in energies):
        raise _bad(record, "a half hour holds more than 10^12 Wh", column=record.register.direction)
    return _RegisterDay(
        line=record.line,
        energies=energies,
        qualities=tuple(_worst(qualities[first : first + step]) for first in range(0, count, step)),
        fingerprint=hash((tuple(parts), tuple(qualities))),
    )


def _values_and_flag(record: _IntervalRecord, *, count: int, minutes: int) -> tuple[list[str], str]:
    fields = record.fields[2:]
    place = next((place for place, text in enumerate(fields) if _QUALITY.fullmatch(text)), None)
    if place is not None and place != count:
        reason = (
            f"the record has {place} values before its quality where {minutes}-minute records have {count}"
        )
        raise _bad(record, reason, column=record.register.direction)
    if place is None:
        shown = _shown(fields[count]) if len(fields) > count else "missing"
        reason = f"the quality behind {count} values is {shown}; give A, E, F, N, S or V"
        raise _bad(record, reason, column="quality")
    if any(fields[count + 5 :]):
        raise _bad(record, "the record has more fields than a 300 record", column=None)
    return fields[:count], fields[count][0]


def _qualities(record: _IntervalRecord, *, count: int, flag: str) -> list[str]:
    if not record.events:
        if flag == "V":
            raise _bad(record, "the quality is V but no 400 record says what it is made of", column="quality")
        return [_QUALITY_OF_FLAG[flag]] * count
    qualities: list[str] = []
    for line, fields in record.events:
        first, last, event_flag = (*fields[1:4], "", "", "")[:3]
        if not (re.fullmatch("[0-9]{1,4}", first) and re.fullmatch("[0-9]{1,4}", last)):
            reason = (
                f"the 400 record's intervals are {_shown(first)} to {_shown(last)}; give two whole numbers"
            )
            raise _bad(record, reason, column="quality", line=line, fields=fields)
        if int(first) != len(qualities) + 1 or not int(first) <= int(last) <= count:
            reason = (
                f"the 400 record covers intervals {first} to {last} where {len(qualities) + 1} is next; "
                f"the records must cover 1 to {count} without gap or overlap"
            )
            raise _bad(record, reason, column="quality", line=line, fields=fields)
        if not _QUALITY.fullmatch(event_flag) or event_flag[0] == "V":
            reason = f"the 400 record's quality is {_shown(event_flag)}; give A, E, F, N or S"
            raise _bad(record, reason, column="quality", line=line, fields=fields)
        qualities += [_QUALITY_OF_FLAG[event_flag[0]]] * (int(last) - int(first) + 1)
    if len(qualities) != count:
        line, fields = record.events[-1]
        reason = f"the 400 records cover intervals 1 to {len(qualities)} of {count}"
        raise _bad(record, reason, column="quality", line=line, fields=fields)
    return qualities


def _energy(
    record: _IntervalRecord, *, text: str, quality: str, number: int, factor: Decimal
) -> Decimal | None:
    if quality == "N" and not text:
        return None
    if not _VALUE.fullmatch(text):
        reason = f"the value of interval {number} is {_shown(text)}; give a plain decimal number, 0 or more"
        raise _bad(record, reason, column=record.register.direction)
    return None if quality == "N" else Decimal(text) * factor


def _total(parts: Iterable[Decimal | None]) -> Decimal | None:
    """The sum, missing where any part is missing (R2)."""
    total = Decimal(0)
    for part in parts:
        if part is None:
            return None
        total += part
    return total


def _worst(qualities: Iterable[str]) -> str:
    return max(qualities, key=_WORST_LAST.index)


# ---- the whole file


def _set_repeated_aside(meter_file: _MeterFile) -> None:
    """A register's day given twice: the same content counts once, different contents are all quarantined.

    So is a good record beside a bad one of its register's day.
    """
    for (nmi, day), registers in meter_file.days.items():
        for key, records in list(registers.items()):
            spoilt_line = meter_file.spoilt.get((nmi, day), {}).get(key)
            if spoilt_line is None and len({record.fingerprint for record in records}) == 1:
                meter_file.duplicate_records += len(records) - 1
                del records[1:]
                continue
            del registers[key]
            first_lines = _first_lines(records)
            for record in records:
                lines = [line for contents, line in first_lines if contents != record.fingerprint][:1]
                other_line = lines[0] if spoilt_line is None else min([spoilt_line, *lines])
                meter_file.bad_records.append(
                    _BadRecord(
                        line=record.line,
                        column="metering_point_id, interval_start",
                        reason=f"register {_shown(key[1])} of NMI {_shown(nmi)} has other contents for {day} "
                        f"on line {other_line}; deliver the one record that is right (48 half hours)",
                        row_text=meter_file.texts[record.line],
                    )
                )


def _first_lines(records: Iterable[_RegisterDay]) -> list[tuple[int, int]]:
    """The two earliest different contents and their first lines: one of them differs from any record."""
    first_line: dict[int, int] = {}
    for record in records:
        first_line.setdefault(record.fingerprint, record.line)
    return list(first_line.items())[:2]


_HalfHour = tuple[int, str, datetime, int | None, int | None, str]


def _half_hours(meter_file: _MeterFile, *, source: MeterSource) -> Iterator[_HalfHour]:
    """Rows (line, metering point, start, import, backfeed, quality) of every day with a usable record."""
    nmi_of: dict[str, str] = {}
    for (nmi, day), registers in sorted(meter_file.days.items()):
        metering_point_id = _metering_point_id(nmi, source=source)
        if nmi_of.setdefault(metering_point_id, nmi) != nmi:
            raise RefusedFile(
                f"the NMIs {nmi_of[metering_point_id]} and {nmi} are both read as {metering_point_id}; "
                "give each its own metering point in sources.yaml"
            )
        if not registers:
            continue
        line = min(records[0].line for records in registers.values())
        start = datetime.combine(day, time()) - timedelta(minutes=source.offset_minutes)
        wanted = meter_file.registers[nmi]
        imports = _direction(registers, direction="import_wh", suffixes=wanted["import_wh"])
        backfeeds = _direction(registers, direction="backfeed_wh", suffixes=wanted["backfeed_wh"])
        for slot, (import_part, backfeed_part) in enumerate(zip(imports, backfeeds, strict=True)):
            given = [part for part in (import_part, backfeed_part) if part[0] is not None]
            quality = _worst(part[1] for part in given) if given else "N"
            instant = start + timedelta(minutes=30 * slot)
            yield line, metering_point_id, instant, import_part[0], backfeed_part[0], quality


def _direction(
    registers: dict[tuple[str, str], list[_RegisterDay]], *, direction: str, suffixes: set[str]
) -> list[tuple[int | None, str]]:
    """Whole Wh and quality of a day's half hours in one direction.

    All its registers are added up exactly, then made whole by carry within the day (R2). A register that the
    file has, but not usably on this day, leaves the direction missing: a part would pass for the whole.
    """
    days = [
        registers[direction, suffix][0] for suffix in sorted(suffixes) if (direction, suffix) in registers
    ]
    if not days or len(days) < len(suffixes):
        return [(None, "N")] * HALF_HOURS_OF_DAY
    totals = [_total(energies) for energies in zip(*(day.energies for day in days), strict=True)]
    qualities = [_worst(flags) for flags in zip(*(day.qualities for day in days), strict=True)]
    return list(zip(_made_whole(totals), qualities, strict=True))


def _made_whole(energies: Iterable[Decimal | None]) -> Iterator[int | None]:
    """R2: differences of the rounded running sums, so the day keeps its total; missing ones add nothing."""
    exact, given_out = Decimal(0), 0
    for energy in energies:
        if energy is None:
            yield None
            continue
        exact += energy
        rounded = int(exact.to_integral_value(rounding=ROUND_HALF_UP))
        yield rounded - given_out
        given_out = rounded


def _notes(meter_file: _MeterFile, *, source: MeterSource) -> Iterator[str]:
    yield f"read with the meter's clock at {source.utc_offset}"
    for register, records in sorted(meter_file.left_out.items()):
        yield f"{records} day record{'s' if records > 1 else ''} of register {register} left out"
    if meter_file.may_be_cut:
        yield OPEN_END


def _fill(
    connection: duckdb.DuckDBPyConnection, *, rows: list[_HalfHour], bad_records: list[_BadRecord]
) -> None:
    names = FEEDS[METER_INTERVALS].column_names
    types: tuple[pl.DataType, ...] = (pl.String(), pl.Datetime("us"), pl.Int64(), pl.Int64(), pl.String())
    schema: dict[str, pl.DataType] = {"line": pl.Int32(), **dict(zip(names, types, strict=True))}
    frame = pl.DataFrame(rows, schema=schema, orient="row").with_row_index("row_no", offset=1)
    connection.register("half_hours", frame)
    connection.execute("drop view if exists good_rows")
    connection.execute(
        "create or replace temp table half_hour_rows as "
        f"select line, row_no::integer as row_no, {', '.join(names)}, 'active' as row_status from half_hours"
    )
    connection.execute("create or replace temp view good_rows as select * from half_hour_rows")
    connection.unregister("half_hours")
    # Conflicts are settled above, by registers; whole half hours have none left.
    connection.execute(
        "create or replace temp view spoilt_keys as "
        "select line, metering_point_id, interval_start from good_rows where false"
    )
    bad = [(record.line, record.column, record.reason, record.row_text) for record in bad_records]
    bad_schema = {"line": pl.Int64, "column_name": pl.String, "reason": pl.String, "row_text": pl.String}
    connection.register("bad_frame", pl.DataFrame(bad, schema=bad_schema, orient="row"))
    connection.execute("create or replace temp table bad_record_rows as select * from bad_frame")
    connection.unregister("bad_frame")
    connection.execute("create or replace temp view bad_rows as select * from bad_record_rows")
