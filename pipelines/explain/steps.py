"""Steps: how an amount came about, as data that a tree shows and a machine reads.

Every step that has a formula is calculated anew from its inputs and must give what the run stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipelines.errors import JobFailed


@dataclass(frozen=True, kw_only=True)
class Step:
    """One value, the arithmetic that gives it, and the steps and delivered rows it rests on.

    `rows` are numbers of the explanation's rows; `numbers` the inputs of the arithmetic, exact.
    """

    name: str
    value: int | str | None
    unit: str = ""
    arithmetic: str = ""
    rules: tuple[str, ...] = ()
    tariff_version: str | None = None
    keys: Mapping[str, object] = field(default_factory=dict)
    numbers: Mapping[str, object] = field(default_factory=dict)
    rows: tuple[int, ...] = ()
    steps: tuple[Step, ...] = ()


def agreed(what: str, *, calculated: object, stored: object) -> None:
    """JobFailed unless the arithmetic gives what the run stored: no other arithmetic is ever shown."""
    if calculated != stored:
        raise JobFailed(
            f"The arithmetic of {what} gives {calculated}, but the run found {stored}; nothing is explained."
            " Was the warehouse changed by hand, or the run settled by another version of the programme?"
        )


def largest_remainder(amount: int, weights: Sequence[int]) -> list[tuple[int, int, int]]:
    """Of each weight, given in the order of ties: its floor, its remainder, and the 0 or 1 of what is left
    over (R9, R18). All 0 where the weights are.
    """
    total = sum(weights)
    if total == 0:
        return [(0, 0, 0) for _ in weights]
    floors = [amount * weight // total for weight in weights]
    remainders = [amount * weight % total for weight in weights]
    turns = sorted(range(len(weights)), key=lambda place: (-remainders[place], place))
    favoured = set(turns[: amount - sum(floors)])
    return [
        (floor, remainder, int(place in favoured))
        for place, (floor, remainder) in enumerate(zip(floors, remainders, strict=True))
    ]


def decimal_text(number: int, *, decimals: int) -> str:
    """A whole number of 10^-decimals as decimal text, without superfluous zeros."""
    whole, part = divmod(number, 10**decimals)
    return f"{whole:,}.{part:0{decimals}}".rstrip("0").rstrip(".")
