"""The command: exit codes, one sentence per fault, options before and after the command's name."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipelines import cli
from pipelines.cli.application import app
from pipelines.simulate import world as world_limits
from pipelines.warehouse import open_warehouse
from tests.pipeline.programme import METER_HEADER, meter_rows, write_feed, write_landing, write_tariffs
from tests.pipeline.world import JANUARY_9, World

COMMANDS = [
    command.name or str(getattr(command.callback, "__name__", "")) for command in app.registered_commands
]
RUN_ID = "2023-12-0000000000000000"


@dataclass(frozen=True)
class Done:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Vgi = Callable[..., Done]


@pytest.fixture
def vgi(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Vgi:
    """The command, run in this process in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    for name in ("VGI_WAREHOUSE", "VGI_TARIFFS", "VGI_DEBUG", "VGI_HOLD_FOR_APPROVAL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VGI_OPERATOR", "Ann")

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["vgi", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        code = ended.value.code
        return Done(code if isinstance(code, int) else 0, captured.out, captured.err)

    return run


def test_help_imports_nothing_slow() -> None:
    code = (
        "import sys; sys.argv = ['vgi', '--help']\n"
        "from pipelines.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print([name for name in ('duckdb', 'polars', 'dbt', 'pandas', 'settlement') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(vgi: Vgi, command: str) -> None:
    done = vgi(command, "--help")
    assert done.code == 0
    assert re.search(rf"\bvgi {command}\b", done.out.partition("Example")[2])
    assert "--warehouse" in done.out or command == "simulate"
    assert "--json" in done.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), ""),
        (("settel",), "No such command"),
        (("status", "--colour"), "No such option"),
        (("settle",), "Missing argument"),
        (("settle", "2023-13", "--tariffs", "tariffs"), '"2023-13" is not a settlement period'),
        (("settle", "2023-1", "--tariffs", "tariffs"), '"2023-1" is not a settlement period'),
        (("settle", "2023-12"), "Name the folder of tariff files"),
        (("settle", "2023-12", "--tariffs", "nowhere"), "nowhere is not a folder"),
        (("settle", "2023-12", "--tariffs", "tariffs", "--as-of", "2024-01-05"), "is not an instant"),
        (
            ("settle", "2023-12", "--tariffs", "tariffs", "--as-of", "2024-01-05T00:00:00"),
            "is not an instant",
        ),
        (
            ("settle", "2023-12", "--tariffs", "tariffs", "--as-of", "2024-02-30T00:00:00Z"),
            "is not an instant",
        ),
        (
            ("settle", "2023-12", "--tariffs", "tariffs", "--as-of", "2024-01-05T24:00:00Z"),
            "is not an instant",
        ),
        (("settle", "2023-12", "--tariffs", "tariffs"), "There is no warehouse vgi.duckdb"),
        (("ingest", "nowhere"), "nowhere does not exist"),
        (("approve", RUN_ID), "There is no warehouse vgi.duckdb"),
        (("export", RUN_ID, "--out", "out"), "There is no warehouse vgi.duckdb"),
        (("reject", RUN_ID), "Missing option '--reason'; see vgi reject --help."),
        (("simulate", "fleet", "--evses", "1"), "A simulated fleet has 20 to 1,000,000 EVSEs, not 1; give"),
        (("simulate", "fleet", "--days", "1"), "A simulation lasts 7 to 400 days, not 1; give"),
        (("simulate", "fleet", "--time-zone", "Mars/X"), "There is no time zone named 'Mars/X'; give a name"),
        (("status",), "There is no warehouse at vgi.duckdb"),
    ],
)
def test_bad_usage_and_bad_input_end_with_2_and_a_sentence(
    vgi: Vgi, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    write_tariffs(tmp_path / "tariffs")
    done = vgi(*arguments)
    assert done.code == 2
    assert sentence in done.err
    assert "Traceback" not in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["tariffs"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("settle", "2023-12", "--json"), "Name the folder of tariff files (--tariffs DIR, or VGI_TARIFFS)."),
        (("run", "--json"), "Missing argument 'LANDING_DIR'; see vgi run --help."),
        (("--json", "frob"), "No such command 'frob'; see vgi --help."),
        (("--json",), "Missing command; see vgi --help."),
        (("--json", "reject", RUN_ID), "Missing option '--reason'; see vgi reject --help."),
        (("status", "--json", "--colour"), "No such option: --colour; see vgi status --help."),
    ],
)
@pytest.mark.parametrize("debug", ["", "1"])
def test_machines_that_asked_for_json_get_the_sentences_as_json(
    vgi: Vgi, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], sentence: str, debug: str
) -> None:
    if not sentence.startswith("Name"):
        monkeypatch.setenv("VGI_DEBUG", debug)
    done = vgi(*arguments)
    assert done.code == 2
    assert done.err == f"{sentence}\n"
    assert done.json == {"errors": [sentence], "exit": 2}


