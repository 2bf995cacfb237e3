"""Random worlds as the laws need them, and the bytes that the product exports for them."""

from dataclasses import dataclass
from pathlib import Path

from tests.agreement.product import Product
from tests.oracle import EXPORTS, World
from tests.oracle import worlds as oracle_worlds

Bytes = dict[str, bytes]


@dataclass(frozen=True)
class Given:
    """The deliveries of some small worlds together, the period they are about, and when to settle it."""

    world: World
    tariffs: str
    period: str
    early: str
    as_of: str


def given(*, seed: int, count: int, tariffs: str) -> Given:
    """The worlds of a seed; `early` is the first receipt, so that the run as of `as_of` corrects."""
    worlds, period, as_of = oracle_worlds.random_worlds(seed, count)
    world = oracle_worlds.merged(worlds)
    return Given(world, tariffs, period, oracle_worlds.first_receipt(world), as_of)


def csv_bytes(folder: Path) -> Bytes:
    """The nine CSV files of a run's folder."""
    return {name: (folder / f"{name}.csv").read_bytes() for name in EXPORTS}


@dataclass(frozen=True)
class Exports:
    """Of an initial run and of a correction: the nine files of each, and the ids of the two runs."""

    files: tuple[Bytes, Bytes]
    run_ids: tuple[str, str]


def settled_twice(product: Product, what: Given) -> Exports:
    """Settle what was delivered early, then what was delivered by as-of."""
    early = product.export(what.period, what.early)
    late = product.export(what.period, what.as_of)
    return Exports((csv_bytes(early), csv_bytes(late)), (early.name, late.name))
