"""Strategies of the fuzzer: valid files of every kind, spoilt in their cells, headers, lines and bytes."""

from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st

from tests.hostile.cells import IDS, INSTANTS, INTEGERS, WORDS
from tests.hostile.contract import columns_of
from tests.hostile.meter_files import day, register
from tests.hostile.rows import good_cells, quoted
from tests.simulate.contract_reader import CONTRACT

_TARIFFS = Path(__file__).resolve().parents[2] / "sample" / "tariffs"
_CELLS = ("", *INTEGERS, *(cell for cell in INSTANTS), *IDS, *WORDS, "x" * 70)
_PIECES = (
    b"\0",
    b"\r",
    b"\n",
    b"\r\n",
    b"\n\n",
    b'"',
    b'""',
    b",",
    b",,",
    b" ",
    b";",
    b"\t",
    b"'",
    b"\\",
    b"#",
    b"=",
    b"-",
    b"+",
    b".",
    b"e3",
    b"0",
    b"9",
    b"Z",
    b"T",
    b"_",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\xc3",
    b"\xe3\x81",
    b"\xe2\x80\x8b",
    b"\xef\xbc\x91",
    b"\xed\xa0\x80",
    b"\xc0\xaf",
    b"\xf0\x9f\x94\x8c",
    b"\x1f\x8b",
    b"PK\x03\x04",
    b"\x7f",
    b"\x1b[2J",
    b"\xc2\x85",
    b"\xe2\x80\xa8",
    b"1" * 500,
    b'"\n"',
    b',"',
    b'",',
)
_POSITIONS = st.integers(0, 10_000)


@dataclass(frozen=True)
class Input:
    """A file to be delivered: its feed, the kind of its name, its bytes."""

    feed: str
    ending: str
    content: bytes


# ---- bytes


def _spoilt_bytes(content: bytes, operation: str, position: int, piece: bytes) -> bytes:
    at = position % (len(content) + 1)
    return {
        "insert": content[:at] + piece + content[at:],
        "replace": content[:at] + piece + content[at + len(piece) :],
        "delete": content[:at] + content[at + 1 + position % 7 :],
        "cut": content[:at],
        "double": content[:at] + content[max(0, at - 40) : at] + content[at:],
    }[operation]


_BYTE_CHANGE = st.tuples(
    st.sampled_from(("insert", "replace", "delete", "cut", "double")), _POSITIONS, st.sampled_from(_PIECES)
)


def _changed(content: bytes, changes: list[tuple[str, int, bytes]]) -> bytes:
    for change in changes:
        content = _spoilt_bytes(content, *change)
    return content


# ---- canonical CSV

_ROWS = {
    feed: [
        {**good_cells(feed, key=key), **change}
        for key in ("A", "B", "C-3")
        for change in (
            {},
            *({name: "8"} for name, kind in columns_of(feed).items() if kind.startswith("int")),
        )
    ]
    for feed in CONTRACT
}
# What breaks no domain, but perhaps a rule of the row or its key.
_PLAUSIBLE = {
    "at": (
        "2001-01-01T00:00:00Z",
        "2001-01-01T09:00:00+09:00",
        "2000-12-31T23:59:59Z",
        "2001-01-01T00:15:00Z",
    ),
    "int": ("0", "1", "007"),
    "id": ("A", "B"),
}
_CELL_CHANGE = st.tuples(_POSITIONS, _POSITIONS, st.integers(0, 3), _POSITIONS)
_STYLE = st.sampled_from(("plain", "plain", "plain", "quoted", "mixed"))
_LINE_CHANGE = st.tuples(
    st.sampled_from(("drop", "double", "field more", "field less", "blank", "swap")), _POSITIONS
)
_HEADER_CHANGE = st.sampled_from(
    ("none",) * 40 + ("drop", "double", "upper", "space", "unknown", "comma", "swap", "quoted", "missing")
)


