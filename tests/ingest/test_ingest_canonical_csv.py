"""Canonical CSV: what a file, a row and a value must be (contract, Deliveries; R1, R3, R5)."""

import random
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ingest.conftest import METER_HEADER

GOOD = "MP-1,2023-12-01T00:00:00Z,100,0,A\n"
EVENTS = "dr_event_id,region,direction,starts_at,ends_at"


def test_a_good_file_is_loaded_with_its_lines(house: Any) -> None:
    house.put_reads("a.csv", GOOD + "MP-1,2023-12-01T09:30:00+09:00,,5,E\n")
    report = house.ingest()
    assert (report.rows_in, report.rows_accepted) == (2, 2)
    assert house.rows(
        "select line, row_no, interval_start, import_wh, backfeed_wh, quality, row_status "
        "from raw.meter_intervals order by line"
    ) == [
        (2, 2, datetime.fromisoformat("2023-12-01T00:00:00"), 100, 0, "A", "active"),
        (3, 3, datetime.fromisoformat("2023-12-01T00:30:00"), None, 5, "E", "active"),
    ]
    assert house.said == ["1 of 1: meter_intervals/a.csv"]


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("quoted", [False, True])
def test_columns_are_matched_by_name_whatever_order_and_dress(
    house: Any, line_end: str, bom: str, quoted: bool
) -> None:
    header, row = (
        "quality,backfeed_wh,import_wh,metering_point_id,interval_start",
        "A,7,100,MP-1,2023-12-01T00:00:00Z",
    )
    if quoted:
        row = ",".join(f'"{value}"' for value in row.split(","))
    house.put("meter_intervals/a.csv", bom + line_end.join((header, row, "")))
    house.ingest()
    assert house.rows("select import_wh, backfeed_wh, quality from published.meter_intervals") == [
        (100, 7, "A")
    ]


@pytest.mark.parametrize(
    "column, value",
    [
        (2, "102.6"),
        (2, "1e3"),
        (2, "1_000"),
        (2, " 102"),
        (2, "102 "),
        (2, "１０２"),
        (2, "-1"),
        (2, "+1"),
        (2, "1000000000001"),
        (2, "99999999999999999999999"),
        (2, "1,000"),
        (2, "0x10"),
        (2, "NaN"),
        (1, "2023-12-01T00:00:00"),
        (1, "2023-12-01 00:00:00Z"),
        (1, "2023-12-01T24:00:00Z"),
        (1, "2023-12-01T00:00:60Z"),
        (1, "2023-12-01T00:00:00.0Z"),
        (1, "2023-02-29T00:00:00Z"),
        (1, "2023-12-01T00:00:00z"),
        (1, "2023-12-01T00:00:00+0900"),
        (1, "2023-12-01T00:00:00+24:00"),
        (1, "2023-12-01T00:00:00+09:60"),
        (1, "1899-12-01T00:00:00Z"),
        (1, "9999-01-01T00:00:00Z"),
        (1, "2023-13-01T00:00:00Z"),
        (1, "２023-12-01T00:00:00Z"),
        (1, ""),
        (0, ""),
        (0, "-MP"),
        (0, "M P"),
        (0, "MP=1"),
        (0, "M" * 65),
        (0, "ＭＰ"),
        (4, "a"),
        (4, ""),
        (4, "X"),
        (4, "A "),
    ],
)
def test_a_value_outside_its_domain_puts_the_row_in_quarantine(house: Any, column: int, value: str) -> None:
    cells = ["MP-2", "2023-12-01T00:00:00Z", "1", "2", "A"]
    cells[column] = f'"{value}"' if "," in value else value
    house.put_reads("a.csv", GOOD + ",".join(cells) + "\n")
    report = house.ingest()
    assert (report.rows_in, report.rows_accepted, report.rows_quarantined) == (2, 1, 1)
    [(line, name, reason)] = house.quarantine()
    assert (line, name) == (3, house.meter_header.strip().split(",")[column])
    said = "empty" if not value else f"'{value}'" if len(value) <= 60 else f"'{value[:60]}…'"
    assert reason.startswith(f"{name} is {said}; give ")


