"""Deliveries: known bytes, order, supersession, what else lies in a landing folder (R6)."""

import os
import sqlite3
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines import deliveries
from pipelines.errors import BadInput, JobFailed
from pipelines.feeds import FEEDS
from pipelines.store import stored_path
from pipelines.warehouse import open_warehouse

GOOD = "MP-1,2023-12-01T00:00:00Z,100,0,A\n"
READS = "select import_wh from published.meter_intervals order by metering_point_id, interval_start"
VERSIONS = "select delivery_no, row_no, superseded_by_delivery_no from raw.supersessions order by all"
EVENTS = "dr_event_id,region,direction,starts_at,ends_at,row_status\n"
EVENT = "D,R,increase,2023-01-01T00:00:00Z,2023-01-01T01:00:00Z,"


# ---- known bytes


def test_the_same_bytes_again_change_nothing_under_any_name(house: Any) -> None:
    house.put_reads("a.csv", GOOD)
    house.ingest()
    house.put_reads("b.csv", GOOD)
    report = house.ingest()
    assert report.deliveries == () and [known.file_name for known in report.already_known] == [
        "a.csv",
        "b.csv",
    ]
    assert "nothing was changed" in report.already_known[1].sentence
    assert house.rows("select count(*) from raw.deliveries") == [(1,)]


def test_the_same_bytes_twice_in_one_ingest_are_one_delivery(house: Any) -> None:
    house.put_reads("b.csv", GOOD)
    house.put_reads("a.csv", GOOD)
    report = house.ingest()
    assert [delivery.file_name for delivery in report.deliveries] == ["a.csv"]
    assert [known.file_name for known in report.already_known] == ["b.csv"]


def test_known_bytes_with_superseded_rows_say_that_restoring_takes_a_new_file(house: Any) -> None:
    house.put_reads("a.csv", GOOD + GOOD.replace("MP-1", "MP-2"))
    house.ingest()
    house.put_reads("b.csv", GOOD.replace("100", "200"))
    house.ingest()
    [known, _] = house.ingest().already_known
    assert known.rows_superseded == 1
    assert "1 of its rows was superseded; restoring them takes a new file" in known.sentence
    assert house.rows(READS) == [(200,), (100,)]


def test_a_refused_file_is_known_too(house: Any) -> None:
    house.put("meter_intervals/a.csv", "nonsense\n")
    house.ingest()
    report = house.ingest()
    assert report.deliveries == () and "refused" in report.already_known[0].sentence
    assert len(house.quarantine()) == 1


def test_bytes_are_known_by_feed(house: Any) -> None:
    header = "dr_event_id,aggregator_id,issued_at,amount_wh\n"
    house.put("dr_instructions/a.csv", header)
    house.put("dr_events/a.csv", header)
    assert [delivery.outcome for delivery in house.ingest().deliveries] == ["refused", "loaded"]


# ---- order and supersession


def test_a_later_delivery_supersedes_and_nothing_is_overwritten(house: Any) -> None:
    for number, value in enumerate((100, 200, 300)):
        house.put_reads(f"{number}.csv", GOOD.replace("100", str(value)))
        report = house.ingest(datetime.fromisoformat(f"2024-01-0{1 + number}"))
    assert report.deliveries[0].rows_superseded == 2
    assert house.rows(READS) == [(300,)]
    assert house.rows("select import_wh from raw.meter_intervals order by 1") == [(100,), (200,), (300,)]
    assert house.rows(VERSIONS) == [(1, 2, 2), (1, 2, 3), (2, 2, 3)]


def test_files_of_one_ingest_are_ordered_by_name(house: Any) -> None:
    house.put_reads("b.csv", GOOD.replace("100", "200"))
    house.put_reads("B.csv", GOOD.replace("100", "300"))
    house.put_reads("a.csv", GOOD)
    report = house.ingest()
    assert [delivery.file_name for delivery in report.deliveries] == ["B.csv", "a.csv", "b.csv"]
    assert len({delivery.received_at for delivery in report.deliveries}) == 1
    assert house.rows(READS) == [(200,)]


def test_of_one_instant_the_file_name_decides_even_across_ingests(house: Any) -> None:
    instant = datetime.fromisoformat("2024-01-01T00:00:00")
    house.put_reads("b.csv", GOOD.replace("100", "200"))
    house.ingest(instant)
    house.put_reads("a.csv", GOOD)
    report = house.ingest(instant)
    assert report.deliveries[0].rows_superseded == 0
    assert house.rows(READS) == [(200,)]
    assert house.rows(VERSIONS) == [(2, 2, 1)]


def test_a_key_is_the_same_by_value(house: Any) -> None:
    house.put_reads("a.csv", GOOD)
    house.ingest()
    house.put_reads("b.csv", "MP-1,2023-12-01T09:00:00+09:00,200,0,A\n")
    house.ingest()
    assert house.rows(READS) == [(200,)]


