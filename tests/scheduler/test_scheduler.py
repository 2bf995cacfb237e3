"""Under a real scheduler: driven by assets and an approval, at once, killed, back-filled (R23, R24).

Whatever happens, books and exported bytes are those of an undisturbed run by the command.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scheduler.installation import (
    PERIODS,
    Installation,
    Undisturbed,
    books,
    deliveries_of,
    exported,
    handed_on,
    holder_of,
    kill_when,
    simulate_deliveries,
    until,
)
from tests.security.planted import files_below, holders, ids_of, open_to_others, secrets

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def deliveries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate_deliveries(tmp_path_factory.mktemp("deliveries") / "fleet")


@pytest.fixture(scope="module")
def undisturbed(deliveries: Path, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """Both periods, and the first one's correction after the late files."""
    world = Undisturbed(tmp_path_factory.mktemp("undisturbed"))
    world.take_in(deliveries, "01-initial")
    for period in PERIODS:
        world.settle(deliveries, period)
    return world


@pytest.fixture
def installation(deliveries: Path, tmp_path: Path) -> Iterator[Installation]:
    running = Installation.begin(tmp_path / "airflow", deliveries)
    yield running
    running.server.stop()


def test_from_landing_to_issue_by_assets_and_an_approval(
    installation: Installation, undisturbed: Undisturbed
) -> None:
    installation.land("01-initial")
    installation.ingest("01-initial", "first")
    installation.server.wait_for("ingest", "first")
    verified = until(lambda: installation.server.call("GET", "/dags/verify/dagRuns")["dag_runs"])
    assert [run["run_type"] for run in verified] == ["asset_triggered"]
    installation.server.wait_for("verify", verified[0]["dag_run_id"])
    for period in PERIODS:
        installation.settle(period, f"settle-{period}")
    assert exported(installation.exports) == exported(undisturbed.exports)
    assert books(installation.warehouse) == books(undisturbed.warehouse)
    _clear(installation, f"settle-{PERIODS[0]}")
    assert exported(installation.exports) == exported(undisturbed.exports)
    assert books(installation.warehouse) == books(undisturbed.warehouse)
    documented = until(lambda: installation.server.call("GET", "/dags/audit_docs/dagRuns")["dag_runs"])
    installation.server.wait_for("audit_docs", documented[0]["dag_run_id"])
    assert (installation.server.home / "audit-docs" / "index.html").stat().st_size > 1_000_000
    _check_what_is_left(installation)


def _check_what_is_left(installation: Installation) -> None:
    """Signed exports for the user alone; no planted secret anywhere; no id in logs nor between tasks."""
    home = installation.server.home
    assert len(list(installation.exports.glob("*/*/datapackage.json.sig"))) == len(PERIODS)
    assert open_to_others(*home.glob("vgi.duckdb*"), installation.exports, home / "audit-docs") == []
    assert holders(files_below(home), secrets()) == []
    users_and_vehicles = ids_of(installation.exports)
    assert len(users_and_vehicles) > 20
    assert holders(files_below(home / "logs", home / "airflow.log"), users_and_vehicles) == []
    told = "\n".join(handed_on(home)).encode()
    assert "run_id" in str(told)
    assert [each for each in users_and_vehicles if each in told] == []


def _clear(installation: Installation, run_id: str) -> None:
    """Clear a run that is over, as by one click, and wait until it is over again."""
    installation.server.call("POST", f"/dags/settle/dagRuns/{run_id}/clear", {"dry_run": False})
    until(lambda: installation.server.state_of("settle", run_id) != "success")
    installation.server.wait_for("settle", run_id)


def test_a_rejected_settlement_is_never_issued(installation: Installation) -> None:
    installation.land("01-initial")
    installation.ingest("01-initial", "first")
    installation.server.wait_for("ingest", "first")
    installation.server.trigger("settle", "doubted", settlement_period=PERIODS[0], as_of=None)
    installation.answer("doubted", option="Reject", reason="reads of one meter are in doubt")
    installation.server.wait_for("settle", "doubted")
    assert installation.tasks("settle", "doubted")["issue"]["state"] == "skipped"
    assert exported(installation.exports) == {}
    assert [row for row in books(installation.warehouse) if row[1] == "rejected"]


