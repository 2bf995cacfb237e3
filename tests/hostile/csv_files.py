"""Hostile CSV files, and what is no text at all, one by one, with what has to become of each."""

import bz2
import gzip
import io
import lzma
import zipfile

import polars as pl

from tests.hostile.hostile_file import METERS, Found, Hostile

HEADER = "metering_point_id,interval_start,import_wh,backfeed_wh,quality\n"
ONE = "@@@@-1,2023-12-01T00:00:00Z,100,0,A\n"
TWO = "@@@@-2,2023-12-01T00:30:00Z,200,,E\n"
LOADED_ONE = "@@@@-1|2023-12-01 00:00:00|100|0|A"
LOADED_TWO = "@@@@-2|2023-12-01 00:30:00|200||E"
BOTH = (LOADED_ONE, LOADED_TWO)
GOOD = HEADER + ONE + TWO

EVENTS = "dr_event_id,region,direction,starts_at,ends_at"
EVENT = "@@@@-1,R,increase,2023-12-01T00:00:00Z,2023-12-01T01:00:00Z"
LOADED_EVENT = "@@@@-1|R|increase|2023-12-01 00:00:00|2023-12-01 01:00:00"


def _refused(
    name: str, content: str | bytes, *found: Found, rows: int, encoding: str = "utf-8", feed: str = METERS
) -> Hostile:
    return Hostile(
        name, content, feed=feed, encoding=encoding, quarantined=rows, refused=True, found=tuple(found)
    )


def _loaded(name: str, content: str | bytes, *, encoding: str = "utf-8", note: str | None = None) -> Hostile:
    return Hostile(name, content, encoding=encoding, accepted=2, loaded=BOTH, note=note)


def _one_bad(name: str, row: str, *, column: str | None, words: str) -> Hostile:
    """A bad row between two good ones."""
    content = HEADER + ONE + row + TWO
    return Hostile(name, content, accepted=2, quarantined=1, found=((3, column, words),), loaded=BOTH)


