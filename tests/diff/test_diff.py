"""`vgi diff` on a small programme: exactly the file that moved a payee is named."""

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from pipelines.diff import Difference, diff_runs
from pipelines.diff.show import print_difference
from pipelines.errors import BadInput
from pipelines.feeds import FEEDS
from pipelines.ingest import ingest
from pipelines.instants import parse_instant
from pipelines.render import json_text
from pipelines.settle import settle
from pipelines.tariff_files import read_tariffs
from pipelines.warehouse import open_warehouse
from settlement import SettlementPeriod

SCENARIOS = Path(__file__).resolve().parents[1] / "scenarios"
NOW = parse_instant("2025-01-01T00:00:00Z")
READS = ("2023-12-05T09:00:00Z", "2023-12-05T09:30:00Z")


@dataclass
class Programme:
    """A warehouse that takes in rows feed by feed, file by file, and settles December."""

    folder: Path
    receipts: int = 0

    @property
    def warehouse(self) -> Path:
        return self.folder / "vgi.duckdb"

    def receive(self, received_at: str, **files: dict[str, list[dict[str, str]]]) -> None:
        """Ingest files: of each feed, the rows by file name."""
        self.receipts += 1
        landing = self.folder / f"landing-{self.receipts}"
        for feed, by_name in files.items():
            (landing / feed).mkdir(parents=True)
            for name, rows in by_name.items():
                (landing / feed / name).write_text(csv_text(feed, rows))
        at = parse_instant(received_at)
        report = ingest(landing, warehouse=self.warehouse, received_at=at, clock=lambda: NOW)
        assert report.rows_quarantined == 0

    def settle(
        self, as_of: str | None = None, *, period: str = "2023-12", tariffs: Path | None = None
    ) -> str:
        settled = settle(
            warehouse=self.warehouse,
            period=SettlementPeriod.parse("2023-12"),
            tariffs=read_tariffs(tariffs or SCENARIOS / "tariffs" / "jp"),
            now=NOW,
            by="test",
            as_of=parse_instant(as_of) if as_of else None,
        )
        return settled.run_id

    def diff(self, run_a: str, run_b: str) -> Difference:
        return diff_runs(warehouse=self.warehouse, run_a=run_a, run_b=run_b)


def csv_text(feed: str, rows: list[dict[str, str]]) -> str:
    text = io.StringIO()
    columns = [*FEEDS[feed].column_names, *(["row_status"] if FEEDS[feed].has_row_status else [])]
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({"row_status": "active"} | row if FEEDS[feed].has_row_status else row for row in rows)
    return text.getvalue()


def base(feed: str) -> list[dict[str, str]]:
    path = SCENARIOS / "base" / f"{feed}.csv"
    return list(csv.DictReader(path.read_text().splitlines())) if path.exists() else []


def read(point: str, at: str, backfeed_wh: int, quality: str = "A") -> dict[str, str]:
    return {
        "metering_point_id": point, "interval_start": at, "import_wh": "0", "backfeed_wh": str(backfeed_wh),
        "quality": quality,
    }  # fmt: skip


def session(session_id: str, evse_id: str, vehicle_id: str, discharged_wh: int) -> dict[str, str]:
    return {
        "session_id": session_id, "evse_id": evse_id, "vehicle_id": vehicle_id,
        "started_at": "2023-12-05T09:00:00Z", "ended_at": "2023-12-05T10:00:00Z", "charged_wh": "0",
        "discharged_wh": str(discharged_wh),
    }  # fmt: skip


def signal(vehicle_id: str) -> dict[str, str]:
    return {
        "dr_event_id": "EV-SUP", "vehicle_id": vehicle_id, "issued_at": "2023-12-05T08:00:00Z",
        "amount_kind": "discharge_energy", "amount": "2000",
    }  # fmt: skip


def lease() -> dict[str, str]:
    return {
        "lease_id": "L-B", "evse_id": "EVSE-2", "vehicle_id": "CAR-B", "kind": "direct",
        "granted_at": "2023-12-01T00:00:00Z", "valid_from": "2023-12-05T08:00:00Z",
        "valid_to": "2023-12-05T12:00:00Z",
    }  # fmt: skip


