"""The files of half a year: small random worlds of some months, and what partners do with files."""

import csv
import hashlib
import io
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

from tests.oracle.base import (
    COLUMNS,
    INTEGERS,
    KEYS,
    Delivery,
    first_day,
    instant,
    local_midnight,
    parse,
    period_span,
)
from tests.oracle.worlds import merged, world_about

DAY = 86_400
WORLDS_A_MONTH = 3
REGISTRY = {"aggregators", "vehicles", "contracts", "evses", "specific_vehicles"}
MONTHS = ("2023-10", "2023-11", "2023-12", "2024-01", "2024-02", "2024-03")
BEGIN = instant("2023-10-01T00:00:00Z")
END = instant("2024-04-20T00:00:00Z")
DST = {"2023-10": instant("2023-10-29T01:00:00Z"), "2024-03": instant("2024-03-31T01:00:00Z")}
Row = dict[str, str]


@dataclass(frozen=True)
class File:
    """A file that a partner sends at an instant; `what` says what is the matter with it."""

    arrives: int
    feed: str
    name: str
    rows: tuple[Row, ...]
    what: str = "on time"

    @property
    def text(self) -> bytes:
        """Its bytes, canonical CSV."""
        with_status = any("row_status" in row for row in self.rows)
        columns = [*COLUMNS[self.feed], *(["row_status"] if with_status else [])]
        stream = io.StringIO(newline="")
        writer = csv.DictWriter(stream, columns, restval="active", lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        return stream.getvalue().encode()

    @property
    def sha256(self) -> str:
        """What a delivery is known by, besides its feed."""
        return hashlib.sha256(self.text).hexdigest()

    @property
    def accepted(self) -> tuple[Row, ...]:
        """The rows that the contract has accepted: one of each key, none of a key with different contents."""
        contents: dict[tuple[object, ...], dict[tuple[object, ...], Row]] = {}
        for row in self.rows:
            values = vars(parse(self.feed, row))
            key = tuple(values[name] for name in KEYS[self.feed])
            content = (*values.values(), row.get("row_status") or "active")
            contents.setdefault(key, {}).setdefault(content, row)
        return tuple(row for of_key in contents.values() if len(of_key) == 1 for row in of_key.values())


def half_a_year(rng: random.Random) -> tuple[tuple[str, ...], list[File]]:
    """The months that worlds are about, and all files in the order in which they arrive."""
    months = tuple(sorted(rng.sample(MONTHS, 2)))
    seed = rng.random()
    files = [file for month in months for file in _files_of(month, seed=seed, rng=rng)]
    files += [more for file in files for more in _what_happens_to(file, rng)]
    return months, sorted(_distinct(files), key=lambda file: (file.arrives, file.feed, file.name))


def _files_of(month: str, *, seed: float, rng: random.Random) -> Iterator[File]:
    edges = _edges(month)
    as_of = edges["london_end"] + 2117
    world = merged(
        [world_about(seed, f"{month[-2:]}{n}-", as_of=as_of, edges=edges) for n in range(WORLDS_A_MONTH)]
    )
    receipts = sorted({instant(delivery.received_at) for delivery in world.deliveries})
    for delivery in world.deliveries:
        nth = receipts.index(instant(delivery.received_at))
        due = edges["london_end"] + rng.randrange(2 * DAY) + nth * rng.randrange(3 * DAY, 25 * DAY)
        yield _sent(delivery, month=month, nth=nth, due=due, rng=rng)


def _sent(delivery: Delivery, *, month: str, nth: int, due: int, rng: random.Random) -> File:
    file = File(
        due, delivery.feed, f"{month}-{nth}-{delivery.file_name}", tuple(delivery.rows), "later versions"
    )
    if nth == 0:
        early = rng.random() < 0.2
        file = replace(file, arrives=due - rng.randrange(20 * DAY) if early else due, what="on time")
    if rng.random() < (0.03 if file.feed in REGISTRY else 0.12):
        file = replace(file, arrives=file.arrives + rng.randrange(10 * DAY, 80 * DAY), what="late")
    return replace(file, arrives=min(file.arrives, END))


def _edges(month: str) -> dict[str, int]:
    day = first_day(month)
    tokyo, london = period_span(month, "Asia/Tokyo"), period_span(month, "Europe/London")
    middle = london[0] + 7 * DAY + 3 * 3600
    return {
        "tokyo_start": tokyo[0],
        "tokyo_end": tokyo[1],
        "london_start": london[0],
        "london_end": london[1],
        "dst": DST.get(month, middle),
        "middle": middle,
        "tariff_tokyo": local_midnight(date(day.year, day.month, 16), "Asia/Tokyo"),
        "tariff_london": local_midnight(date(day.year, day.month, 16), "Europe/London"),
    }


def _what_happens_to(file: File, rng: random.Random) -> Iterator[File]:
    """The other files that a file brings about: sent again, corrected, contradicted, half of it first."""
    later = min(END, file.arrives + rng.randrange(DAY, 60 * DAY))
    chance = rng.random()
    if chance < 0.06:
        yield replace(file, arrives=later, what="duplicate")
    elif chance < 0.12:
        yield replace(file, arrives=later, name=f"renamed-{file.name}", what="renamed")
    elif chance < 0.20 and len(file.rows) > 1:
        half = file.rows[: len(file.rows) // 2]
        yield replace(file, arrives=file.arrives - rng.randrange(12 * DAY), rows=half, what="half first")
    elif chance < 0.30:
        some = _some(file.rows, rng)
        yield replace(
            file,
            arrives=later,
            name=f"revised-{file.name}",
            rows=tuple(_other_numbers(row, rng) for row in some),
            what="revised",
        )
    elif chance < 0.37 and file.feed != "meter_intervals":
        gone = tuple(row | {"row_status": "cancelled"} for row in _some(file.rows, rng))
        yield replace(file, arrives=later, name=f"cancelled-{file.name}", rows=gone, what="cancelled")
    elif chance < 0.44:
        # In one ingest, the file that sorts behind counts.
        other = tuple(_other_numbers(row, rng) for row in _some(file.rows, rng))
        name = f"{rng.choice(['0-', 'z-'])}{file.name}"
        yield replace(file, name=name, rows=other, what="contradicts its neighbour")
    elif chance < 0.50:
        some = _some(file.rows, rng)
        both = (*some, *(_other_numbers(row, rng) for row in some[:1]))
        yield replace(file, arrives=later, name=f"torn-{file.name}", rows=both, what="contradicts itself")


def _some(rows: tuple[Row, ...], rng: random.Random) -> tuple[Row, ...]:
    return tuple(rng.sample(rows, rng.randint(1, min(6, len(rows)))))


def _other_numbers(row: Row, rng: random.Random) -> Row:
    more = rng.randint(1, 900)
    return {name: str(int(cell) + more) if name in INTEGERS and cell else cell for name, cell in row.items()}


def _distinct(files: list[File]) -> list[File]:
    """A second file of one name and instant would overwrite the first in the folder; it stays at home."""
    seen = Counter[tuple[int, str, str]]()
    kept = []
    for file in files:
        place = (file.arrives, file.feed, file.name)
        if not seen[place]:
            kept.append(file)
        seen[place] += 1
    return kept