HEADERS = (
    Hostile(
        "two columns swapped, header and cells alike",
        "interval_start,metering_point_id,backfeed_wh,import_wh,quality\n2023-12-01T00:00:00Z,@@@@-1,0,100,A\n",
        accepted=1,
        loaded=(LOADED_ONE,),
    ),
    Hostile(
        "two columns of other domains swapped in the header alone",
        "metering_point_id,quality,import_wh,backfeed_wh,interval_start\n" + ONE + TWO,
        quarantined=2,
        found=((2, "interval_start", "is 'A'"), (3, "interval_start", "is 'E'")),
    ),
    _refused(
        "a header that is missing",
        ONE + TWO,
        (1, "metering_point_id", "the header misses metering_point_id, interval_start"),
        rows=1,
    ),
    _refused(
        "a header that stands twice",
        HEADER.strip() + "," + HEADER + ONE,
        (1, "backfeed_wh", "doubles backfeed_wh, import_wh"),
        rows=1,
    ),
    Hostile(
        "a header line repeated among the rows",
        HEADER + ONE + HEADER + TWO,
        accepted=2,
        quarantined=1,
        found=((3, "interval_start", "is 'interval_start'"),),
        loaded=BOTH,
    ),
    _refused(
        "a column that stands twice",
        "metering_point_id,interval_start,import_wh,backfeed_wh,quality,quality\n@@@@-1,2023-12-01T00:00:00Z,1,1,A,A\n",
        (1, "quality", "doubles quality"),
        rows=1,
    ),
    _refused(
        "a column that nobody knows",
        HEADER.strip() + ",comment\n" + ONE.strip() + ",x\n",
        (1, "comment", "does not know comment"),
        rows=1,
    ),
    _refused(
        "a column that is missing",
        "metering_point_id,interval_start,import_wh,quality\n@@@@-1,2023-12-01T00:00:00Z,100,A\n",
        (1, "backfeed_wh", "misses backfeed_wh"),
        rows=1,
    ),
    _refused(
        "row_status where it has no place",
        HEADER.strip() + ",row_status\n" + ONE.strip() + ",active\n",
        (1, "row_status", "does not know row_status"),
        rows=1,
    ),
    _refused(
        "a comma too many at the end of the header",
        HEADER.strip() + ",\n" + ONE.strip() + ",\n",
        (1, "''", "does not know ''"),
        rows=1,
    ),
    _loaded(
        "a header in quotes", ",".join(f'"{name}"' for name in HEADER.strip().split(",")) + "\n" + ONE + TWO
    ),
    _refused(
        "a header with spaces",
        HEADER.replace(",", ", ") + ONE,
        (1, "interval_start", "misses interval_start"),
        rows=1,
    ),
    _refused(
        "a header in upper case",
        HEADER.upper() + ONE,
        (1, "metering_point_id", "'METERING_POINT_ID'"),
        rows=1,
    ),
    _refused(
        "a header with a full-width letter",
        HEADER.replace("quality", "\uff51uality") + ONE,
        (1, "quality", "misses quality; does not know '\uff51uality'"),
        rows=1,
    ),
    _refused(
        "a header with a zero-width space",
        HEADER.replace("import_wh", "import\u200b_wh") + ONE,
        (1, "import_wh", r"does not know 'import\u200b_wh'"),
        rows=1,
    ),
    _refused(
        "a header separated by semicolons",
        GOOD.replace(",", ";"),
        (1, "metering_point_id", "the header misses metering_point_id"),
        rows=2,
    ),
    _refused(
        "a header separated by tabs",
        GOOD.replace(",", "\t"),
        (1, "metering_point_id", "the header misses metering_point_id"),
        rows=2,
    ),
    _refused(
        "a million columns",
        ",".join(["a"] * 499_999) + "\n" + ONE,
        (1, "metering_point_id", "doubles a"),
        rows=1,
    ),
    _refused(
        "a hundred thousand columns of different names",
        ",".join(f"c{number}" for number in range(100_000)) + "\n",
        (1, "metering_point_id", "c4 and 99,995 more"),
        rows=0,
    ),
    _refused(
        "a header that would clear the screen",
        HEADER.replace("quality", "\x1b[2J") + ONE,
        (1, "quality", r"'\x1b[2J'"),
        rows=1,
    ),
)

