"""Plays every `given_*` folder beside this file and compares what is exported; see README.md."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.approval import reject
from pipelines.closing import close
from pipelines.export import export_run
from pipelines.exports import EXCEPTION_CODES
from pipelines.feeds import FEEDS
from pipelines.ingest import ingest
from pipelines.instants import parse_instant
from pipelines.settle import settle
from pipelines.tariff_files import read_tariffs
from pipelines.withdraw import withdraw
from settlement import SettlementPeriod
from tests.oracle import BRANCHES

HERE = Path(__file__).parent
# Cells of these columns get the scenario's name in front, so that many scenarios can share one run.
ID_COLUMNS = frozenset(
    {
        "aggregator_id",
        "parent_aggregator_id",
        "child_aggregator_id",
        "vehicle_id",
        "user_id",
        "contract_id",
        "manager_id",
        "payee_id",
        "evse_id",
        "parking_lot_id",
        "region",
        "metering_point_id",
        "offer_id",
        "lease_id",
        "session_id",
        "dr_event_id",
    }
)
NOW = parse_instant("2025-01-01T00:00:00Z")
BY = "scenario"

Row = dict[str, str]
Tables = dict[str, list[Row]]


@dataclass(frozen=True)
class Scenario:
    """A `given_*` folder. Scenarios of one plan share a run."""

    folder: Path
    tariffs: str
    period: str
    steps: tuple[tuple[str, Any], ...]
    partial: frozenset[str]

    @property
    def name(self) -> str:
        return self.folder.name.removeprefix("given_")

    @property
    def plan(self) -> str:
        alone = self.name if os.environ.get("SCENARIOS_ALONE") else ""
        return json.dumps([alone, self.tariffs, self.period, self.steps])

    def part(self, side: str, number: int) -> Path:
        """The folder of the n-th ingest (`when`) or settlement (`then`), or the only one."""
        numbered = self.folder / side / str(number)
        return numbered if (self.folder / side / "1").is_dir() else self.folder / side


def read_scenario(folder: Path) -> Scenario:
    path = folder / "scenario.yaml"
    # BaseLoader leaves instants and periods as text.
    document = (yaml.load(path.read_text(), Loader=yaml.BaseLoader) if path.exists() else None) or {}
    unknown = set(document) - {"tariffs", "period", "steps", "partial"}
    assert not unknown, f"{path}: unknown fields {sorted(unknown)}"
    steps = document.get("steps") or default_steps(folder)
    return Scenario(
        folder=folder,
        tariffs=document.get("tariffs", "jp"),
        period=document.get("period", "2023-12"),
        steps=tuple(next(iter(step.items())) for step in steps),
        partial=frozenset(document.get("partial", ())),
    )


def default_steps(folder: Path) -> list[dict[str, Any]]:
    """Ingest and settle each part of `when`, the n-th received on January n+1."""
    parts = [path for path in (folder / "when").iterdir() if path.is_dir()] or [folder / "when"]
    return [
        step
        for number in range(1, len(parts) + 1)
        for step in ({"ingest": f"2024-01-{number + 1:02d}T00:00:00Z"}, {"settle": {}})
    ]


def read_csv(path: Path) -> list[Row]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


def read_folder(folder: Path) -> Tables:
    return {path.stem: read_csv(path) for path in sorted(folder.glob("*.csv"))}


def delivered(scenario: Scenario, number: int) -> Tables:
    """The rows of the n-th ingest; a row of the first replaces the base world's row of its key."""
    tables = read_folder(scenario.part("when", number))
    if number > 1:
        return tables
    world = read_folder(HERE / "base")
    return {
        feed: replace_by_key(feed, world.get(feed, []), tables.get(feed, [])) for feed in {*world, *tables}
    }


def replace_by_key(feed: str, base: list[Row], rows: list[Row]) -> list[Row]:
    keys = FEEDS[feed].key
    replaced = {tuple(row[column] for column in keys) for row in rows}
    return [row for row in base if tuple(row[column] for column in keys) not in replaced] + rows


def prefixed(row: Row, prefix: str) -> Row:
    return {column: prefix + cell if cell and column in ID_COLUMNS else cell for column, cell in row.items()}


def write_landing(landing: Path, scenarios: Iterable[Scenario], number: int) -> None:
    """One file per feed with the rows of the n-th ingest of all scenarios, ids prefixed."""
    rows: Tables = {feed: [] for feed in FEEDS}
    for scenario in scenarios:
        for feed, table in delivered(scenario, number).items():
            rows[feed] += [prefixed(row, f"{scenario.name}/") for row in table]
    for feed, table in rows.items():
        if table:
            write_csv(landing / feed / f"scenarios-{number}.csv", feed, table)


def write_csv(path: Path, feed: str, table: list[Row]) -> None:
    columns = list(FEEDS[feed].column_names) + (
        ["row_status"] if any("row_status" in row for row in table) else []
    )
    path.parent.mkdir(parents=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="active", lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)