def test_reasons_say_what_to_do(house: Any) -> None:
    house.put_reads("a.csv", "MP-1,2023-12-01T00:00:00Z,102.6,0,A\n")
    house.ingest()
    assert house.rows("select reason, row_text from raw.quarantine") == [
        (
            "import_wh is '102.6'; give whole watt-hours as plain digits, at most 10^12",
            "MP-1,2023-12-01T00:00:00Z,102.6,0,A",
        )
    ]


@pytest.mark.parametrize("value, wh", [("000102", 102), ("1000000000000", 10**12), ("0" * 300 + "7", 7)])
def test_plain_digits_up_to_ten_to_the_twelfth_are_taken(house: Any, value: str, wh: int) -> None:
    house.put_reads("a.csv", f"MP-1,2023-12-01T00:00:00Z,{value},,A\n")
    house.ingest()
    assert house.rows("select import_wh from published.meter_intervals") == [(wh,)]


@pytest.mark.parametrize(
    "row, column",
    [
        ("MP-1,2023-12-01T00:15:00Z,1,1,A", "interval_start"),
        ("MP-1,2023-12-01T00:00:01Z,1,1,A", "interval_start"),
        ("MP-1,2023-12-01T05:45:00+05:15,1,1,A", None),
        ("MP-1,2023-12-01T05:45:00+05:30,1,1,A", "interval_start"),
        ("MP-1,2023-12-01T00:00:00Z,1,,N", "quality"),
        ("MP-1,2023-12-01T00:00:00Z,,,A", "quality"),
        ("MP-1,2023-12-01T00:00:00Z,,,N", None),
    ],
)
def test_rules_of_meter_reads(house: Any, row: str, column: str | None) -> None:
    house.put_reads("a.csv", row + "\n")
    house.ingest()
    assert [name for _, name, _ in house.quarantine()] == ([column] if column else [])


@pytest.mark.parametrize(
    "feed, header, row, column",
    [
        (
            "aggregators",
            "aggregator_id,valid_from,valid_to,level,parent_aggregator_id",
            "AG,2023-01-01T00:00:00Z,,parent,OTHER",
            "parent_aggregator_id",
        ),
        (
            "aggregators",
            "aggregator_id,valid_from,valid_to,level,parent_aggregator_id",
            "AG,2023-01-01T00:00:00Z,2023-01-01T09:00:00+09:00,child,",
            "valid_to",
        ),
        (
            "charger_sessions",
            "session_id,evse_id,vehicle_id,started_at,ended_at,charged_wh,discharged_wh",
            "S,E,,2023-01-01T00:00:00Z,2023-01-01T01:00:00Z,1,",
            "ended_at",
        ),
        (
            "charger_sessions",
            "session_id,evse_id,vehicle_id,started_at,ended_at,charged_wh,discharged_wh",
            "S,E,,2023-01-01T00:00:00Z,2023-01-01T00:00:00Z,1,1",
            "ended_at",
        ),
        ("dr_events", EVENTS, "D,R,increase,2023-01-01T01:00:00Z,2023-01-01T01:00:00Z", "ends_at"),
        (
            "dr_signals",
            "dr_event_id,vehicle_id,issued_at,amount_kind,amount",
            "D,V,2023-01-01T01:00:00Z,charge_energy,0",
            "amount",
        ),
        (
            "evses",
            "evse_id,valid_from,valid_to,contract_id,parking_lot_id,region,metering_point_id,access,supply,"
            "backfeed_capable,rated_charge_w,rated_discharge_w",
            "E,2023-01-01T01:00:00Z,,C,P,R,M,public,ac,TRUE,1,1",
            "backfeed_capable",
        ),
        (
            "dr_events",
            EVENTS + ",row_status",
            "D,R,increase,2023-01-01T01:00:00Z,2023-01-01T02:00:00Z,gone",
            "row_status",
        ),
        (
            "dr_events",
            EVENTS + ",row_status",
            "D,R,increase,2023-01-01T01:00:00Z,2023-01-01T02:00:00Z,",
            "row_status",
        ),
        (
            "permission_leases",
            "lease_id,evse_id,vehicle_id,kind,granted_at,consent_at,valid_from,valid_to,revoked_at",
            "L,E,V,direct,2023-01-01T01:00:00Z,2023-01-01T01:00:00Z,2023-01-01T01:00:00Z,2023-01-01T02:00:00Z,",
            None,
        ),
    ],
)
def test_rules_of_other_feeds(house: Any, feed: str, header: str, row: str, column: str | None) -> None:
    house.put(f"{feed}/a.csv", f"{header}\n{row}\n")
    house.ingest()
    assert [name for _, name, _ in house.quarantine()] == ([column] if column else [])