ENCODINGS = (
    _loaded("a byte order mark", "\ufeff" + GOOD),
    _refused(
        "two byte order marks",
        "\ufeff\ufeff" + GOOD,
        (1, "metering_point_id", r"does not know '\ufeffmetering_point_id'"),
        rows=2,
    ),
    Hostile(
        "a byte order mark before a row",
        HEADER + ONE + "\ufeff" + TWO,
        accepted=1,
        quarantined=1,
        found=((3, "metering_point_id", r"is '\ufeff@@@@-2'"),),
        loaded=(LOADED_ONE,),
    ),
    _loaded(r"lines that end with \r\n", GOOD.replace("\n", "\r\n")),
    _loaded("line ends of two kinds", HEADER + ONE.replace("\n", "\r\n") + TWO),
    _refused(
        r"lines that end with \r alone", GOOD.replace("\n", "\r"), (1, None, "a carriage return"), rows=2
    ),
    _refused(
        r"a line end \r among \n",
        HEADER + ONE.replace("\n", "\r") + TWO,
        (2, None, "a carriage return"),
        rows=2,
    ),
    _refused(
        r"lines that end with \r\r\n", GOOD.replace("\n", "\r\r\n"), (1, None, "a carriage return"), rows=2
    ),
    _one_bad(
        "a next-line character",
        "@@@@-3,2023-12-01T00:00:00Z,1\u0085,1,A\n",
        column="import_wh",
        words=r"'1\u0085'",
    ),
    _one_bad(
        "a line separator in a value",
        "@@@@\u2028-3,2023-12-01T00:00:00Z,1,1,A\n",
        column="metering_point_id",
        words=r"\u2028",
    ),
    _one_bad(
        "a form feed and a vertical tab",
        "@@@@-3,2023-12-01T00:00:00Z,1\f\v,1,A\n",
        column="import_wh",
        words=r"'1\u000c\u000b'",
    ),
    _refused(
        "Latin-1",
        HEADER + ONE + "caf\u00e9,2023-12-01T00:00:00Z,1,1,A\n",
        (3, None, "line 3 of the file is not valid UTF-8"),
        rows=2,
        encoding="latin-1",
    ),
    _refused(
        "Windows-1252",
        HEADER + "\u20ac,2023-12-01T00:00:00Z,1,1,A\n",
        (2, None, "not valid UTF-8"),
        rows=1,
        encoding="cp1252",
    ),
    _refused(
        "Shift_JIS",
        HEADER + ONE + "\u5145\u96fb\u5668,2023-12-01T00:00:00Z,1,1,A\n",
        (3, None, "not valid UTF-8"),
        rows=2,
        encoding="shift_jis",
    ),
    _refused(
        "EUC-JP",
        HEADER + "\u5145\u96fb\u5668,2023-12-01T00:00:00Z,1,1,A\n",
        (2, None, "not valid UTF-8"),
        rows=1,
        encoding="euc_jp",
    ),
    _refused("UTF-16", GOOD, (None, None, "is UTF-16 text, not plain UTF-8"), rows=0, encoding="utf-16"),
    _refused("UTF-16 without a mark", GOOD, (1, None, "NUL bytes"), rows=2, encoding="utf-16-be"),
    _refused("UTF-32", GOOD, (None, None, "is UTF-16 text"), rows=0, encoding="utf-32"),
    _refused(
        "an overlong form",
        HEADER.encode() + ONE.encode() + b"@@@@\xc0\xaf,2023-12-01T00:00:00Z,1,1,A\n",
        (3, None, "not valid UTF-8"),
        rows=2,
    ),
    _refused(
        "a lone surrogate",
        HEADER + "@@@@\ud800,2023-12-01T00:00:00Z,1,1,A\n",
        (2, None, "not valid UTF-8"),
        rows=1,
    ),
    _refused(
        "a character beyond Unicode",
        HEADER.encode() + b"\xf4\x90\x80\x80,2023-12-01T00:00:00Z,1,1,A\n",
        (2, None, "not valid UTF-8"),
        rows=1,
    ),
    _refused(
        "a character cut off at the end",
        (GOOD + "caf").encode() + b"\xc3",
        (4, None, "in the middle of a UTF-8"),
        rows=3,
    ),
    _refused(
        "a NUL in a value",
        HEADER + ONE + "@@@@\0,2023-12-01T00:00:00Z,1,1,A\n",
        (3, None, "NUL bytes"),
        rows=2,
    ),
    _refused("a NUL at the very end", GOOD + "\0", (4, None, "NUL bytes"), rows=3),
    _one_bad(
        "a zero-width space in an id",
        "@@@@\u200b-3,2023-12-01T00:00:00Z,1,1,A\n",
        column="metering_point_id",
        words=r"\u200b-3'",
    ),
    _one_bad(
        "full-width digits",
        "@@@@-3,2023-12-01T00:00:00Z,\uff11\uff10\uff12,1,A\n",
        column="import_wh",
        words="'\uff11\uff10\uff12'",
    ),
)