@st.composite
def csv_files(draw: st.DrawFn) -> Input:
    """A file of any feed: rows that are good, then cells, lines, header and bytes spoilt, a few of each."""
    feed = draw(st.sampled_from(tuple(CONTRACT)))
    rows = [dict(row) for row in draw(st.lists(st.sampled_from(_ROWS[feed]), max_size=6))]
    for row_at, column_at, how, cell_at in draw(st.lists(_CELL_CHANGE, max_size=3)) if rows else ():
        row = rows[row_at % len(rows)]
        column = list(row)[column_at % len(row)]
        cells = _cells_for(columns_of(feed)[column], how=how)
        row[column] = cells[cell_at % len(cells)]
    header = (
        list(draw(st.permutations(list(columns_of(feed))))) if draw(st.booleans()) else list(columns_of(feed))
    )
    if draw(st.booleans()) and "row_status" in header:
        header.remove("row_status")
    style = draw(_STYLE)
    lines = [_line([row[name] for name in header], style=style, number=n) for n, row in enumerate(rows)]
    lines = _with_lines_changed(lines, draw(st.lists(_LINE_CHANGE, max_size=2)))
    heading = _with_header_changed(header, draw(_HEADER_CHANGE))
    end = draw(st.sampled_from(("\n", "\n", "\r\n")))
    text = (
        draw(st.sampled_from(("", "", "", "\ufeff")))
        + end.join((*heading, *lines))
        + draw(st.sampled_from((end, end, "")))
    )
    changes = draw(st.lists(_BYTE_CHANGE, max_size=2)) if draw(st.integers(0, 3)) == 0 else []
    return Input(feed, ".csv", _changed(text.encode("utf-8", "surrogatepass"), changes))


def _cells_for(domain: str, *, how: int) -> tuple[str, ...]:
    """Cells to put into a column: mostly those that a reader of its domain may stumble over."""
    kind = domain.rstrip("*?")
    if how == 0:
        return _CELLS
    if how == 1:
        return ("", *_PLAUSIBLE.get(kind, tuple(kind.split("|"))))
    return {"at": tuple(INSTANTS), "int": tuple(INTEGERS), "id": tuple(IDS)}.get(kind, WORDS)


def _line(cells: list[str], *, style: str, number: int) -> str:
    if style == "plain" or (style == "mixed" and number % 2):
        return ",".join(map(quoted, cells))
    return ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)


def _with_lines_changed(lines: list[str], changes: list[tuple[str, int]]) -> list[str]:
    for change, position in changes:
        if not lines:
            return lines
        at = position % len(lines)
        line = lines[at]
        lines[at : at + 1] = {
            "drop": [],
            "double": [line, line],
            "field more": [line + ","],
            "field less": [line.rpartition(",")[0]],
            "blank": ["", line],
            "swap": [line[::-1]],
        }[change]
    return lines


def _with_header_changed(header: list[str], change: str) -> list[str]:
    line = ",".join(header)
    return {
        "none": [line],
        "drop": [",".join(header[1:])],
        "double": [line + "," + header[0]],
        "upper": [line.upper()],
        "space": [line.replace(",", ", ")],
        "unknown": [line + ",x"],
        "comma": [line + ","],
        "swap": [",".join(header[::-1])],
        "quoted": [",".join(f'"{name}"' for name in header)],
        "missing": [],
    }[change]


def raw_files() -> st.SearchStrategy[Input]:
    """Bytes of no shape at all, as a file of any kind."""
    pieces = st.lists(st.sampled_from(_PIECES) | st.binary(max_size=12), min_size=1, max_size=12).map(
        b"".join
    )
    return st.builds(Input, st.sampled_from(tuple(CONTRACT)), st.just(".csv"), pieces) | st.builds(
        Input, st.just("meter_intervals"), st.just(".nem12.csv"), pieces
    )


# ---- NEM12

_VALUES = (
    "0.1",
    "0",
    "1.2345",
    "12",
    "0.0005",
    "999999999",
    "",
    "-1",
    "1e3",
    "0x1",
    " 1",
    "１",
    "nan",
    "1" * 14,
    "00.10",
)
_REGISTERS = st.builds(
    register,
    st.sampled_from(("E1", "E1", "E2", "B1", "B1", "Q1", "X1", "e1", "")),
    unit=st.sampled_from(("kWh", "kWh", "Wh", "WH", "kVArh", "MWh", "")),
    minutes=st.sampled_from(("30", "30", "15", "5", "030", "10", "0" * 5000 + "30", "３０", "")),
    nmi=st.sampled_from(("N1", "N1", "N2", "N 1", "", "N" * 70)),
)
_EVENTS = st.sampled_from(
    (
        "400,1,48,A,,\n",
        "400,1,20,S14,,\n",
        "400,21,48,E,,\n",
        "400,1,96,F,,\n",
        "400,1,48,V,,\n",
        "400,0,48,A,,\n",
        "400,x\n",
        "400\n",
    )
)
_OTHERS = st.sampled_from(
    ("500,O,x,20231201,1\n", "900\n", "100,NEM12,1,a,b\n", "250,x\n", "\n", "300\n", "200\n")
)


