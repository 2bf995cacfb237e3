"""Bounds of the ingest: its cost against one typed read, its memory by number of rows and of files."""

import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from benchmarks.bounds import (
    INGEST_PEAK,
    INGEST_PEAK_MANY_FILES,
    INGEST_PEAK_ONE_FILE,
    INGEST_RATIO,
    Judged,
)
from benchmarks.figures import ratio
from benchmarks.scene import Scene
from benchmarks.worlds import World

MANY_FILES = 1000


def judge_ingest(scene: Scene) -> Iterator[Judged]:
    """Ratio at the largest size, memory at every size and with the same rows in one file and in 1,000."""
    for month in scene.months.values():
        yield Judged(
            INGEST_PEAK, month.figures["ingest"].peak_bytes, f"{month.world.rows:,} rows in files by day"
        )
    month = scene.largest
    yield Judged(
        INGEST_RATIO,
        ratio(month.net("ingest", scene.smallest), month.net("parse", scene.smallest)),
        f"{month.world.rows:,} rows",
    )
    for files, bound in ((1, INGEST_PEAK_ONE_FILE), (MANY_FILES, INGEST_PEAK_MANY_FILES)):
        scene.say(f"the meter rows of {month.world.rows:,} in files: {files:,}")
        folder = scene.work / f"files-{files}"
        shutil.rmtree(folder, ignore_errors=True)
        split(month.world, folder / "landing", files=files)
        found = scene.do("ingest", landing=folder / "landing", warehouse=folder / "vgi.duckdb")
        at = f"{month.world.rows:,} rows, {found.cost.cpu_s:.1f} CPU s"
        shutil.rmtree(folder)
        yield Judged(bound, found.peak_bytes, at)


def split(world: World, landing: Path, *, files: int) -> None:
    """A landing folder with the rows of a world's meter files, in their order, in so many files."""
    sources = sorted((world.landing / "meter_intervals").glob("*.csv"))
    header = sources[0].open("rb").readline()
    rows = (line for source in sources for line in _rows(source))
    folder = landing / "meter_intervals"
    folder.mkdir(parents=True)
    a_file = -(-world.rows // files)
    for number in range(files):
        with (folder / f"part-{number:04}.csv").open("wb") as file:
            file.write(header)
            file.writelines(islice(rows, a_file))


def _rows(source: Path) -> Iterator[bytes]:
    with source.open("rb") as lines:
        next(lines)
        yield from lines
