"""A month of a hundred EVSEs, from its landing folders to the exports, through the command alone."""

import csv
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pipelines.simulate import SimulationReport, simulate

pytestmark = pytest.mark.slow

BIN = Path(sys.executable).parent
RULEBOOK = Path(__file__).resolve().parents[2] / "docs" / "rulebook.md"
Rows = list[dict[str, str]]

# By the contract: file, column, every value that it may have.
VALUES = (
    ("dr_achievement", "status", {"held", "provisional", "final"}),
    ("dr_achievement", "direction", {"suppression", "increase"}),
    ("dr_achievement", "unit", {"Wh", "interval"}),
    (
        "dr_achievement",
        "amount_kind",
        {"discharge_energy", "charging_power_limit", "charge_energy", "charging_power"},
    ),
    ("settlement_lines", "access_class", {"specific", "public", "leased"}),
    ("aggregator_achievement", "level", {"utility", "parent", "child"}),
    ("lease_outcomes", "outcome", {"not_needed", "revoked", "pending", "fulfilled", "lapsed"}),
    ("bookings", "payee_kind", {"user", "manager"}),
    ("bookings", "reason", {"award", "correction"}),
    ("bookings", "unit", {"point", "JPY"}),
)
# Situations of the simulation's coverage that are an exception of the rules each, and nothing else is. The
# others depend on reads, periods or several rules: the coverage counts their plain case only.
EXCEPTION_OF = {
    ("dispatch", "late signals"): "late_signal",
    ("dispatch", "signals against the direction"): "signal_direction_mismatch",
    ("dispatch", "double dispatch"): "double_dispatch",
    ("delivery", "backfeed at an import-only EVSE"): "backfeed_from_incapable_evse",
    ("sessions", "overlapping at one EVSE"): "overlapping_sessions",
    ("sessions", "vehicle in two places"): "vehicle_in_two_places",
    ("sessions", "unclosed"): "unclosed_session",
    ("leases", "overlapping at one EVSE"): "overlapping_leases",
}


@dataclass(frozen=True)
class Run:
    """One step of the plan: what the command printed, and the files that it exported."""

    step: dict[str, Any]
    printed: dict[str, Any]
    folder: Path

    def rows(self, name: str) -> Rows:
        with (self.folder / f"{name}.csv").open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))


@dataclass(frozen=True)
class Month:
    """The simulated month and the runs of its plan, in order."""

    report: SimulationReport
    runs: list[Run]

    def rows(self, name: str) -> Iterator[dict[str, str]]:
        """A file of all runs together."""
        for run in self.runs:
            yield from run.rows(name)

    def foretold(self, group: str, situation: str) -> int:
        [count] = [
            row.count for row in self.report.coverage if (row.group, row.situation) == (group, situation)
        ]
        return count


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Month:
    folder = tmp_path_factory.mktemp("fleet")
    report = simulate(out_dir=folder / "simulation", evses=100, days=30, first_day=date(2023, 11, 1), seed=7)
    plan = json.loads(report.plan.read_text())
    return Month(report, [_run(folder, plan, step) for step in plan["deliveries"]])


