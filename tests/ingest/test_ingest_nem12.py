"""NEM12: registers, qualities, carry and structure (R2, R5), held against nemreader where it is sound."""

from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import nemreader
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.errors import BadInput, JobFailed
from pipelines.formats import nem12
from pipelines.formats.nem12 import _made_whole

SAMPLE_FILE = Path(__file__).resolve().parents[2] / "sample/landing/meter_intervals/home.nem12.csv"
ROWS = "select interval_start, import_wh, backfeed_wh, quality from published.meter_intervals order by 1"
COUNTS = (
    "select quality, count(*), sum(import_wh), sum(backfeed_wh) from published.meter_intervals "
    "group by 1 order by 1"
)

GOOD_KINDS = ({"0.1"}, {"0.2"})


def register(suffix: str = "E1", *, nmi: str = "NMI1", unit: str = "kWh", minutes: str = "30") -> str:
    return f"200,{nmi},E1B1,1,{suffix},N1,SERIAL,{unit},{minutes},\n"


def day(values: str | list[str] = "0.1", *, date: str = "20231201", flag: str = "A", count: int = 48) -> str:
    cells = [values] * count if isinstance(values, str) else values
    return f"300,{date},{','.join(cells)},{flag},,,20231202000000,\n"


def whole(*records: str) -> str:
    return "100,NEM12,202312020000,MDP,RET\n" + "".join(records) + "900\n"


def put(house: Any, *records: str, name: str = "home.nem12.csv") -> None:
    house.put(f"meter_intervals/{name}", whole(*records))


# ---- real files


@pytest.fixture
def household() -> bytes:
    return SAMPLE_FILE.read_bytes()


def test_a_real_household_keeps_its_totals(house: Any, household: bytes) -> None:
    house.put("meter_intervals/home-2023.nem12.csv", household)
    house.put(
        "sources.yaml", 'home:\n  metering_point_ids: {"(redacted)": MP-HOUSE}\n  records_100_900: optional\n'
    )
    report = house.ingest()
    assert (report.rows_in, report.rows_accepted) == (5088, 5088)
    assert house.rows("select sum(import_wh), sum(backfeed_wh) from published.meter_intervals") == [
        (560_516, 302_867)
    ]
    # The first day's 400 records: F19 for intervals 1 to 98 (two of the 17th half hour), A for the rest.
    first_day = datetime.fromisoformat("2023-10-18T14:00:00")
    qualities = [row[3] for row in house.rows(ROWS)[:48]]
    assert house.rows(ROWS)[0][0] == first_day and "".join(qualities) == "S" * 17 + "A" * 31