def play(scenarios: list[Scenario], folder: Path) -> list[Tables]:
    """Take the steps that the scenarios share; give the exports of each settle step that was not held."""
    first = scenarios[0]
    warehouse = folder / "warehouse.duckdb"
    tariffs = read_tariffs(HERE / "tariffs" / first.tariffs)
    ingests, run_id, exports = 0, "", []
    for verb, argument in first.steps:
        if verb == "ingest":
            ingests += 1
            landing = folder / f"landing-{ingests}"
            write_landing(landing, scenarios, ingests)
            received_at = parse_instant(argument)
            report = ingest(landing, warehouse=warehouse, received_at=received_at, clock=lambda: NOW)
            assert report.rows_quarantined == 0
        elif verb == "settle":
            period = SettlementPeriod.parse(argument.get("period", first.period))
            as_of = parse_instant(argument["as_of"]) if "as_of" in argument else None
            hold = argument.get("hold_for_approval") == "true"
            settled = settle(
                warehouse=warehouse,
                period=period,
                tariffs=tariffs,
                now=NOW,
                by=BY,
                as_of=as_of,
                hold_for_approval=hold,
            )
            run_id = settled.run_id
            assert settled.found == (argument.get("found") == "true")
            assert settled.kind == argument.get("kind", settled.kind)
            if not hold:
                out = folder / "out"
                exported = export_run(warehouse=warehouse, run_id=run_id, out=out, now=NOW, by=BY)
                exports.append(read_folder(exported.folder))
        elif verb == "reject":
            reject(warehouse=warehouse, run_id=run_id, reason=argument, now=NOW, by=BY)
        elif verb == "withdraw":
            withdraw(
                warehouse=warehouse,
                delivery=argument["delivery"],
                reason=BY,
                by=BY,
                now=NOW,
                withdrawn_at=parse_instant(argument["at"]),
            )
        elif verb == "close":
            close(warehouse=warehouse, period=SettlementPeriod.parse(argument), by=BY, now=NOW)
        else:
            raise ValueError(f"{first.folder}: no step is called {verb}; README.md has those that there are.")
    return exports


def belongs(row: Row, prefix: str) -> bool:
    """Whether an id of the row is the scenario's; exceptions of aggregators have ids in the detail only."""
    ids = [cell for column, cell in row.items() if column in ID_COLUMNS and cell]
    return any(cell.startswith(prefix) for cell in ids or row.get("detail", "").split())


def without_prefix(row: Row, prefix: str) -> Row:
    return {
        column: cell.removeprefix(prefix) if column in ID_COLUMNS else cell for column, cell in row.items()
    }


def lines(rows: Iterable[Row], columns: list[str]) -> list[str]:
    return sorted(",".join(row[column] for column in columns) for row in rows)


SCENARIOS = [read_scenario(folder) for folder in sorted(HERE.glob("given_*"))]
PLANS: dict[str, list[Scenario]] = {}
for each in SCENARIOS:
    PLANS.setdefault(each.plan, []).append(each)
MOST_STEPS = 5


def fast_or_slow(name: str, value: Any, scenario: Scenario) -> Any:
    """A parameter; one of a long history is left to the slow tests."""
    return pytest.param(value, id=name, marks=[pytest.mark.slow] if len(scenario.steps) > MOST_STEPS else [])


EACH_SCENARIO = [fast_or_slow(each.name, each, each) for each in SCENARIOS]
EACH_PLAN = [fast_or_slow(plan[0].name, plan, plan[0]) for plan in PLANS.values()]


@pytest.fixture(scope="module")
def exports_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Scenario], list[Tables]]:
    """The exports of a scenario's plan, played at the first call only."""
    played: dict[str, list[Tables] | Exception] = {}

    def exports(scenario: Scenario) -> list[Tables]:
        if scenario.plan not in played:
            try:
                played[scenario.plan] = play(PLANS[scenario.plan], tmp_path_factory.mktemp("plan"))
            except Exception as error:
                played[scenario.plan] = error
        result = played[scenario.plan]
        if isinstance(result, Exception):
            raise result
        return result

    return exports


@pytest.mark.parametrize("scenario", EACH_SCENARIO)
def test_scenario(scenario: Scenario, exports_of: Callable[[Scenario], list[Tables]]) -> None:
    differences: list[str] = []
    exports = exports_of(scenario)
    compared = 0
    for number, tables in enumerate(exports, start=1):
        for path in sorted(scenario.part("then", number).glob("*.csv")):
            compared += 1
            expected = read_csv(path)
            columns = path.read_text(encoding="utf-8").splitlines()[0].split(",")
            prefix = f"{scenario.name}/"
            actual = [without_prefix(row, prefix) for row in tables[path.stem] if belongs(row, prefix)]
            differences += compare(path, columns, expected, actual, partial=path.stem in scenario.partial)
    assert compared, f"{scenario.folder} expects nothing"
    assert not differences, "\n".join(["", *differences])


