"""How large a benchmark is: sizes as people write them, and what they need of disk and time."""

import re
from collections.abc import Sequence

_FACTORS = {"": 1, "k": 1_000, "m": 1_000_000}
# As measured at 10 million intervals, with some room: the simulated files kept, and what a month's rounds and
# the measurements after them leave beside each other (received files, warehouse, files cut anew, spill).
DATA_BYTES_A_ROW, WORK_BYTES_A_ROW = 50, 260
SMALLEST_BYTES = 200_000_000
# On two cores: a month once, what is measured after the largest one, and the rest whatever the size.
ROUND_SECONDS_A_MILLION, LATER_SECONDS_A_MILLION = 6.0, 20.0
ROUND_SECONDS, OTHER_SECONDS = 15.0, 120.0


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
    million = sum(sizes) / 1e6
    all_rounds = rounds * (million * ROUND_SECONDS_A_MILLION + ROUND_SECONDS * len(sizes))
    return all_rounds + max(sizes) / 1e6 * LATER_SECONDS_A_MILLION + OTHER_SECONDS
