"""Every expectation has a fault that turns it red; a blocking one lets nothing pass, a warning is told."""

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from expectations.catalogue import CHECKS, Gate, Severity
from expectations.judgement import GateReport
from pipelines import export, gates
from pipelines.errors import JobFailed
from pipelines.gate_results import last_reports
from pipelines.gates import GateFailed
from pipelines.ingest import IngestReport, ingest
from pipelines.runs import Kind
from pipelines.settle import pass_gate, settle
from pipelines.tariff_files import read_tariffs
from pipelines.warehouse import open_warehouse
from tests.gates.planted import (
    BEFORE_EXPORT,
    BEFORE_SETTLEMENT,
    ELSEWHERE,
    LANDING,
    Delivered,
    Planted,
    write_sound_landing,
)
from tests.pipeline.programme import METER_HEADER, REGISTRY, write_feed, write_landing, write_tariffs
from tests.pipeline.world import JANUARY_5, JANUARY_9, NOW, PERIOD, World

ROOT = Path(__file__).resolve().parents[2]


def last_report(warehouse: Path) -> GateReport:
    with open_warehouse(warehouse, read_only=True) as connection:
        return last_reports(connection, most=1)[0]


def assert_red(report: GateReport, fault: Planted) -> None:
    """The expectation failed, it alone, and says rule, keys and remedy."""
    red = {judgement.name: judgement for judgement in report.judgements if not judgement.success}
    assert set(red) == {fault.name, *fault.also}
    check = CHECKS[fault.name]
    sentence = red[fault.name].sentence
    assert sentence.startswith(f"{check.rule}: {check.fault}: ")
    assert fault.key in sentence
    assert sentence.endswith(check.remedy)


def passes_or_fails(fault: Planted, act: Callable[[], object]) -> bool:
    """Whether it passed, as the severities say that it must."""
    blocking = any(CHECKS[name].is_blocking for name in (fault.name, *fault.also))
    if not blocking:
        act()
        return True
    with pytest.raises(GateFailed) as raised:
        act()
    assert CHECKS[fault.name].remedy in str(raised.value)
    assert fault.key in str(raised.value)
    return False


def test_no_expectation_lacks_a_planted_fault() -> None:
    planted = [fault.name for fault in (*LANDING, *BEFORE_SETTLEMENT, *BEFORE_EXPORT)]
    assert sorted([*planted, *ELSEWHERE]) == sorted(CHECKS)


# Landing.


