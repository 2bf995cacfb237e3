"""The contract of canonical CSV read a second time: plain Python, from its text alone, byte by byte.

It judges a file line by line, as strictly as the contract says, so that whatever the pipeline accepts can be
derived from the bytes again and whatever it refuses has a cause. It knows nothing of the pipeline.
"""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tests.simulate.contract_reader import CONTRACT, SPANS

LONGEST_LINE = 1_000_000
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:*/-]{0,63}")
_INTEGER = re.compile(r"0*([0-9]{1,13})")
_INSTANT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:Z|([+-])([0-9]{2}):([0-9]{2}))"
)
_FIELD = re.compile(r'"((?:[^"]|"")*)"(?=,|\Z)|([^",]*)(?=,|\Z)')
_NO_TEXT = (b"\x1f\x8b", b"PK\x03\x04", b"PK\x05\x06", b"PAR1", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd")

Value = str | int | bool | datetime | None


class Refused(Exception):
    """The file as a whole is not what the contract asks for."""


@dataclass
class Reading:
    """What became of each line with a row: its values, a repetition, or the columns that may be at fault."""

    accepted: dict[int, dict[str, Value]] = field(default_factory=dict)
    duplicates: set[int] = field(default_factory=set)
    bad: dict[int, set[str | None]] = field(default_factory=dict)


def columns_of(feed: str) -> dict[str, str]:
    """Domain by column, row_status included where the feed may have it."""
    columns = dict(column.split("=") for column in CONTRACT[feed].split())
    return columns if feed == "meter_intervals" else {**columns, "row_status": "active|cancelled"}


def key_of(feed: str) -> tuple[str, ...]:
    """The key columns of a feed."""
    return tuple(name for name, domain in columns_of(feed).items() if domain.endswith("*"))


def read(feed: str, content: bytes) -> Reading:
    """Judge a delivered file. Raises Refused where it goes to quarantine whole."""
    lines = _lines(content)
    domains = columns_of(feed)
    header_line, header = next(
        ((number, fields) for number, fields in lines if fields is not None), (0, None)
    )
    if header is None or header_line != lines[0][0]:
        raise Refused("no header")
    if any(times > 1 for times in Counter(header).values()) or set(header) - set(domains):
        raise Refused("doubled or unknown columns")
    if set(domains) - {"row_status"} - set(header):
        raise Refused("missing columns")
    rows = [(number, fields) for number, fields in lines if number > header_line]
    last_number = content.count(b"\n") + 1
    if rows and rows[-1][0] == last_number and rows[-1][1] is not None and len(rows[-1][1]) < len(header):
        raise Refused("cut off")
    return _judge(feed, rows, header=header)


def _lines(content: bytes) -> list[tuple[int, list[str] | None]]:
    """Number and fields of each line with text; no fields where the line is too long to be a row."""
    if content.startswith(_NO_TEXT) or b"\0" in content:
        raise Refused("no text")
    try:
        text = content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise Refused("no UTF-8") from error
    if re.search(r"\r(?!\n)", text):
        raise Refused("a carriage return that ends no line")
    found: list[tuple[int, list[str] | None]] = []
    for number, whole_line in enumerate(text.split("\n"), start=1):
        line = whole_line.removesuffix("\r")
        if len(line) >= LONGEST_LINE:
            found.append((number, None))
        elif line:
            found.append((number, _fields(line)))
    if not found:
        raise Refused("empty")
    return found


def _fields(line: str) -> list[str]:
    fields, at = [], 0
    while True:
        match = _FIELD.match(line, at)
        if match is None:
            raise Refused("a quote that is not closed, or inside a value")
        quoted, plain = match.groups()
        fields.append(plain if quoted is None else quoted.replace('""', '"'))
        if match.end() == len(line):
            return fields
        at = match.end() + 1


def _judge(feed: str, rows: list[tuple[int, list[str] | None]], *, header: list[str]) -> Reading:
    reading = Reading()
    key = key_of(feed)
    good: dict[tuple[Value, ...], dict[int, dict[str, Value]]] = defaultdict(dict)
    spoilt: set[tuple[Value, ...]] = set()
    for number, fields in rows:
        if fields is None or len(fields) != len(header):
            reading.bad[number] = {None}
            continue
        values, faulty = row_of(feed, dict(zip(header, fields, strict=True)))
        if faulty:
            reading.bad[number] = faulty
            if all(values.get(name) is not None for name in key):
                spoilt.add(tuple(values[name] for name in key))
        else:
            good[tuple(values[name] for name in key)][number] = values
    for key_values, versions in good.items():
        first = min(versions)
        if key_values in spoilt or any(version != versions[first] for version in versions.values()):
            reading.bad.update({number: {", ".join(key)} for number in versions})
        else:
            reading.accepted[first] = versions[first]
            reading.duplicates |= set(versions) - {first}
    return reading


def row_of(feed: str, cells: dict[str, str]) -> tuple[dict[str, Value], set[str | None]]:
    """The values of a row that can be read, and every column that may be named as its fault."""
    values: dict[str, Value] = {}
    faulty: set[str | None] = set()
    for name, domain in columns_of(feed).items():
        try:
            values[name] = value_of(cells.get(name, "active" if name == "row_status" else ""), domain)
        except ValueError:
            faulty.add(name)
    return values, faulty or _broken_rules(feed, values)


def value_of(cell: str, domain: str) -> Value:
    """The value of a cell in its domain; ValueError for anything else."""
    kind = domain.rstrip("*?")
    if cell == "":
        if domain.endswith("?"):
            return None
        raise ValueError("empty")
    if kind == "at":
        return _instant(cell)
    if kind == "int":
        match = _INTEGER.fullmatch(cell)
        if match is None or int(match[1]) > 10**12:
            raise ValueError(cell)
        return int(match[1])
    if kind == "id":
        if _ID.fullmatch(cell) is None:
            raise ValueError(cell)
        return cell
    if cell not in kind.split("|"):
        raise ValueError(cell)
    return cell == "true" if kind == "true|false" else cell


def _instant(cell: str) -> datetime:
    match = _INSTANT.fullmatch(cell)
    if match is None:
        raise ValueError(cell)
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    if not 1900 <= year <= 9998:
        raise ValueError(cell)
    local = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    sign, hours, minutes = match.groups()[6:]
    if sign is None:
        return local.replace(tzinfo=None)
    if int(hours) > 23 or int(minutes) > 59:
        raise ValueError(cell)
    ahead = timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1)
    return (local - ahead).replace(tzinfo=None)


def _broken_rules(feed: str, values: dict[str, Value]) -> set[str | None]:
    broken: set[str | None] = set()
    for start, end in SPANS:
        opened, closed = values.get(start), values.get(end)
        if isinstance(opened, datetime) and isinstance(closed, datetime) and closed <= opened:
            broken.add(end)
    if feed == "meter_intervals":
        at = values["interval_start"]
        assert isinstance(at, datetime), "it has its domain"
        if at.minute % 30 or at.second:
            broken.add("interval_start")
        has_energy = values["import_wh"] is not None or values["backfeed_wh"] is not None
        if has_energy == (values["quality"] == "N"):
            broken.add("quality")
    if feed == "charger_sessions":
        given = {values[name] is None for name in ("ended_at", "charged_wh", "discharged_wh")}
        if len(given) > 1:
            broken.add("ended_at")
    if feed == "dr_signals" and values["amount"] == 0:
        broken.add("amount")
    if feed == "aggregators" and values["level"] == "parent" and values["parent_aggregator_id"] is not None:
        broken.add("parent_aggregator_id")
    return broken
