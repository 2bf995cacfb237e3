"""Reads the fields of a tariff document and gathers every fault, so that a person mends a file once."""

import re
from collections.abc import Collection, Mapping
from datetime import date, datetime
from zoneinfo import ZoneInfo

LARGEST = 10**12  # the largest number a delivery may hold, too
LARGEST_BP = 10**6

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:*/-]{0,63}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# No leading zero: to YAML 1.1 and to C, 012 is 10.
_RATE = re.compile(r"(0|[1-9][0-9]{0,12})(?:\.([0-9]+))?")
_RATE_DECIMALS = 3
# These name whatever the machine is set to, or nothing at all, so they would settle differently elsewhere.
_NO_PLACE = frozenset({"localtime", "posixrules", "Factory"})

_YAML_WORDS = {None: "empty", True: "true", False: "false"}


class FieldReader:
    """Reads fields by their path; `faults` grows by one sentence for each that is not usable."""

    def __init__(self, source: str) -> None:
        self._source = source
        self.faults: list[str] = []

    def fault(self, path: str, what: str) -> None:
        """Note a fault of the field at the path."""
        self.faults.append(f"{self._source}: {path} {what}.")

    def section(self, value: object, path: str, fields: Collection[str]) -> Mapping[str, object]:
        """A mapping with exactly these fields; what is missing or unknown is a fault."""
        if not isinstance(value, Mapping):
            self.fault(path or "the document", f"must be a mapping of fields, not {_shown(value)}")
            return {}
        for name in fields:
            if name not in value:
                self.fault(_inside(path, name), "is missing")
        for name in value:
            if name not in fields:
                self.fault(_inside(path, str(name)), "is not a field of a tariff")
        return {name: value[name] for name in fields if name in value}

    def items(self, section: Mapping[str, object], path: str) -> list[object]:
        """A list, possibly empty."""
        value = section.get(_name(path), [])
        if not isinstance(value, list):
            self.fault(path, f"must be a list, not {_shown(value)}")
            return []
        return value

    def whole(self, section: Mapping[str, object], path: str, *, most: int) -> int:
        """A whole number from 0 to `most`."""
        if _name(path) not in section:
            return 0
        value = section[_name(path)]
        if isinstance(value, str):
            self.fault(path, f"is {_shown(value)}, not a whole number in plain digits; write it like 12000")
        elif isinstance(value, bool) or not isinstance(value, int):
            self.fault(path, f"must be a whole number, not {_shown(value)}")
        elif not 0 <= value <= most:
            self.fault(path, f"is {value}, outside 0 to {most}")
        else:
            return value
        return 0

    def rate_milli(self, section: Mapping[str, object], path: str) -> int:
        """A rate of at most 3 decimals, in thousandths (R3): quoted text, or a whole number."""
        if _name(path) not in section:
            return 0
        value = section[_name(path)]
        if isinstance(value, float):
            self.fault(path, f"is the binary float {value!r}; write it as a quoted decimal")
            return 0
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            self.fault(path, f"must be a quoted decimal, not {_shown(value)}")
            return 0
        return self._rate_text_milli(str(value), path)

    def _rate_text_milli(self, text: str, path: str) -> int:
        match = _RATE.fullmatch(text)
        if match is None and _RATE.fullmatch(text.removeprefix("-")):
            self.fault(path, f"is {text}; a rate is never negative")
        elif match is None:
            self.fault(path, f'is "{text}", not a plain decimal of at most {LARGEST}; write it like "12.345"')
        elif len(match[2] or "") > _RATE_DECIMALS:
            self.fault(path, f'is "{text}"; a rate has at most {_RATE_DECIMALS} decimals')
        elif (milli := int(match[1] + (match[2] or "").ljust(_RATE_DECIMALS, "0"))) > LARGEST * 1000:
            self.fault(path, f'is "{text}", more than {LARGEST}')
        else:
            return milli
        return 0

    def one_of(self, section: Mapping[str, object], path: str, known: Collection[str]) -> str:
        """One of the known words."""
        if _name(path) not in section:
            return ""
        return self.known(section[_name(path)], path, known)

    def known(self, value: object, path: str, known: Collection[str]) -> str:
        """The value itself, if it is one of the known words."""
        if isinstance(value, str) and value in known:
            return value
        self.fault(path, f"is {_shown(value)}, not one of {', '.join(known)}")
        return ""

    def identifier(self, section: Mapping[str, object], path: str) -> str:
        """An id, as in deliveries."""
        return self._matching(section, path, _ID, "an id in letters, digits and . _ : * / -")

    def currency(self, section: Mapping[str, object], path: str) -> str:
        """A currency code of three capitals."""
        return self._matching(section, path, _CURRENCY, "a currency code of three capital letters")

    def _matching(
        self, section: Mapping[str, object], path: str, pattern: re.Pattern[str], meant: str
    ) -> str:
        value = section.get(_name(path), "")
        if _name(path) in section and not (isinstance(value, str) and pattern.fullmatch(value)):
            self.fault(path, f"is {_shown(value)}, not {meant}")
        return value if isinstance(value, str) else ""

    def local_date(self, section: Mapping[str, object], path: str) -> date:
        """A date, as YAML's own or as text."""
        if _name(path) not in section:
            return date.min
        value = section[_name(path)]
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        if isinstance(value, str) and _DATE.fullmatch(value):
            try:
                return date.fromisoformat(value)
            except ValueError:
                pass
        self.fault(path, f"is {_shown(value)}, not a real date written YYYY-MM-DD")
        return date.min

    def time_zone(self, section: Mapping[str, object], path: str) -> str:
        """The name of a time zone that the tz database has."""
        if _name(path) not in section:
            return ""
        value = section[_name(path)]
        if isinstance(value, str) and value not in _NO_PLACE and _is_zone(value):
            return value
        self.fault(path, f"is {_shown(value)}, not the name of a time zone such as Asia/Tokyo")
        return ""


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, not a relative path, a folder of zones
        return False
    return True


def _name(path: str) -> str:
    return path.rpartition(".")[2]


def _inside(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


_LONGEST_SHOWN = 60


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"the binary float {value!r}"
    if isinstance(value, str):
        return f'"{value}"' if len(value) <= _LONGEST_SHOWN else f'"{value[:_LONGEST_SHOWN]}…"'
    if isinstance(value, (Mapping, list)):
        return "a list" if isinstance(value, list) else "a mapping"
    return _YAML_WORDS.get(value, str(value)) if isinstance(value, (bool, type(None))) else str(value)
