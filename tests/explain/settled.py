"""Random worlds of the oracle that share a warehouse, settled once or, with a correction, twice."""

import random
from dataclasses import dataclass
from pathlib import Path

from pipelines.settle import settle
from settlement import SettlementPeriod
from tests.agreement.product import NOW, instant, product_of
from tests.explain.amounts import KINDS, Amount, exported_amounts
from tests.explain.by_hand import world_by_hand
from tests.oracle import worlds as oracle_worlds


@dataclass(frozen=True)
class Settled:
    """A warehouse with its first run and its last, whose verification stands, and all amounts of the last."""

    warehouse: Path
    first_run: str
    last_run: str
    amounts: dict[str, list[Amount]]

    def sampled(self, size: int, *, at_least: int) -> list[Amount]:
        """So many amounts by chance, `at_least` of each kind among them."""
        chosen = [amount for kind in KINDS for amount in self.amounts[kind][:at_least]]
        others = [amount for kind in KINDS for amount in self.amounts[kind][at_least:]]
        return chosen + random.Random(5).sample(others, max(0, size - len(chosen)))


def settled_worlds(folder: Path, *, tariffs: str, seed: int, count: int, is_corrected: bool) -> Settled:
    """So many worlds of a seed and the one by hand, settled as of their last receipt; if corrected, as of
    their first one and their as-of.
    """
    worlds, period, as_of = oracle_worlds.random_worlds(seed, count)
    first = min(oracle_worlds.first_receipt(world) for _, world in worlds)
    world = oracle_worlds.merged([*worlds, world_by_hand(received_at=first, cancelled_at=as_of)])
    product = product_of(world, tariffs=tariffs, folder=folder)
    last = max(delivery.received_at for _, world in worlds for delivery in world.deliveries)
    run_ids = [
        settle(
            warehouse=product.warehouse,
            period=SettlementPeriod.parse(period),
            tariffs=product.tariffs,
            as_of=instant(known_by),
            now=NOW,
            by="test",
        ).run_id
        for known_by in ((first, as_of) if is_corrected else (last,))
    ]
    amounts = exported_amounts(product.warehouse, run_id=run_ids[-1], seed=seed)
    return Settled(product.warehouse, run_ids[0], run_ids[-1], amounts)
