"""`vgi status` and `vgi ingest` as an operator reads them: what came in, what does not count, what to do."""

import io
import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pipelines.ingest import IngestReport, ingest
from pipelines.instants import parse_instant
from pipelines.render import print_ingest, print_status
from pipelines.status import read_status
from tests.pipeline.programme import METER_HEADER
from tests.pipeline.world import JANUARY_5, JANUARY_9, JANUARY_12, NOW, World

GOOD = "MP-1,2023-12-04T08:00:00Z,100,0,A"
BAD = "MP-2,2023-12-04T08:00:00Z,102.6,0,A"
DAY = f"300,20231204,{'0.1,' * 48}A,,,20231205000000,"


def put(folder: Path, name: str, *lines: str) -> None:
    path = folder / "landing" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def put_reads(folder: Path, name: str, *rows: str) -> None:
    put(folder, f"meter_intervals/{name}", METER_HEADER, *rows)


def take_in(folder: Path, received_at: datetime | None = None) -> IngestReport:
    return ingest(
        folder / "landing", warehouse=folder / "vgi.duckdb", received_at=received_at, clock=lambda: NOW
    )


def said(show: Any, *arguments: Any, **named: Any) -> str:
    console = Console(file=io.StringIO(), width=200, soft_wrap=True)
    show(console, *arguments, **named)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


def status_of(folder: Path, *, quarantine: bool = False) -> str:
    status = read_status(warehouse=folder / "vgi.duckdb", with_quarantine=quarantine)
    return said(print_status, status, all_deliveries=False)


# ---- what is open


def test_rows_in_are_shown_as_accepted_duplicate_and_quarantined(tmp_path: Path) -> None:
    put_reads(tmp_path, "a.csv", GOOD, GOOD, GOOD, BAD)
    take_in(tmp_path)
    text = status_of(tmp_path)
    [header] = [line for line in text.splitlines() if "accepted" in line]
    [row] = [line for line in text.splitlines() if "meter_intervals" in line and "loaded" in line]
    assert header.split()[-4:] == ["rows", "accepted", "duplicate", "quarantined"]
    assert row.split()[-4:] == ["4", "1", "2", "1"]
    assert "Deliveries: 1; in quarantine: 1 row" in text


def test_quarantined_rows_are_open_until_a_later_file_of_that_name(tmp_path: Path) -> None:
    put_reads(tmp_path, "a.csv", GOOD, BAD)
    take_in(tmp_path)
    text = status_of(tmp_path)
    assert "meter_intervals/a.csv: 1 row in quarantine (vgi status --quarantine)" in text
    assert "Nothing is open." not in text
    put_reads(tmp_path, "b.csv", GOOD)
    take_in(tmp_path)
    assert "meter_intervals/a.csv: 1 row in quarantine" in status_of(tmp_path)
    put_reads(tmp_path, "a.csv", BAD.replace("102.6", "103"))
    take_in(tmp_path)
    text = status_of(tmp_path)
    assert "Nothing is open." in text and "in quarantine: 1 row" in text


def test_a_refused_file_is_open_until_it_is_delivered_mended(tmp_path: Path) -> None:
    put(tmp_path, "meter_intervals/a.csv", "nonsense")
    take_in(tmp_path)
    text = status_of(tmp_path)
    assert "meter_intervals/a.csv was refused whole: the header misses" in text
    assert "Nothing of it counts; deliver it mended, under the same name." in text
    assert "Nothing is open." not in text
    put_reads(tmp_path, "a.csv", GOOD)
    take_in(tmp_path)
    assert "Nothing is open." in status_of(tmp_path)


@pytest.mark.parametrize(
    ("refused", "mended"),
    [
        ("a.csv.gz", "a.csv"),
        ("a.zip", "a.csv"),
        ("a-2023.12.gz", "a-2023.12.csv"),
        ("a", "a.csv"),
        ("A.CSV.GZ", "A.CSV.csv"),
    ],
)
def test_a_refused_file_that_is_no_csv_is_open_until_the_csv_is_loaded(
    tmp_path: Path, refused: str, mended: str
) -> None:
    path = tmp_path / "landing" / "meter_intervals" / refused
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\x1f\x8b\x08rest")
    take_in(tmp_path)
    text = status_of(tmp_path)
    assert f"Nothing of it counts; deliver the CSV as {mended}." in text and "same name" not in text
    put_reads(tmp_path, "another.csv", GOOD)
    put(tmp_path, f"vehicles/{mended}", "nonsense")
    put(tmp_path, f"meter_intervals/{mended}", "nonsense")
    take_in(tmp_path)
    assert f"meter_intervals/{refused} was refused" in status_of(tmp_path)
    put_reads(tmp_path, mended, GOOD.replace("MP-1", "MP-3"))
    take_in(tmp_path)
    assert f"meter_intervals/{refused} was refused" not in status_of(tmp_path)


def test_a_compressed_meter_file_is_open_until_the_meter_file_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "landing" / "meter_intervals" / "home.nem12.csv.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\x1f\x8b\x08rest")
    take_in(tmp_path)
    assert "deliver the CSV as home.nem12.csv." in status_of(tmp_path)
    lines = ("100,NEM12,1,a,b", "200,MP-1,E1,1,E1,N1,S,kWh,30,", DAY, "900")
    put(tmp_path, "meter_intervals/home.nem12.csv", *lines)
    take_in(tmp_path)
    assert "Nothing is open." in status_of(tmp_path)


def test_a_line_that_may_be_cut_off_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "landing" / "meter_intervals" / "a.csv"
    path.parent.mkdir(parents=True)
    path.write_text(f"{METER_HEADER}\n{GOOD}")
    note = "its last line has no line end; if it was cut off, deliver it whole"
    assert f"meter_intervals/a.csv: {note}\n" in said(print_ingest, take_in(tmp_path))
    put_reads(tmp_path, "a.csv", GOOD)
    assert note not in said(print_ingest, take_in(tmp_path))