QUOTES = (
    _loaded(
        "every cell in quotes",
        "".join(",".join(f'"{cell}"' for cell in line.split(",")) + "\n" for line in GOOD.split()),
    ),
    Hostile(
        "a quoted empty cell is empty",
        HEADER + '@@@@-2,2023-12-01T00:30:00Z,200,"",E\n',
        accepted=1,
        loaded=(LOADED_TWO,),
    ),
    _one_bad(
        "a comma in quotes",
        '"@@@@,3",2023-12-01T00:00:00Z,1,1,A\n',
        column="metering_point_id",
        words="is '@@@@,3'",
    ),
    _one_bad(
        "a doubled quote in quotes",
        '"@@@@""3",2023-12-01T00:00:00Z,1,1,A\n',
        column="metering_point_id",
        words="is '@@@@\"3'",
    ),
    _one_bad(
        "a number with its thousands, in quotes",
        '@@@@-3,2023-12-01T00:00:00Z,"1,000",1,A\n',
        column="import_wh",
        words="is '1,000'",
    ),
    _one_bad(
        "the word NULL in quotes",
        '@@@@-3,2023-12-01T00:00:00Z,"NULL",1,A\n',
        column="import_wh",
        words="is 'NULL'",
    ),
    _refused(
        "a quote that is never closed",
        HEADER + ONE + '@@@@-3,"2023-12-01T00:00:00Z,1,1,A\n' + TWO,
        (3, None, "a quote on line 3"),
        rows=3,
    ),
    _refused("a quote that opens in the last line", GOOD + '"', (4, None, "a quote on line 4"), rows=3),
    _refused(
        "a newline in an id",
        HEADER + ONE + '"@@@@\n-3",2023-12-01T00:00:00Z,1,1,A\n',
        (3, None, "one row is one line"),
        rows=3,
    ),
    _refused(
        "a newline in a cell of text",
        f'{EVENTS}\n@@@@-1,"R\nS",increase,2023-12-01T00:00:00Z,2023-12-01T01:00:00Z\n',
        (2, None, "a quote on line 2"),
        rows=2,
        feed="dr_events",
    ),
    _refused(
        "a quote inside a value",
        HEADER + '@@@@"3,2023-12-01T00:00:00Z,1,1,A\n' + ONE,
        (2, None, "a quote on line 2"),
        rows=2,
    ),
    _refused(
        "text behind a closing quote",
        HEADER + '"@@@@"3,2023-12-01T00:00:00Z,1,1,A\n',
        (2, None, "a quote on line 2"),
        rows=1,
    ),
    _refused(
        "a space before a quote",
        HEADER + '@@@@-3, "2023-12-01T00:00:00Z",1,1,A\n',
        (2, None, "a quote on line 2"),
        rows=1,
    ),
    _refused(
        "a backslash before a quote",
        HEADER + '"@@@@\\"3",2023-12-01T00:00:00Z,1,1,A\n',
        (2, None, "a quote on line 2"),
        rows=1,
    ),
    _refused("an unclosed quote in the header", '"' + GOOD, (1, None, "a quote on line 1"), rows=2),
    _one_bad(
        "single quotes are no quotes",
        "'@@@@-3',2023-12-01T00:00:00Z,1,1,A\n",
        column="metering_point_id",
        words="is ''@@@@-3''",
    ),
)