def _run(folder: Path, plan: dict[str, Any], step: dict[str, Any]) -> Run:
    done = subprocess.run(
        [
            *(str(BIN / "vgi"), "run", f"simulation/{step['folder']}", "--json"),
            *("--period", plan["period"], "--tariffs", f"simulation/{plan['tariffs']}", "--out", "exports"),
            *("--received-at", step["received_at"], "--as-of", step["as_of"], "--warehouse", "vgi.duckdb"),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    return Run(step, printed, folder / printed["exported"]["folder"])


def test_the_plan_makes_an_initial_run_and_two_corrections(month: Month) -> None:
    assert [run.printed["settled"]["kind"] for run in month.runs] == ["initial", "correction", "correction"]
    assert all(run.printed["settled"]["booked_now"] for run in month.runs)


def test_every_row_delivered_is_accepted_a_duplicate_or_in_quarantine(month: Month) -> None:
    """File by file, as many of each as the simulation put there."""
    for run in month.runs:
        planned = {file["path"]: file for file in run.step["files"] if "sent-again" not in file["path"]}
        taken = {
            f"{run.step['folder']}/{each['feed']}/{each['file_name']}": each
            for each in run.printed["ingested"]["deliveries"]
        }
        assert set(taken) == set(planned)
        for path, each in taken.items():
            counts = [each[f"rows_{what}"] for what in ("accepted", "duplicate", "quarantined")]
            assert each["rows_in"] == sum(counts) == _records(month.report.out_dir / path), path
            assert counts[1:] == [planned[path]["duplicates"], planned[path]["quarantined"]], path


def _records(path: Path) -> int:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return sum(1 for _ in csv.reader(file)) - 1


def test_a_file_sent_again_is_known(month: Month) -> None:
    known = [each["file_name"] for run in month.runs for each in run.printed["ingested"]["already_known"]]
    assert known == ["contracts-sent-again.csv"]


def test_the_first_delivery_holds_the_rows_foretold_of_each_feed(month: Month) -> None:
    accepted = Counter[str]()
    for each in month.runs[0].printed["ingested"]["deliveries"]:
        accepted[each["feed"]] += each["rows_accepted"]
    foretold = {row.situation: row.count for row in month.report.coverage if row.group == "feeds"}
    assert accepted == foretold


@pytest.mark.parametrize(("file", "column", "values"), VALUES)
def test_every_value_occurs(month: Month, file: str, column: str, values: set[str]) -> None:
    assert {row[column] for row in month.rows(file)} == values


def test_every_exception_of_the_rulebook_occurs(month: Month) -> None:
    table = RULEBOOK.read_text(encoding="utf-8").partition("### R27.")[2].partition("\n---")[0]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    codes = {code for row in rows for code in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert len(codes) == 16
    assert {row["code"] for row in month.rows("exceptions")} == codes


@pytest.mark.parametrize(("situation", "code"), EXCEPTION_OF.items(), ids=EXCEPTION_OF.values())
def test_the_exceptions_are_those_foretold(month: Month, situation: tuple[str, str], code: str) -> None:
    found = sum(row["code"] == code for row in month.runs[-1].rows("exceptions"))
    assert found == month.foretold(*situation) > 0


def test_the_outcomes_of_leases_are_those_foretold(month: Month) -> None:
    """Whether a lease is fulfilled, lapsed or pending is up to the reads: together they are foretold."""
    found = Counter(row["outcome"] for row in month.runs[-1].rows("lease_outcomes"))
    reasons = ("public place", "own car", "another lease covers")
    assert found["not_needed"] == sum(month.foretold("leases", f"not needed: {each}") for each in reasons)
    assert found["revoked"] == month.foretold("leases", "revoked")
    up_to_reads = ("fulfilled", "lapsed", "pending")
    assert sum(found[each] for each in up_to_reads) == sum(
        month.foretold("leases", each) for each in up_to_reads
    )


def test_the_fee_reductions_that_are_capped_are_those_foretold(month: Month) -> None:
    capped = [
        row
        for row in month.runs[-1].rows("manager_fee_reductions")
        if Decimal(row["performance_minor"]) + Decimal(row["offering_minor"]) > Decimal(row["cap_minor"])
    ]
    assert len(capped) == month.foretold("offers", "contracts whose fee cap binds") > 0
    for row in capped:
        assert int(row["reduction_minor"]) == int(Decimal(row["cap_minor"])), row


def test_corrections_go_both_ways(month: Month) -> None:
    corrected = [int(row["amount"]) for run in month.runs[1:] for row in run.rows("bookings")]
    assert min(corrected) < 0 < max(corrected)
    assert all(int(row["amount"]) > 0 for row in month.runs[0].rows("bookings"))


def test_the_bookings_of_all_runs_are_what_the_last_one_owes(month: Month) -> None:
    booked = Counter[tuple[str, str]]()
    for row in month.rows("bookings"):
        booked[row["payee_kind"], row["payee_id"]] += int(row["amount"])
    owed = Counter[tuple[str, str]]()
    for row in month.runs[-1].rows("user_points"):
        owed["user", row["user_id"]] += int(row["points"])
    for row in month.runs[-1].rows("manager_fee_reductions"):
        owed["manager", row["manager_id"]] += int(row["reduction_minor"])
    assert +booked == +owed
    assert not -booked


def test_better_reads_leave_fewer_performances_held(month: Month) -> None:
    held = [sum(row["status"] == "held" for row in run.rows("dr_achievement")) for run in month.runs]
    assert held[0] > held[1] > held[2]


@pytest.mark.parametrize("number", [0, 1, 2])
def test_frictionless_finds_each_export_valid(month: Month, number: int) -> None:
    done = subprocess.run(
        [str(BIN / "frictionless"), "validate", "datapackage.json", "--json"],
        cwd=month.runs[number].folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    validated = json.loads(done.stdout)
    assert validated["valid"]
    assert len(validated["tasks"]) == 9