def test_a_cancelled_version_takes_the_key_away_and_a_later_one_brings_it_back(house: Any) -> None:
    seen = []
    for number, status in enumerate(("active", "cancelled", "active")):
        house.put(f"dr_events/{number}.csv", f"{EVENTS}{EVENT}{status}\n" + "\n" * number)
        house.ingest()
        seen.append(house.rows("select count(*) from published.dr_events")[0][0])
    assert seen == [1, 0, 1]


def test_quarantined_rows_supersede_nothing(house: Any) -> None:
    house.put_reads("a.csv", GOOD)
    house.ingest()
    house.put_reads("b.csv", GOOD.replace("100", "1.5") + GOOD.replace("MP-1", "MP-2"))
    house.put_reads("c.csv", GOOD.replace("100", "7") + GOOD.replace("100", "8"))
    house.ingest()
    assert house.rows("select metering_point_id, import_wh from published.meter_intervals order by 1") == [
        ("MP-1", 100),
        ("MP-2", 100),
    ]


def test_received_at_never_goes_back(house: Any) -> None:
    house.put_reads("a.csv", GOOD)
    house.ingest(datetime.fromisoformat("2024-02-01T09:00:00+09:00"))
    assert house.rows("select received_at from raw.deliveries") == [
        (datetime.fromisoformat("2024-02-01T00:00:00"),)
    ]
    with pytest.raises(BadInput, match=r"2024-01-31T23:59:59Z is before 2024-02-01T00:00:00Z"):
        house.ingest(datetime.fromisoformat("2024-01-31T23:59:59Z"))


def test_received_at_defaults_to_the_clock_in_whole_seconds(house: Any) -> None:
    house.now = datetime.fromisoformat("2024-03-01T12:00:00.999999")
    house.put_reads("a.csv", GOOD)
    assert house.ingest().received_at == datetime.fromisoformat("2024-03-01T12:00:00")


@pytest.mark.parametrize(
    "instant",
    [datetime.fromisoformat("2024-03-01T12:00:01"), datetime.fromisoformat("2024-02-01T00:00:00.000005")],
)
def test_an_instant_in_the_future_or_with_a_fraction_is_bad_input(house: Any, instant: datetime) -> None:
    house.put_reads("a.csv", GOOD)
    with pytest.raises(BadInput, match="received_at"):
        house.ingest(instant)


@pytest.mark.parametrize(
    "rows, said",
    [
        ("MP-1,x,1,1,A\n", "Look at 1 quarantined row (vgi"),
        ("MP-1,x,1,1,A\nMP-2,x,1,1,A\n", "Look at 2 quarantined rows (vgi"),
        ("MP-1,x,1", "Have 1 refused file mended and delivered again: meter_intervals/a.csv."),
        (GOOD, "Settle the periods concerned."),
    ],
)
def test_the_report_says_what_to_do_next(house: Any, rows: str, said: str) -> None:
    house.put_reads("a.csv", rows)
    assert house.ingest().next_action.startswith(said)


# ---- one transaction


