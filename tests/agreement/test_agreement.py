"""The product does what the rules say, as another reader of them spelled it out, on random worlds."""

import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.agreement.agreement import branches_reached, disagreements
from tests.oracle import worlds as oracle_worlds
from tests.oracle.branches import BRANCHES

# Worlds of a seed share period and as-of, so several seeds are needed to meet several of each.
WORLDS_A_BATCH = 24
BATCHES = [(tariffs, seed) for tariffs in sorted(oracle_worlds.TARIFFS) for seed in (101, 102, 103, 104)]
LEAST_WORLDS = 20
# What the tariffs rule out: one set is a single tariff, which pays on every quality, asks no minimum, and is
# the only one whose cap is below what was requested.
NOT_WITH = {
    "tokyo_plain": {"R15.held.quality_not_paid", "R17.below_minimum", "R21.later_tariff"},
    "tokyo": {"R17.capped.interval"},
    "london": {"R17.capped.interval"},
}


def test_sixty_worlds_agree(tmp_path: Path) -> None:
    assert disagreements(seed=61, count=60, tariffs="london", folder=tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize(("tariffs", "seed"), BATCHES)
def test_hundreds_of_worlds_agree(tariffs: str, seed: int, tmp_path: Path) -> None:
    assert disagreements(seed=seed, count=WORLDS_A_BATCH, tariffs=tariffs, folder=tmp_path) == []


@pytest.mark.slow
def test_the_worlds_that_agree_reach_every_branch_of_the_rules(capsys: pytest.CaptureFixture[str]) -> None:
    """Agreement says something about a branch only if many of the worlds compared take it."""
    by_tariffs = {name: Counter[str]() for name in oracle_worlds.TARIFFS}
    for tariffs, seed in BATCHES:
        by_tariffs[tariffs] += branches_reached(seed=seed, count=WORLDS_A_BATCH, tariffs=tariffs)
    reached = sum(by_tariffs.values(), Counter[str]())
    with capsys.disabled():
        sys.stdout.write(_table(by_tariffs))
    assert {branch: reached[branch] for branch in BRANCHES if reached[branch] < LEAST_WORLDS} == {}
    for tariffs, counts in by_tariffs.items():
        assert {branch for branch in BRANCHES if not counts[branch]} == NOT_WITH[tariffs], tariffs


def _table(by_tariffs: dict[str, Counter[str]]) -> str:
    """One line a branch, the rarest first: how many worlds reach it, with each set of tariffs."""
    names = sorted(by_tariffs)
    rows = sorted((sum(by_tariffs[name][branch] for name in names), branch) for branch in BRANCHES)
    head = f"\n{len(BATCHES) * WORLDS_A_BATCH} worlds; {'  '.join(['all', *names])}\n"
    return head + "".join(
        f"{total:5d}  {'  '.join(f'{by_tariffs[name][branch]:4d}' for name in names)}  {branch}\n"
        for total, branch in rows
    )
