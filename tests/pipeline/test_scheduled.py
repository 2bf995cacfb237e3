"""What scheduled work asks for beyond the command: news, touched periods, decisions, gates."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from pipelines import config, gates, verify
from pipelines.approval import decide, is_rejected
from pipelines.errors import BadInput
from pipelines.ingest import feeds_with_news, ingest
from pipelines.instants import parse_instant
from pipelines.runs import State
from pipelines.settle import pass_gate, verify_period
from pipelines.tariff_files import read_tariffs
from pipelines.touched import has_facts, touched_periods
from pipelines.warehouse import open_warehouse
from pipelines.withdraw import withdraw
from settlement import SettlementPeriod
from tests.pipeline.programme import METER_HEADER, meter_rows, write_feed, write_landing, write_tariffs
from tests.pipeline.world import JANUARY_5, JANUARY_9, JANUARY_12, NOW, PERIOD, World

TIME_ZONE = "Asia/Tokyo"


def test_only_feeds_with_unknown_bytes_have_news(tmp_path: Path) -> None:
    landing, warehouse = write_landing(tmp_path / "landing"), tmp_path / "vgi.duckdb"
    everything = feeds_with_news(landing, warehouse=warehouse)
    assert "meter_intervals" in everything
    _take_in(landing, warehouse, feeds=("meter_intervals",))
    assert set(feeds_with_news(landing, warehouse=warehouse)) == {*everything} - {"meter_intervals"}
    _take_in(landing, warehouse, feeds=everything)
    assert feeds_with_news(landing, warehouse=warehouse) == ()
    write_feed(
        landing, "meter_intervals", [METER_HEADER, *meter_rows({"MP-2": 650}, quality="E")], name="2.csv"
    )
    assert feeds_with_news(landing, warehouse=warehouse) == ("meter_intervals",)


def _take_in(landing: Path, warehouse: Path, *, feeds: tuple[str, ...]) -> None:
    ingest(landing, warehouse=warehouse, received_at=JANUARY_5, clock=lambda: NOW, feeds=feeds)


def test_deliveries_touch_the_months_with_events_that_their_rows_reach(tmp_path: Path) -> None:
    landing, warehouse = write_landing(tmp_path / "landing"), tmp_path / "vgi.duckdb"
    event = "dr_event_id,region,direction,starts_at,ends_at"
    later = "LATER,KANTO,suppression,2024-02-05T08:00:00Z,2024-02-05T09:00:00Z"
    write_feed(landing, "dr_events", [event, later], name="later.csv")
    _take_in(landing, warehouse, feeds=feeds_with_news(landing, warehouse=warehouse))

    def touched(since: str) -> list[str]:
        periods = touched_periods(
            warehouse=warehouse, received_from=parse_instant(since), time_zone=TIME_ZONE
        )
        return [str(period) for period in periods]

    assert touched("2024-01-05T00:00:00Z") == ["2023-12", "2024-02"]
    revised = [METER_HEADER, *meter_rows({"MP-2": 650}, quality="E")]
    write_feed(landing, "meter_intervals", revised, name="2.csv")
    ingest(landing, warehouse=warehouse, received_at=JANUARY_9, clock=lambda: NOW)
    assert touched("2024-01-09T00:00:00Z") == ["2023-12"]
    assert touched("2024-01-10T00:00:00Z") == []


def test_a_withdrawal_touches_the_months_of_its_rows_and_of_those_that_come_back(tmp_path: Path) -> None:
    landing, warehouse = write_landing(tmp_path / "landing"), tmp_path / "vgi.duckdb"
    event = "dr_event_id,region,direction,starts_at,ends_at"
    write_feed(
        landing,
        "dr_events",
        [event, "MOVED,KANTO,suppression,2024-02-05T08:00:00Z,2024-02-05T09:00:00Z"],
        name="february.csv",
    )
    _take_in(landing, warehouse, feeds=feeds_with_news(landing, warehouse=warehouse))
    write_feed(
        landing,
        "dr_events",
        [event, "MOVED,KANTO,suppression,2024-04-05T08:00:00Z,2024-04-05T09:00:00Z"],
        name="april.csv",
    )
    ingest(landing, warehouse=warehouse, received_at=JANUARY_9, clock=lambda: NOW)

    def touched(since: datetime) -> list[str]:
        periods = touched_periods(warehouse=warehouse, received_from=since, time_zone=TIME_ZONE)
        return [str(period) for period in periods]

    assert touched(JANUARY_9) == ["2024-02", "2024-04"]
    withdraw(
        warehouse=warehouse,
        delivery="dr_events/april.csv",
        reason="not agreed upon",
        by="Ann",
        now=NOW,
        withdrawn_at=JANUARY_12,
    )
    assert touched(JANUARY_12) == ["2024-02", "2024-04"]
    assert touched(JANUARY_12 + timedelta(seconds=1)) == []


def test_a_month_without_deliveries_has_no_facts(tmp_path: Path) -> None:
    landing, warehouse = write_landing(tmp_path / "landing"), tmp_path / "vgi.duckdb"
    tariffs = read_tariffs(write_tariffs(tmp_path / "tariffs"))

    def facts(period: str) -> bool:
        return has_facts(warehouse=warehouse, period=SettlementPeriod.parse(period), tariffs=tariffs)

    assert not facts("2023-12"), "there is no warehouse yet"
    _take_in(landing, warehouse, feeds=feeds_with_news(landing, warehouse=warehouse))
    assert facts("2023-12")
    assert not facts("2024-06")


@pytest.mark.parametrize(("approved", "state"), [(True, State.APPROVED), (False, State.REJECTED)])
def test_a_decision_is_carried_out_once(world: World, approved: bool, state: State) -> None:
    run = world.settle(hold=True)

    def carry_out(*, approved: bool) -> State:
        return decide(
            warehouse=world.warehouse, run_id=run.run_id, approved=approved, reason="doubt", now=NOW, by="Ann"
        )

    assert carry_out(approved=approved) is state
    before = world.rows("select * from books.run_events order by seq")
    assert carry_out(approved=approved) is state
    assert world.rows("select * from books.run_events order by seq") == before
    assert is_rejected(warehouse=world.warehouse, run_id=run.run_id) is not approved
    with pytest.raises(BadInput, match="already"):
        carry_out(approved=not approved)


def test_the_gate_before_issue_reads_back_what_was_stored(world: World) -> None:
    run = world.settle(hold=True)
    gates.before_issue(warehouse=world.warehouse, run_id=run.run_id, at=NOW)
    with open_warehouse(world.warehouse) as connection:
        connection.execute("update results.dr_achievement set payable = payable + 1 where vehicle_id = 'V-1'")
    with pytest.raises(
        gates.GateFailed, match=r"nothing of run .* was issued[\s\S]*R26: performances .* 1 \(D-1 V-1 "
    ):
        gates.before_issue(warehouse=world.warehouse, run_id=run.run_id, at=NOW)


def test_the_gate_before_settlement_names_the_test_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing, warehouse = write_landing(tmp_path / "landing"), tmp_path / "vgi.duckdb"
    _take_in(landing, warehouse, feeds=feeds_with_news(landing, warehouse=warehouse))
    build = verify._build

    def with_a_fault(*, warehouse: Path, **arguments: object) -> None:
        # A version too many: what only a fault in the warehouse could make.
        with open_warehouse(warehouse) as connection:
            connection.execute("insert into raw.meter_intervals select * from raw.meter_intervals limit 1")
        build(warehouse=warehouse, **arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(verify, "_build", with_a_fault)
    with pytest.raises(gates.GateFailed, match=r"r06_one_read_per_half_hour.*settle 2023-12 again"):
        pass_gate(
            warehouse=warehouse,
            period=PERIOD,
            tariffs=read_tariffs(write_tariffs(tmp_path / "tariffs")),
            as_of=JANUARY_5,
            now=NOW,
        )


def test_a_verification_that_stands_is_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing, warehouse = write_landing(tmp_path / "landing"), tmp_path / "vgi.duckdb"
    tariffs = read_tariffs(write_tariffs(tmp_path / "tariffs"))
    builds: list[str] = []
    build = verify._build

    def counted(**arguments: object) -> None:
        builds.append("built")
        build(**arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(verify, "_build", counted)

    def verified() -> dict[str, int]:
        return dict(verify_period(warehouse=warehouse, period=PERIOD, tariffs=tariffs, now=NOW).rows)

    _take_in(landing, warehouse, feeds=feeds_with_news(landing, warehouse=warehouse))
    first = verified()
    assert verified() == first
    assert len(builds) == 1
    write_feed(
        landing, "meter_intervals", [METER_HEADER, *meter_rows({"MP-2": 650}, quality="E")], name="2.csv"
    )
    ingest(landing, warehouse=warehouse, received_at=JANUARY_9, clock=lambda: NOW)
    verified()
    assert len(builds) == 2


def test_a_verification_that_was_cut_off_does_not_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing, warehouse = write_landing(tmp_path / "landing"), tmp_path / "vgi.duckdb"
    tariffs = read_tariffs(write_tariffs(tmp_path / "tariffs"))
    _take_in(landing, warehouse, feeds=feeds_with_news(landing, warehouse=warehouse))
    whole = verify_period(warehouse=warehouse, period=PERIOD, tariffs=tariffs, now=NOW).rows
    write_feed(
        landing, "meter_intervals", [METER_HEADER, *meter_rows({"MP-2": 650}, quality="E")], name="2.csv"
    )
    ingest(landing, warehouse=warehouse, received_at=JANUARY_9, clock=lambda: NOW)

    def dies(**_: object) -> None:
        with open_warehouse(warehouse) as connection:
            connection.execute("drop table verified.performances")
        raise RuntimeError("the machine dies")

    with monkeypatch.context() as patched:
        patched.setattr(verify, "_build", dies)
        with pytest.raises(RuntimeError):
            verify_period(warehouse=warehouse, period=PERIOD, tariffs=tariffs, now=NOW)
    as_before = verify_period(warehouse=warehouse, period=PERIOD, tariffs=tariffs, now=NOW, as_of=JANUARY_5)
    assert as_before.rows == whole


def test_places_and_switches_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VGI_LANDING", str(tmp_path / "in"))
    monkeypatch.setenv("VGI_HOLD_FOR_APPROVAL", "0")
    monkeypatch.setenv("VGI_CORRECTION_MONTHS", "2, 5")
    assert config.places().landing == tmp_path / "in"
    assert config.approval_by_person() is False
    assert config.correction_months() == (2, 5)
    monkeypatch.delenv("VGI_HOLD_FOR_APPROVAL")
    assert config.approval_by_person() is True
    monkeypatch.setenv("VGI_CORRECTION_MONTHS", "two")
    with pytest.raises(BadInput, match="VGI_CORRECTION_MONTHS"):
        config.correction_months()