def test_the_first_column_at_fault_is_named(house: Any) -> None:
    house.put("dr_events/a.csv", "ends_at,starts_at,direction,region,dr_event_id\nx,y,z,R,D\n")
    house.ingest()
    assert [name for _, name, _ in house.quarantine()] == ["direction"]


# ---- files


@pytest.mark.parametrize(
    "content, said",
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"\n\n", "empty lines only"),
        ("metering_point_id,interval_start,import_wh,quality\n", "misses backfeed_wh"),
        ("metering_point_id,interval_start,import_wh,backfeed_wh,quality,quality\n", "doubles quality"),
        (
            "metering_point_id,interval_start,import_wh,backfeed_wh,quality,row_status\n",
            "does not know row_status",
        ),
        ("metering_point_id,interval_start, import_wh,backfeed_wh,quality\n", "misses import_wh"),
        (GOOD, "misses metering_point_id"),
        (b"\x1f\x8b\x08\x00rest", "gzip"),
        (b"PK\x03\x04rest", "zip"),
        (b"PAR1rest", "Parquet"),
        ("x,y\n1,2\n".encode("utf-16"), "UTF-16"),
        (b"a,b\n1,\x00\n", "line 2 of the file holds NUL"),
        (b"a,b\n1,\xff\n", "line 2 of the file is not valid UTF-8"),
        (b"a,b\n1,\xe3\x81", "line 2 of the file ends in the middle of a UTF-8"),
    ],
)
def test_a_bad_file_goes_to_quarantine_whole(house: Any, content: str | bytes, said: str) -> None:
    house.put("meter_intervals/a.csv", content)
    [delivery] = house.ingest().deliveries
    assert delivery.outcome == "refused" and said in str(delivery.reason)
    assert house.rows("select count(*) from raw.quarantine") == [(1,)]
    assert house.rows("select count(*) from raw.meter_intervals") == [(0,)]


@pytest.mark.parametrize(
    "rows, line",
    [
        (GOOD + 'MP-2,"2023-12-01T00:00:00Z,1,1,A\n' + GOOD, 3),
        (GOOD + '"MP\n-2",2023-12-01T00:00:00Z,1,1,A\n', 3),
        (GOOD + 'MP"2",2023-12-01T00:00:00Z,1,1,A\n', 3),
        (GOOD + '"MP-2" ,2023-12-01T00:00:00Z,1,1,A\n', 3),
        (GOOD + 'MP-2, "2023-12-01T00:00:00Z",1,1,A\n', 3),
        (GOOD + '"MP-2\n"MP-3",2023-12-01T00:00:00Z,1,1,A",\n', 3),
        (GOOD + '"MP"2,2023-12-01T00:00:00Z,1,1,A\n', 3),
        (GOOD + '\n\n"MP\n-2",2023-12-01T00:00:00Z,1,1,A\n', 5),
        (GOOD + "MP-2,2023-12-01T00:00:00Z,1", 3),
        (GOOD + "MP-2,2023\r-12-01T00:00:00Z,1,1,A\n", 3),
        (GOOD + GOOD.replace("\n", "\r"), 3),
    ],
)
def test_broken_quoting_or_truncation_refuses_the_file_and_names_the_line(
    house: Any, rows: str, line: int
) -> None:
    house.put_reads("a.csv", rows)
    [delivery] = house.ingest().deliveries
    assert delivery.outcome == "refused"
    assert [found for found, _, _ in house.quarantine()] == [line]
    assert delivery.rows_in == delivery.rows_quarantined > 0 == delivery.rows_accepted


