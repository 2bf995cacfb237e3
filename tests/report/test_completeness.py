"""The heat map's figures: half hours asked for and usable, by metering point and local day."""

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from pipelines.books import open_books
from pipelines.ingest import ingest
from pipelines.instants import parse_instant
from pipelines.report import completeness as measured
from pipelines.report.completeness import Completeness, completeness_of
from pipelines.runs import deliveries_received_by, identify, store_run
from settlement import SettlementPeriod
from tests.pipeline.programme import METER_HEADER, REGISTRY, write_feed
from tests.pipeline.world import NOW

FIRST, SECOND = parse_instant("2024-01-05T00:00:00Z"), parse_instant("2024-01-20T00:00:00Z")
EVSE = "{},{},{},C-1,P-1,R-1,{},specific,dc,{},6000,6000"


def evse(
    evse_id: str, meter: str, *, since: str = "2023-01-01T00:00:00Z", to: str = "", able: bool = True
) -> str:
    return EVSE.format(evse_id, since, to, meter, "true" if able else "false")


def reads(meter: str, start: str, half_hours: int, row: str = "10,20,A") -> list[str]:
    begins = parse_instant(start)
    return [
        f"{meter},{begins + n * timedelta(minutes=30):%Y-%m-%dT%H:%M:%SZ},{row}" for n in range(half_hours)
    ]


class Meters:
    """A warehouse of EVSEs and reads only."""

    def __init__(self, folder: Path) -> None:
        self.landing, self.warehouse = folder / "landing", folder / "vgi.duckdb"

    def deliver(self, received_at: datetime, *, evses: list[str] = [], rows: list[str] = []) -> None:  # noqa: B006
        name = f"{received_at:%Y%m%d}.csv"
        if evses:
            write_feed(self.landing, "evses", [REGISTRY["evses"][0], *evses], name=name)
        write_feed(self.landing, "meter_intervals", [METER_HEADER, *rows], name=name)
        ingest(self.landing, warehouse=self.warehouse, received_at=received_at, clock=lambda: NOW)

    def look(self, period: str, *, as_of: datetime = FIRST, zone: str = "Asia/Tokyo") -> Completeness:
        with open_books(self.warehouse) as connection:
            run = identify(
                period=period,
                as_of=as_of,
                deliveries=deliveries_received_by(connection, as_of),
                tariffs=(),
                rules_version="1",
            )
            store_run(connection, run=run, at=NOW, by="vgi")
            return completeness_of(
                connection, run_id=run.run_id, period=SettlementPeriod.parse(period), time_zone=zone
            )


@pytest.fixture
def meters(tmp_path: Path) -> Meters:
    return Meters(tmp_path)


def days(found: Completeness, meter: str | None = "MP-1") -> dict[date, tuple[int, int]]:
    return {
        row["local_date"]: (row["usable"], row["asked"])
        for row in found.days
        if row["metering_point_id"] == meter
    }


def test_a_day_of_the_programmes_time_zone(meters: Meters) -> None:
    # 2023-12-02 in Tokyo begins at 15:00 UTC of the day before.
    meters.deliver(FIRST, evses=[evse("E-1", "MP-1")], rows=reads("MP-1", "2023-12-01T14:00:00Z", 5))
    found = days(meters.look("2023-12"))
    assert found[date(2023, 12, 1)] == (2, 48)
    assert found[date(2023, 12, 2)] == (3, 48)
    assert found[date(2023, 12, 31)] == (0, 48)
    assert len(found) == 31


@pytest.mark.parametrize(
    ("period", "day", "half_hours"), [("2023-10", date(2023, 10, 29), 50), ("2023-03", date(2023, 3, 26), 46)]
)
def test_the_day_on_which_the_clocks_change(meters: Meters, period: str, day: date, half_hours: int) -> None:
    rows = reads("MP-1", f"{day - timedelta(days=1)}T22:00:00Z", 60)
    meters.deliver(FIRST, evses=[evse("E-1", "MP-1")], rows=rows)
    assert days(meters.look(period, zone="Europe/London"))[day] == (half_hours, half_hours)