SHAPES = (
    _refused("no byte at all", b"", (None, None, "the file is empty"), rows=0),
    _refused("a byte order mark alone", b"\xef\xbb\xbf", (None, None, "the file is empty"), rows=0),
    _refused("empty lines alone", b"\n\n\n", (None, None, "empty lines only"), rows=0),
    _refused("spaces alone", b"   \n", (1, "metering_point_id", "the header misses"), rows=0),
    Hostile("a header alone", HEADER),
    Hostile("a header alone, without line end", HEADER.strip(), note="no line end"),
    _refused(
        "a last line that is cut off",
        HEADER + ONE + "@@@@-2,2023-12-01T00:30",
        (3, None, "the file is cut off: line 3"),
        rows=2,
    ),
    _loaded("a last line without line end", GOOD[:-1], note="its last line has no line end"),
    Hostile(
        "a last line too long for a row, behind a short one",
        HEADER + ONE + "short,row\n" + "M" * 1_100_000,
        accepted=1,
        quarantined=2,
        found=((3, None, "the row has 2 fields where the header has 5"), (4, None, "longer than 1,000,000")),
        loaded=(LOADED_ONE,),
        note="no line end",
    ),
    _loaded("empty lines between rows", "\n\n" + HEADER + "\n" + ONE + "\n\r\n" + TWO + "\n\n"),
    _one_bad(
        "a field too few",
        "@@@@-3,2023-12-01T00:00:00Z,1,A\n",
        column=None,
        words="4 fields where the header has 5",
    ),
    _one_bad(
        "a field too many",
        "@@@@-3,2023-12-01T00:00:00Z,1,1,A,\n",
        column=None,
        words="6 fields where the header has 5",
    ),
    Hostile(
        "a field too few beside a field too many",
        HEADER + "@@@@-3,2023-12-01T00:00:00Z,1,A\n@@@@-4,2023-12-01T00:00:00Z,1,1,A,\n" + ONE + TWO,
        accepted=2,
        quarantined=2,
        found=((2, None, "4 fields"), (3, None, "6 fields")),
        loaded=BOTH,
    ),
    _one_bad("a line of commas", "," * 100_000 + "\n", column=None, words="100001 fields"),
    _one_bad(
        "a cell of a megabyte",
        "@@@@-3,2023-12-01T00:00:00Z," + "1" * 999_000 + ",1,A\n",
        column="import_wh",
        words="is '" + "1" * 60 + "\u2026'",
    ),
    _one_bad(
        "a cell of zeros without end",
        "@@@@-3,2023-12-01T00:00:00Z," + "0" * 900_000 + "9999999999999,1,A\n",
        column="import_wh",
        words="is '000",
    ),
    _one_bad(
        "a line of 10 MB", "M" * 10_000_000 + "\n", column=None, words="longer than 1,000,000 characters"
    ),
    _one_bad(
        "a line of 10 MB with all its fields",
        "@@@@-3,2023-12-01T00:00:00Z," + "1" * 10_000_000 + ",1,A\n",
        column=None,
        words="longer than 1,000,000 characters",
    ),
    _one_bad(
        "a line of 10 MB in quotes",
        '@@@@-3,2023-12-01T00:00:00Z,"' + "1" * 10_000_000 + '",1,A\n',
        column=None,
        words="longer than 1,000,000 characters",
    ),
    _refused(
        "one line of 10 MB without line end",
        b"M" * 10_000_000,
        (1, None, "the header line is too long"),
        rows=0,
    ),
    _one_bad(
        "two megabytes of quotes in a line",
        '"' * 2_000_000 + "\n",
        column=None,
        words="longer than 1,000,000 characters",
    ),
    Hostile(
        "a row twice, and once more by value",
        HEADER + ONE + ONE + "@@@@-1,2023-12-01T09:00:00+09:00,0100,00,A\n",
        accepted=1,
        duplicate=2,
        loaded=(LOADED_ONE,),
    ),
    Hostile(
        "rows of one key that contradict each other",
        HEADER + ONE + TWO + ONE.replace(",100,", ",101,"),
        accepted=1,
        quarantined=2,
        found=(
            (2, "metering_point_id, interval_start", "other contents on line 4"),
            (4, "metering_point_id, interval_start", "on line 2"),
        ),
        loaded=(LOADED_TWO,),
    ),
    Hostile(
        "a good row whose twin is bad",
        HEADER + ONE + TWO + ONE.replace(",100,", ",102.6,"),
        accepted=1,
        quarantined=2,
        found=((2, "metering_point_id, interval_start", "on line 4"), (4, "import_wh", "is '102.6'")),
        loaded=(LOADED_TWO,),
    ),
    _one_bad(
        "an end before its start",
        "@@@@-3,2023-12-01T00:00:00Z,,,A\n",
        column="quality",
        words="both energies are empty",
    ),
    Hostile(
        "an event that ends as it starts, by another offset",
        f"{EVENTS}\n{EVENT}\n@@@@-2,R,increase,2023-12-01T00:00:00Z,2023-12-01T09:00:00+09:00\n",
        feed="dr_events",
        accepted=1,
        quarantined=1,
        found=((3, "ends_at", "is not after starts_at"),),
        loaded=(LOADED_EVENT,),
    ),
    Hostile(
        "row_status that is neither",
        f"{EVENTS},row_status\n{EVENT},active\n{EVENT.replace('-1,R', '-2,R')},deleted\n"
        f"{EVENT.replace('-1,R', '-3,R')},\n",
        feed="dr_events",
        accepted=1,
        quarantined=2,
        found=((3, "row_status", "is 'deleted'"), (4, "row_status", "is empty")),
        loaded=(LOADED_EVENT,),
    ),
    Hostile("a cancelled row", f"{EVENTS},row_status\n{EVENT},cancelled\n", feed="dr_events", accepted=1),
    Hostile(
        "200,000 lines that are all bad",
        HEADER + "@@@@-1,2023-12-01T00:00:00Z,102.6,0,A\n" * 200_000,
        quarantined=200_000,
        found=((2, "import_wh", "is '102.6'"), (200_001, "import_wh", "is '102.6'")),
    ),
)


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("reads.csv"), GOOD)
    return buffer.getvalue()