@pytest.mark.parametrize(
    "content, rows",
    [
        (METER_HEADER + GOOD + '"MP\n-2",2023-12-01T00:00:00Z,1,1,A\n', 3),
        (METER_HEADER + GOOD + 'MP"2",2023-12-01T00:00:00Z,1,1,A\n\n', 2),
        ("a,b\n1,2\n\n3,4", 2),
        ("a,b", 0),
        ("", 0),
        (b"\x1f\x8b\x08\x00\n\n\n", 0),
        (METER_HEADER.encode() + GOOD.encode() + b"caf\xe9\n" + GOOD.encode(), 3),
        (METER_HEADER.encode() + GOOD.encode() + b"\0\n\n", 2),
        (METER_HEADER + GOOD + "MP-2,2023-12-01T00:00:00Z,1,1,é"[:-1] + "\r", 2),
        ((METER_HEADER + GOOD + GOOD).replace("\n", "\r"), 2),
        ((METER_HEADER + GOOD).replace("\n", "\r\n") + "x\ry\n", 3),
    ],
)
def test_the_rows_of_a_refused_file_are_its_lines_but_the_header(
    house: Any, content: str | bytes, rows: int
) -> None:
    house.put("meter_intervals/a.csv", content)
    [delivery] = house.ingest().deliveries
    assert (delivery.outcome, delivery.rows_in, delivery.rows_quarantined) == ("refused", rows, rows)


def test_a_line_break_in_a_value_is_refused_with_its_line_and_a_remedy(house: Any) -> None:
    house.put_reads("a.csv", GOOD + '"MP\n-2",2023-12-01T00:00:00Z,1,1,A\n')
    [delivery] = house.ingest().deliveries
    assert "a quote on line 3 is not closed on that line" in str(delivery.reason)
    assert "one row is one line" in str(delivery.reason) and "leave line breaks out" in str(delivery.reason)


def test_a_header_alone_is_a_delivery_without_rows(house: Any) -> None:
    house.put("meter_intervals/a.csv", house.meter_header.strip())
    [delivery] = house.ingest().deliveries
    assert (delivery.outcome, delivery.rows_in) == ("loaded", 0)


@pytest.mark.parametrize(
    "extra", ["MP-2,2023-12-01T00:00:00Z,1,1\n", "MP-2,2023-12-01T00:00:00Z,1,1,A,\n", "x\n"]
)
def test_a_row_with_another_number_of_fields_is_quarantined(house: Any, extra: str) -> None:
    house.put_reads("a.csv", GOOD + extra + "MP-3,2023-12-01T00:00:00Z,1,1,A")
    report = house.ingest()
    assert (report.rows_in, report.rows_accepted, report.rows_quarantined) == (3, 2, 1)
    [(line, column, reason)] = house.quarantine()
    assert line == 3 and column is None and "fields" in reason


def test_empty_lines_are_no_rows_and_lines_stay_true(house: Any) -> None:
    house.put("meter_intervals/a.csv", f"\n{house.meter_header}\n\r\n{GOOD}\nMP-1,x,1,1,A\n\n")
    report = house.ingest()
    assert report.rows_in == 2
    assert house.rows("select line from raw.meter_intervals") == [(5,)]
    assert [line for line, _, _ in house.quarantine()] == [7]


@pytest.mark.parametrize("length", [100_000, 10_000_000])
def test_a_very_long_line_is_one_bad_row(house: Any, length: int) -> None:
    house.put_reads("a.csv", GOOD + "M" * length + "\n" + GOOD.replace("MP-1", "MP-2"))
    report = house.ingest()
    assert (report.rows_accepted, report.rows_quarantined) == (2, 1)
    assert house.rows("select line, length(row_text) from raw.quarantine") == [(3, 1000)]
    assert house.rows("select line from raw.meter_intervals order by 1") == [(2,), (4,)]


def test_an_open_quote_before_a_very_long_file_is_found_at_once(house: Any) -> None:
    house.put_reads("a.csv", '"' + GOOD * 50_000)
    assert house.ingest().deliveries[0].outcome == "refused"


# ---- repeated rows


