"""The same deliveries in another dress: everything that the contract says does not matter."""

import csv
import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from itertools import count
from pathlib import Path

from tests.oracle import World
from tests.oracle.base import COLUMNS, INSTANTS, INTEGERS, KEYS, Delivery, instant

Change = Callable[[World, random.Random], World]
Row = dict[str, str]

OFFSETS = [timedelta(hours=9), timedelta(hours=-3, minutes=-30), timedelta(hours=5, minutes=45)]


def rows_shuffled(world: World, rng: random.Random) -> World:
    """The rows of each file in another order."""
    return _each_file(world, lambda file: [(file.file_name, rng.sample(file.rows, len(file.rows)))])


def files_renamed(world: World, rng: random.Random) -> World:
    """Other file names. They keep their order, which decides between versions of one receipt (R6)."""
    numbers = count(rng.randrange(1000, 5000))
    ordered = sorted(world.deliveries, key=lambda file: (file.feed, file.file_name))
    names = {(file.feed, file.file_name): f"x{next(numbers)} ({rng.random():.4f}).CSV" for file in ordered}
    return _each_file(world, lambda file: [(names[file.feed, file.file_name], file.rows)])


def files_split(world: World, rng: random.Random) -> World:
    """Each file in two, so that no key stands in both; the halves of a file stay before the next file."""

    def halves(file: Delivery) -> Iterator[tuple[str, list[Row]]]:
        column = KEYS[file.feed][0]
        ids = sorted({row[column] for row in file.rows})
        first = set(rng.sample(ids, len(ids) // 2))
        stem = file.file_name.removesuffix(".csv")
        yield f"{stem}.1.csv", [row for row in file.rows if row[column] in first]
        yield f"{stem}.2.csv", [row for row in file.rows if row[column] not in first]

    return _each_file(world, halves)


def instants_respelled(world: World, rng: random.Random) -> World:
    """Every instant with another offset."""

    def respelled(file: Delivery) -> Iterator[tuple[str, list[Row]]]:
        zone = timezone(rng.choice(OFFSETS))
        yield (
            file.file_name,
            [{name: _in(zone, name, cell) for name, cell in row.items()} for row in file.rows],
        )

    return _each_file(world, respelled)


def rows_repeated(world: World, rng: random.Random) -> World:
    """Some rows a second time in their file, which makes them duplicates."""
    return _each_file(
        world, lambda file: [(file.file_name, file.rows + rng.sample(file.rows, len(file.rows) // 5))]
    )


def status_spelled_out(world: World, _: random.Random) -> World:
    """The column row_status where it may be left out, as every row is active."""

    def spelled_out(file: Delivery) -> Iterator[tuple[str, list[Row]]]:
        status = {} if file.feed == "meter_intervals" else {"row_status": "active"}
        yield file.file_name, [status | row for row in file.rows]

    return _each_file(world, spelled_out)


def superseded_at_once(world: World, _: random.Random) -> World:
    """Before each file another of its receipt, other numbers in it: the later name counts."""

    def preceded(file: Delivery) -> Iterator[tuple[str, list[Row]]]:
        yield f"0 {file.file_name}", [_with_other_numbers(row) for row in file.rows]
        yield file.file_name, file.rows

    return _each_file(world, preceded)


def _with_other_numbers(row: Row) -> Row:
    return {name: str(int(cell) + 997) if name in INTEGERS and cell else cell for name, cell in row.items()}


CHANGES: tuple[Change, ...] = (
    superseded_at_once,
    rows_shuffled,
    files_split,
    files_renamed,
    instants_respelled,
    rows_repeated,
    status_spelled_out,
)


def _each_file(
    world: World, change: Callable[[Delivery], Iterator[tuple[str, list[Row]]] | list[tuple[str, list[Row]]]]
) -> World:
    files = [
        Delivery(file.received_at, file.feed, name, rows)
        for file in world.deliveries
        for name, rows in change(file)
        if rows
    ]
    return World(files)


def _in(zone: timezone, column: str, cell: str) -> str:
    if column not in INSTANTS or not cell:
        return cell
    return datetime.fromisoformat(cell).astimezone(zone).isoformat()


def write_dressed(world: World, root: Path, rng: random.Random) -> list[tuple[Path, str]]:
    """Write one landing folder a receipt, each file with columns, line ends, quotes and BOM by chance."""
    receipts = defaultdict(list)
    for file in world.deliveries:
        receipts[instant(file.received_at)].append(file)
    folders = []
    for number, (at, files) in enumerate(sorted(receipts.items())):
        folder = root / f"receipt {number}"
        for file in files:
            write_file(file, folder, rng)
        folders.append((folder, f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"))
    return folders


def write_file(file: Delivery, landing: Path, rng: random.Random) -> None:
    """Write one delivery into the folder of its feed."""
    columns = [
        *COLUMNS[file.feed],
        *(["row_status"] if any("row_status" in row for row in file.rows) else []),
    ]
    rng.shuffle(columns)
    path = landing / file.feed / file.file_name
    path.parent.mkdir(parents=True, exist_ok=True)
    encoding = rng.choice(["utf-8", "utf-8-sig"])
    with path.open("w", encoding=encoding, newline="") as stream:
        writer = csv.writer(
            stream,
            lineterminator=rng.choice(["\n", "\r\n"]),
            quoting=rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
        )
        writer.writerow(columns)
        for row in file.rows:
            writer.writerow([row.get(name, "active") for name in columns])
