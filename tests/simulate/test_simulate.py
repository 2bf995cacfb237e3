"""The simulated fleet: everything occurs, equal worlds give equal bytes, deliveries keep the contract."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.simulate import PENCE, SimulationError, SimulationReport, simulate

from .contract_reader import CONTRACT, Read, Row, Value, read_file

FIRST_DAY = date(2023, 11, 1)
FEEDS = 12


def _simulate(out_dir: Path, **changes: Any) -> SimulationReport:
    asked: dict[str, Any] = {"evses": 100, "days": 30, "first_day": FIRST_DAY, "seed": 7, "threads": 2}
    return simulate(out_dir=out_dir, **(asked | changes))


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> SimulationReport:
    return _simulate(tmp_path_factory.mktemp("fleet"))


@pytest.fixture(scope="module")
def delivered(report: SimulationReport) -> dict[str, Read]:
    paths = sorted(report.out_dir.glob("0*/*/*.csv"))
    return {path.relative_to(report.out_dir).as_posix(): read_file(path, path.parent.name) for path in paths}


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }


def _final(delivered: dict[str, Read], feed: str) -> dict[tuple[Value, ...], Row]:
    """The last version of each key, cancelled ones left out (R6)."""
    last: dict[tuple[Value, ...], Row] = {}
    for path in sorted(path for path in delivered if path.split("/")[1] == feed and "sent-again" not in path):
        last |= delivered[path].good
    return {key: row for key, row in last.items() if row["row_status"] == "active"}


def _instant(value: Value) -> datetime:
    assert isinstance(value, datetime)
    return value


def _wh(value: Value) -> int:
    assert isinstance(value, int)
    return value


def test_every_situation_occurs_at_a_hundred_evses(report: SimulationReport) -> None:
    assert report.missing == ()
    assert len({(row.group, row.situation) for row in report.coverage}) == len(report.coverage)


@pytest.mark.parametrize("seed", [0, 2024])
def test_every_situation_occurs_whatever_the_seed(tmp_path: Path, seed: int) -> None:
    assert _simulate(tmp_path, seed=seed).missing == ()


def test_the_same_world_gives_the_same_bytes_on_one_thread(report: SimulationReport, tmp_path: Path) -> None:
    again = _simulate(tmp_path, threads=1)
    assert _digests(tmp_path) == _digests(report.out_dir)
    assert again.coverage == report.coverage


def test_another_seed_gives_another_month(report: SimulationReport, tmp_path: Path) -> None:
    _simulate(tmp_path, seed=8)
    sessions = "01-initial/charger_sessions/charger-sessions.csv"
    assert _digests(tmp_path)[sessions] != _digests(report.out_dir)[sessions]


def test_every_file_holds_what_the_contract_and_the_plan_say(
    report: SimulationReport, delivered: dict[str, Read]
) -> None:
    planned = {file.path: file for file in report.files if "sent-again" not in file.path}
    assert set(planned) == {path for path in delivered if "sent-again" not in path}
    for path, file in planned.items():
        read = delivered[path]
        assert (read.rows, read.duplicates, read.bad) == (file.rows, file.duplicates, file.quarantined), path
        assert (report.out_dir / path).stat().st_size == file.bytes


def test_every_feed_is_delivered_and_every_enumerated_value_occurs(delivered: dict[str, Read]) -> None:
    assert len(CONTRACT) == FEEDS
    for feed, columns in CONTRACT.items():
        rows = [row for path, read in delivered.items() if f"/{feed}/" in path for row in read.good.values()]
        assert rows, feed
        for column, domain in (column.split("=") for column in columns.split()):
            if "|" in domain:
                assert {row[column] for row in rows} == set(domain.split("|")), (feed, column)


def test_sessions_lie_within_the_days_and_charge_within_the_rating(delivered: dict[str, Read]) -> None:
    window_from = datetime(2023, 10, 30, 15, tzinfo=UTC)
    window_to = datetime(2023, 12, 1, 3, tzinfo=UTC)
    rated = defaultdict[Value, int](int)
    for row in _final(delivered, "evses").values():
        rated[row["evse_id"]] = max(rated[row["evse_id"]], _wh(row["rated_charge_w"]))
    for row in _final(delivered, "charger_sessions").values():
        started = _instant(row["started_at"])
        assert window_from <= started < window_to
        if row["ended_at"] is not None:
            ended = _instant(row["ended_at"])
            assert ended <= window_to
            assert ended - started < timedelta(hours=17)
            if row["evse_id"] in rated:
                # a charger that logs wrongly may claim a little more than it can do
                most_wh = rated[row["evse_id"]] * int((ended - started).total_seconds()) // 3600
                assert _wh(row["charged_wh"]) <= most_wh * 5 // 4 + 1500


def test_each_metering_point_is_read_without_gap_but_where_reads_are_absent(
    report: SimulationReport, delivered: dict[str, Read]
) -> None:
    read = {key for path, read in delivered.items() if "/meter_intervals/" in path for key in read.good}
    starts = sorted({_instant(start) for _, start in read})
    assert {later - earlier for earlier, later in pairwise(starts)} == {timedelta(minutes=30)}
    points = {point for point, _ in read}
    absent = next(row.count for row in report.coverage if row.situation == "absent")
    assert len(read) == len(points) * len(starts) - absent


def _attended(delivered: dict[str, Read]) -> Iterator[tuple[Row, list[Row]]]:
    """Ended sessions that have their metering point's intervals to themselves, with their reads."""
    reads = _final(delivered, "meter_intervals")
    point_of = {row["evse_id"]: row["metering_point_id"] for row in _final(delivered, "evses").values()}
    at = defaultdict[tuple[Value, datetime], list[Row]](list)
    for row in _final(delivered, "charger_sessions").values():
        for start in _intervals(row):
            at[point_of.get(row["evse_id"]), start].append(row)
    for row in _final(delivered, "charger_sessions").values():
        keys = [(point_of.get(row["evse_id"]), start) for start in _intervals(row)]
        if keys and all(len(at[key]) == 1 and key in reads for key in keys):
            yield row, [reads[key] for key in keys]


