"""How large a benchmark is: sizes as people write them, and what they need of disk and time."""

import re
from collections.abc import Sequence

_FACTORS = {"": 1, "k": 1_000, "m": 1_000_000}
# As measured at 10 million intervals, with some room: the simulated files kept, and what a month's rounds and
# the measurements after them leave beside each other (received files, warehouse, files cut anew, spill).
DATA_BYTES_A_ROW, WORK_BYTES_A_ROW = 50, 190
SMALLEST_BYTES = 200_000_000
SECONDS_A_MILLION_ROWS, SECONDS_A_ROUND = 6.0, 30.0


class BadSize(ValueError):
    """A size that cannot be read; the sentence says how to write one."""


def intervals_of(text: str) -> int:
    """The number that `1M`, `250k` or `30000` means. Raises BadSize."""
    found = re.fullmatch(r"(\d+)([kKmM]?)", text.strip())
    if found is None or int(found[1]) == 0:
        raise BadSize(f"'{text}' is no size; write a number of intervals such as 250k, 1M or 144M.")
    return int(found[1]) * _FACTORS[found[2].lower()]


def disk_bytes(sizes: Sequence[int]) -> int:
    """The disk that a benchmark of these sizes needs, its data not made yet."""
    return SMALLEST_BYTES + sum(sizes) * DATA_BYTES_A_ROW + sum(sizes) * WORK_BYTES_A_ROW


def seconds(sizes: Sequence[int], *, rounds: int) -> float:
    """About how long it takes on two cores."""
    return rounds * (sum(sizes) / 1e6 * SECONDS_A_MILLION_ROWS + SECONDS_A_ROUND * len(sizes))