@pytest.mark.parametrize("fault", LANDING, ids=lambda fault: fault.name)
def test_landing(fault: Delivered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    landing, warehouse = tmp_path / "landing", tmp_path / "vgi.duckdb"
    write_sound_landing(landing)
    fault.write(landing)
    gather = gates.landing_evidence

    def with_the_fault(connection: Any, **arguments: Any) -> Any:
        if fault.sql:
            connection.execute(fault.sql)
        return gather(connection, **arguments)

    monkeypatch.setattr(gates, "landing_evidence", with_the_fault)

    def take_in() -> IngestReport:
        return ingest(landing, warehouse=warehouse, received_at=fault.received_at, clock=lambda: NOW)

    passed = passes_or_fails(fault, take_in)
    assert_red(last_report(warehouse), fault)
    with open_warehouse(warehouse) as connection:
        for table in ("deliveries", "vehicles", "meter_intervals"):
            loaded = connection.execute(f"select count(*) from raw.{table}").fetchall()[0][0]
            assert bool(loaded) is passed
    if not passed:
        monkeypatch.setattr(gates, "landing_evidence", gather)
        assert take_in().deliveries, "mended, the same files are taken in"


def test_sound_deliveries_pass_without_a_word(tmp_path: Path) -> None:
    landing, warehouse = tmp_path / "landing", tmp_path / "vgi.duckdb"
    write_sound_landing(landing)
    report = ingest(landing, warehouse=warehouse, received_at=JANUARY_5, clock=lambda: NOW)
    assert report.gate_warnings == ()
    again = ingest(landing, warehouse=warehouse, received_at=JANUARY_5, clock=lambda: NOW)
    assert again.deliveries == ()
    assert last_report(warehouse).number == 1, "nothing new, nothing to judge"


def day_of_reads(day: str, *, without: tuple[str, ...] = ()) -> list[str]:
    """A local day in Tokyo: from 15:00 UTC of the day before."""
    start = datetime.fromisoformat(day) - timedelta(hours=9)
    instants = [f"{start + number * timedelta(minutes=30):%Y-%m-%dT%H:%M:%SZ}" for number in range(48)]
    return [METER_HEADER, *(f"MP-1,{instant},0,0,A" for instant in instants if instant not in without)]


def test_a_gap_between_two_daily_files_is_found_by_the_second(tmp_path: Path) -> None:
    warehouse = tmp_path / "vgi.duckdb"

    def take_in(day: str, **options: Any) -> tuple[str, ...]:
        landing = tmp_path / day
        write_feed(landing, "meter_intervals", day_of_reads(day, **options))
        report = ingest(landing, warehouse=warehouse, received_at=JANUARY_9, clock=lambda: NOW)
        return report.gate_warnings

    assert take_in("2024-01-01") == ()
    assert take_in("2024-01-02", without=("2024-01-02T14:30:00Z",)) == (), "the last may still come"
    (told,) = take_in("2024-01-03")
    assert "meter-days with half hours missing: 1 (MP-1 2024-01-02 (47 of 48))" in told
    (told,) = take_in("2024-01-05")
    assert "missing: 1 (MP-1 2024-01-04 (18 of 48))" in told, "the days that it touched, and no others"


# Before settlement.


def plant_after_verification(world: World, monkeypatch: pytest.MonkeyPatch, sql: str) -> None:
    def with_the_fault(**arguments: Any) -> bool:
        world.verify(**arguments)
        world.rows(sql)
        return True

    monkeypatch.setattr("pipelines.settle.verify", with_the_fault)


@pytest.mark.parametrize("fault", BEFORE_SETTLEMENT, ids=lambda fault: fault.name)
def test_before_settlement(fault: Planted, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    plant_after_verification(world, monkeypatch, fault.sql)
    passed = passes_or_fails(fault, world.settle)
    assert_red(last_report(world.warehouse), fault)
    assert bool(world.rows("select * from books.runs")) is passed
    if passed:
        found = world.settle()
        assert found.found
        assert [CHECKS[fault.name].fault in told for told in found.gate_warnings] == [True]


def test_a_sound_verification_passes_without_a_word(world: World) -> None:
    assert world.settle().gate_warnings == ()


def test_a_settlement_does_not_judge_again_what_a_gate_let_pass(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = iter((True, False))

    def stands(**arguments: Any) -> bool:
        world.verify(**arguments)
        return next(made)

    monkeypatch.setattr("pipelines.settle.verify", stands)
    report = pass_gate(warehouse=world.warehouse, period=PERIOD, tariffs=world.tariffs, now=NOW)
    world.settle()
    assert last_report(world.warehouse) == report


def test_what_partners_deliver_reaches_the_gate_before_settlement(tmp_path: Path) -> None:
    """The real verification, with an unknown id of each kind, an event without signals, and a wrong sum."""
    landing, warehouse = tmp_path / "landing", tmp_path / "vgi.duckdb"
    write_landing(landing)
    more = {
        "charger_sessions": "S-9,E-9,V-1,2023-12-04T08:00:00Z,2023-12-04T09:00:00Z,0,0",
        "evse_offers": "O-9,E-9,2023-12-01T00:00:00Z,2023-12-04T00:00:00Z,2023-12-04T12:00:00Z",
        "permission_leases": "L-9,E-1,V-9,direct,2023-12-01T00:00:00Z,,2023-12-06T00:00:00Z,2023-12-07T00:00:00Z,",  # noqa: E501
        "dr_events": "D-9,R-1,suppression,2023-12-10T08:00:00Z,2023-12-10T10:00:00Z",
        "dr_signals": "D-1,V-9,2023-12-04T07:30:00Z,charging_power_limit,4000",
        "dr_instructions": "D-1,CA-9,2023-12-04T07:10:00Z,1",
        "evses": "E-8,2023-01-01T00:00:00Z,,C-9,P-1,R-1,MP-8,specific,dc,true,6000,6000",
        "aggregators": "PA-2,2023-01-01T00:00:00Z,,parent,",
    }
    for feed, row in more.items():
        write_feed(landing, feed, [REGISTRY[feed][0], row], name="2.csv")
    instruction = "D-1,PA-2,2023-12-04T07:00:00Z,500"
    write_feed(landing, "dr_instructions", [REGISTRY["dr_instructions"][0], instruction], name="3.csv")
    ingest(landing, warehouse=warehouse, received_at=JANUARY_5, clock=lambda: NOW)
    settled = settle(
        warehouse=warehouse,
        period=PERIOD,
        tariffs=read_tariffs(write_tariffs(tmp_path / "tariffs")),
        now=NOW,
        by="vgi",
    )
    told = "\n".join(settled.gate_warnings)
    for expected in (
        "unknown references of sessions: 1 (session S-9 names EVSE E-9)",
        "unknown references of offers: 1 (offer O-9 names EVSE E-9)",
        "unknown references of leases: 1 (lease L-9 names vehicle V-9)",
        "of signals: 1 (signal of event D-1 issued at 2023-12-04T07:30:00Z names vehicle V-9)",
        "names aggregator CA-9",
        "unknown references of registry: 1 (EVSE E-8 names contract C-9)",
        "events without a signal to settle: 1 (D-9)",
        "another sum: 1 (D-1 PA-2 (500 Wh, its children 0 Wh))",
    ):
        assert expected in told
    assert len(settled.gate_warnings) == 8


# Before export.


@pytest.fixture
def chain_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if whoever changed the books had made their chain anew: the gate is what is left."""
    monkeypatch.setattr(export, "refuse_damaged", lambda *_, **__: None)


@pytest.mark.usefixtures("chain_made_anew")
@pytest.mark.parametrize("fault", BEFORE_EXPORT, ids=lambda fault: fault.name)
def test_before_export(fault: Planted, world: World) -> None:
    run_id = world.settle().run_id
    world.rows(fault.sql)
    passes_or_fails(fault, lambda: world.export(run_id))
    assert_red(last_report(world.warehouse), fault)
    assert_nothing_left(world, run_id)


def assert_nothing_left(world: World, run_id: str) -> None:
    assert list(world.out.glob("*/*")) == []
    assert world.states(run_id)[-1] == "approved"


def fails_with(world: World, name: str, key: str, *, also: frozenset[str] = frozenset()) -> None:
    run_id = world.settle().run_id
    fault = Planted(name=name, key=key, also=also)
    passes_or_fails(fault, lambda: world.export(run_id))
    assert_red(last_report(world.warehouse), fault)
    assert_nothing_left(world, run_id)


def test_a_file_too_few(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "EXPORTS", export.EXPORTS[1:])
    fails_with(world, "every_file_is_judged", "files written: 8")


def test_a_file_cut_short(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    write = export.write_csv
    monkeypatch.setattr(export, "write_csv", lambda table, frame, path: write(table, frame.head(1), path))
    fails_with(world, "files_hold_every_row", "dr_achievement.csv")


def test_a_file_of_other_figures(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    read = export.read_result

    def one_more(connection: Any, *, run_id: str, table: Any) -> pl.DataFrame:
        frame = read(connection, run_id=run_id, table=table)
        return frame.with_columns(pl.col("points") + 1) if table.name == "user_points" else frame

    monkeypatch.setattr(export, "read_result", one_more)
    fails_with(world, "control_totals_are_stored", "user_points.csv")


@pytest.mark.usefixtures("chain_made_anew")
def test_a_replay_with_a_booking(world: World) -> None:
    world.deliver(JANUARY_9, sha256="b" * 64)
    world.settle()
    replay = world.settle(as_of=JANUARY_5)
    assert replay.kind is Kind.REPLAY
    assert world.export(replay.run_id).gate_warnings == ()
    booking = (
        "select * replace (? as run_id, 'planted' as booking_id, 0 as amount) from books.bookings limit 1"
    )
    world.rows(f"insert into books.bookings {booking}", replay.run_id)
    fault = Planted(name="replays_book_nothing", key="planted")
    passes_or_fails(fault, lambda: world.export(replay.run_id))
    assert_red(last_report(world.warehouse), fault)


def test_a_payee_who_is_not_shown_has_come_to_nothing(world: World) -> None:
    run_id = world.settle().run_id
    world.rows("update results.user_points set user_id = 'U-9' where user_id = 'U-1'")
    with pytest.raises(GateFailed, match=r"user U-1 \(not shown, 160 booked\)"):
        world.export(run_id)


def test_an_integer_that_a_float_cannot_hold_is_told_from_its_neighbour(world: World) -> None:
    run_id = world.settle().run_id
    world.rows(
        "update results.energy_balance set metered_wh = 9007199254740993, attributed_wh = 9007199254740992"
        " where direction = 'backfeed'"
    )
    with pytest.raises(JobFailed, match=r"R26: directions of energy .* 1 \(backfeed\)"):
        world.export(run_id)


# What is kept, and the page of all expectations.


def test_what_was_found_is_kept_whole(world: World) -> None:
    run_id = world.settle().run_id
    world.export(run_id)
    report = last_report(world.warehouse)
    assert (report.gate, report.subject, report.blocked) == (Gate.BEFORE_EXPORT, run_id, False)
    names = [name for name, check in CHECKS.items() if check.gate is Gate.BEFORE_EXPORT]
    assert sorted(judgement.name for judgement in report.judgements) == sorted(names)
    for judgement in report.judgements:
        assert json.loads(judgement.expectation)["meta"]["name"] == judgement.name
        assert "observed_value" in judgement.result or "unexpected_count" in judgement.result


def test_the_page_of_expectations_is_that_of_the_code() -> None:
    page = (ROOT / "expectations" / "README.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (\S+) \| (\w+) \| (.+) \| (.+) \|$", page, re.MULTILINE)
    assert rows == [
        (check.name, check.rule, str(check.severity), check.says, check.remedy) for check in CHECKS.values()
    ]


def test_warning_and_blocking_are_told_apart() -> None:
    assert {check.severity for check in CHECKS.values()} == set(Severity)
    assert {
        check.name for check in CHECKS.values() if check.gate is Gate.BEFORE_EXPORT and not check.is_blocking
    } == set()