def compare(
    path: Path, columns: list[str], expected: list[Row], actual: list[Row], *, partial: bool
) -> list[str]:
    """What the rows, projected on the columns, lack (-) or have too much (+), line by line."""
    wanted, found = lines(expected, columns), lines(actual, columns)
    missing, surplus = list(wanted), []
    for line in found:
        if line in missing:
            missing.remove(line)
        elif not partial:
            surplus.append(line)
    if not missing and not surplus:
        return []
    where = path.relative_to(HERE)
    return [
        f"{where}: {','.join(columns)}",
        *(f"  - {line}" for line in missing),
        *(f"  + {line}" for line in surplus),
    ]


@pytest.mark.parametrize("plan", EACH_PLAN)
def test_every_row_belongs_to_a_scenario(
    plan: list[Scenario], exports_of: Callable[[Scenario], list[Tables]]
) -> None:
    prefixes = [f"{scenario.name}/" for scenario in plan]
    for tables in exports_of(plan[0]):
        for export, rows in tables.items():
            stray = [row for row in rows if not any(belongs(row, prefix) for prefix in prefixes)]
            assert not stray, f"{export} has rows of no scenario: {stray[:3]}"


# ---- the exceptions of R27

# Where a reader finds each code worked out by hand.
EXCEPTION_SCENARIOS = {
    "missing_read": ("missing_read", "missing_reads_over_midnight"),
    "unattributed_backfeed": ("unattributed_backfeed", "meter_before_its_evse"),
    "unpermitted_use": ("unpermitted_use", "unidentified_vehicle", "vehicle_registered_after_plugging_in"),
    "meter_charger_mismatch": ("charger_and_meter_disagree",),
    "backfeed_from_incapable_evse": ("evse_incapable_of_backfeed",),
    "overlapping_sessions": ("overlapping_sessions",),
    "overlapping_leases": ("overlapping_leases",),
    "double_dispatch": ("overlapping_events",),
    "late_signal": ("late_signal", "late_amendment"),
    "signal_direction_mismatch": ("direction_mismatch",),
    "signal_without_session": ("signal_without_session", "open_session_and_no_other"),
    "vehicle_in_two_places": ("vehicle_in_two_places",),
    "lapsed_lease": ("lapsed_lease", "lease_nobody_came_for"),
    "lease_during_specific_use": ("lease_during_specific_use",),
    "unclosed_session": ("unclosed_session", "unclosed_session_elsewhere"),
    "unknown_reference": (
        "unknown_event", "unknown_evse", "unknown_vehicle", "unknown_contract", "parent_that_is_a_child",
        "vehicle_of_an_unknown_aggregator",
    ),
}  # fmt: skip


def test_every_exception_code_is_worked_out_by_hand_and_agreed_on_with_the_oracle() -> None:
    assert set(EXCEPTION_SCENARIOS) == set(EXCEPTION_CODES)
    assert {f"R27.{code}" for code in EXCEPTION_CODES} <= set(BRANCHES)
    for code, names in EXCEPTION_SCENARIOS.items():
        for name in names:
            tables = [read_csv(path) for path in (HERE / f"given_{name}" / "then").rglob("exceptions.csv")]
            assert any(row["code"] == code for rows in tables for row in rows), f"{name} expects no {code}"


# Something to do, told to somebody: not a finding, and not a question.
_INSTRUCTION = re.compile(r"(^|: |, and |; )(ask (for|the|which)|have |tell the )|^Ask the ")
_UNFILLED = re.compile(r"\bnull\b|\bNone\b|\{|\}|%|  |infinity|\?")
_LONGEST = 300


def amiss(detail: str) -> str | None:
    """Why an operator could not act on the sentence, or None."""
    if not _INSTRUCTION.search(detail):
        return "tells nobody what to do"
    if _UNFILLED.search(detail):
        return "is not filled in, or asks back"
    if not (detail[0].isupper() and detail.endswith(".")):
        return "is no sentence"
    return "is too long" if len(detail) > _LONGEST else None


@pytest.mark.parametrize("plan", EACH_PLAN)
def test_every_exception_says_what_to_do(
    plan: list[Scenario], exports_of: Callable[[Scenario], list[Tables]]
) -> None:
    details = {row["detail"] for tables in exports_of(plan[0]) for row in tables["exceptions"]}
    assert [(amiss(detail), detail) for detail in details if amiss(detail)] == []


@pytest.mark.parametrize(
    "detail",
    [
        "Meter and charger disagree.",
        "Energy was fed back: is a session missing?",
        "Ask the meter operator for the reads of null.",
        "Ask the meter operator  for the reads.",
        "Ask the meter operator for the reads",
        f"Ask the meter operator for the reads{' of today' * 40}.",
    ],
)
def test_a_sentence_nobody_can_act_on_is_noticed(detail: str) -> None:
    assert amiss(detail)
