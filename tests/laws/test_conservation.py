"""R9, R18, R26: no Wh and no point is made up or lost between the meters' reads and the bookings."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
import yaml

from tests.agreement.product import product_of, read_exports
from tests.laws.given import given
from tests.oracle.worlds import write_landing

Rows = list[dict[str, str]]
HalfHour = tuple[str, dt.datetime]
Energy = tuple[int | None, int | None]  # import and backfeed; None is missing
DIRECTIONS = ("import_wh", "backfeed_wh")
OF_KIND = {"discharge_energy": "backfeed_wh", "charge_energy": "import_wh", "charging_power": "import_wh"}

EVSES_IN_FORCE = """
    select
        evse_id, metering_point_id, valid_from,
        least(
            coalesce(valid_to, timestamp '9999-01-01'),
            lead(valid_from, 1, timestamp '9999-01-01') over (partition by evse_id order by valid_from)
        ) as ends
    from published.evses
"""


@dataclass(frozen=True)
class Metered:
    """A warehouse in which everything delivered was settled, with the exports."""

    warehouse: Path
    tariffs: list[dict[str, Any]]
    exports: dict[str, Rows]
    span: tuple[dt.datetime, dt.datetime]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            return connection.execute(query).fetchall()

    def energy(self, query: str) -> dict[HalfHour, Energy]:
        return {(point, start): (imported, backfed) for point, start, imported, backfed in self.rows(query)}


@pytest.fixture(scope="module")
def metered(tmp_path_factory: pytest.TempPathFactory) -> Metered:
    what = given(seed=909, count=40, tariffs="london")
    folder = tmp_path_factory.mktemp("metered")
    product = product_of(what.world, tariffs=what.tariffs, folder=folder)
    *_, (_, last_receipt) = write_landing(what.world, folder / "again")
    tariffs = [yaml.safe_load(path.read_text()) for path in (folder / "tariffs").iterdir()]
    product.settle(what.period, what.early)
    exports = read_exports(product.export(what.period, last_receipt))
    return Metered(product.warehouse, tariffs, exports, _span(what.period, tariffs[0]["time_zone"]))


def _span(period: str, time_zone: str) -> tuple[dt.datetime, dt.datetime]:
    first = dt.datetime.fromisoformat(f"{period}-01T00:00:00").replace(tzinfo=ZoneInfo(time_zone))
    after = (first + dt.timedelta(days=32)).replace(day=1)
    start, end = (edge.astimezone(dt.UTC).replace(tzinfo=None) for edge in (first, after))
    return start, end


def _reads(metered: Metered) -> dict[HalfHour, Energy]:
    return metered.energy(
        "select metering_point_id, interval_start, import_wh, backfeed_wh from published.meter_intervals"
    )


def _reads_of_known_evses(metered: Metered) -> dict[HalfHour, Energy]:
    known = metered.rows(f"select metering_point_id, valid_from, ends from ({EVSES_IN_FORCE})")
    spans = defaultdict(list)
    for point, start, end in known:
        spans[point].append((start, end))
    start, end = metered.span
    return {
        (point, at): energy
        for (point, at), energy in _reads(metered).items()
        if start <= at < end and any(since <= at < until for since, until in spans[point])
    }


def _shares(metered: Metered) -> dict[HalfHour, list[Energy]]:
    shares = defaultdict(list)
    for point, start, imported, backfed in metered.rows(
        "select metering_point_id, interval_start, import_wh, backfeed_wh"
        " from intermediate.int_segment_energy"
    ):
        shares[point, start].append((imported, backfed))
    return shares


def _total(shares: list[Energy]) -> Energy:
    imported, backfed = zip(*shares, strict=True)
    return _sum_of(imported), _sum_of(backfed)


def _sum_of(parts: tuple[int | None, ...]) -> int | None:
    """Of a direction: a missing one gives nothing to any segment, a read one something to each."""
    known = [part for part in parts if part is not None]
    assert len(known) in (0, len(parts)), "one half hour is both read and missing"
    return sum(known) if known else None


def test_each_half_hour_is_shared_out_to_the_last_wh(metered: Metered) -> None:
    reads, shares = _reads(metered), _shares(metered)
    assert {key: _total(some) for key, some in shares.items()} == {
        key: reads.get(key, (None, None)) for key in shares
    }
    several = [some for some in shares.values() if len(some) > 1]
    assert sum(_total(some)[1] or 0 for some in several) > 10_000


def test_what_no_session_took_is_unattributed_and_nothing_else(metered: Metered) -> None:
    shares = _shares(metered)
    left = {key: energy for key, energy in _reads_of_known_evses(metered).items() if key not in shares}
    unattributed = metered.energy(
        "select metering_point_id, interval_start, import_wh, backfeed_wh"
        " from intermediate.int_unattributed_reads"
    )
    assert unattributed == left
    assert sum(backfed or 0 for _, backfed in left.values()) > 0


def test_unattributed_backfeed_is_reported_in_full(metered: Metered) -> None:
    shares = _shares(metered)
    zone = ZoneInfo(metered.tariffs[0]["time_zone"])
    expected: dict[tuple[str, str], int] = defaultdict(int)
    for (point, at), (_, backfed) in _reads_of_known_evses(metered).items():
        if (point, at) not in shares and backfed:
            day = at.replace(tzinfo=dt.UTC).astimezone(zone).date()
            expected[point, day.isoformat()] += backfed
    reported = {
        (row["metering_point_id"], row["local_date"]): int(row["energy_wh"])
        for row in metered.exports["exceptions"]
        if row["code"] == "unattributed_backfeed"
    }
    assert reported == expected


def test_no_wh_is_exported_twice(metered: Metered) -> None:
    """Over all events and vehicles, no half hour of a meter gives more than the meter counted."""
    reads = _reads(metered)
    points = defaultdict(list)
    for evse, point, start, end in metered.rows(
        f"select evse_id, metering_point_id, valid_from, ends from ({EVSES_IN_FORCE})"
    ):
        points[evse].append((start, end, point))
    given_out: dict[HalfHour, list[int]] = defaultdict(lambda: [0, 0])
    for row in metered.exports["dr_intervals"]:
        at = dt.datetime.fromisoformat(row["interval_start"]).replace(tzinfo=None)
        [point] = [point for start, end, point in points[row["evse_id"]] if start <= at < end]
        for place, name in enumerate(DIRECTIONS):
            given_out[point, at][place] += int(row[name] or 0)
    for key, energies in given_out.items():
        for energy, read in zip(energies, reads.get(key, (None, None)), strict=True):
            assert energy <= (read or 0), key
    assert len(given_out) > 100


def test_a_performance_is_the_sum_of_its_half_hours(metered: Metered) -> None:
    sums: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: dict.fromkeys(DIRECTIONS, 0))
    for row in metered.exports["dr_intervals"]:
        for name in DIRECTIONS:
            sums[row["dr_event_id"], row["vehicle_id"]][name] += int(row[name] or 0)
    of_energy = [row for row in metered.exports["dr_achievement"] if row["unit"] == "Wh"]
    assert sum(int(row["achieved"]) > 0 for row in of_energy) > 20
    for row in of_energy:
        key = row["dr_event_id"], row["vehicle_id"]
        assert int(row["achieved"]) == sums[key][OF_KIND[row["amount_kind"]]], key


@pytest.mark.parametrize("amount", ["achieved", "payable"])
def test_a_performance_is_the_sum_of_its_lines(metered: Metered, amount: str) -> None:
    lines = _sums(metered.exports["settlement_lines"], ("dr_event_id", "vehicle_id"), amount)
    performances = _sums(metered.exports["dr_achievement"], ("dr_event_id", "vehicle_id"), amount)
    assert lines == performances
    assert len(lines) > 20


def test_points_are_the_rate_times_what_is_payable(metered: Metered) -> None:
    kinds = {(row["dr_event_id"], row["vehicle_id"]): row for row in metered.exports["dr_achievement"]}
    earning = 0
    for line in metered.exports["settlement_lines"]:
        kind = kinds[line["dr_event_id"], line["vehicle_id"]]["amount_kind"]
        assert int(line["points"]) == _points(metered.tariffs, line, kind), line
        earning += int(line["points"]) > 0
    assert earning > 20


def _points(tariffs: list[dict[str, Any]], line: dict[str, str], kind: str) -> int:
    [tariff] = [each for each in tariffs if each["version"] == line["tariff_version"]]
    for rate in tariff["points"]["rates"]:
        if (rate["amount_kind"], rate["access_class"]) == (kind, line["access_class"]):
            exact = int(line["payable"]) * Decimal(rate.get("per_kwh") or rate["per_interval"])
            per_unit = exact / 1000 if line["unit"] == "Wh" else exact
            return int(per_unit.quantize(Decimal(1), rounding=ROUND_HALF_UP))
    return 0


def test_users_have_the_points_of_their_lines_and_the_books_say_so(metered: Metered) -> None:
    users = {
        (row["dr_event_id"], row["vehicle_id"]): row["user_id"] for row in metered.exports["dr_achievement"]
    }
    earned: dict[tuple[str, ...], int] = defaultdict(int)
    for line in metered.exports["settlement_lines"]:
        earned[(users[line["dr_event_id"], line["vehicle_id"]],)] += int(line["points"])
    shown = metered.exports["user_points"]
    assert _sums(shown, ("user_id",), "points") == {user: points for user, points in earned.items() if points}
    _assert_booked(metered, shown, kind="user", id_columns=("user_id",), owed="points")


def test_managers_have_their_reductions_and_the_books_say_so(metered: Metered) -> None:
    shown = metered.exports["manager_fee_reductions"]
    leased = [
        row
        for row in metered.exports["settlement_lines"]
        if row["access_class"] == "leased" and row["unit"] == "Wh"
    ]
    # An EVSE without a contract in force has nobody whose fee could be reduced (R25).
    of_managers, of_lines = (sum(int(row[name]) for row in rows) for rows, name in
                             ((shown, "performance_wh"), (leased, "payable")))  # fmt: skip
    assert 0 < of_managers <= of_lines
    _assert_booked(
        metered, shown, kind="manager", id_columns=("manager_id", "contract_id"), owed="reduction_minor"
    )


def _assert_booked(
    metered: Metered, shown: Rows, *, kind: str, id_columns: tuple[str, ...], owed: str
) -> None:
    """The ledger, over all runs, holds what is shown and nothing else; this run's share of it is exported."""
    for row in shown:
        assert int(row["booked_before"]) + int(row["booked_now"]) == int(row[owed]), row
    columns = ("payee_id", "contract_id")[: len(id_columns)]
    ledger = metered.rows(
        f"select {', '.join(columns)}, sum(amount) from books.bookings"
        f" where payee_kind = '{kind}' group by all having sum(amount) <> 0"
    )
    assert {tuple(key): int(amount) for *key, amount in ledger} == _sums(shown, id_columns, owed)
    bookings = [row for row in metered.exports["bookings"] if row["payee_kind"] == kind]
    booked_now, shown_now = _sums(bookings, columns, "amount"), _sums(shown, id_columns, "booked_now")
    # A manager whose contract turned out to be another's is booked back, and is shown no more.
    assert {key: booked_now[key] for key in shown_now} == shown_now
    assert shown_now