@dataclass
class History:
    """Runs of a programme in which CAR-B, leased at EVSE-2, lacks a read at first."""

    programme: Programme
    during: str  # the event
    early: str
    late: str  # the read came, and much that has nothing to do with it
    dearer: str  # by other tariffs
    withdrawn: str  # the session of CAR-B was cancelled

    def diff(self, run_a: str, run_b: str) -> Difference:
        return self.programme.diff(run_a, run_b)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    folder = tmp_path_factory.mktemp("diff")
    programme = Programme(folder)
    sessions = [
        session("S-A", "EVSE-1", "CAR-R", 2000),
        session("S-B", "EVSE-2", "CAR-B", 2000),
    ]
    reads = [read(point, at, 1000) for point in ("MP-1", "MP-2") for at in READS]
    programme.receive(
        "2023-12-05T09:15:00Z",
        **{feed: {"base.csv": base(feed)} for feed in FEEDS if base(feed)},
        charger_sessions={"sessions.csv": sessions},
        meter_intervals={"reads.csv": reads[:-1]},
        dr_signals={"signals.csv": [signal("CAR-R"), signal("CAR-B")]},
        permission_leases={"leases.csv": [lease()]},
    )
    during = programme.settle("2023-12-05T09:30:00Z")
    early = programme.settle("2024-01-01T00:00:00Z")
    of_car_b = next(row for row in base("vehicles") if row["vehicle_id"] == "CAR-B")
    elsewhen = session("S-C", "EVSE-2", "CAR-B", 500) | {
        "started_at": "2023-12-20T09:00:00Z", "ended_at": "2023-12-20T10:00:00Z",
    }  # fmt: skip
    programme.receive(
        "2024-01-02T00:00:00Z",
        meter_intervals={
            "another-day.csv": [read("MP-2", "2023-12-20T12:00:00Z", 0)],
            "sent-again.csv": reads[:2],
            "wanted.csv": [read("MP-1", "2023-12-21T09:00:00Z", 0), reads[-1]],
        },
        vehicles={"powertrain.csv": [of_car_b | {"powertrain": "phev"}]},
        charger_sessions={"another-day.csv": [elsewhen]},
    )
    late = programme.settle()
    dearer = programme.settle(tariffs=dearer_tariffs(folder))
    programme.receive(
        "2024-01-03T00:00:00Z", charger_sessions={"undone.csv": [sessions[1] | {"row_status": "cancelled"}]}
    )
    withdrawn = programme.settle()
    return History(programme, during, early, late, dearer, withdrawn)


def dearer_tariffs(folder: Path) -> Path:
    dearer = folder / "tariffs"
    dearer.mkdir()
    for path in (SCENARIOS / "tariffs" / "jp").glob("*.yaml"):
        text = path.read_text()
        rate = 'amount_kind: discharge_energy, access_class: leased, per_kwh: "'
        assert rate in text
        (dearer / path.name).write_text(text.replace(rate, f"{rate}1"))
    return dearer


def named(difference: Difference) -> dict[str, set[str]]:
    """By table, what its changes are because of: files, or the kind of what is none."""
    because = {cause.cause_no: set(cause.files) or {cause.kind} for cause in difference.causes}
    found: dict[str, set[str]] = {}
    for change in difference.changes:
        found.setdefault(change.table, set()).update(*(because[number] for number in change.causes))
    return found


def shown(difference: Difference, *, everything: bool = False) -> str:
    console = Console(file=io.StringIO(), width=250, soft_wrap=True)
    print_difference(console, difference, everything=everything)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


