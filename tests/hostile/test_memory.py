"""Memory is bounded by what a file is, not by what is wrong with it: peaks of a process for each file."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hostile.csv_files import HEADER
from tests.hostile.meter_files import day, register, whole

MB = 1_000_000
_INGEST = """
import re, sys
from datetime import datetime
from pathlib import Path
from pipelines.ingest import ingest
folder = Path(sys.argv[1])
report = ingest(folder / "landing", warehouse=folder / "w.duckdb", received_at=None,
                clock=lambda: datetime(2024, 3, 1))
assert report.rows_accepted + report.rows_duplicate + report.rows_quarantined == report.rows_in
# Not ru_maxrss, which begins with what the parent had.
print("peak", int(re.search(r"VmHWM:\\s+([0-9]+)", Path("/proc/self/status").read_text())[1]) / 1024)
"""
Write = Callable[[Path], None]


def _text(path: Path, piece: str, times: int, *, start: str = HEADER) -> None:
    at_once = max(1, MB // len(piece))
    with path.open("w") as file:
        file.write(start)
        for _ in range(times // at_once):
            file.write(piece * at_once)
        file.write(piece * (times % at_once))


def ordinary(path: Path) -> None:
    """200 MB of good reads."""
    with path.open("w") as file:
        file.write(HEADER)
        for meter in range(350):
            for number in range(330):
                start = f"2023-{1 + number // 28:02}-{1 + number % 28:02}T"
                file.writelines(
                    f"MP-{meter},{start}{slot // 2:02}:{30 * (slot % 2):02}:00Z,100,0,A\n"
                    for slot in range(48)
                )


BAD_ROW = "MP-1,2023-12-01T00:00:00Z,102.6,0,A\n"
# What may be wrong with 200 MB, and how much more memory that may take than 200 MB with nothing wrong.
HOSTILE: dict[str, tuple[Write, float]] = {
    "every row bad": (lambda path: _text(path, BAD_ROW, 200 * MB // len(BAD_ROW)), 2.5),
    "every row a field short": (
        lambda path: _text(path, "MP-1,2023-12-01T00:00:00Z,1,A\n", 200 * MB // 30),
        2.5,
    ),
    "rows of 900,000 commas": (lambda path: _text(path, "," * 900_000 + "\n", 220), 1),
    "rows of 450,000 values": (lambda path: _text(path, "x," * 450_000 + "\n", 220), 1),
    "ids of a megabyte": (lambda path: _text(path, "M" * 990_000 + ",2023-12-01T00:00:00Z,1,1,A\n", 200), 1),
    "one line": (lambda path: _text(path, "M" * 1000, 200 * MB // 1000), 1),
    "one line without a header": (lambda path: _text(path, "M" * 1000, 200 * MB // 1000, start=""), 1),
    "quotes": (lambda path: _text(path, '"', 50 * MB), 1),
    "lines of quotes": (lambda path: _text(path, '"' * 900_000 + "\n", 55), 1),
    "an open quote": (
        lambda path: _text(path, "MP-1,2023-12-01T00:00:00Z,1,1,A\n", 6 * MB, start=HEADER + '"'),
        1,
    ),
    "a header of a million": (lambda path: _text(path, "a,", 499_000, start=""), 1),
    "NUL bytes": (lambda path: path.write_bytes(b"\0" * 200 * MB) and None, 1),
}


def peak_mb(folder: Path, write: Write, *, name: str = "a.csv") -> float:
    """Peak memory of a process that takes one file in."""
    path = folder / "landing" / "meter_intervals" / name
    path.parent.mkdir(parents=True)
    write(path)
    done = subprocess.run(
        [sys.executable, "-c", _INGEST, str(folder)], capture_output=True, text=True, timeout=300, check=True
    )
    path.unlink()
    [figure] = [line for line in done.stdout.splitlines() if line.startswith("peak ")]
    return float(figure.removeprefix("peak "))


@pytest.fixture(scope="module")
def ordinary_mb(tmp_path_factory: pytest.TempPathFactory) -> float:
    return peak_mb(tmp_path_factory.mktemp("ordinary"), ordinary)


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_wrong_with_a_file_takes_little_more_memory_than_the_file(
    name: str, ordinary_mb: float, tmp_path: Path
) -> None:
    write, times = HOSTILE[name]
    assert peak_mb(tmp_path, write) <= times * ordinary_mb


@pytest.mark.slow
def test_meter_files_of_contradictions_take_no_more_memory_than_good_ones(tmp_path: Path) -> None:
    days = [
        f"20{year:02}{month:02}{number:02}"
        for year in range(20)
        for month in range(1, 13)
        for number in range(1, 29)
    ]
    good = whole(register(nmi="N"), *(day(date=date) for date in days))
    bad = whole(register(nmi="N"), *(day(*[str(number)] * 48) for number in range(len(days))))
    usual = peak_mb(tmp_path / "good", lambda path: path.write_text(good) and None, name="a.nem12.csv")
    assert (
        peak_mb(tmp_path / "bad", lambda path: path.write_text(bad) and None, name="a.nem12.csv")
        <= 1.2 * usual
    )
