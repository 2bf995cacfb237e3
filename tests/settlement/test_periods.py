"""R4: a settlement period is a local calendar month."""

from datetime import date, datetime

import pytest

from settlement import PeriodError, SettlementPeriod
from tests.settlement.given import instant


@pytest.mark.parametrize(
    ("period", "time_zone", "starts", "ends"),
    [
        # Tokyo is UTC+9 all year.
        ("2023-12", "Asia/Tokyo", instant("2023-11-30T15:00:00"), instant("2023-12-31T15:00:00")),
        # Berlin goes from UTC+1 to UTC+2 within March, which is so an hour short.
        ("2024-03", "Europe/Berlin", instant("2024-02-29T23:00:00"), instant("2024-03-31T22:00:00")),
        # Adelaide: UTC+10:30 in summer, UTC+9:30 from 7 April 2024 on.
        ("2024-04", "Australia/Adelaide", instant("2024-03-31T13:30:00"), instant("2024-04-30T14:30:00")),
        # Asuncion skipped the midnight of 1 October 2017 (UTC-4 to UTC-3): the day begins at the change.
        ("2017-10", "America/Asuncion", instant("2017-10-01T04:00:00"), instant("2017-11-01T03:00:00")),
    ],
)
def test_a_period_is_the_local_month(period: str, time_zone: str, starts: datetime, ends: datetime) -> None:
    assert SettlementPeriod.parse(period).instants(time_zone) == (starts, ends)


def test_a_period_knows_its_days_and_the_next() -> None:
    period = SettlementPeriod.parse("2023-12")
    assert period.first_day == date(2023, 12, 1)
    assert str(period.next) == "2024-01"
    assert period.contains(date(2023, 12, 31))
    assert not period.contains(date(2024, 1, 1))
    assert not period.contains(date(2022, 12, 1))


@pytest.mark.parametrize(
    "text", ["2023-13", "2023-00", "2023-1", "23-12", "2023-12-01", "2023-12\n", "", "9999-12", "٢٠٢٣-12"]
)
def test_anything_but_a_month_is_refused(text: str) -> None:
    with pytest.raises(PeriodError, match="is not a settlement period; write a month as YYYY-MM"):
        SettlementPeriod.parse(text)


def test_months_before_cross_the_year() -> None:
    january = SettlementPeriod.parse("2024-01")
    assert [str(january.months_before(months)) for months in (0, 1, 12, 13)] == [
        "2024-01",
        "2023-12",
        "2023-01",
        "2022-12",
    ]