@st.composite
def _days(draw: st.DrawFn) -> str:
    minutes_count = draw(st.sampled_from((48, 48, 48, 96, 288, 47, 49)))
    values = [draw(st.sampled_from(_VALUES[:6]))] * minutes_count
    for position, value in draw(st.lists(st.tuples(_POSITIONS, st.sampled_from(_VALUES)), max_size=3)):
        values[position % minutes_count] = value
    flag = draw(st.sampled_from(("A", "A", "A", "E", "S14", "F52", "N", "V", "Z", "", "A1", "AA")))
    date = draw(
        st.sampled_from(("20231201", "20231201", "20231202", "20230230", "2023121", "18991231", "00000000"))
    )
    return day(*values, flag=flag, date=date)


def _good_register(suffix: str) -> str:
    return register(suffix, nmi="N1")


@st.composite
def meter_files(draw: st.DrawFn) -> Input:
    """A NEM12 file: mostly in order, its records, their order and its bytes spoilt."""
    records = [
        draw(_REGISTERS)
        if draw(st.integers(0, 3)) == 0
        else _good_register(draw(st.sampled_from(("E1", "B1", "E2"))))
    ]
    for _ in range(draw(st.integers(0, 4))):
        records += draw(
            st.one_of(
                st.builds(day).map(lambda text: [text]),
                _days().map(lambda text: [text]),
                st.tuples(_days(), _EVENTS).map(list),
                _REGISTERS.map(lambda text: [text, day()]),
                st.sampled_from(("B1", "E2")).map(lambda suffix: [_good_register(suffix), day()]),
                st.tuples(_OTHERS).map(list),
            )
        )
    text = "".join(records)
    if draw(st.integers(0, 15)):
        text = f"100,NEM12,202312020000,MDP,RET\n{text}900\n"
    content = text.replace("\n", draw(st.sampled_from(("\n", "\n", "\r\n")))).encode()
    changes = draw(st.lists(_BYTE_CHANGE, max_size=2)) if draw(st.integers(0, 2)) == 0 else []
    return Input("meter_intervals", ".nem12.csv", _changed(content, changes))


# ---- YAML

SOURCES = (
    b'home:\n  utc_offset: "+09:30"\n  metering_point_ids: {"(redacted)": MP-1, "41020": MP-2}\n'
    b"  records_100_900: optional\nlate:\nother: {utc_offset: +10:00}\n"
)
_YAML_PIECES = (
    b"&a ",
    b"*a",
    b"!!int ",
    b"!!python/object:os.system ",
    b"<<: ",
    b"? ",
    b"| ",
    b"> ",
    b"- ",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b": ",
    b"'",
    b'"',
    b"\\e[2J",
    b"#",
    b"%YAML 1.1\n",
    b"---\n",
    b"...\n",
    b"\t",
    b"  ",
    b"012",
    b"0x1F",
    b"1_000",
    b"1:30",
    b".inf",
    b".nan",
    b"-1",
    b"1e3",
    b"yes",
    b"null",
    b"~",
    b"9" * 5000,
    b"[" * 400,
    b"\xe2\x80\xae",
)
_YAML_CHANGE = st.tuples(
    st.sampled_from(("insert", "insert", "replace", "delete", "cut", "double")),
    _POSITIONS,
    st.sampled_from(_YAML_PIECES + _PIECES),
)


def spoilt_yaml(document: bytes) -> st.SearchStrategy[bytes]:
    """A document with one to four changes of its bytes."""
    return st.lists(_YAML_CHANGE, min_size=1, max_size=4).map(lambda changes: _changed(document, changes))


def tariff_documents() -> list[bytes]:
    """The tariff files of the sample."""
    return [path.read_bytes() for path in sorted(_TARIFFS.glob("*.yaml"))]


@st.composite
def deliveries(draw: st.DrawFn) -> Input:
    """A file of any kind. One in twelve has no shape at all: nearly all of those are refused at once."""
    kind = draw(st.integers(0, 11))
    return draw(csv_files() if kind < 8 else meter_files() if kind < 11 else raw_files())
