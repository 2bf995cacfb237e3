"""What lies in a landing folder beside honest files: links, pipes, folders, names, unfinished files."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines import store
from pipelines.errors import BadInput
from pipelines.ingest import feeds_with_news
from tests.hostile.csv_files import GOOD, HEADER
from tests.ingest.conftest import House

READS = "select metering_point_id, import_wh from published.meter_intervals order by all"
NAMES = (
    "a[1].csv",
    "a1.csv",
    "*.csv",
    "?.csv",
    "{a,b}.csv",
    "'; drop table raw.deliveries; --.csv",
    '"quoted".csv',
    "$(touch x).csv",
    "%s{0}.csv",
    "-rf.csv",
    " .csv",
    "[red]a.csv",
    "CON.csv",
    "é.CSV",
    "充電.csv",
    "x" * 251 + ".csv",
)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def _reads(meter: str, wh: int = 100) -> str:
    return f"{HEADER}{meter},2023-12-01T00:00:00Z,{wh},0,A\n"


def vgi(house: House, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    code = "from pipelines.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, "--warehouse", str(house.warehouse), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_names_that_are_globs_sql_or_markup_are_names(house: House) -> None:
    for number, name in enumerate(NAMES):
        house.put(f"meter_intervals/{name}", _reads(f"MP-{number:02}", number))
    report = house.ingest()
    assert {delivery.file_name for delivery in report.deliveries} == set(NAMES) and not report.warnings
    assert house.rows(READS) == [(f"MP-{number:02}", number) for number in range(len(NAMES))]
    for delivery in report.deliveries:
        kept = store.stored_path(house.warehouse, feed="meter_intervals", sha256=delivery.sha256)
        assert kept.read_bytes() == (house.landing / "meter_intervals" / delivery.file_name).read_bytes()


@pytest.mark.parametrize(
    "name", [b"caf\xe9.csv", b"a\nb.csv", b"a\x1b[2J.csv", "a\u202ecsv.exe".encode(), b"\xff\xfe"]
)
def test_a_name_that_cannot_be_written_down_is_left_alone(house: House, name: bytes) -> None:
    house.put("meter_intervals/good.csv", _reads("MP"))
    (house.landing / "meter_intervals" / os.fsdecode(name)).write_text(_reads("MP-X"))
    report = house.ingest()
    assert [delivery.file_name for delivery in report.deliveries] == ["good.csv"]
    [warning] = report.warnings
    assert warning.isprintable() and "has a name that cannot be written down; rename it." in warning


def test_links_are_not_followed_wherever_they_lead(house: House, tmp_path: Path) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_text(_reads("MP-OUTSIDE"))
    inside = house.put("meter_intervals/good.csv", _reads("MP"))
    links = {
        "out.csv": outside,
        "in.csv": inside,
        "nowhere.csv": tmp_path / "none",
        "self.csv": Path("self.csv"),
    }
    for name, target in links.items():
        (inside.parent / name).symlink_to(target)
    (house.landing / "dr_events").symlink_to(tmp_path)
    report = house.ingest()
    assert house.rows(READS) == [("MP", 100)]
    assert len(report.warnings) == len(links) + 1
    assert all("is a symbolic link and was not followed" in warning for warning in report.warnings)
    assert feeds_with_news(house.landing, warehouse=house.warehouse) == ()


def test_a_hard_link_is_a_file_like_any_other(house: House, tmp_path: Path) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_text(_reads("MP"))
    (house.landing / "meter_intervals").mkdir(parents=True)
    (house.landing / "meter_intervals" / "a.csv").hardlink_to(outside)
    assert house.ingest().rows_accepted == 1


def test_pipes_sockets_and_folders_named_like_files_are_left_alone(house: House) -> None:
    folder = house.put("meter_intervals/good.csv", _reads("MP")).parent
    os.mkfifo(folder / "pipe.csv")
    (folder / "folder.csv").mkdir()
    (folder / "folder.csv" / "x.csv").write_text(_reads("MP-X"))
    report = house.ingest()
    assert house.rows(READS) == [("MP", 100)]
    assert [warning.split(" and ")[0] for warning in report.warnings] == [
        "meter_intervals/folder.csv is a folder",
        "meter_intervals/pipe.csv is not a regular file",
    ]


def test_a_file_that_is_swapped_for_a_pipe_after_the_look_around_does_not_hold_the_ingest_up(
    tmp_path: Path,
) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("file")
    for name, said in (
        ("pipe", "is not a regular file"),
        ("link", "cannot be read"),
        ("none", "cannot be read"),
    ):
        with pytest.raises(store.NotReadable, match=said):
            store.receive(tmp_path / name, warehouse=tmp_path / "w", feed="f")
        with pytest.raises(store.NotReadable, match=said):
            store.sha256_of(tmp_path / name)


@pytest.mark.parametrize("name", ["a.csv.part", "a.tmp", "a.csv~", "a.csv.crdownload", ".a.csv.swp"])
def test_a_half_written_file_waits_for_its_name(house: House, name: str) -> None:
    path = house.put(f"meter_intervals/{name}", _reads("MP")[:-5])
    assert house.ingest().deliveries == ()
    path.write_text(_reads("MP"))
    path.rename(path.with_name("a.csv"))
    assert house.ingest().rows_accepted == 1


def test_a_file_that_is_written_to_while_it_is_read_waits(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = house.put("meter_intervals/a.csv", _reads("MP"))
    house.put("meter_intervals/b.csv", _reads("MP-2"))
    real = store._chunks

    def grows_meanwhile(file: Any) -> Any:
        yield from real(file)
        with path.open("a") as growing:
            growing.write("MP-3,2023-12-01T00:00:00Z,1,1,A\n")

    monkeypatch.setattr(
        store, "_chunks", lambda file: grows_meanwhile(file) if _is(file, path) else real(file)
    )
    report = house.ingest()
    assert report.warnings == ("meter_intervals/a.csv was written to while it was read and was left alone.",)
    assert house.rows(READS) == [("MP-2", 100)]
    monkeypatch.undo()
    assert house.ingest().rows_accepted == 2


def _is(file: Any, path: Path) -> bool:
    return os.path.samestat(os.fstat(file.fileno()), path.stat())


def test_the_same_file_twice_and_renamed_is_one_delivery(house: House) -> None:
    for name in ("a.csv", "b.csv", "a copy.CSV"):
        house.put(f"meter_intervals/{name}", GOOD.replace("@@@@", "MP"))
    report = house.ingest()
    assert [delivery.file_name for delivery in report.deliveries] == ["a copy.CSV"]
    assert [known.outcome for known in report.already_known] == ["loaded", "loaded"]
    assert house.ingest().deliveries == ()


def test_of_two_deliveries_that_contradict_each_other_the_later_counts_and_both_are_kept(
    house: House,
) -> None:
    house.put("meter_intervals/a.csv", _reads("MP", 100))
    house.ingest()
    house.put("meter_intervals/b.csv", _reads("MP", 200))
    report = house.ingest()
    assert report.deliveries[0].rows_superseded == 1
    assert house.rows(READS) == [("MP", 200)]
    assert house.rows("select import_wh from raw.meter_intervals order by 1") == [(100,), (200,)]


# ---- sources.yaml

_BOMB = "\n".join(f"    a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9))
DOCUMENTS = {
    "a bomb of aliases": ("home:\n  utc_offset:\n    a0: &a0 [x]\n" + _BOMB, "the alias *a0 is not taken"),
    "an alias of itself": ("home: &a {utc_offset: *a}", "the alias *a is not taken"),
    "a merge of another source": ("a: &a {utc_offset: '+09:00'}\nb: {<<: *a}", "the alias *a is not taken"),
    "a Python object": ("home: !!python/object/apply:os.system [ls]", "the tag"),
    "brackets without end": ("home: " + "[" * 100_000, "nested too deeply"),
    "more than any document": ("# " + "x" * 4_000_001, "longer than 4,000,000 characters"),
    "a number of thousands of digits": ("home: {utc_offset: " + "9" * 5000 + "}", "utc_offset is '999"),
    "a name that clears the screen": ('"\\e[2J": 5', r"\u001b[2J must hold settings"),
    "two documents": ("a: {}\n---\nb: {}", "is not usable YAML"),
    "Latin-1": (b"home: caf\xe9", "is not UTF-8 text (byte 9)"),
    "an NMI that is a number": ("home: {metering_point_ids: {41: MP}}", "put the NMI 41 in quotes"),
    "a list of settings": ("home: [utc_offset]", "must hold settings"),
    "an offset beyond the clock": ("home: {utc_offset: '+24:00'}", "give an offset such as"),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_hostile_sources_yaml_is_refused_with_one_short_sentence(house: House, name: str) -> None:
    document, said = DOCUMENTS[name]
    house.put("sources.yaml", document)
    house.put("meter_intervals/a.csv", GOOD)
    with pytest.raises(BadInput) as caught:
        house.ingest()
    sentence = str(caught.value)
    assert said in sentence and sentence.isprintable() and len(sentence) < 600
    assert not house.warehouse.exists()


def _link(path: Path) -> None:
    (path.parent / "real.yaml").write_text("home: {}")
    path.symlink_to("real.yaml")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (os.mkfifo, "is not a regular file"),
        (Path.mkdir, "is not a regular file"),
        (_link, "is a symbolic link"),
    ],
    ids=["pipe", "folder", "link"],
)
def test_a_sources_yaml_that_is_no_file_is_refused(
    house: House, make: Callable[[Path], None], said: str
) -> None:
    house.put("meter_intervals/a.csv", GOOD)
    make(house.landing / "sources.yaml")
    with pytest.raises(BadInput, match=said):
        house.ingest()


# ---- the command


def test_the_command_says_what_became_of_hostile_files_without_a_traceback(house: House) -> None:
    house.put("meter_intervals/[bold]good[1].csv", _reads("MP"))
    house.put("meter_intervals/bad.csv", HEADER + "MP\u202e,x\x1b[2J,[/red],1,A\n")
    house.put("meter_intervals/packed.csv", b"\x1f\x8b\x08rest")
    house.put("meter_intervals/home.nem12.csv", "100,NEM12\n200\n")
    done = vgi(house, "--json", "ingest", str(house.landing))
    assert done.returncode == 0 and "Traceback" not in done.stderr
    totals = json.loads(done.stdout)["totals"]
    assert (
        totals["rows_in"]
        == totals["rows_accepted"] + totals["rows_duplicate"] + totals["rows_quarantined"]
        == 2
    )
    shown = vgi(house, "status", "--quarantine")
    assert shown.returncode == 0 and "[bold]good[1].csv" in shown.stdout
    assert r"is 'MP\u202e'" in shown.stdout and "is gzip, not plain UTF-8 text" in shown.stdout
    assert all(line.isprintable() for line in shown.stdout.splitlines())


def test_the_command_ends_with_2_and_a_sentence_where_the_folder_cannot_be_used(house: House) -> None:
    house.put("sources.yaml", "home: &a [*a]")
    house.put("meter_intervals/a.csv", GOOD)
    for folder in (house.landing, house.folder / "none", house.folder / os.fsdecode(b"\xff")):
        done = vgi(house, "ingest", str(folder))
        assert done.returncode == 2 and "Traceback" not in done.stderr and len(done.stderr.splitlines()) == 1


# ---- nothing received is lost


def test_hostile_bytes_are_kept_as_received(house: House) -> None:
    contents = [b"", b"\0" * 5000, b"\xff\xfe", os.urandom(3_000_000), b'"' * 2_000_000, b"\n" * 100_000]
    for number, content in enumerate(contents):
        house.put(f"dr_events/{number}.csv", content)
    assert house.ingest().rows_accepted == 0
    kept = store.store_of(house.warehouse) / "dr_events"
    assert {path.name for path in kept.iterdir()} == {
        hashlib.sha256(content).hexdigest() for content in contents
    }