@pytest.mark.parametrize("command", ["settle", "run"])
def test_the_environment_holds_runs_by_yes_or_no_only(
    vgi: Vgi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    write_tariffs(tmp_path / "tariffs")
    arguments = {"settle": ("2023-12",), "run": ("nowhere", "--period", "2023-12", "--out", "out")}[command]
    monkeypatch.setenv("VGI_HOLD_FOR_APPROVAL", "maybe")
    done = vgi(command, *arguments, "--tariffs", "tariffs", "--json")
    sentence = "VGI_HOLD_FOR_APPROVAL is 'maybe'; give true or false, or leave it out."
    assert (done.code, done.err, done.json) == (2, f"{sentence}\n", {"errors": [sentence], "exit": 2})
    for usable in ("", "no", "YES"):
        monkeypatch.setenv("VGI_HOLD_FOR_APPROVAL", usable)
        assert "VGI_HOLD" not in vgi(command, *arguments, "--tariffs", "tariffs").err


def test_the_environment_holds_a_run(
    vgi: Vgi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, world: World
) -> None:
    write_tariffs(tmp_path / "tariffs")
    monkeypatch.setenv("VGI_HOLD_FOR_APPROVAL", "yes")
    done = vgi("settle", "2023-12", "--tariffs", "tariffs", "--warehouse", str(world.warehouse), "--json")
    assert (done.code, done.json["settled"]["state"]) == (0, "audited")


def test_an_interrupted_command_says_so(vgi: Vgi, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipelines.status.read_status", interrupted)
    done = vgi("status", "--json")
    assert done.err.strip() == "Interrupted: what was under way was undone."
    assert (done.code, done.json["exit"]) == (130, 130)


def test_the_help_of_simulate_names_its_limits(vgi: Vgi) -> None:
    said = " ".join(vgi("simulate", "--help").out.split())
    assert f"{world_limits.FEWEST_EVSES} to {world_limits.MOST_EVSES:,}" in said
    assert f"{world_limits.FEWEST_DAYS} to {world_limits.MOST_DAYS}" in said


def test_a_folder_that_takes_no_exports_is_refused_before_anything_is_ingested(
    vgi: Vgi, tmp_path: Path
) -> None:
    landing, tariffs = write_landing(tmp_path / "landing"), write_tariffs(tmp_path / "tariffs")
    arguments = (str(landing), "--period", "2023-12", "--tariffs", str(tariffs))
    done = vgi("run", *arguments, "--out", "/proc/exports")
    assert done.code == 2
    assert "name another folder for the exports" in done.err
    assert not (tmp_path / "vgi.duckdb").exists()


def test_a_simulation_that_cannot_be_written_is_bad_input(vgi: Vgi) -> None:
    done = vgi("simulate", "/proc/fleet")
    assert (done.code, "cannot be a folder" in done.err) == (2, True)


def test_each_fault_of_a_tariff_is_a_sentence_of_its_own(vgi: Vgi, tmp_path: Path) -> None:
    (tmp_path / "tariffs").mkdir()
    (tmp_path / "tariffs" / "a.yaml").write_text("version: a")
    done = vgi("settle", "2023-12", "--tariffs", "tariffs")
    assert done.code == 2
    assert len(done.err.splitlines()) > 3
    assert all(line.startswith("tariffs/a.yaml:1: ") for line in done.err.splitlines())


def test_a_fault_of_ours_ends_with_1_and_no_traceback(vgi: Vgi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.status.read_status", lambda **_: 1 / 0)
    done = vgi("status")
    assert (done.code, done.err) == (
        1,
        "The job failed: ZeroDivisionError: division by zero (VGI_DEBUG=1 shows where.)\n",
    )


def test_approval_by_a_person(vgi: Vgi, world: World) -> None:
    held = world.settle(hold=True)
    warehouse = ("--warehouse", str(world.warehouse))
    assert f"awaits approval: vgi approve {held.run_id}" in vgi(*warehouse, "status").out
    refused = vgi("export", held.run_id, "--out", "out", *warehouse)
    assert refused.code == 2
    assert "approve it first" in refused.err
    approved = vgi("approve", held.run_id, *warehouse, "--json")
    assert approved.json == {"run_id": held.run_id, "state": "approved", "by": "Ann", "bookings": 3}
    assert f"awaits export: vgi export {held.run_id}" in vgi("status", *warehouse).out
    exported = vgi("--json", *warehouse, "export", held.run_id, "--out", "out").json
    assert (exported["state"], exported["folder"]) == ("issued", f"out/2023-12/{held.run_id}")
    after = vgi("status", *warehouse).out
    assert (
        "awaits" not in after
        and f"1 exception (1 missing_read); what to do about each: vgi exceptions {held.run_id}" in after
    )
    again = vgi("approve", held.run_id, *warehouse)
    assert again.code == 2
    assert again.err.count("\n") == 1


def test_rejection_by_a_person(vgi: Vgi, world: World) -> None:
    held = world.settle(hold=True)
    done = vgi("reject", held.run_id, "--reason", "reads in doubt", "--warehouse", str(world.warehouse))
    assert (done.code, done.out) == (0, f"Run {held.run_id} is rejected by Ann: reads in doubt\n")


def test_a_delivery_is_withdrawn_by_a_person(vgi: Vgi, world: World) -> None:
    world.settle()
    with open_warehouse(world.warehouse) as connection:
        rows = connection.execute("select delivery_no, file_name from raw.deliveries").fetchall()
    warehouse = ("--warehouse", str(world.warehouse))
    assert (vgi("withdraw", "99", "--reason", "by mistake", *warehouse).code) == 2
    done = vgi("withdraw", str(rows[0][0]), "--reason", "sent by mistake", *warehouse)
    assert done.code == 0
    assert " is withdrawn by Ann as of " in done.out
    again = vgi("withdraw", str(rows[0][0]), "--reason", "sent by mistake", *warehouse, "--json")
    assert (again.code, len(again.json["errors"])) == (2, 1)
    assert "withdrawn already" in again.err


def test_a_period_is_closed_by_a_person(vgi: Vgi, world: World) -> None:
    warehouse = ("--warehouse", str(world.warehouse))
    early = vgi("close", "2023-12", *warehouse)
    assert (early.code, early.err.count("\n"), "no run of it was approved" in early.err) == (2, 1, True)
    world.settle()
    done = vgi("close", "2023-12", *warehouse)
    said = "2023-12 is closed by Ann; corrections of it are booked in 2024-01.\n"
    assert (done.code, done.out) == (0, said)
    again = vgi("close", "2023-12", *warehouse, "--json")
    assert (again.code, len(again.json["errors"])) == (2, 1)
    assert "closed already" in again.err and "booked in 2024-01" in again.err


def test_the_warehouse_is_named_after_the_command_before_it_or_by_the_environment(
    vgi: Vgi, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VGI_WAREHOUSE", "env.duckdb")
    assert "no warehouse at env.duckdb" in vgi("status").err
    assert "no warehouse at before.duckdb" in vgi("--warehouse", "before.duckdb", "status").err
    named = vgi("--warehouse", "before.duckdb", "status", "--warehouse", str(world.warehouse), "--json")
    assert named.json["warehouse"] == str(world.warehouse)


def test_the_main_job_from_landing_folder_to_exports(vgi: Vgi, tmp_path: Path) -> None:
    """With the real verification: settled, found again, corrected by a late file, and replayed."""
    landing = write_landing(tmp_path / "landing")
    write_tariffs(tmp_path / "tariffs")
    options = ("--period", "2023-12", "--tariffs", "tariffs", "--out", "out")
    first = vgi("run", str(landing), *options, "--received-at", "2024-01-05T00:00:00Z")
    assert first.code == 0, first.err
    assert "Points: 220 to 2 users" in first.out
    assert "Fee reductions: 27 JPY" in first.out
    assert "quarantined: meter_intervals/1.csv line 10" in first.out
    [folder] = (tmp_path / "out" / "2023-12").iterdir()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    again = vgi("run", str(landing), *options, "--json").json
    assert (again["settled"]["found"], again["settled"]["booked_now"]) == (True, 0)
    assert (again["exported"]["already_there"], again["exported"]["run_id"]) == (True, folder.name)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before

    revised = [METER_HEADER, *meter_rows({"MP-2": 650}, quality="E")]
    write_feed(landing, "meter_intervals", revised, name="2.csv")
    second = vgi(
        "run", str(landing), *options, "--received-at", f"{JANUARY_9:%Y-%m-%dT%H:%M:%SZ}", "--json"
    ).json
    assert second["settled"]["kind"] == "correction"
    bookings = Path(second["exported"]["folder"]) / "bookings.csv"
    assert bookings.read_text().splitlines()[1:] == [
        line
        for line in bookings.read_text().splitlines()
        if ",user,U-2," in line and ",correction,-8,point," in line
    ]
    assert len(bookings.read_text().splitlines()) == 2

    replay = vgi("run", str(landing), *options, "--as-of", "2024-01-06T00:00:00Z", "--json").json
    assert (replay["settled"]["kind"], replay["exported"]["state"]) == ("replay", "audited")
    assert (folder / "dr_achievement.csv").read_bytes() == (
        Path(replay["exported"]["folder"]) / "dr_achievement.csv"
    ).read_bytes()
    verified = vgi("verify", "2023-12", "--as-of", "2024-01-06T00:00:00Z")
    assert (verified.code, "2023-12 as of 2024-01-06T00:00:00Z" in verified.out) == (0, True)
    assert "verified.performances" in verified.out
