"""Instants as text: read strictly, written in one way. Inside the house they are naive UTC, in whole seconds
(R1).
"""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from pipelines.errors import BadInput

_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(Z|[+-]\d{2}:\d{2})", re.ASCII)


def instant_text(instant: datetime) -> str:
    """An instant as `YYYY-MM-DDTHH:MM:SSZ`."""
    return instant.isoformat(timespec="seconds") + "Z"


def parse_instant(text: str) -> datetime:
    """The instant of a text with `Z` or an offset, in naive UTC; BadInput for anything else."""
    if _INSTANT.fullmatch(text):
        try:
            return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)
        except (ValueError, OverflowError):
            pass
    raise BadInput(
        f"'{text}' is not an instant; write it as 2023-12-31T15:00:00Z or with an offset,"
        " 2024-01-01T00:00:00+09:00."
    )


def current_instant() -> datetime:
    """What the clock says, in naive UTC and whole seconds. For the outermost functions only."""
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)


def local_text(instant: datetime, time_zone: str) -> str:
    """The programme's local time of an instant of UTC; the hour that the clocks repeat is marked."""
    there = instant.replace(tzinfo=UTC).astimezone(ZoneInfo(time_zone))
    return f"{there:%Y-%m-%d %H:%M}{' (again)' if there.fold else ''}"