def test_repeated_rows_count_once_by_value(house: Any) -> None:
    same = "MP-1,2023-12-01T09:00:00+09:00,0100,0,A\n"
    house.put_reads("a.csv", GOOD + same + GOOD)
    report = house.ingest()
    assert (report.rows_in, report.rows_accepted, report.rows_duplicate) == (3, 1, 2)
    assert house.rows("select line from raw.meter_intervals") == [(2,)]


def test_all_rows_of_a_key_with_different_contents_are_quarantined(house: Any) -> None:
    other = GOOD.replace("100", "101")
    house.put_reads("a.csv", GOOD + other + GOOD + "MP-2,2023-12-01T00:00:00Z,1,1,A\n")
    report = house.ingest()
    assert (report.rows_in, report.rows_accepted, report.rows_duplicate, report.rows_quarantined) == (
        4,
        1,
        0,
        3,
    )
    found = house.quarantine()
    assert [(line, column) for line, column, _ in found] == [
        (line, "metering_point_id, interval_start") for line in (2, 3, 4)
    ]
    assert (
        "MP-1" in found[0][2]
        and "line 3" in found[0][2]
        and "line 2" in found[1][2]
        and "line 3" in found[2][2]
    )


@pytest.mark.parametrize("bad_first", [False, True])
@pytest.mark.parametrize(
    "bad",
    [
        "MP-1,2023-12-01T09:00:00+09:00,102.6,0,A\n",
        "MP-1,2023-12-01T00:00:00Z,100,0,X\n",
        "MP-1,2023-12-01T00:00:00Z,100,0,N\n",
    ],
)
def test_the_good_twin_of_a_bad_row_is_quarantined_too(house: Any, bad: str, bad_first: bool) -> None:
    other = "MP-2,2023-12-01T00:00:00Z,1,1,A\n"
    house.put_reads("a.csv", bad + GOOD + GOOD + other if bad_first else GOOD + GOOD + bad + other)
    report = house.ingest()
    assert (report.rows_in, report.rows_accepted, report.rows_duplicate, report.rows_quarantined) == (
        4,
        1,
        0,
        3,
    )
    line = 2 if bad_first else 4
    twins = [reason for found, _, reason in house.quarantine() if found != line]
    assert len(twins) == 2 and all(f"with other contents on line {line};" in reason for reason in twins)
    assert house.rows("select metering_point_id from raw.meter_intervals") == [("MP-2",)]


@pytest.mark.parametrize("bad", ["MP 1,2023-12-01T00:00:00Z,1,0,A\n", "MP-1,2023-12-01T00:00:00,1,0,A\n"])
def test_a_bad_row_whose_key_cannot_be_read_has_no_twin(house: Any, bad: str) -> None:
    house.put_reads("a.csv", GOOD + bad)
    report = house.ingest()
    assert (report.rows_accepted, report.rows_quarantined) == (1, 1)


def test_the_good_twin_of_a_bad_row_supersedes_nothing(house: Any) -> None:
    event = "D,R,increase,2023-01-01T00:00:00Z,{ends_at}\n"
    ends = ("2023-01-01T01:00:00Z", "2023-01-01T02:00:00Z", "2023-01-01T00:00:00Z")
    house.put("dr_events/a.csv", f"{EVENTS}\n{event.format(ends_at=ends[0])}")
    house.ingest()
    house.put(
        "dr_events/b.csv", EVENTS + "\n" + event.format(ends_at=ends[1]) + event.format(ends_at=ends[2])
    )
    assert house.ingest().rows_quarantined == 2
    assert house.rows("select ends_at from published.dr_events") == [
        (datetime.fromisoformat("2023-01-01T01:00:00"),)
    ]


def test_a_row_that_differs_in_its_status_alone_has_different_contents(house: Any) -> None:
    row = "D,R,increase,2023-01-01T00:00:00Z,2023-01-01T01:00:00Z"
    house.put("dr_events/a.csv", f"{EVENTS},row_status\n{row},active\n{row},cancelled\n")
    assert house.ingest().rows_quarantined == 2


def test_null_and_value_are_different_contents(house: Any) -> None:
    house.put_reads("a.csv", "MP-1,2023-12-01T00:00:00Z,,0,A\nMP-1,2023-12-01T00:00:00Z,0,0,A\n")
    assert house.ingest().rows_quarantined == 2


