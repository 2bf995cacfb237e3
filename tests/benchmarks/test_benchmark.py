"""The benchmark: from its arguments to what it shows and keeps, and the worlds that it cuts to size."""

import csv
import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from benchmarks.bounds import INGEST_RATIO, PEER_LEAD, Judged, named
from benchmarks.child import WorkFailed
from benchmarks.clock import Clock
from benchmarks.days import cut
from benchmarks.ingests import split
from benchmarks.result import SHOWN, Result
from benchmarks.scene import Scene
from benchmarks.verifications import fingerprints
from benchmarks.worlds import World
from tests.benchmarks.made_up import month, result

ROOT = Path(__file__).resolve().parents[2]
program = importlib.import_module("benchmarks.__main__")


def _run(monkeypatch: pytest.MonkeyPatch, found: Result, out: Path) -> int:
    monkeypatch.setattr(program, "benchmark", lambda *_, **__: found)
    return int(program.main(["--sizes", "30k", "--data", str(out / "data"), "--out", str(out)]))


def test_a_missed_bound_is_said_and_is_exit_1(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lead = named(PEER_LEAD, peer="Polars")
    found = result([Judged(INGEST_RATIO, 2.2, "here"), Judged(lead, 2.9, "there")])
    assert _run(monkeypatch, found, tmp_path) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "1 of 2 bounds are MISSED: the same performances by Polars" in said
    assert "2.90x, at least 3.00x (there)" in said


def test_bounds_that_hold_are_exit_0_and_one_untold_is_no_success(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = result([Judged(INGEST_RATIO, 2.1, "here"), Judged(INGEST_RATIO, None, "too small")])
    assert _run(monkeypatch, found, tmp_path) == 0
    said = capsys.readouterr().out
    assert "All of 1 bounds measured are met." in said
    assert "not told" in said
    assert "Not measured: what was left out" in said


def test_work_that_fails_is_a_missed_bound_and_hides_no_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fails(_: Scene) -> Iterator[Judged]:
        yield Judged(INGEST_RATIO, 2.1, "measured before it failed")
        raise WorkFailed("ingest failed (exit 1)")

    def holds(_: Scene) -> Iterator[Judged]:
        yield Judged(INGEST_RATIO, 2.0, "measured after")

    monkeypatch.setattr(program, "JUDGES", {"ingest": fails, "month": holds})
    scene = Scene(tmp_path, tmp_path, 1, 1, lambda _: None, smallest=month(7_000, cpu_s=0.5))
    judged, gaps = program._judged(scene, ("ingest", "month"))
    assert [each.is_met for each in judged] == [True, False, True]
    assert gaps == ["ingest: ingest failed (exit 1)"]


def test_what_is_kept_tells_machine_stages_and_bounds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _run(monkeypatch, result([Judged(INGEST_RATIO, 2.345, "here")]), tmp_path)
    document = json.loads((tmp_path / "benchmark.json").read_text())
    large = document["months"][1]["stages"]["verify"]
    assert (large["cpu_s"], large["net_cpu_s"], large["of_parse"]) == (20.5, 20.0, 20.0 / 20.5)
    assert document["bounds"][0]["met"] is False
    readme = (tmp_path / "benchmark.md").read_text()
    assert "Made-up processor, 2 cores, 8 GiB" in readme
    assert "| verify | 0.50 | 2.00 (1.2, 100) | 20.00 (10.2, 100) |" in readme
    assert "| 2.35x | at most 2.20x | MISSED | here |" in readme
    plot = (tmp_path / "benchmark.svg").read_text()
    assert plot.startswith("<svg") and "verify" in plot


def test_too_little_disk_is_refused_before_anything_is_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "free_disk_bytes", lambda _: 10**9)
    assert program.main(["--sizes", "144M", "--data", str(tmp_path / "data")]) == 2
    assert "has 1.0 GB free" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("arguments", [["--sizes", "much"], ["--only", "ingest,nonsense"]])
def test_bad_usage_is_exit_2(arguments: list[str], tmp_path: Path) -> None:
    try:
        code = program.main([*arguments, "--data", str(tmp_path / "data")])
    except SystemExit as ended:
        code = ended.code
    assert code == 2


def test_the_same_rows_stand_in_as_many_files_as_asked(tmp_path: Path) -> None:
    meter = tmp_path / "world" / "01-initial" / "meter_intervals"
    meter.mkdir(parents=True)
    for name, rows in (("a", ("1", "2", "3")), ("b", ("4", "5"))):
        (meter / f"{name}.csv").write_text("\n".join(("read", *rows, "")))
    world = World(tmp_path / "world", evses=1, rows=5, bytes=0, period="", received_at="")
    split(world, tmp_path / "split", files=2)
    files = sorted((tmp_path / "split" / "meter_intervals").iterdir())
    assert [file.read_text().split() for file in files] == [["read", "1", "2", "3"], ["read", "4", "5"]]


def test_a_day_is_cut_out_of_a_world_with_what_concerns_it(tmp_path: Path) -> None:
    feeds = {
        "evses/evses": ["evse_id", "E1"],
        "meter_intervals/meter-20231231": ["metering_point_id", "before"],
        "meter_intervals/meter-20240101": ["metering_point_id", "on the day"],
        "meter_intervals/meter-20240102": ["metering_point_id", "after"],
        "dr_events/dr_events": [
            "dr_event_id,ends_at",
            "OLD,2023-12-31T18:00:00Z",
            "NEW,2024-01-01T18:00:00Z",
        ],
        "dr_signals/dr_signals": ["dr_event_id,vehicle_id", "OLD,V1", "NEW,V1"],
        "charger_sessions/s": [
            "session_id,started_at,ended_at",
            "S1,2023-12-30T08:00:00+00:00,2023-12-31T08:00:00+00:00",
            "S2,2023-12-31T20:00:00+00:00,2024-01-01T06:00:00+00:00",
            "S3,2023-12-31T20:00:00+00:00,",
        ],
    }
    for name, lines in feeds.items():
        path = tmp_path / "landing" / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join((*lines, "")))
    cut(Clock(), landing=str(tmp_path / "landing"), day="2024-01-01", out=str(tmp_path / "out"))
    found = {
        part.name: sorted(row[0] for file in part.rglob("*.csv") for row in _rows(file))
        for part in (tmp_path / "out").iterdir()
    }
    assert found == {
        "registries": ["E1"],
        "history": ["OLD", "OLD", "S1", "S3", "before"],
        "day": ["NEW", "NEW", "S2", "on the day"],
    }


