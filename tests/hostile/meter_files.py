"""Hostile NEM12 files, one by one, with what has to become of each."""

from datetime import datetime, timedelta

from tests.hostile.hostile_file import Hostile


def register(suffix: str = "E1", *, unit: str = "kWh", minutes: str = "30", nmi: str = "@@@@") -> str:
    """A 200 record."""
    return f"200,{nmi},E1B1,1,{suffix},N1,SERIAL,{unit},{minutes},\n"


def day(*values: str, flag: str = "A", date: str = "20231201", rest: str = ",,,20231202000000,") -> str:
    """A 300 record; 48 times 0.1 where no values are given."""
    return f"300,{date},{','.join(values or ['0.1'] * 48)},{flag}{rest}\n"


def whole(*records: str) -> str:
    """A file with its 100 and 900 records."""
    return "100,NEM12,202312020000,MDP,RET\n" + "".join(records) + "900\n"


# A source with a clock of its own, that needs no 100 and 900 records.
SOURCES = 'late: {utc_offset: "+00:00", records_100_900: optional}\n'
GOOD_DAY = day(date="20231130")


def _bad_record(name: str, *records: str, line: int, column: str | None, words: str) -> Hostile:
    """A bad record behind a good one of another day."""
    return Hostile(
        name,
        whole(register(), GOOD_DAY, *records),
        file_name="{number}.nem12.csv",
        accepted=48,
        quarantined=48,
        found=((line, column, words),),
        loaded=_day_of("2023-11-29 14:00:00"),
    )


def _bad_file(name: str, content: str, line: int | None, words: str, *, records: int = 1) -> Hostile:
    return Hostile(
        name,
        content,
        file_name="{number}.nem12.csv",
        quarantined=48 * records,
        refused=True,
        found=((line, None, words),),
    )


def _day_of(first: str, wh: int = 100, quality: str = "A") -> tuple[str, ...]:
    start = datetime.fromisoformat(first)
    instants = (start + timedelta(minutes=30 * number) for number in range(48))
    return tuple(f"@@@@|{instant}|{wh}||{quality}" for instant in instants)