@pytest.mark.parametrize(
    ("row", "able", "usable"),
    [
        ("10,20,A", True, 4),
        ("10,20,E", True, 4),
        ("10,,A", True, 0),
        ("10,,A", False, 4),
        (",20,A", True, 0),
        (",,N", True, 0),
    ],
)
def test_a_read_is_usable_in_the_directions_that_are_needed(
    meters: Meters, row: str, able: bool, usable: int
) -> None:
    rows = reads("MP-1", "2023-12-04T00:00:00Z", 4, row)
    meters.deliver(FIRST, evses=[evse("E-1", "MP-1", able=able)], rows=rows)
    assert days(meters.look("2023-12"))[date(2023, 12, 4)] == (usable, 48)


def test_a_run_sees_the_versions_of_its_as_of(meters: Meters) -> None:
    meters.deliver(FIRST, evses=[evse("E-1", "MP-1")], rows=reads("MP-1", "2023-12-04T00:00:00Z", 4, ",,N"))
    meters.deliver(SECOND, rows=reads("MP-1", "2023-12-04T00:00:00Z", 2, "1,2,S"))
    before, after = meters.look("2023-12", as_of=FIRST), meters.look("2023-12", as_of=SECOND)
    assert days(before)[date(2023, 12, 4)] == (0, 48)
    assert days(after)[date(2023, 12, 4)] == (2, 48)
    substituted = {
        row["quality"]: row["half_hours"] for row in after.qualities if f"{row['local_date']}" == "2023-12-04"
    }
    assert substituted == {"A": 0, "S": 2, "E": 0, "N": 46}


def test_only_while_an_evse_is_registered_behind_the_meter(meters: Meters) -> None:
    since, to = "2023-12-03T15:10:00Z", "2023-12-04T03:00:00Z"
    rows = reads("MP-1", "2023-12-01T00:00:00Z", 48 * 7)
    meters.deliver(
        FIRST,
        evses=[
            evse("E-1", "MP-1", since=since, to=to),
            # The same half hours once more, and an EVSE that moves to another meter at noon UTC.
            evse("E-2", "MP-1", since=since, to=to),
            evse("E-3", "MP-2", since="2023-12-05T00:00:00Z"),
            evse("E-3", "MP-1", since="2023-12-05T12:00:00Z", to="2023-12-05T15:00:00Z"),
        ],
        rows=rows,
    )
    found = meters.look("2023-12")
    # From the half hour 15:30 on, which is slot 1 of the local day, to 03:00 UTC, slot 24.
    assert days(found) == {date(2023, 12, 4): (23, 23), date(2023, 12, 5): (6, 6)}
    assert days(found, "MP-2")[date(2023, 12, 5)] == (0, 24)


def test_the_least_complete_come_first_and_the_others_in_one_row(
    meters: Meters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measured, "MOST_METERING_POINTS", 2)
    rows = [row for n in range(4) for row in reads(f"MP-{n}", "2023-11-30T15:00:00Z", 48 * 31 - 5 * n)]
    meters.deliver(FIRST, evses=[evse(f"E-{n}", f"MP-{n}") for n in range(4)], rows=rows)
    found = meters.look("2023-12")
    assert list(dict.fromkeys(row["metering_point_id"] for row in found.days)) == ["MP-3", "MP-2", None]
    assert days(found, None)[date(2023, 12, 31)] == (48 + 43, 96)
    assert (found.metering_points, found.incomplete_points, found.others) == (4, 3, 2)
    assert (found.asked, found.usable) == (4 * 48 * 31, 4 * 48 * 31 - 30)
    assert sum(row["half_hours"] for row in found.qualities) == found.asked


def test_reads_of_meters_that_nobody_registered_do_not_count(meters: Meters) -> None:
    meters.deliver(FIRST, evses=[evse("E-1", "MP-1")], rows=reads("MP-9", "2023-12-04T00:00:00Z", 4))
    assert meters.look("2023-12").usable == 0


def test_a_zone_a_quarter_hour_off(meters: Meters) -> None:
    # In Kathmandu the month begins at 18:15 UTC: its first half hour at 18:30.
    rows = reads("MP-1", "2023-11-30T18:00:00Z", 48 * 31)
    meters.deliver(FIRST, evses=[evse("E-1", "MP-1")], rows=rows)
    found = days(meters.look("2023-12", zone="Asia/Kathmandu"))
    assert found[date(2023, 12, 1)] == (48, 48)
    assert found[date(2023, 12, 31)] == (47, 48)
