"""Compare the product with the oracle: `python -m tests.agreement.agreement --help`.

Each world is settled by itself by the oracle; the product settles all of them in one run, so that a world
that leaks into another shows as well. A second run as of a later instant makes corrections.
"""

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.agreement.product import product_of
from tests.oracle import EXPORTS, Settlement, World
from tests.oracle import settle as oracle_settle
from tests.oracle import worlds as oracle_worlds

# Sentences and ids are the product's own words; everything else must agree to the unit.
NOT_COMPARED = {"detail", "booking_id"}
Rows = dict[str, list[dict[str, str]]]


def disagreements(*, seed: int, count: int, tariffs: str, folder: Path) -> list[str]:
    """One line per row that only one of the two has, over an initial run and a correction."""
    worlds, period, as_of = oracle_worlds.random_worlds(seed, count)
    product = product_of(oracle_worlds.merged(worlds), tariffs=tariffs, folder=folder)
    early = min(oracle_worlds.first_receipt(world) for _, world in worlds)
    expected_early = [_settle(world, tariffs, period, early) for _, world in worlds]
    lines = _differences(product.settle(period, early), _together(expected_early), label="initial")
    expected = [
        _settle(world, tariffs, period, as_of, booked=first.bookings)
        for (_, world), first in zip(worlds, expected_early, strict=True)
    ]
    return lines + _differences(product.settle(period, as_of), _together(expected), label="correction")


def branches_reached(*, seed: int, count: int, tariffs: str) -> Counter[str]:
    """How many of the worlds that `disagreements` compares reach each branch of the rules, in either run."""
    worlds, period, as_of = oracle_worlds.random_worlds(seed, count)
    early = min(oracle_worlds.first_receipt(world) for _, world in worlds)
    reached: Counter[str] = Counter()
    for _, world in worlds:
        first = _settle(world, tariffs, period, early)
        second = _settle(world, tariffs, period, as_of, booked=first.bookings)
        reached.update(set(first.trace.counts) | set(second.trace.counts))
    return reached


def _settle(
    world: World, tariffs: str, period: str, as_of: str, booked: list[dict[str, str]] | None = None
) -> Settlement:
    return oracle_settle(
        world, oracle_worlds.TARIFFS[tariffs], period, as_of, booked=booked or (), initial=booked is None
    )


def _together(settlements: list[Settlement]) -> Rows:
    return {name: [row for one in settlements for row in one.rows[name]] for name in EXPORTS}


def _differences(actual: Rows, expected: Rows, *, label: str) -> list[str]:
    lines: list[str] = []
    for name in EXPORTS:
        have, want = _counted(actual[name]), _counted(expected[name])
        lines += [f"{label} {name}: product only: {_shown(row)}" for row in sorted((have - want).elements())]
        lines += [f"{label} {name}: oracle only: {_shown(row)}" for row in sorted((want - have).elements())]
    return lines


def _counted(rows: list[dict[str, str]]) -> Counter[tuple[tuple[str, str], ...]]:
    return Counter(
        tuple((name, value) for name, value in sorted(row.items()) if name not in NOT_COMPARED)
        for row in rows
    )


def _shown(row: tuple[tuple[str, str], ...]) -> str:
    return " ".join(f"{name}={value}" for name, value in row if value)


def main() -> int:
    """Print the disagreements of some worlds; exit 1 if there is any."""
    parser = argparse.ArgumentParser(description="Compare the product with the oracle on random worlds.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--worlds", type=int, default=60)
    parser.add_argument("--tariffs", choices=sorted(oracle_worlds.TARIFFS), default="tokyo")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lines = disagreements(seed=asked.seed, count=asked.worlds, tariffs=asked.tariffs, folder=Path(folder))
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.write(f"{asked.worlds} worlds, {len(lines)} disagreements\n")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
