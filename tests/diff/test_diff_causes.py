"""Every change has a cause, and whatever file moves a key by itself is named among the causes of that key.

The oracle, which settles a world in milliseconds, tells which of several late files moves what.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from pipelines.diff import Difference, diff_runs
from pipelines.diff.found import BY_KEY, EXCEPTION_KEY
from pipelines.diff.report import Change
from tests.agreement.product import Product, product_of
from tests.diff.late_rows import late_worlds
from tests.oracle import World
from tests.oracle import settle as oracle_settle
from tests.oracle import worlds as oracle_worlds

Key = tuple[str, ...]
Found = dict[Key, Counter[tuple[str, ...]]]
KEYS = {each.export.name: each.key for each in BY_KEY} | {"exceptions": EXCEPTION_KEY}
# The product's own words, and what depends on the books.
NOT_COMPARED = ("detail", "settlement_period", "booked_before", "booked_now")
# A sum inherits the causes of what changed in it: a read or a session moves it through these only.
PARTS = {
    "user_points": "settlement_lines",
    "manager_fee_reductions": "settlement_lines",
    "aggregator_achievement": "dr_achievement",
}
THROUGH_PARTS = ("meter_intervals/", "charger_sessions/")


class Late:
    """Worlds settled early and late by the product, and the difference of the two runs."""

    def __init__(self, folder: Path, *, seed: int, count: int, tariffs: str) -> None:
        self.worlds, self.period, early, as_of = late_worlds(seed=seed, count=count, files=6)
        self.tariffs, self.as_of = tariffs, as_of
        together = oracle_worlds.merged([world.with_only(*world.late) for world in self.worlds])
        product = product_of(together, tariffs=tariffs, folder=folder)
        self.difference = difference_of(product, self.period, early, as_of)

    def found(self, world: World) -> Found:
        """What the oracle finds in a world as of the late receipt: table and key, and the rest of the row."""
        settled = oracle_settle(
            world, oracle_worlds.TARIFFS[self.tariffs], self.period, self.as_of, booked=(), initial=True
        )
        found: Found = {}
        for table, key in KEYS.items():
            for row in settled.rows[table]:
                if table == "exceptions" and not any(row[name] for name in EXCEPTION_KEY[1:]):
                    continue  # names what it is about in its sentence only
                values = [row[name] for name in row if name not in (*key, *NOT_COMPARED)]
                found.setdefault((table, *(row[name] for name in key)), Counter())[tuple(values)] += 1
        return found

    def movers(self) -> Iterator[tuple[str, Key]]:
        """Each late file with each key that it moves, both when it comes alone and when it comes last."""
        for world in self.worlds:
            before, after = self.found(world.early), self.found(world.with_only(*world.late))
            for file in world.late:
                others = (other for other in world.late if other is not file)
                alone, last = self.found(world.with_only(file)), self.found(world.with_only(*others))
                for key in _different(before, alone) & _different(last, after):
                    yield f"{file.feed}/{file.file_name}", key


def _different(one: Found, other: Found) -> set[Key]:
    return {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}


def difference_of(product: Product, period: str, early: str, late: str) -> Difference:
    run_a, run_b = product.export(period, early).name, product.export(period, late).name
    return diff_runs(warehouse=product.warehouse, run_a=run_a, run_b=run_b)


def key_of(change: Change) -> Key:
    return (change.table, *(text_of(value) for value in change.key.values()))


def text_of(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    return "" if value is None else str(value)


def named_files(difference: Difference) -> dict[Key, set[str]]:
    files = {cause.cause_no: cause.files for cause in difference.causes}
    named: dict[Key, set[str]] = {}
    for change in difference.changes:
        named.setdefault(key_of(change), set()).update(*(files[number] for number in change.causes))
    return named


def check(folder: Path, *, seed: int, count: int, tariffs: str) -> None:
    given = Late(folder, seed=seed, count=count, tariffs=tariffs)
    assert [change for change in given.difference.changes if not change.causes] == []
    named = named_files(given.difference)
    moved = [(file, key) for file, key in given.movers() if key in named]
    movers = [(file, key) for file, key in moved if _must_be_named(file, key, moved)]
    assert len(movers) > count, "the late files should move something"
    assert [(file, key) for file, key in movers if file not in named[key]] == []


def _must_be_named(file: str, key: Key, moved: list[tuple[str, Key]]) -> bool:
    """Not where what the file moved in a sum was moved back by another, so that only other parts changed."""
    part = PARTS.get(key[0])
    if part is None or not file.startswith(THROUGH_PARTS):
        return True
    return any(other == file and moved_key[0] == part for other, moved_key in moved)


@pytest.mark.slow
def test_late_rows_are_named_where_they_move_something(tmp_path: Path) -> None:
    check(tmp_path, seed=11, count=12, tariffs="tokyo")


@pytest.mark.parametrize("tariffs", sorted(oracle_worlds.TARIFFS))
@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(21, marks=pytest.mark.slow),
        *(pytest.param(n, marks=pytest.mark.nightly) for n in (22, 23)),
    ],
)
def test_many_late_rows_are_named_where_they_move_something(tariffs: str, seed: int, tmp_path: Path) -> None:
    check(tmp_path, seed=seed, count=60, tariffs=tariffs)