def test_many_refused_files_are_listed_in_part_and_counted(tmp_path: Path) -> None:
    for number in range(7):
        put(tmp_path, f"meter_intervals/{number}.csv", f"nonsense {number}")
    report = take_in(tmp_path)
    assert report.next_action == (
        "Have 7 refused files mended and delivered again: meter_intervals/0.csv, meter_intervals/1.csv, "
        "meter_intervals/2.csv, meter_intervals/3.csv, meter_intervals/4.csv and 2 more."
    )


def test_a_refused_file_is_no_longer_open_where_its_bytes_were_loaded(tmp_path: Path) -> None:
    put(tmp_path, "vehicles/a.csv", METER_HEADER, GOOD)
    take_in(tmp_path)
    assert "vehicles/a.csv was refused whole" in status_of(tmp_path)
    put_reads(tmp_path, "a.csv", GOOD)
    take_in(tmp_path)
    assert "Nothing is open." in status_of(tmp_path)


def test_a_meter_file_whose_settings_changed_is_open_until_it_is_read_anew(tmp_path: Path) -> None:
    lines = ("100,NEM12,1,a,b", "200,(redacted),E1,1,E1,N1,S,kWh,30,", DAY, "900")
    put(tmp_path, "meter_intervals/home.nem12.csv", *lines)
    take_in(tmp_path)
    assert "meter_intervals/home.nem12.csv: 48 rows in quarantine" in status_of(tmp_path)
    put(tmp_path, "sources.yaml", 'home: {metering_point_ids: {"(redacted)": MP-1}}')
    report = said(print_ingest, take_in(tmp_path))
    assert "the metering point of NMI (redacted) was (redacted) and is MP-1" in report
    assert "Deliver as new files what sources.yaml has otherwise now" in report
    assert "home.nem12.csv was read before its source in sources.yaml changed" in status_of(tmp_path)
    put(tmp_path, "meter_intervals/home.nem12.csv", *lines, "")
    assert take_in(tmp_path).rows_accepted == 48
    assert "Nothing is open." in status_of(tmp_path)


def test_many_open_files_are_listed_in_part_and_counted(tmp_path: Path) -> None:
    for number in range(23):
        put_reads(tmp_path, f"{number:02}.csv", BAD.replace("MP-2", f"MP-{number}"))
    take_in(tmp_path)
    text = status_of(tmp_path)
    assert text.count("1 row in quarantine (vgi") == 20 and "  and 3 files more: vgi status --json" in text


# ---- a receipt that no run saw


def test_a_receipt_not_after_the_as_of_of_a_run_is_warned_of(world: World) -> None:
    run_id = world.settle(JANUARY_9).run_id
    put_reads(world.folder, "a.csv", GOOD)
    report = take_in(world.folder, parse_instant("2024-01-07T00:00:00Z"))
    [warning] = report.warnings
    assert warning.startswith(f"WARNING: run {run_id} of 2023-12 (approved) does not rest on these files")
    assert "received at 2024-01-07T00:00:00Z and it is as of 2024-01-09T00:00:00Z" in warning
    assert "vgi settle 2023-12 --as-of INSTANT" in warning and "leave --received-at away" in warning
    assert report.as_dict()["warnings"] == (warning,) and warning in said(print_ingest, report)
    assert world.settle().kind == "replay"
    assert world.settle(JANUARY_9).kind == world.settle(JANUARY_12).kind == "correction"


def test_a_receipt_at_the_as_of_of_a_run_is_warned_of_and_one_after_it_is_not(world: World) -> None:
    world.settle(JANUARY_9, hold=True)
    put_reads(world.folder, "a.csv", GOOD)
    assert "(audited) does not rest on these files" in take_in(world.folder, JANUARY_9).warnings[0]
    put_reads(world.folder, "b.csv", GOOD)
    assert take_in(world.folder, JANUARY_12).warnings == ()


def test_a_rejected_run_and_files_known_already_are_warned_of_no_more(world: World) -> None:
    run_id = world.settle(JANUARY_9, hold=True).run_id
    put_reads(world.folder, "a.csv", GOOD)
    assert len(take_in(world.folder, JANUARY_5).warnings) == 1
    assert take_in(world.folder, JANUARY_5).warnings == ()
    world.reject(run_id)
    put_reads(world.folder, "b.csv", GOOD)
    assert take_in(world.folder, JANUARY_5).warnings == ()


# ---- a terminal that knows ASCII only


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_what_the_terminal_cannot_show_is_escaped(tmp_path: Path, options: tuple[str, ...]) -> None:
    put_reads(tmp_path, "lésé.csv", "é" * 70 + ",x,1,1,A", GOOD)
    take_in(tmp_path)
    environment = {"PATH": os.defpath, "LC_ALL": "C", "PYTHONIOENCODING": "ascii"}
    code, warehouse = "from pipelines.cli import main; main()", str(tmp_path / "vgi.duckdb")
    done = subprocess.run(
        [sys.executable, "-c", code, "--warehouse", warehouse, *options, "status", "--quarantine"],
        capture_output=True,
        env=environment,
        cwd=Path(__file__).resolve().parents[2],
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    text = done.stdout.decode("ascii")
    if options:
        [row] = json.loads(text)["quarantine"]
        assert row["file_name"] == "lésé.csv" and "é" * 60 + "…'" in row["reason"]
    else:
        assert "l\\xe9s\\xe9.csv" in text and "\\xe9" * 60 + "\\u2026'" in text
