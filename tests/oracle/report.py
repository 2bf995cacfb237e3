"""`python -m tests.oracle.report --worlds 200`: how many of the random worlds reach each branch."""

from __future__ import annotations

import argparse
import time

from .branches import BRANCHES
from .rules import settle
from .worlds import TARIFFS, first_receipt, random_world


def count(worlds, first_seed=0):
    """{branch: number of worlds that reach it}; tariff sets in turn; each world is settled early, then at its as-of."""
    reached = dict.fromkeys(BRANCHES, 0)
    names = sorted(TARIFFS)
    for seed in range(first_seed, first_seed + worlds):
        world, period, as_of = random_world(seed)
        tariffs = TARIFFS[names[seed % len(names)]]
        early = settle(world, tariffs, period, first_receipt(world), initial=True)
        late = settle(world, tariffs, period, as_of, early.bookings, initial=False)
        for branch in set(early.trace.counts) | set(late.trace.counts):
            reached[branch] += 1
    return reached


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    begin = time.monotonic()
    reached = count(arguments.worlds, arguments.seed)
    for branch in sorted(BRANCHES, key=lambda b: (reached[b], b)):
        print(f"{reached[branch]:5d}  {branch}")
    print(
        f"{len(BRANCHES)} branches, least reached by {min(reached.values())} of {arguments.worlds} worlds,"
        f" {time.monotonic() - begin:.1f} s"
    )


if __name__ == "__main__":
    main()