METER_FILES = (
    Hostile(
        "NEM12 with its defaults: ends of intervals, ten hours ahead",
        whole(register(), day()),
        file_name="{number}.nem12.csv",
        accepted=48,
        loaded=_day_of("2023-11-30 14:00:00"),
    ),
    Hostile(
        "NEM12 without 100 and 900 where its source allows it",
        register() + day(),
        file_name="late-{number}.nem12.csv",
        accepted=48,
        loaded=_day_of("2023-12-01 00:00:00"),
    ),
    Hostile(
        "NEM12 of a name that no source is listed for",
        whole(register(), day()),
        file_name="other-{number}.NEM12.CSV",
        accepted=48,
        loaded=_day_of("2023-11-30 14:00:00"),
    ),
    _bad_file(
        "NEM12 without header, of an unlisted source",
        register() + day() + "900\n",
        1,
        "does not begin with a 100 record",
    ),
    _bad_file(
        "NEM12 without its end",
        whole(register(), day()).removesuffix("900\n"),
        3,
        "the file is cut off: it has no 900 record",
    ),
    _bad_file("NEM12 cut in a record", whole(register(), day())[:150], 3, "the file is cut off"),
    Hostile(
        "NEM12 cut in a record where no end is needed",
        (register() + day())[:150],
        file_name="late-{number}.nem12.csv",
        quarantined=48,
        refused=True,
        found=((2, None, "cut off in the middle of line 2"),),
    ),
    _bad_file(
        "NEM12 with a record behind its end",
        whole(register(), day()) + day(),
        5,
        "stands after the 900 record",
        records=2,
    ),
    _bad_file(
        "NEM12 with two headers",
        whole(register(), day(), "100,NEM12,202312020000,MDP,RET\n"),
        4,
        "a second 100 record",
    ),
    _bad_file("NEM13", whole(register(), day()).replace("NEM12", "NEM13"), 1, "not NEM12"),
    _bad_file("NEM12 with a day before any register", whole(day()), 2, "without a 200 record"),
    _bad_file(
        "NEM12 with a 400 record that follows nothing",
        whole(register(), "400,1,48,A,,\n"),
        3,
        "follows no 300 record",
        records=0,
    ),
    _bad_file(
        "NEM12 with a record of another kind", whole(register(), day(), "777,x\n"), 4, "no record of NEM12"
    ),
    _bad_file(
        "NEM12 with a register that lacks its unit",
        whole("200,@@@@,E1\n", day()),
        2,
        "without NMI, register suffix, unit",
    ),
    _bad_file(
        "NEM12 with a quote that is not closed",
        whole(register(), day().replace("0.1,", '"0.1,', 1)),
        3,
        "broken quoting",
    ),
    _bad_file(
        "NEM12 with a line of a megabyte",
        whole(register(), day(), "500," + "x" * 1_000_000 + "\n"),
        4,
        "longer than 100,000 characters",
    ),
    _bad_record(
        "NEM12 with an interval too few",
        day(*["0.1"] * 47),
        line=4,
        column="import_wh",
        words="47 values before its quality",
    ),
    _bad_record(
        "NEM12 with an interval too many",
        day(*["0.1"] * 49),
        line=4,
        column="import_wh",
        words="49 values before its quality",
    ),
    _bad_record(
        "NEM12 of 15 minutes with values for 30",
        register(minutes="15"),
        day(),
        line=5,
        column="import_wh",
        words="48 values before its quality where 15-minute records have 96",
    ),
    _bad_record(
        "NEM12 with an interval left empty",
        day(*["0.1"] * 47, ""),
        line=4,
        column="import_wh",
        words="interval 48 is ''",
    ),
    _bad_record(
        "NEM12 with an unknown flag",
        day(flag="Z"),
        line=4,
        column="quality",
        words="is 'Z'; give A, E, F, N, S or V",
    ),
    _bad_record("NEM12 with a flag in lower case", day(flag="a"), line=4, column="quality", words="is 'a'"),
    _bad_record("NEM12 with no flag", day(flag=""), line=4, column="quality", words="is ''"),
    _bad_record(
        "NEM12 that varies without saying how",
        day(flag="V"),
        line=4,
        column="quality",
        words="no 400 record says",
    ),
    _bad_record(
        "NEM12 whose 400 records leave a gap",
        day(flag="V"),
        "400,1,10,A,,\n",
        "400,12,48,A,,\n",
        line=6,
        column="quality",
        words="where 11 is next",
    ),
    _bad_record(
        "NEM12 whose 400 records stop early",
        day(flag="V"),
        "400,1,47,A,,\n",
        line=5,
        column="quality",
        words="cover intervals 1 to 47 of 48",
    ),
    _bad_record(
        "NEM12 whose 400 records go on too long",
        day(flag="V"),
        "400,1,49,A,,\n",
        line=5,
        column="quality",
        words="1 to 49",
    ),
    _bad_record(
        "NEM12 whose 400 record has an unknown flag",
        day(flag="V"),
        "400,1,48,X,,\n",
        line=5,
        column="quality",
        words="is 'X'",
    ),
    _bad_record(
        "NEM12 whose 400 record counts in full-width",
        day(flag="V"),
        "400,\uff11,48,A,,\n",
        line=5,
        column="quality",
        words="give two whole numbers",
    ),
    *(
        _bad_record(
            f"NEM12 with the value {value!r}",
            day(*["0.1"] * 47, value),
            line=4,
            column="import_wh",
            words="interval 48 is",
        )
        for value in (
            "-1",
            "+1",
            "1e3",
            "0x10",
            "1_000",
            " 1",
            "1 ",
            ".5",
            "\uff11",
            "\u0663",
            "nan",
            "inf",
            "NULL",
            "1" * 14,
            "0." + "1" * 31,
        )
    ),
    *(
        _bad_record(
            f"NEM12 with the date {date!r}",
            day(date=date),
            line=4,
            column="interval_start",
            words="the date is",
        )
        for date in (
            "20230230",
            "20231301",
            "2023-12-01",
            "231201",
            "\uff12\uff10\uff12\uff13\uff11\uff12\uff10\uff11",
            "00000101",
            "18991231",
            "99990101",
            "",
        )
    ),
    *(
        _bad_record(
            f"NEM12 of {minutes[:12]!r} minutes",
            register(minutes=minutes),
            day(),
            line=5,
            column="interval_start",
            words="give 5, 15 or 30 minutes",
        )
        for minutes in ("10", "60", "0", "-30", "30.0", "\uff13\uff10", "0" * 5000 + "30")
    ),
    _bad_record(
        "NEM12 in megawatt-hours",
        register(unit="MWh"),
        day(),
        line=5,
        column="import_wh",
        words="the unit is 'MWh'; give Wh or kWh",
    ),
    _bad_record(
        "NEM12 of a register that has no direction",
        register("X1"),
        day(),
        line=5,
        column="import_wh, backfeed_wh",
        words="neither import (E) nor backfeed (B)",
    ),
    _bad_record(
        "NEM12 of an NMI that is no id",
        register(nmi="(redacted)"),
        day(),
        line=5,
        column="metering_point_id",
        words="name its metering point",
    ),
    _bad_record(
        "NEM12 with more than 10^12 Wh",
        day(*["0.1"] * 47, "1000000000.001"),
        line=4,
        column="import_wh",
        words="more than 10^12 Wh",
    ),
    Hostile(
        "NEM12 with two records of a day that contradict each other",
        whole(register(), GOOD_DAY, day(), day(*["0.2"] * 48)),
        file_name="{number}.nem12.csv",
        accepted=48,
        quarantined=96,
        found=(
            (4, "metering_point_id, interval_start", "on line 5"),
            (5, "metering_point_id, interval_start", "on line 4"),
        ),
        loaded=_day_of("2023-11-29 14:00:00"),
    ),
    Hostile(
        "NEM12 with a record twice",
        whole(register(), day(), day()),
        file_name="{number}.nem12.csv",
        accepted=48,
        duplicate=48,
        loaded=_day_of("2023-11-30 14:00:00"),
    ),
    Hostile(
        "NEM12 of reactive energy alone",
        whole(register("Q1", unit="kVArh"), day()),
        file_name="{number}.nem12.csv",
        note="1 day record of register Q1 (kVArh) left out",
    ),
    Hostile(
        "NEM12 of missing reads",
        whole(register(), day(*[""] * 48, flag="N")),
        file_name="{number}.nem12.csv",
        accepted=48,
        loaded=tuple(row.replace("|100||A", "|||N") for row in _day_of("2023-11-30 14:00:00")),
    ),
    Hostile(
        "NEM12 in no text",
        b"100,NEM12\xff\n",
        file_name="{number}.nem12.csv",
        refused=True,
        found=((1, None, "not valid UTF-8"),),
    ),
    Hostile(
        "NEM12 of an empty line",
        b"\r\n",
        file_name="{number}.nem12.csv",
        refused=True,
        found=((None, None, "the file holds no record"),),
    ),
)