# ---- laws

_CELLS = st.sampled_from(
    [
        "MP-1",
        "MP-2",
        "",
        "2023-12-01T00:00:00Z",
        "2023-12-01T09:00:00+09:00",
        "2023-12-01T00:30:00Z",
        "100",
        "0100",
        "102.6",
        "A",
        "N",
        "x y",
        "é",
        "#",
        "'",
        "NULL",
        "\\",
        "2023-02-30T00:00:00Z",
    ]
)
_ROWS = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["MP-1", "MP-2"]),
            st.sampled_from(["2023-12-01T00:00:00Z", "2023-12-01T09:00:00+09:00", "2023-12-01T00:30:00Z"]),
            st.sampled_from(["", "1", "01", "2"]),
            st.just("3"),
            st.just("A"),
        ),
        st.lists(_CELLS, min_size=1, max_size=7).filter(any),
    ),
    max_size=8,
)

_CONTENTS = (
    "select line, metering_point_id, interval_start, import_wh, backfeed_wh, quality from raw.meter_intervals"
)
_FAULTS = "select line, column_name, reason, row_text from raw.quarantine order by all"


@given(rows=_ROWS)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_both_readers_judge_alike(new_house: Callable[[], Any], rows: list[Any]) -> None:
    plain, quoted, by_line = new_house(), new_house(), new_house()
    plain.put_reads("a.csv", "".join(",".join(row) + "\n" for row in rows))
    in_quotes = "".join(",".join(f'"{cell}"' for cell in row) + "\n" for row in rows)
    quoted.put_reads("a.csv", in_quotes)
    by_line.put_reads("a.csv", in_quotes + "\n")
    counts = set()
    for house in (plain, quoted, by_line):
        report = house.ingest()
        counts.add((report.rows_in, report.rows_accepted, report.rows_duplicate, report.rows_quarantined))
    assert len(counts) == 1 and counts.pop()[0] == len(rows)
    for query in (_CONTENTS + " order by line", _FAULTS):
        assert plain.rows(query) == quoted.rows(query) == by_line.rows(query)


def test_the_order_of_rows_changes_nothing(new_house: Callable[[], Any]) -> None:
    rows = [
        f"MP-{meter},2023-12-01T{hour:02}:30:00Z,{hour},{meter},A\n"
        for meter in range(20)
        for hour in range(24)
    ]
    rows += (
        rows[:30]
        + [row.replace(",A\n", ",E\n") for row in rows[50:60]]
        + [f"MP {n},x,1,1,A\n" for n in range(9)]
    )
    results = []
    for seed in (None, 1, 2):
        house = new_house()
        if seed is not None:
            random.Random(seed).shuffle(rows)
        house.put_reads("a.csv", "".join(rows))
        report = house.ingest()
        results.append(
            (
                report.rows_accepted,
                report.rows_duplicate,
                report.rows_quarantined,
                house.rows("select * from published.meter_intervals order by all"),
                house.rows("select row_text, column_name from raw.quarantine order by all"),
            )
        )
    assert results[0] == results[1] == results[2]
    assert results[0][:3] == (470, 30, 29)


def test_lines_are_true_in_a_file_that_is_read_in_parallel(house: Any) -> None:
    days = range(1, 29)
    rows = [
        f"MP-{meter:04},2023-12-{day:02}T{slot // 2:02}:{30 * (slot % 2):02}:00Z,{meter},{slot},A\n"
        for meter in range(250)
        for day in days
        for slot in range(48)
    ]
    rows[300_000] = "bad,x,1,1,A\n"
    house.put_reads("a.csv", "".join(rows))
    report = house.ingest()
    assert (report.rows_accepted, report.rows_quarantined) == (len(rows) - 1, 1)
    assert [line for line, _, _ in house.quarantine()] == [300_002]
    assert house.rows(
        "select count(*) from raw.meter_intervals where import_wh * 1344 + (day(interval_start) - 1) * 48 "
        "+ backfeed_wh <> line - 2"
    ) == [(0,)]