def _parquet() -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame({"metering_point_id": ["MP-PACKED"]}).write_parquet(buffer)
    return buffer.getvalue()


_PACKED = GOOD.encode()
_PACKED_FILES = tuple(
    Hostile(
        f"{kind} named {ending}",
        content + ending.encode(),
        file_name="{number}" + ending,
        refused=True,
        found=((None, None, f"is {said}, not plain UTF-8 text; unpack or convert it"),),
    )
    for kind, content, said, endings in (
        ("gzip", gzip.compress(_PACKED, mtime=0), "gzip", (".csv", ".csv.gz", ".nem12.csv")),
        ("a gzip of wrong checksum", gzip.compress(_PACKED, mtime=1)[:-8] + b"\0" * 8, "gzip", (".csv",)),
        ("a cut gzip", gzip.compress(_PACKED, mtime=2)[:30], "gzip", (".csv",)),
        ("zip", _zip(), "zip", (".csv", ".zip", ".xlsx")),
        ("bzip2", bz2.compress(_PACKED), "bzip2", (".csv",)),
        ("xz", lzma.compress(_PACKED), "xz", (".csv",)),
        ("zstandard", b"\x28\xb5\x2f\xfd\x20\x00\x01\x00\x00", "zstandard", (".csv",)),
        ("Parquet", _parquet(), "Parquet", (".csv", ".parquet")),
        ("7-Zip", b"7z\xbc\xaf\x27\x1c\x00\x04", "7-Zip", (".csv",)),
    )
    for ending in endings
)
NOT_TEXT = (
    *_PACKED_FILES,
    _refused(
        "an old Excel workbook",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 512,
        (1, None, "NUL bytes"),
        rows=0,
    ),
    _refused("a DuckDB file", b"\x01\x02\x03\x04\x05\x06\x07\x08DUCK@\0\0\0", (1, None, "NUL bytes"), rows=0),
    _refused("a tar archive", b"reads.csv" + b"\0" * 500, (1, None, "NUL bytes"), rows=0),
    _refused("JSON", b'{"metering_point_id": "@@@@"}\n', (1, None, "a quote on line 1"), rows=0),
    _refused(
        "HTML", b"<!doctype html>\n<p>Not found</p>\n", (1, "metering_point_id", "the header misses"), rows=1
    ),
    _refused(
        "NEM12 under the name of a CSV",
        b"100,NEM12,202312020000,MDP,RET\n900\n",
        (1, None, "name it *.nem12.csv"),
        rows=1,
    ),
)


CSV_FILES = (*HEADERS, *ENCODINGS, *QUOTES, *SHAPES, *NOT_TEXT)