def test_verified_tables_that_differ_in_one_value_have_different_fingerprints(tmp_path: Path) -> None:
    def printed(name: str, query: str) -> dict[str, list[str]]:
        path = tmp_path / f"{name}.duckdb"
        with duckdb.connect(path) as connection:
            connection.execute(f"create schema verified; create table verified.lines as {query}")
        return fingerprints(Clock(), warehouse=str(path))

    plain = printed("plain", "from (values (1, 'a'), (2, 'b')) as rows(wh, id)")
    turned = printed("turned", "from (values (2, 'b'), (1, 'a')) as rows(wh, id)")
    other = printed("other", "from (values (1, 'a'), (2, 'c')) as rows(wh, id)")
    assert plain == turned != other


@pytest.mark.slow
def test_a_month_of_a_tiny_fleet_is_measured_in_every_stage(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks", "--sizes", "30k", "--rounds", "1", "--only", "month"),
            *("--data", str(tmp_path / "data"), "--out", str(tmp_path / "out")),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    document = json.loads((tmp_path / "out" / "benchmark.json").read_text())
    (measured,) = document["months"]
    assert measured["meter_rows"] > 25_000
    assert set(measured["stages"]) == set(SHOWN)
    for stage, figures in measured["stages"].items():
        assert stage in done.stdout
        assert figures["cpu_s"] > 0 and figures["wall_s"] > 0, stage
    assert measured["model_wall_s"]["performances"] > 0
    assert [each["met"] for each in document["bounds"]].count(None) == 0
    assert list((tmp_path / "data").glob("work-*")) == []


def _rows(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))[1:]
