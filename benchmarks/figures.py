"""The arithmetic of a benchmark: medians of rounds, costs with the fixed cost apart, ratios and exponents."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

# Below this a process's CPU time tells more of the machine than of the rows.
LEAST_TELLING_CPU_S = 0.1


@dataclass(frozen=True)
class Cost:
    """CPU seconds (user and system, all threads) and wall seconds of one piece of work."""

    cpu_s: float
    wall_s: float

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.cpu_s + other.cpu_s, self.wall_s + other.wall_s)

    def __truediv__(self, times: int) -> "Cost":
        return Cost(self.cpu_s / times, self.wall_s / times)


@dataclass(frozen=True)
class Measurement:
    """What one piece of work cost in a process of its own, in all and by part, and what it found."""

    cost: Cost
    peak_bytes: int
    parts: Mapping[str, Cost] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Figure:
    """A stage at one size: its rounds, and the largest peak memory (None for part of a process)."""

    stage: str
    rows: int
    rounds: tuple[Cost, ...]
    peak_bytes: int | None = None

    @property
    def cpu_s(self) -> float:
        """Median of the rounds."""
        return median(each.cpu_s for each in self.rounds)

    @property
    def wall_s(self) -> float:
        """Median of the rounds."""
        return median(each.wall_s for each in self.rounds)

    @property
    def cpu_spread(self) -> float:
        """How far apart the dearest and the cheapest round are, as a share of the median."""
        costs = [each.cpu_s for each in self.rounds]
        return (max(costs) - min(costs)) / self.cpu_s if self.cpu_s else 0.0


def figure_of(stage: str, rows: int, measurements: Sequence[Measurement]) -> Figure:
    """The figure of a stage that had a process of its own in every round."""
    peak = max(each.peak_bytes for each in measurements)
    return Figure(stage, rows, tuple(each.cost for each in measurements), peak)


def part_of(stage: str, rows: int, measurements: Sequence[Measurement], *, part: str) -> Figure:
    """The figure of a part of the work of each round; one that was not done cost nothing."""
    return Figure(stage, rows, tuple(each.parts.get(part, Cost(0.0, 0.0)) for each in measurements))


def net_cpu_s(figure: Figure, fixed: Figure | None) -> float:
    """CPU seconds without those that the same work costs in the smallest world; never below 0."""
    return max(0.0, figure.cpu_s - (fixed.cpu_s if fixed else 0.0))


def ratio(cost: float, floor: float) -> float | None:
    """How many times the floor; None where the floor is too small to tell."""
    return cost / floor if floor > 0 else None


def growth_exponent(costs: Mapping[int, float]) -> float | None:
    """The slope of cost against size on logarithmic axes, from the smallest size that tells to the largest.

    `costs` by number of rows, fixed cost apart. None where fewer than two of them are large enough.
    """
    telling = {rows: cost for rows, cost in costs.items() if cost >= LEAST_TELLING_CPU_S}
    if len(telling) < 2:
        return None
    first, last = min(telling), max(telling)
    return math.log(telling[last] / telling[first]) / math.log(last / first)
