"""Settlement periods: local calendar months (R4)."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from settlement.errors import PeriodError

_PERIOD = re.compile(r"([1-9][0-9]{3})-(0[1-9]|1[0-2])")
_LAST_YEAR = 9998  # the month after the last one must still have a date


@dataclass(frozen=True, order=True)
class SettlementPeriod:
    """A local calendar month, written `YYYY-MM` (R4)."""

    year: int
    month: int

    @classmethod
    def parse(cls, text: str) -> "SettlementPeriod":
        """The period written as `YYYY-MM`; PeriodError if it is not."""
        match = _PERIOD.fullmatch(text)
        if match is None or int(match[1]) > _LAST_YEAR:
            raise PeriodError(f'"{text}" is not a settlement period; write a month as YYYY-MM.')
        return cls(year=int(match[1]), month=int(match[2]))

    def __str__(self) -> str:
        return f"{self.year:04}-{self.month:02}"

    @property
    def first_day(self) -> date:
        """The local date on which the period begins."""
        return date(self.year, self.month, 1)

    @property
    def next(self) -> "SettlementPeriod":
        """The month after this one."""
        return SettlementPeriod(year=self.year + self.month // 12, month=self.month % 12 + 1)

    def months_before(self, months: int) -> "SettlementPeriod":
        """The month so many months before this one."""
        year, month = divmod(self.year * 12 + self.month - 1 - months, 12)
        return SettlementPeriod(year=year, month=month + 1)

    def contains(self, local_date: date) -> bool:
        """Whether the local date lies in the period."""
        return (local_date.year, local_date.month) == (self.year, self.month)

    def instants(self, time_zone: str) -> tuple[datetime, datetime]:
        """The period as `[from, to)` in UTC, naive, its ends being local midnights (R1, R4)."""
        return _start_of_day(self.first_day, time_zone), _start_of_day(self.next.first_day, time_zone)


def _start_of_day(day: date, time_zone: str) -> datetime:
    # fold=0: where a clock change skips midnight, this is the instant of the change, the day's first.
    midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(time_zone))
    return midnight.astimezone(UTC).replace(tzinfo=None)
