"""`datapackage.json`: frictionless finds the export valid, and finds every fault planted into it."""

import csv
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import frictionless
import pytest

from pipelines.exports import EXPORTS
from tests.pipeline.world import JANUARY_5, JANUARY_9, World

Rows = list[dict[str, str]]


def error_types(folder: Path) -> set[str]:
    report = frictionless.validate(str(folder / "datapackage.json"))
    return {kind for [kind] in report.flatten(["type"])}


def descriptor(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "datapackage.json").read_text())
    return document


def plant(folder: Path, name: str, change: Callable[[Rows], object]) -> None:
    """Change the rows of a file and let the manifest agree with its bytes: only the fault is to be found."""
    path = folder / f"{name}.csv"
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    columns = list(rows[0])
    change(rows)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    document = descriptor(folder)
    resource = next(each for each in document["resources"] if each["name"] == name)
    content = path.read_bytes()
    resource |= {
        "bytes": len(content),
        "rows": len(rows),
        "hash": f"sha256:{hashlib.sha256(content).hexdigest()}",
    }
    (folder / "datapackage.json").write_text(json.dumps(document))


@pytest.fixture
def folder(world: World) -> Path:
    return world.export(world.settle().run_id).folder


def test_the_command_of_frictionless_finds_it_valid(folder: Path) -> None:
    command = [str(Path(sys.executable).with_name("frictionless")), "validate", "datapackage.json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("VALID") == len(EXPORTS)


@pytest.mark.parametrize(
    ("name", "change", "found"),
    [
        ("user_points", lambda rows: rows[0].update(points="ten"), "type-error"),
        ("user_points", lambda rows: rows[0].update(points="-1"), "constraint-error"),
        ("user_points", lambda rows: rows[0].update(user_id=""), "constraint-error"),
        ("user_points", lambda rows: rows.append(rows[0]), "primary-key"),
        ("bookings", lambda rows: rows.append(rows[0]), "primary-key"),
        ("bookings", lambda rows: rows[0].update(unit="dollars"), "constraint-error"),
        ("settlement_lines", lambda rows: rows.append(rows[1]), "primary-key"),
        ("settlement_lines", lambda rows: rows[0].update(vehicle_id="V-9"), "foreign-key"),
        ("settlement_lines", lambda rows: rows[0].update(access_class="unpermitted"), "constraint-error"),
        ("dr_intervals", lambda rows: rows[0].update(dr_event_id="D-9"), "foreign-key"),
        ("dr_intervals", lambda rows: rows[0].update(interval_start="2023-12-04 08:00"), "type-error"),
        ("dr_achievement", lambda rows: rows[0].update(status="paid"), "constraint-error"),
        ("dr_achievement", lambda rows: rows[0].update(achievement_rate="1.00"), "constraint-error"),
        ("aggregator_achievement", lambda rows: rows.append(rows[2]), "primary-key"),
        ("aggregator_achievement", lambda rows: rows[0].update(level="city"), "constraint-error"),
        ("lease_outcomes", lambda rows: rows[0].update(outcome="lost"), "constraint-error"),
        ("manager_fee_reductions", lambda rows: rows[0].update(offering_minor="1e3"), "constraint-error"),
        ("exceptions", lambda rows: rows[0].update(code="odd"), "constraint-error"),
        ("exceptions", lambda rows: rows[0].update(local_date="04.12.2023"), "type-error"),
    ],
)
def test_a_planted_fault_is_found(
    folder: Path, name: str, change: Callable[[Rows], object], found: str
) -> None:
    plant(folder, name, change)
    assert error_types(folder) == {found}


def test_bytes_that_changed_are_found(folder: Path) -> None:
    path = folder / "user_points.csv"
    path.write_text(path.read_text().replace("160", "161"))
    assert error_types(folder) == {"hash-count"}


def test_rows_that_were_cut_off_are_found(folder: Path) -> None:
    path = folder / "settlement_lines.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    assert {"hash-count", "byte-count", "row-count"} <= error_types(folder)


def test_it_says_what_was_settled_from_what(world: World, folder: Path) -> None:
    document = descriptor(folder)
    assert document["run_id"] == folder.name
    assert (document["state"], document["kind"], document["replay"]) == ("issued", "initial", False)
    assert document["as_of"] == "2024-01-05T00:00:00Z"
    [tariff] = document["tariff_versions"]
    assert (tariff["version"], tariff["effective_from"]) == ("jp-2023-10", "2023-10-01")
    assert document["deliveries"] == [
        {
            "feed": "meter_intervals",
            "sha256": "a" * 64,
            "file_name": f"{'a' * 64}.csv",
            "received_at": "2024-01-05T00:00:00Z",
            "outcome": "loaded",
        }
    ]
    assert document["ledger_head"]["booking_no"] == 3


def test_control_totals_are_sums_of_the_files(folder: Path) -> None:
    totals = descriptor(folder)["control_totals"]
    assert totals["dr_achievement"]["achieved_by_unit"] == {"Wh": 7000}
    assert totals["dr_achievement"]["rows_by_status"] == {"final": 2}
    assert totals["settlement_lines"] == {"rows": 2, "sum_of_points": 220}
    assert totals["user_points"]["sum_of_booked_now"] == 220
    assert totals["manager_fee_reductions"]["sum_of_reduction_minor"] == 27
    assert totals["bookings"] == {"rows": 3, "amount_by_unit": {"JPY": 27, "point": 220}}
    assert totals["exceptions"]["rows_by_code"] == {"missing_read": 1}


def test_a_correction_and_a_replay_are_valid_and_say_what_they_are(world: World) -> None:
    world.settle()
    world.deliver(JANUARY_9, sha256="b" * 64)
    del world.achieved_wh["V-2"]
    correction = world.export(world.settle().run_id).folder
    replay = world.export(world.settle(JANUARY_5.replace(day=6)).run_id).folder
    assert descriptor(correction)["kind"] == "correction"
    assert (descriptor(replay)["state"], descriptor(replay)["replay"]) == ("replay", True)
    assert error_types(correction) == error_types(replay) == set()


def test_an_empty_period_is_valid(world: World) -> None:
    world.achieved_wh.clear()
    assert error_types(world.export(world.settle().run_id).folder) == set()