def test_dags_that_want_the_warehouse_at_once_do_not_fail_each_other(
    installation: Installation, undisturbed: Undisturbed
) -> None:
    installation.land("01-initial")
    installation.ingest("01-initial", "first")
    installation.server.wait_for("ingest", "first")  # its asset starts verify, beside the two settlements
    for period in PERIODS:
        installation.server.trigger("settle", period, settlement_period=period, as_of=None)
    for period in PERIODS:
        installation.answer(period, option="Approve")
    for period in PERIODS:
        installation.server.wait_for("settle", period)
        tries = {task["try_number"] for task in installation.tasks("settle", period).values()}
        assert tries <= {0, 1}, "nothing had to be tried twice"
    assert exported(installation.exports) == exported(undisturbed.exports)


def test_tasks_killed_in_the_middle_are_retried_to_the_same_books_and_bytes(
    installation: Installation, undisturbed: Undisturbed
) -> None:
    installation.land("01-initial")
    installation.ingest("01-initial", "first")
    _kill_a_load(installation)
    installation.server.wait_for("ingest", "first")
    assert deliveries_of(installation.warehouse) == deliveries_of(undisturbed.warehouse)

    installation.server.trigger("settle", "first", settlement_period=PERIODS[0], as_of=None)
    _kill_the_verification(installation)
    installation.answer("first", option="Approve")
    _kill_the_export(installation)
    installation.server.wait_for("settle", "first")
    installation.settle(PERIODS[1], "second")
    assert exported(installation.exports) == exported(undisturbed.exports)
    assert books(installation.warehouse) == books(undisturbed.warehouse)
    tries = installation.tasks("settle", "first")
    assert (tries["gate_before"]["try_number"], tries["issue"]["try_number"]) == (2, 2)


def _kill_a_load(installation: Installation) -> None:
    """Kill the load of the meter reads: files are received, the warehouse is held, nothing is committed."""
    received = installation.server.home / "vgi.duckdb.deliveries" / "meter_intervals"
    kill_when(
        lambda: holder_of(installation.warehouse) if received.exists() and any(received.iterdir()) else None
    )
    assert not [row for row in deliveries_of(installation.warehouse) if row[0] == "meter_intervals"]


def _kill_the_verification(installation: Installation) -> None:
    """Kill dbt while it builds."""

    def building() -> int | None:
        task = installation.tasks("settle", "first").get("gate_before", {})
        return holder_of(installation.warehouse) if task.get("state") == "running" else None

    kill_when(building)


def _kill_the_export(installation: Installation) -> None:
    """Kill the export while its folder is written aside."""

    def writing() -> int | None:
        partial = (
            next(installation.exports.glob("*/.*.partial-*"), None) if installation.exports.exists() else None
        )
        return int(partial.name.rpartition("-")[2]) if partial else None

    kill_when(writing)
    assert exported(installation.exports) == {} or all(
        "/." in path for path in exported(installation.exports)
    ), "the folder is absent or complete"


def test_a_backfill_of_two_periods(installation: Installation, undisturbed: Undisturbed) -> None:
    installation.land("01-initial")
    installation.ingest("01-initial", "first")
    installation.server.wait_for("ingest", "first")
    installation.back_fill(first_day="2024-01-01", last_day="2024-02-20")
    run_ids = until(lambda: _backfilled(installation))
    for run_id in run_ids:
        installation.server.wait_for("settle", run_id)
    assert exported(installation.exports) == exported(undisturbed.exports)


def _backfilled(installation: Installation) -> list[str]:
    runs = installation.server.call("GET", "/dags/settle/dagRuns?limit=100")["dag_runs"]
    found = [run["dag_run_id"] for run in runs if run["run_type"] == "backfill"]
    return found if len(found) == 2 else []
