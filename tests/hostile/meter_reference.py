"""What a NEM12 file says, read a second time: plain Python and fractions, from the contract alone (R2).

It does not judge which records are good; it derives the half hours of those that were taken, and fails where
one of them is not what the contract asks for.
"""

import re
from collections import defaultdict
from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from fractions import Fraction

HalfHour = tuple[int | None, int | None, str]
_WORST_LAST = "ASEN"
_QUALITY = {"A": "A", "S": "S", "F": "S", "E": "E", "N": "N"}
_Register = tuple[str, str, Fraction, int]  # direction, suffix, Wh of one unit, minutes


def half_hours(content: bytes, *, quarantined: Collection[int]) -> dict[tuple[str, datetime], HalfHour]:
    """Import, backfeed and quality by meter and start, of the 300 records that are not in quarantine."""
    days, registers = _records(content, quarantined=quarantined)
    found: dict[tuple[str, datetime], HalfHour] = {}
    for (nmi, day), parts in days.items():
        start = datetime.combine(day, time()) - timedelta(hours=10)
        columns = []
        for direction in ("E", "B"):
            wanted = {suffix for meter, suffix in registers if meter == nmi and suffix[0] == direction}
            given = [part for suffix, part in parts.items() if suffix[0] == direction]
            whole = bool(given) and len(given) == len(wanted)
            columns.append(_added(given) if whole else [(None, "N")] * 48)
        for slot, ((import_wh, one), (backfeed_wh, other)) in enumerate(zip(*columns, strict=True)):
            flags = [flag for energy, flag in ((import_wh, one), (backfeed_wh, other)) if energy is not None]
            quality = max(flags, key=_WORST_LAST.index) if flags else "N"
            found[nmi, start + timedelta(minutes=30 * slot)] = (import_wh, backfeed_wh, quality)
    return found


_Parts = list[tuple[Fraction | None, str]]
_Days = dict[tuple[str, date], dict[str, _Parts]]


def _records(content: bytes, *, quarantined: Collection[int]) -> tuple[_Days, set[tuple[str, str]]]:
    lines = content.decode("utf-8").removeprefix("\ufeff").split("\n")
    days: _Days = defaultdict(dict)
    registers: set[tuple[str, str]] = set()
    current: list[str] = []
    spoilt = set(quarantined)
    for number, line in enumerate(lines, start=1):
        # 400 records are named as the fault of the 300 record before them.
        if number in spoilt and line.startswith("400"):
            spoilt.add(max(n for n in range(1, number) if _cells(lines[n - 1])[0] == "300"))
    for number, line in enumerate(lines, start=1):
        cells = _cells(line)
        if cells[0] == "200":
            current = cells
            if cells[4][:1] in ("E", "B") and "VAR" not in cells[7].upper():
                registers.add((cells[1], cells[4]))
        if cells[0] != "300" or number in spoilt or "VAR" in current[7].upper():
            continue
        events = _events(lines[number:])
        parts = _parts(current, cells, events)
        day = date(int(cells[1][:4]), int(cells[1][4:6]), int(cells[1][6:]))
        before = days[current[1], day].setdefault(current[4], parts)
        assert before == parts, "records that contradict each other were taken"
    return days, registers


def _cells(line: str) -> list[str]:
    return [cell.removeprefix('"').removesuffix('"') for cell in line.removesuffix("\r").split(",")]


def _events(lines: list[str]) -> list[list[str]]:
    events = []
    for line in lines:
        cells = _cells(line)
        if cells[0] == "400":
            events.append(cells)
        elif cells != [""]:
            break
    return events


def _parts(current: list[str], cells: list[str], events: list[list[str]]) -> _Parts:
    assert current[4][0] in "EB" and current[7].upper() in ("WH", "KWH"), current
    assert re.fullmatch(r"0*(5|15|30)", current[8], re.ASCII), current
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:*/-]{0,63}", current[1]), current
    minutes = int(current[8])
    count = 1440 // minutes
    values, flag = cells[2 : 2 + count], cells[2 + count]
    assert re.fullmatch(r"[AEFNSV]([0-9]{2})?", flag, re.ASCII), flag
    flags = [flag[0]] * count
    for _, first, last, event_flag, *_ in events:
        flags[int(first) - 1 : int(last)] = [event_flag[0]] * (int(last) - int(first) + 1)
    wh = Fraction(1000 if current[7].upper() == "KWH" else 1)
    parts: _Parts = []
    for value, letter in zip(values, flags, strict=True):
        assert re.fullmatch(r"[0-9]+(\.[0-9]*)?", value, re.ASCII) or (letter == "N" and not value), value
        parts.append((None if letter == "N" else Fraction(value.rstrip(".")) * wh, _QUALITY[letter]))
    step = 30 // minutes
    return [
        (
            None
            if any(energy is None for energy, _ in group)
            else sum((e for e, _ in group if e is not None), Fraction()),
            max((letter for _, letter in group), key=_WORST_LAST.index),
        )
        for group in (parts[at : at + step] for at in range(0, count, step))
    ]


def _added(registers: list[_Parts]) -> list[tuple[int | None, str]]:
    """Registers of a direction together, made whole by carry within the day."""
    exact, given_out = Fraction(), 0
    added: list[tuple[int | None, str]] = []
    for slot in zip(*registers, strict=True):
        quality = max((letter for _, letter in slot), key=_WORST_LAST.index)
        if any(energy is None for energy, _ in slot):
            added.append((None, quality))
            continue
        exact += sum((energy for energy, _ in slot if energy is not None), Fraction())
        rounded = int(exact + Fraction(1, 2))
        added.append((rounded - given_out, quality))
        given_out = rounded
    return added
