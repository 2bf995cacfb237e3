"""Export folders: complete or absent, the same bytes whenever asked for, never overwritten (R23)."""

import hashlib
import os
from pathlib import Path

import polars as pl
import pytest

from pipelines import export
from pipelines.errors import BadInput, JobFailed
from pipelines.exports import EXCEPTIONS, EXPORTS
from pipelines.runs import Kind, State
from tests.pipeline.world import JANUARY_5, JANUARY_9, World


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_folder_holds_the_nine_files_and_their_manifest(world: World) -> None:
    exported = world.export(world.settle().run_id)
    assert exported.folder == world.out / "2023-12" / exported.run_id
    assert set(bytes_of(exported.folder)) == {f"{each.name}.csv" for each in EXPORTS} | {"datapackage.json"}
    assert exported.state is State.ISSUED
    assert [path.name for path in (world.out / "2023-12").iterdir()] == [exported.run_id]


def test_the_csv_is_plain(world: World) -> None:
    files = bytes_of(world.export(world.settle().run_id).folder)
    assert files["exceptions.csv"].decode() == (
        "settlement_period,code,metering_point_id,evse_id,vehicle_id,dr_event_id,lease_id,session_id,local_date,"
        "energy_wh,detail\n"
        "2023-12,missing_read,MP-1,,,,,,2023-12-04,,"
        '"Deliver the 2 half hours missing, ""import"" above all."\n'
    )
    assert (
        files["dr_intervals.csv"].decode().splitlines()[1]
        == "2023-12,D-1,V-1,E-1,2023-12-04T08:00:00Z,,4000,A+N"
    )
    assert files["aggregator_achievement.csv"].decode().splitlines()[1:] == [
        "2023-12,D-1,child,CA-1,,7000,",
        "2023-12,D-1,parent,PA-1,8000,7000,0.8750",
        "2023-12,D-1,utility,,8000,7000,0.8750",
    ]
    assert not any(b"\r" in content for content in files.values())


def test_asked_for_again_nothing_is_written(world: World) -> None:
    run_id = world.settle().run_id
    first = world.export(run_id)
    before, inode = bytes_of(first.folder), first.folder.stat().st_ino
    again = world.export(run_id)
    assert again.already_there
    assert (bytes_of(again.folder), again.folder.stat().st_ino) == (before, inode)
    assert world.states(run_id) == ["computed", "audited", "approved", "issued"]