def test_the_levels_of_aggregators_add_up(metered: Metered) -> None:
    of_energy = [row for row in metered.exports["dr_achievement"] if row["unit"] == "Wh"]
    rows = metered.exports["aggregator_achievement"]
    of_level = {level: [row for row in rows if row["level"] == level] for level in ("utility", "child")}
    utility = _sums(of_level["utility"], ("dr_event_id",), "achieved_wh")
    assert utility == _sums(of_energy, ("dr_event_id",), "achieved")
    child = _sums(of_level["child"], ("dr_event_id", "aggregator_id"), "achieved_wh")
    vehicles = _sums(of_energy, ("dr_event_id", "child_aggregator_id"), "achieved")
    assert child == {key: vehicles[key] for key in child}
    assert len(child) > 20


def _sums(rows: Rows, key: tuple[str, ...], amount: str) -> dict[tuple[str, ...], int]:
    """Sums other than 0."""
    return dict(_nonzero(rows, key, amount))


def _nonzero(rows: Rows, key: tuple[str, ...], amount: str) -> Iterator[tuple[tuple[str, ...], int]]:
    sums: dict[tuple[str, ...], int] = defaultdict(int)
    for row in rows:
        sums[tuple(row[name] for name in key)] += int(row[amount])
    yield from ((name, total) for name, total in sums.items() if total)