def test_a_failure_loads_nothing_at_all(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    house.put_reads("a.csv", GOOD)
    house.put_reads("b.csv", GOOD.replace("MP-1", "MP-2"))
    real, calls = deliveries.load_rows, []

    def fail_at_the_second(*arguments: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise duckdb.IOException("disk is full")
        return real(*arguments, **named)

    monkeypatch.setattr("pipelines.intake.load_rows", fail_at_the_second)
    with pytest.raises(JobFailed, match="disk is full"):
        house.ingest()
    assert house.rows("select count(*) from raw.deliveries") == [(0,)]
    monkeypatch.undo()
    assert len(house.ingest().deliveries) == 2


def test_rows_that_do_not_add_up_stop_the_job(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    house.put_reads("a.csv", GOOD)
    monkeypatch.setattr("pipelines.deliveries._append", lambda *_, **__: 2)
    with pytest.raises(JobFailed, match="do not add up"):
        house.ingest()


def test_received_bytes_are_kept_under_their_hash(house: Any) -> None:
    path = house.put_reads("a[1]*.csv", GOOD)
    [delivery] = house.ingest().deliveries
    kept = stored_path(house.warehouse, feed="meter_intervals", sha256=delivery.sha256)
    assert kept.read_bytes() == path.read_bytes() and delivery.bytes == kept.stat().st_size
    assert [entry.name for entry in kept.parent.iterdir()] == [delivery.sha256]


# ---- the landing folder


def test_what_is_no_delivery_gets_a_sentence(house: Any) -> None:
    house.put_reads("a.csv", GOOD)
    for name in (".hidden.csv", "b.csv.part", "c.tmp", "d.csv.crdownload", "e.csv~", "notes.txt"):
        house.put(f"meter_intervals/{name}", house.meter_header)
    house.put("meter_intervals/deeper/x.csv", house.meter_header)
    house.put("meters/x.csv", house.meter_header)
    house.put("loose.csv", house.meter_header)
    (house.landing / "meter_intervals" / "link.csv").symlink_to(house.landing / "loose.csv")
    os.mkfifo(house.landing / "meter_intervals" / "pipe.csv")
    report = house.ingest()
    assert [delivery.file_name for delivery in report.deliveries] == ["a.csv"]
    said = {warning.split()[0]: warning for warning in report.warnings}
    assert set(said) == {
        "The",
        "loose.csv",
        *(
            f"meter_intervals/{name}"
            for name in (
                ".hidden.csv",
                "b.csv.part",
                "c.tmp",
                "d.csv.crdownload",
                "e.csv~",
                "notes.txt",
                "deeper",
                "link.csv",
                "pipe.csv",
            )
        ),
    }
    assert "meters is not a feed" in said["The"]
    assert "half written" in said["meter_intervals/b.csv.part"]


def test_a_compressed_file_is_a_refused_delivery_under_any_name(house: Any) -> None:
    house.put("meter_intervals/a.csv.gz", b"\x1f\x8b\x08rest")
    [delivery] = house.ingest().deliveries
    assert delivery.outcome == "refused" and "gzip" in str(delivery.reason) and delivery.rows_in == 0


def test_text_that_is_no_csv_by_name_is_left_alone_whatever_its_encoding(house: Any) -> None:
    for number, content in enumerate((b"caf\xe9\n", b"a\0b\n", b"abc\n")):
        house.put(f"meter_intervals/{number}.dat", content)
    report = house.ingest()
    assert report.deliveries == ()
    assert [warning.split(" and ")[1] for warning in report.warnings] == ["was left alone; rename it."] * 3


def test_a_landing_folder_must_exist_and_hold_a_feed(house: Any) -> None:
    with pytest.raises(BadInput, match="does not exist"):
        house.ingest()
    house.put("meters/a.csv", "x")
    with pytest.raises(BadInput, match="no folder of a feed"):
        house.ingest()


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_left_alone(house: Any) -> None:
    house.put_reads("a.csv", GOOD).chmod(0)
    report = house.ingest()
    assert report.deliveries == () and "cannot be read" in report.warnings[0]


def test_every_feed_loads_what_it_publishes(house: Any) -> None:
    example = {"instant": "2023-01-01T00:00:00Z", "integer": "1", "boolean": "true", "id": "X"}
    for feed in FEEDS.values():
        header = ",".join(feed.column_names)
        late = {rule.column for rule in feed.row_rules} | {"valid_to", "ended_at"}
        cells = []
        for column in feed.columns:
            value = column.values[0] if column.values else example[column.kind.value]
            if column.kind == "instant" and column.name in late - {"interval_start"}:
                value = "2024-01-01T00:00:00Z"
            cells.append("" if column.name == "parent_aggregator_id" else value)
        house.put(f"{feed.name}/a.csv", f"{header}\n{','.join(cells)}\n")
    report = house.ingest()
    assert report.rows_accepted == len(FEEDS) and not house.quarantine()
    for feed in FEEDS.values():
        assert house.rows(f"select count(*) from published.{feed.name}") == [(1,)]


# ---- the warehouse


def test_a_locked_warehouse_is_waited_for_and_then_given_up(house: Any, tmp_path: Path) -> None:
    code = (
        f"import duckdb, time; c = duckdb.connect({str(house.warehouse)!r}); "
        "print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        with (
            pytest.raises(JobFailed, match="held by another process"),
            open_warehouse(house.warehouse, wait_seconds=0.3),
        ):
            pass
    finally:
        holder.kill()
        holder.wait()
    with open_warehouse(house.warehouse, wait_seconds=5):
        pass


@pytest.mark.parametrize(
    "content", [b"no database", b"x" * 20_000, b"SQLite format 3\0" + b"\0" * 4080], ids=len
)
def test_a_file_that_is_no_warehouse_is_bad_input(house: Any, content: bytes) -> None:
    house.warehouse.write_bytes(content)
    with pytest.raises(BadInput, match="cannot be opened as a warehouse"), open_warehouse(house.warehouse):
        pass
    assert house.warehouse.read_bytes() == content


def test_a_database_of_another_kind_is_named_as_such(house: Any) -> None:
    with sqlite3.connect(house.warehouse) as other:
        other.execute("create table t (i integer)")
    with pytest.raises(BadInput, match="is not a DuckDB file"), open_warehouse(house.warehouse):
        pass


def test_no_extension_is_fetched_or_loaded(house: Any) -> None:
    settings = (
        "select current_setting('autoinstall_known_extensions'), current_setting('autoload_known_extensions')"
    )
    with open_warehouse(house.warehouse) as connection:
        assert connection.execute(settings).fetchall() == [(False, False)]
        with pytest.raises(duckdb.Error, match="file system operations are disabled"):
            connection.execute("select * from 'https://localhost/reads.parquet'")


def test_reading_a_warehouse_that_does_not_exist_is_bad_input(house: Any) -> None:
    with pytest.raises(BadInput, match="no warehouse"), open_warehouse(house.warehouse, read_only=True):
        pass
    assert not house.warehouse.exists()