def test_another_warehouse_with_the_same_inputs_exports_the_same_bytes(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = bytes_of(world.export(world.settle().run_id).folder)
    other = World(tmp_path / "other", achieved_wh=dict(reversed(world.achieved_wh.items())))
    monkeypatch.setattr("pipelines.settle.verify", other.verify)
    other.deliver(JANUARY_5, sha256="a" * 64)
    held = other.settle(hold=True)
    other.approve(held.run_id)
    assert bytes_of(other.export(held.run_id).folder) == one


def test_a_superseded_run_is_exported_as_it_was(world: World) -> None:
    first = world.settle()
    before = bytes_of(world.export(first.run_id).folder)
    world.deliver(JANUARY_9, sha256="b" * 64)
    second = world.settle()
    world.export(second.run_id)
    assert world.states(first.run_id)[-1] == "superseded"
    assert world.states(second.run_id)[-1] == "issued"
    again = world.export(first.run_id)
    assert (again.already_there, again.state, bytes_of(again.folder)) == (True, State.SUPERSEDED, before)


def test_an_approved_run_that_was_never_issued_is_superseded_too(world: World) -> None:
    first = world.settle()
    world.deliver(JANUARY_9, sha256="b" * 64)
    second = world.settle()
    world.export(second.run_id)
    world.export(first.run_id)
    assert world.states(first.run_id)[-1] == "superseded"
    assert world.states(second.run_id)[-1] == "issued"


def test_a_replay_is_written_and_never_issued(world: World) -> None:
    world.deliver(JANUARY_9, sha256="b" * 64)
    world.export(world.settle().run_id)
    replay = world.export(world.settle(JANUARY_5).run_id)
    assert (replay.kind, replay.state) == (Kind.REPLAY, State.AUDITED)
    files = bytes_of(replay.folder)
    assert files["bookings.csv"].count(b"\n") == 1
    assert b'"replay": true' in files["datapackage.json"]
    assert world.export(replay.run_id).already_there


def test_a_held_run_is_not_exported(world: World) -> None:
    held = world.settle(hold=True)
    with pytest.raises(BadInput, match=f"awaits approval; approve it first .vgi approve {held.run_id}"):
        world.export(held.run_id)
    assert not world.out.exists()


def test_other_bytes_are_never_overwritten(world: World) -> None:
    exported = world.export(world.settle().run_id)
    points = exported.folder / "user_points.csv"
    points.write_text(points.read_text().replace("160", "999"))
    before = bytes_of(exported.folder)
    with pytest.raises(JobFailed, match=r"user_points\.csv is not what this run exported"):
        world.export(exported.run_id)
    assert bytes_of(exported.folder) == before


def test_a_foreign_file_in_the_folder_is_reported(world: World) -> None:
    exported = world.export(world.settle().run_id)
    (exported.folder / "notes.txt").write_text("mine")
    with pytest.raises(JobFailed, match=r"notes\.txt is not part of the export"):
        world.export(exported.run_id)


@pytest.mark.parametrize("missing", ["datapackage.json", "bookings.csv"])
def test_an_incomplete_folder_is_made_whole(world: World, missing: str) -> None:
    exported = world.export(world.settle().run_id)
    before = bytes_of(exported.folder)
    (exported.folder / missing).unlink()
    again = world.export(exported.run_id)
    assert not again.already_there
    assert bytes_of(again.folder) == before
    assert [path.name for path in again.folder.parent.iterdir()] == [exported.run_id]


@pytest.mark.parametrize("step", ["write_csv", "descriptor_bytes", "_swap_in", "_issue"])
def test_an_export_that_dies_leaves_nothing_half_done(
    world: World, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    run_id = world.settle().run_id
    with monkeypatch.context() as patched:
        patched.setattr(export, step, lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            world.export(run_id)
    assert world.states(run_id)[-1] == "approved"
    period = world.out / "2023-12"
    complete = [path for path in period.iterdir() if (path / "datapackage.json").exists()]
    assert [path.name for path in period.iterdir()] == [path.name for path in complete]
    assert bool(complete) == (step == "_issue")
    assert world.export(run_id).state is State.ISSUED


def test_what_a_killed_export_left_is_cleared_away(world: World) -> None:
    run_id = world.settle().run_id
    dead = world.out / "2023-12" / f".{run_id}.partial-999999999"
    dead.mkdir(parents=True)
    (dead / "user_points.csv").write_text("half")
    alive = world.out / "2023-12" / f".{run_id}.partial-{os.getppid()}"
    alive.mkdir()
    world.export(run_id)
    assert not dead.exists()
    assert alive.exists()


def test_a_file_in_the_place_of_the_folder_is_bad_input(world: World) -> None:
    run_id = world.settle().run_id
    world.out.write_text("")
    with pytest.raises(BadInput, match="is a file; name the folder"):
        world.export(run_id)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@sum", "a\tb", "a\rb", "a\nb", "\x00"])
def test_a_cell_that_a_spreadsheet_would_run_is_found(text: str) -> None:
    columns = {column.name: pl.String for column in EXCEPTIONS.columns}
    row = dict.fromkeys(columns, "x") | {"detail": text}
    frame = pl.DataFrame([row], schema=columns)
    unsafe = export.unsafe_cells(EXCEPTIONS, frame)
    assert (unsafe.count, unsafe.examples) == (1, (f"exceptions.csv detail {text!r}",))
    assert export.unsafe_cells(EXCEPTIONS, frame.with_columns(detail=pl.lit("1-1=0"))).count == 0


def test_text_beyond_ascii_is_utf8(tmp_path: Path) -> None:
    columns = {column.name: pl.String for column in EXCEPTIONS.columns}
    frame = pl.DataFrame([dict.fromkeys(columns, "x") | {"detail": "充電器"}], schema=columns)
    export.write_csv(EXCEPTIONS, frame, tmp_path / "exceptions.csv")
    content = (tmp_path / "exceptions.csv").read_bytes()
    assert content.endswith(",充電器\n".encode())
    assert hashlib.sha256(content).hexdigest()