def test_exactly_the_file_that_moved_a_payee_is_named(history: History) -> None:
    difference = history.diff(history.early, history.late)
    by_table = named(difference)
    assert by_table.pop("exceptions") >= {"meter_intervals/wanted.csv"}
    assert all(files == {"meter_intervals/wanted.csv"} for files in by_table.values())
    assert {"user_points", "manager_fee_reductions", "dr_achievement", "settlement_lines"} < set(by_table)
    [points] = [change for change in difference.changes if change.table == "user_points"]
    assert (points.change, points.key) == ("added", {"user_id": "U-BOB"})
    [cause] = [cause for cause in difference.causes if cause.cause_no in points.causes]
    assert cause.key == {"metering_point_id": "MP-2", "interval_start": parse_instant(READS[1])}
    assert cause.a is None and cause.b is not None and (cause.b.file_name, cause.b.line) == ("wanted.csv", 3)
    seen = {each.file_name: each.rows_seen_otherwise for each in difference.deliveries}
    assert seen == {"another-day.csv": 1, "sent-again.csv": 0, "wanted.csv": 2, "powertrain.csv": 0}


def test_the_other_way_round_everything_is_undone(history: History) -> None:
    there, back = history.diff(history.early, history.late), history.diff(history.late, history.early)
    assert named(there) == named(back)
    assert {each.only_in for each in there.deliveries} == {"b"}
    assert {each.only_in for each in back.deliveries} == {"a"}
    assert [(total.a, total.b) for total in there.totals] == [(total.b, total.a) for total in back.totals]


def test_what_only_time_moved_is_put_down_to_it(history: History) -> None:
    difference = history.diff(history.during, history.early)
    assert difference.deliveries == ()
    assert named(difference)["dr_achievement"] == named(difference)["user_points"] == {"as_of"}
    assert "time went on from 2023-12-05T09:30:00Z to 2024-01-01T00:00:00Z" in shown(difference)


def test_other_tariffs_are_a_cause(history: History) -> None:
    difference = history.diff(history.late, history.dearer)
    assert difference.deliveries == ()
    assert set.union(*named(difference).values()) == {"tariffs"}
    assert "other tariffs" in shown(difference)


def test_a_cancelled_row_is_named_with_the_row_that_it_undid(history: History) -> None:
    difference = history.diff(history.late, history.withdrawn)
    [points] = [change for change in difference.changes if change.table == "user_points"]
    [cause] = [cause for cause in difference.causes if cause.cause_no in points.causes]
    assert points.change == "removed" and cause.files == ("charger_sessions/undone.csv",)
    assert cause.a is not None and (cause.a.file_name, cause.a.row_status) == ("sessions.csv", "active")
    assert cause.b is not None and (cause.b.line, cause.b.row_status) == (2, "cancelled")


def test_what_the_later_run_booked_is_the_difference(history: History) -> None:
    totals = {total.what: total for total in history.diff(history.early, history.late).totals}
    assert totals["points booked"].b == totals["points"].b - totals["points"].a > 0
    assert totals["fee reductions booked"].b == totals["fee reductions"].b - totals["fee reductions"].a


def test_a_person_reads_the_file_and_the_line(history: History) -> None:
    text = shown(history.diff(history.early, history.late))
    [user] = [line for line in text.splitlines() if line.strip().startswith("U-BOB")]
    assert user.split()[-1] == "meter_intervals/wanted.csv:3"
    assert "cause was not found" not in text and "that changed nothing: --all lists them" in text


def test_machines_get_all_of_it(history: History) -> None:
    difference = history.diff(history.early, history.late)
    told = json.loads(json_text(difference))
    assert len(told["changes"]) == len(difference.changes)
    assert {number for change in told["changes"] for number in change["causes"]} == {
        cause["cause_no"] for cause in told["causes"]
    }


def test_one_run_twice_differs_in_nothing(history: History) -> None:
    difference = history.diff(history.late, history.late)
    assert difference.changes == difference.causes == ()
    assert shown(difference) == f"Both are run {history.late}: nothing differs.\n"


def test_runs_of_two_periods_and_unknown_runs_are_refused(history: History) -> None:
    with open_warehouse(history.programme.warehouse) as connection:
        connection.execute(
            "insert into books.runs select 'january', '2024-01', as_of, rules_version, created_at"
            " from books.runs where run_id = ?",
            [history.late],
        )
    with pytest.raises(BadInput, match="name two runs of one period"):
        history.diff(history.late, "january")
    with pytest.raises(BadInput, match="There is no run 2023-12-0"):
        history.diff(history.late, "2023-12-0")