def _intervals(row: Row) -> list[datetime]:
    if row["ended_at"] is None:
        return []
    first = int(_instant(row["started_at"]).timestamp()) // 1800
    last = (int(_instant(row["ended_at"]).timestamp()) - 1) // 1800
    return [datetime.fromtimestamp(slot * 1800, UTC) for slot in range(first, last + 1)]


def test_the_meter_agrees_with_the_charger_but_for_a_few_percent(delivered: dict[str, Read]) -> None:
    sessions, apart = 0, 0
    for session, reads in _attended(delivered):
        sessions += 1
        for logged, metered in (("charged_wh", "import_wh"), ("discharged_wh", "backfeed_wh")):
            if all(read[metered] is not None for read in reads):
                tolerance = max(500, _wh(session[logged]) // 10)
                if abs(sum(_wh(read[metered]) for read in reads) - _wh(session[logged])) > tolerance:
                    apart += 1
                    break
    assert sessions > 2500
    assert 0 < apart * 100 < sessions * 3


def test_the_plan_orders_the_deliveries_and_names_a_run_after_each(report: SimulationReport) -> None:
    plan = json.loads(report.plan.read_text(encoding="utf-8"))
    deliveries = plan["deliveries"]
    assert [step["folder"] for step in deliveries] == ["01-initial", "02-late", "03-revised"]
    assert [step["received_at"] for step in deliveries] == sorted(step["received_at"] for step in deliveries)
    assert plan["period"] == "2023-11"
    assert plan["as_of"] == deliveries[-1]["as_of"] > deliveries[-1]["received_at"]
    assert {file["path"] for step in deliveries for file in step["files"]} == {
        file.path for file in report.files
    }


def test_two_tariffs_one_of_which_begins_in_mid_month(report: SimulationReport) -> None:
    tariffs = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in report.tariffs]
    assert [tariff["effective_from"] for tariff in tariffs] == [date(2023, 10, 1), date(2023, 11, 16)]
    assert {(tariff["time_zone"], tariff["currency"], tariff["currency_digits"]) for tariff in tariffs} == {
        ("Asia/Tokyo", "JPY", 0)
    }


def test_the_same_bytes_are_sent_again_under_another_name(report: SimulationReport) -> None:
    digests = _digests(report.out_dir)
    assert (
        digests["01-initial/contracts/contracts.csv"] == digests["02-late/contracts/contracts-sent-again.csv"]
    )


def test_a_fleet_elsewhere_through_a_change_of_the_clock(tmp_path: Path) -> None:
    report = _simulate(
        tmp_path, evses=100, days=31, first_day=date(2024, 3, 1), time_zone="Europe/London", currency=PENCE,
        id_prefix="UK-", regions=("LONDON", "WALES"),
    )  # fmt: skip
    assert report.missing == ()
    assert yaml.safe_load(report.tariffs[0].read_text(encoding="utf-8"))["currency"] == "GBP"
    days = {path.stem: path for path in (tmp_path / "01-initial/meter_intervals").glob("*.csv")}
    short, plain = (
        len(read_file(days[f"meter-{day}"], "meter_intervals").good) for day in (20240331, 20240330)
    )
    assert plain - short >= 2 * 95 - 96


def test_the_prefix_keeps_a_fleet_apart(tmp_path: Path) -> None:
    _simulate(tmp_path, evses=20, days=7, id_prefix="DEMO.")
    for path in tmp_path.glob("01-initial/*/*.csv"):
        good = read_file(path, path.parent.name).good
        assert all(str(key[0]).startswith("DEMO.") for key in good), path


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"evses": 3}, "A simulated fleet has 20 to 1,000,000 EVSEs, not 3; give another number."),
        ({"days": 1}, "A simulation lasts 7 to 400 days, not 1; give another number."),
        (
            {"time_zone": "Asia/Tokio"},
            "There is no time zone named 'Asia/Tokio'; give a name such as Asia/Tokyo.",
        ),
        ({"regions": ()}, "1 to 50 regions, not 0"),
        ({"regions": ("A", "A")}, "different names"),
        ({"regions": ("関東",)}, "does not do in an id"),
        ({"id_prefix": "'; drop"}, "does not do in an id"),
    ],
)
def test_a_fleet_that_cannot_be_is_refused_with_a_sentence(
    tmp_path: Path, changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(SimulationError, match=sentence):
        _simulate(tmp_path, **changes)
    assert not any(tmp_path.iterdir())


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(SimulationError, match="is not empty"):
        _simulate(tmp_path)