def test_values_and_times_agree_with_nemreader(house: Any, household: bytes) -> None:
    path = house.put("meter_intervals/home.nem12.csv", household)
    house.put(
        "sources.yaml", 'home:\n  metering_point_ids: {"(redacted)": MP-HOUSE}\n  records_100_900: optional\n'
    )
    house.ingest()
    readings = nemreader.read_nem_file(str(path)).readings["(redacted)"]
    for column, suffix in (("import_wh", "E1"), ("backfeed_wh", "B1")):
        by_half_hour: dict[datetime, float] = {}
        for reading in readings[suffix]:
            start = reading.t_start.replace(minute=reading.t_start.minute // 30 * 30) - timedelta(hours=10)
            by_half_hour[start] = by_half_hour.get(start, 0) + reading.read_value * 1000
        rows = house.rows(f"select interval_start, {column} from published.meter_intervals")
        assert len(rows) == len(by_half_hour)
        # Carry moves less than one watt-hour from a half hour to the next.
        assert all(abs(by_half_hour[start] - energy) < 1.001 for start, energy in rows)


# ---- time, direction, unit


def test_values_are_labelled_by_their_end_on_the_meters_clock(house: Any) -> None:
    put(house, register(), day([str(slot) for slot in range(48)]))
    house.ingest()
    rows = house.rows(ROWS)
    assert rows[0][:2] == (datetime.fromisoformat("2023-11-30T14:00:00"), 0) and rows[47][:2] == (
        datetime.fromisoformat("2023-12-01T13:30:00"),
        47_000,
    )
    assert {row[2] for row in rows} == {None}
    assert house.rows("select distinct metering_point_id, line from raw.meter_intervals") == [("NMI1", 3)]


@pytest.mark.parametrize(
    "offset, first",
    [
        ("+09:30", datetime.fromisoformat("2023-11-30T14:30:00")),
        ("-03:00", datetime.fromisoformat("2023-12-01T03:00:00")),
        ("+00:00", datetime.fromisoformat("2023-12-01T00:00:00")),
    ],
)
def test_the_offset_of_the_source_counts(house: Any, offset: str, first: datetime) -> None:
    house.put("sources.yaml", f'home: {{utc_offset: "{offset}"}}\n')
    put(house, register(), day())
    house.ingest()
    assert house.rows(ROWS)[0][0] == first


@pytest.mark.parametrize("minutes, count", [("5", 288), ("05", 288), ("15", 96), ("30", 48)])
@pytest.mark.parametrize("unit, value", [("kWh", "0.010"), ("KWH", "0.01"), ("Wh", "10"), ("wh", "10.000")])
def test_units_and_interval_lengths(house: Any, minutes: str, count: int, unit: str, value: str) -> None:
    put(house, register("B1", unit=unit, minutes=minutes), day(value, count=count))
    house.ingest()
    assert house.rows(COUNTS) == [("A", 48, None, count * 10)]


def test_registers_of_one_direction_add_up_before_anything_is_rounded(house: Any) -> None:
    put(house, register("E1"), day("0.0003"), register("E2"), day("0.0002"), register("B1"), day("0.001"))
    house.ingest()
    rows = house.rows(ROWS)
    assert [row[1] for row in rows[:4]] == [1, 0, 1, 0] and sum(row[1] for row in rows) == 24
    assert {row[2:] for row in rows} == {(1, "A")}


def test_a_half_hour_missing_in_one_register_is_missing_in_its_direction(house: Any) -> None:
    holes = (
        day(["0.1"] * 10 + [""] + ["0.1"] * 37, flag="V") + "400,1,10,A,,\n400,11,11,N,,\n400,12,48,E52,,\n"
    )
    put(house, register("E1"), day(), register("E2"), holes, register("B1"), day("0.2"))
    house.ingest()
    rows = house.rows(ROWS)
    assert [row[1:] for row in rows[9:12]] == [(200, 200, "A"), (None, 200, "A"), (200, 200, "E")]


def test_a_register_without_that_day_leaves_its_direction_missing(house: Any) -> None:
    put(
        house,
        register("E1"),
        day(),
        day(date="20231202"),
        register("E2"),
        day(),
        register("B1"),
        day(),
        day(date="20231202"),
    )
    house.ingest()
    assert house.rows(
        "select count(import_wh), count(backfeed_wh), count(*) from published.meter_intervals"
    ) == [(48, 96, 96)]


def test_reactive_and_other_registers_are_left_out_and_counted(house: Any) -> None:
    put(
        house,
        register(),
        day(),
        register("Q1", unit="kVArh"),
        day("9"),
        day("9", date="20231202"),
        register("E2", unit="VArh"),
        "300,20231201,x\n400,1,2,A,,\n",
    )
    [delivery] = house.ingest().deliveries
    assert (delivery.rows_in, delivery.rows_accepted) == (48, 48)
    assert delivery.notes == (
        "read with the meter's clock at +10:00; 1 day record of register E2 (VArh) left out; "
        "2 day records of register Q1 (kVArh) left out"
    )


# ---- quality


@pytest.mark.parametrize("flag, quality", [("A", "A"), ("S14", "S"), ("F19", "S"), ("E52", "E"), ("S", "S")])
def test_qualities(house: Any, flag: str, quality: str) -> None:
    put(house, register(), day(flag=flag))
    house.ingest()
    assert house.rows(COUNTS) == [(quality, 48, 4800, None)]


@pytest.mark.parametrize("value", ["", "0", "7"])
def test_no_read_is_missing_whatever_its_value(house: Any, value: str) -> None:
    put(house, register(), day(value, flag="N"))
    house.ingest()
    assert house.rows(COUNTS) == [("N", 48, None, None)]


def test_the_worst_part_and_the_worst_direction_count(house: Any) -> None:
    five = (
        day("0.01", flag="V", count=288)
        + "400,1,6,A,,\n400,7,12,S14,,\n400,13,13,A,,\n400,14,14,E52,,\n400,15,288,A,,\n"
    )
    put(
        house,
        register(minutes="5"),
        five,
        register("B1"),
        day(["0"] * 48, flag="V") + "400,1,3,S14,,\n400,4,48,A,,\n",
    )
    house.ingest()
    assert "".join(row[3] for row in house.rows(ROWS)[:5]) == "SSEAA"


def test_a_half_hour_with_a_part_missing_is_missing(house: Any) -> None:
    put(
        house,
        register(minutes="15"),
        day(["0.1"] * 96, flag="V", count=96) + "400,1,3,A,,\n400,4,4,N,,\n400,5,96,A,,\n",
    )
    house.ingest()
    assert [row[1:] for row in house.rows(ROWS)[:3]] == [
        (200, None, "A"),
        (None, None, "N"),
        (200, None, "A"),
    ]


@given(
    st.lists(
        st.one_of(
            st.none(),
            st.decimals(min_value=0, max_value=10**6, places=5).filter(lambda value: not value.is_signed()),
        ),
        max_size=48,
    )
)
@settings(max_examples=60)
def test_carry_keeps_the_total_and_stays_within_a_watt_hour(energies: list[Decimal | None]) -> None:
    made = list(_made_whole(energies))
    exact = sum((Fraction(energy) for energy in energies if energy is not None), Fraction(0))
    assert sum(energy for energy in made if energy is not None) == int(exact + Fraction(1, 2))
    for energy, whole_energy in zip(energies, made, strict=True):
        assert (energy is None) == (whole_energy is None)
        assert (
            energy is None or whole_energy is None or (abs(whole_energy - energy) <= 1 and whole_energy >= 0)
        )


def test_carry_starts_anew_every_day(house: Any) -> None:
    put(house, register(), day(["0.0004"] + ["0"] * 47), day(["0.0001"] + ["0"] * 47, date="20231202"))
    house.ingest()
    assert house.rows("select sum(import_wh) from published.meter_intervals") == [(0,)]


# ---- bad records


@pytest.mark.parametrize(
    "bad, line, column",
    [
        (day(["0.1"] * 47, date="20231202"), 4, "import_wh"),
        (day(["0.1"] * 49, date="20231202"), 4, "import_wh"),
        (day(["0.1"] * 47 + ["-1"], date="20231202"), 4, "import_wh"),
        (day(["0.1"] * 47 + ["1e3"], date="20231202"), 4, "import_wh"),
        (day(["0.1"] * 47 + [""], date="20231202"), 4, "import_wh"),
        (day(["0.1"] * 47 + ["1２"], date="20231202"), 4, "import_wh"),
        (day("9999999999999", date="20231202"), 4, "import_wh"),
        (day(date="20231232"), 4, "interval_start"),
        (day(date="2023-12-02"), 4, "interval_start"),
        (day(date="18991202"), 4, "interval_start"),
        (day(date="20231202", flag="X"), 4, "quality"),
        (day(date="20231202", flag="V"), 4, "quality"),
        ("300,20231202\n", 4, "quality"),
        (day(date="20231202", flag="V") + "400,1,20,A,,\n400,22,48,A,,\n", 6, "quality"),
        (day(date="20231202", flag="V") + "400,1,20,A,,\n400,20,48,A,,\n", 6, "quality"),
        (day(date="20231202", flag="V") + "400,1,20,A,,\n400,21,47,A,,\n", 6, "quality"),
        (day(date="20231202", flag="V") + "400,1,20,A,,\n400,21,49,A,,\n", 6, "quality"),
        (day(date="20231202", flag="V") + "400,1,48,V,,\n", 5, "quality"),
        (day(date="20231202", flag="V") + "400,1,48,Q,,\n", 5, "quality"),
        (day(date="20231202", flag="V") + "400,one,48,A,,\n", 5, "quality"),
        (day(date="20231202", flag="V") + "400\n", 5, "quality"),
        (register("E2", unit="MWh") + day(date="20231202"), 5, "import_wh"),
        (register("E2", minutes="10") + day(date="20231202"), 5, "interval_start"),
        (register("E1", nmi="(redacted)") + day(date="20231202"), 5, "metering_point_id"),
    ],
)
def test_a_bad_record_goes_to_quarantine_and_the_rest_is_accepted(
    house: Any, bad: str, line: int, column: str
) -> None:
    put(house, register(), day(), bad, register("B1"), day())
    report = house.ingest()
    assert (report.rows_in, report.rows_accepted, report.rows_quarantined) == (96, 48, 48)
    assert [found[:2] for found in house.quarantine()] == [(line, column)]
    assert "48 half hours of register" in house.quarantine()[0][2]


def test_a_bad_record_leaves_its_direction_missing_and_the_other_stands(house: Any) -> None:
    put(house, register("E1"), day(), register("E2"), day("x"), register("B1"), day("0.3"))
    report = house.ingest()
    assert (report.rows_accepted, report.rows_quarantined) == (48, 48)
    assert house.rows(COUNTS) == [("A", 48, None, 48 * 300)]


def test_a_repeated_record_counts_once_by_value(house: Any) -> None:
    put(house, register(), day("0.10"), register(unit="Wh"), day("100"))
    report = house.ingest()
    assert (report.rows_in, report.rows_accepted, report.rows_duplicate) == (96, 48, 48)


def test_conflicting_records_of_a_registers_day_are_all_quarantined(house: Any) -> None:
    put(house, register(), day("0.1"), day("0.2"), day("0.1"), day(date="20231202"))
    report = house.ingest()
    assert (report.rows_in, report.rows_accepted, report.rows_quarantined) == (4 * 48, 48, 3 * 48)
    found = house.quarantine()
    assert [line for line, _, _ in found] == [3, 4, 5] and "line 4" in found[0][2] and "line 3" in found[1][2]


@st.composite
def _fates(draw: st.DrawFn) -> list[tuple[str, str]]:
    """Records by what becomes of them: (register, fate) of one meter's day, in any order."""
    fates = []
    for suffix in draw(st.lists(st.sampled_from(["E1", "E2", "B1", "Q1"]), unique=True, max_size=3)):
        for fate in draw(
            st.lists(st.sampled_from(["good", "again", "other", "bad"]), min_size=1, max_size=4)
        ):
            fates.append((suffix, fate))
    return draw(st.permutations(fates))


@given(days=st.lists(_fates(), min_size=1, max_size=3))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_record_is_accounted_for(new_house: Any, days: list[list[tuple[str, str]]]) -> None:
    values = {"good": "0.1", "again": "0.1", "other": "0.2", "bad": "x"}
    records = [
        register(suffix, unit="kVArh" if suffix == "Q1" else "kWh")
        + day(values[fate], date=f"2023120{number}")
        for number, fates in enumerate(days, start=1)
        for suffix, fate in fates
    ]
    house = new_house()
    put(house, *records)
    [delivery] = house.ingest().deliveries
    accepted = duplicate = quarantined = 0
    for fates in days:
        of_register = [[fate for suffix, fate in fates if suffix == name] for name in ("E1", "E2", "B1")]
        contents = [{values[fate] for fate in each} for each in of_register]
        sound = [len(each) for each, kinds in zip(of_register, contents, strict=True) if kinds in GOOD_KINDS]
        accepted += 48 * bool(sound)
        duplicate += 48 * (sum(sound) - len(sound))
        quarantined += 48 * (sum(map(len, of_register)) - sum(sound))
    assert (delivery.rows_accepted, delivery.rows_duplicate, delivery.rows_quarantined) == (
        accepted,
        duplicate,
        quarantined,
    )
    assert delivery.rows_in == accepted + duplicate + quarantined


@pytest.mark.parametrize("lost", range(4))
def test_a_record_lost_on_the_way_stops_the_job(
    house: Any, monkeypatch: pytest.MonkeyPatch, lost: int
) -> None:
    put(house, register("E1"), day(), day(), register("E2"), day("x"), register("B1"), day("0.3"))
    records, take = iter(range(4)), nem12._take

    def take_all_but_one(*arguments: Any, **named: Any) -> None:
        if next(records) != lost:
            take(*arguments, **named)

    monkeypatch.setattr(nem12, "_take", take_all_but_one)
    with pytest.raises(JobFailed, match=r"home\.nem12\.csv do not add up"):
        house.ingest()


def test_an_open_end_is_noted_where_no_900_record_ends_the_file(house: Any) -> None:
    house.put("sources.yaml", "open: {records_100_900: optional}\n")
    house.put("meter_intervals/open.nem12.csv", (register() + day()).rstrip("\n"))
    house.put("meter_intervals/home.nem12.csv", whole(register(), day(date="20231202")).rstrip("\n"))
    notes = {delivery.file_name: str(delivery.notes) for delivery in house.ingest().deliveries}
    assert "its last line has no line end" in notes["open.nem12.csv"]
    assert "line end" not in notes["home.nem12.csv"]


def test_a_later_file_supersedes_half_hours(house: Any) -> None:
    put(house, register(), day("0.1"))
    house.ingest(datetime.fromisoformat("2024-01-01T00:00:00Z"))
    put(house, register(), day("0.2"), name="home-2.nem12.csv")
    house.ingest(datetime.fromisoformat("2024-01-02T00:00:00Z"))
    house.put_reads("z-fix.csv", "NMI1,2023-11-30T14:00:00Z,7,,A\n")
    report = house.ingest()
    assert report.deliveries[0].rows_superseded == 2
    assert house.rows("select sum(import_wh) from published.meter_intervals") == [(47 * 200 + 7,)]


def test_a_good_record_beside_a_bad_one_of_its_registers_day_is_quarantined_too(house: Any) -> None:
    bad = day(["0.1"] * 47 + ["x"])
    put(house, register(), day("0.1"), bad, day("0.1"), day(date="20231202"), register("B1"), day("0.3"))
    report = house.ingest()
    assert (report.rows_in, report.rows_accepted, report.rows_quarantined) == (5 * 48, 2 * 48, 3 * 48)
    found = {line: reason for line, _, reason in house.quarantine()}
    assert set(found) == {3, 4, 5} and "interval 48 is 'x'" in found[4]
    assert "on line 4;" in found[3] and "on line 4;" in found[5]
    assert house.rows(COUNTS) == [("A", 96, 48 * 100, 48 * 300)]


@pytest.mark.parametrize(
    "suffix, unit", [("X1", "kWh"), ("Q1", "kWh"), ("K1", "Wh"), ("e1", "kWh"), ("S1", "kVAh"), ("V1", "V")]
)
def test_a_register_that_is_neither_energy_in_a_direction_nor_reactive_is_quarantined(
    house: Any, suffix: str, unit: str
) -> None:
    put(house, register(), day(), register(suffix, unit=unit), day("7"))
    report = house.ingest()
    assert (report.rows_in, report.rows_accepted, report.rows_quarantined) == (96, 48, 48)
    [(line, column, reason)] = house.quarantine()
    assert (line, column) == (5, "import_wh, backfeed_wh")
    assert f"a register in '{unit}' that is neither import" in reason and f"register '{suffix}'" in reason
    assert house.rows(COUNTS) == [("A", 48, 4800, None)]


# ---- structure


@pytest.mark.parametrize(
    "content, said",
    [
        (register() + day() + "900\n", "does not begin with a 100 record"),
        (whole(register(), day()).removesuffix("900\n"), "no 900 record"),
        (whole(register(), day())[:200], "no 900 record"),
        (whole(register(), day()) + register(), "after the 900"),
        (whole(day()), "without a 200"),
        (whole(register(), "400,1,48,A,,\n"), "follows no 300"),
        (whole("200,NMI1,E1\n", day()), "without NMI"),
        (whole(register(), day(), "250,x\n"), "no record of NEM12"),
        (whole(register(), "100,NEM12,1,a,b\n"), "second 100"),
        (whole(register()).replace("NEM12", "NEM13"), "not NEM12"),
        (whole(register(), day().replace(",A,", ',"A,')), "quoting"),
        (b"", "empty"),
        (b"\n", "no record"),
        (b"PK\x03\x04", "zip"),
        (b"100,NEM12\xff\n", "UTF-8"),
    ],
)
def test_a_broken_structure_refuses_the_file(house: Any, content: str | bytes, said: str) -> None:
    house.put("meter_intervals/home.nem12.csv", content)
    [delivery] = house.ingest().deliveries
    assert delivery.outcome == "refused" and said in str(delivery.reason)
    assert delivery.rows_in == delivery.rows_quarantined and delivery.rows_accepted == 0
    assert len(house.quarantine()) == 1


def test_records_100_and_900_may_be_optional_but_a_cut_line_is_not(house: Any) -> None:
    house.put("sources.yaml", "home: {records_100_900: optional}\n")
    house.put("meter_intervals/home-1.nem12.csv", "\n" + register() + "\n" + day().strip())
    house.put("meter_intervals/home-2.nem12.csv", (register() + day(date="20231203"))[:-60])
    house.put("meter_intervals/home-3.nem12.csv", whole(register(), day(date="20231204")))
    found = {delivery.file_name: delivery for delivery in house.ingest().deliveries}
    assert [delivery.rows_accepted for delivery in found.values()] == [48, 0, 48]
    assert "cut off" in str(found["home-2.nem12.csv"].reason)


def test_a_refused_meter_file_is_judged_again_with_new_settings(house: Any) -> None:
    house.put("meter_intervals/home.nem12.csv", register() + day())
    assert house.ingest().deliveries[0].outcome == "refused"
    again = house.ingest()
    assert again.deliveries == () and "refused" in again.already_known[0].sentence
    house.put("sources.yaml", "home: {records_100_900: optional}\n")
    assert house.ingest().deliveries[0].outcome == "loaded"
    assert house.ingest().deliveries == ()


def test_changed_settings_of_a_meter_file_are_said_and_change_nothing(house: Any) -> None:
    put(house, register(nmi="(redacted)"), day(), register(nmi="NMI2"), day("0.2"))
    assert house.ingest().rows_quarantined == 48
    house.put(
        "sources.yaml",
        'home: {utc_offset: "+09:00", metering_point_ids: {"(redacted)": MP-1, NMI2: MP-2, NMI3: MP-3}}\n',
    )
    for _ in range(2):
        report = house.ingest()
        [known] = report.already_known
        assert report.deliveries == () and known.asks_for_a_look
        assert known.settings_changed == (
            "the metering point of NMI (redacted) was (redacted) and is MP-1",
            "the metering point of NMI NMI2 was NMI2 and is MP-2",
            "utc_offset was +10:00 and is +09:00",
        )
        assert known.settings_changed[0] in known.sentence and "deliver it as a new file" in known.sentence
        assert report.next_action == (
            "Deliver as new files what sources.yaml has otherwise now: meter_intervals/home.nem12.csv."
        )
    assert house.rows("select distinct metering_point_id from published.meter_intervals") == [("NMI2",)]
    assert house.rows("select delivery_no, note_no from raw.meter_settings order by all") == [(1, 1), (1, 2)]


def test_a_meter_file_with_an_empty_line_more_is_read_by_the_changed_settings(house: Any) -> None:
    put(house, register(nmi="(redacted)"), day())
    house.ingest()
    house.put("sources.yaml", 'home: {metering_point_ids: {"(redacted)": MP-1}}\n')
    put(house, register(nmi="(redacted)"), day() + "\n")
    report = house.ingest()
    assert (report.rows_accepted, report.rows_quarantined) == (48, 0)
    again = house.ingest()
    assert [known.settings_changed for known in again.already_known] == [()]
    assert again.next_action == "Nothing new was delivered."


def test_settings_of_other_meters_and_of_other_names_are_no_change(house: Any) -> None:
    put(house, register(), day())
    house.ingest()
    house.put("sources.yaml", "home: {metering_point_ids: {NMI9: MP-9}, records_100_900: optional}\n")
    assert house.ingest().already_known[0].settings_changed == ()
    house.put("sources.yaml", "other: {metering_point_ids: {NMI1: MP-1}}\n")
    put(house, register(), day(), name="other.nem12.csv")
    by_name = {known.file_name: known.settings_changed for known in house.ingest().already_known}
    assert by_name == {
        "home.nem12.csv": (),
        "other.nem12.csv": ("the metering point of NMI NMI1 was NMI1 and is MP-1",),
    }
    assert house.rows("select count(*) from raw.meter_settings") == [(1,)]


def test_two_nmis_cannot_be_one_metering_point(house: Any) -> None:
    house.put("sources.yaml", "home: {metering_point_ids: {NMI1: NMI2}}\n")
    put(house, register(), day(), register(nmi="NMI2"), day())
    [delivery] = house.ingest().deliveries
    assert delivery.outcome == "refused" and "both read as NMI2" in str(delivery.reason)


# ---- sources.yaml


@pytest.mark.parametrize(
    "document, said",
    [
        ("home: {utc_ofset: x}", "home.utc_ofset is not known"),
        ("home: {utc_offset: 600}", "such as"),
        ("home: {utc_offset: !!int +10:00}", "sources.yaml:1: is not usable YAML"),
        ("home: {<<: {records_100_900: optional}}", "home.<< is not known"),
        ('home: {utc_offset: "10:00"}', "utc_offset"),
        ('home: {utc_offset: "+05:45"}', ":00 or :30"),
        ("home: {records_100_900: maybe}", "records_100_900"),
        ("home: {metering_point_ids: [a]}", "metering_point_ids"),
        ("home: {metering_point_ids: {4102: MP}}", "in quotes"),
        ('home: {metering_point_ids: {"1": "M P"}}', "no valid id"),
        ('home: {metering_point_ids: {"1": MP, "2": MP}}', "more than one NMI"),
        ("home: [x]", "must hold settings"),
        ("[home]", "must map each source"),
        ("1: {}", "in quotes"),
        ("home: {}\nhome: {}", "sources.yaml:2: is not usable YAML: the key 'home' stands twice"),
        ("home: {", "sources.yaml:1: is not usable YAML"),
        ("home: \0", "sources.yaml: is not usable YAML"),
    ],
)
def test_a_fault_in_sources_yaml_is_bad_input(house: Any, document: str, said: str) -> None:
    house.put("sources.yaml", document)
    put(house, register(), day())
    with pytest.raises(BadInput, match=r"sources\.yaml") as caught:
        house.ingest()
    assert said in str(caught.value)


def test_an_offset_or_an_nmi_without_quotes_stays_the_text_it_is(house: Any) -> None:
    house.put("sources.yaml", "home: {utc_offset: +09:30, metering_point_ids: {0410: MP-1, no: MP-2}}\n")
    put(house, register(nmi="0410"), day(), register(nmi="no"), day())
    house.ingest()
    assert house.rows(
        "select metering_point_id, min(interval_start) from raw.meter_intervals group by 1"
    ) == [
        ("MP-1", datetime.fromisoformat("2023-11-30T14:30:00")),
        ("MP-2", datetime.fromisoformat("2023-11-30T14:30:00")),
    ]


def test_the_longest_source_that_the_name_starts_with_counts(house: Any) -> None:
    house.put(
        "sources.yaml",
        "home: {metering_point_ids: {NMI1: MP-1}}\nhome-b: {metering_point_ids: {NMI1: MP-B}}\nempty:\n",
    )
    for name in ("home-a.nem12.csv", "home-b1.nem12.csv", "other.nem12.csv"):
        put(house, register(), day(), name=name)
        house.put(f"meter_intervals/{name}", whole(register(), day()) + "\n" * len(name))
    house.ingest()
    assert house.rows("select distinct metering_point_id from published.meter_intervals order by 1") == [
        ("MP-1",),
        ("MP-B",),
        ("NMI1",),
    ]
