"""Random small worlds that receive, late, one changed row a file: which file moved what can then be known."""

import random
from dataclasses import dataclass

from tests.oracle import Delivery, World
from tests.oracle import worlds as oracle_worlds
from tests.oracle.base import COLUMNS, INSTANTS, INTEGERS, KEYS, instant, text_of

Row = dict[str, str]
_SPANS = (
    ("valid_from", "valid_to"), ("offered_from", "offered_to"), ("started_at", "ended_at"),
    ("starts_at", "ends_at"),
)  # fmt: skip
_CHOICES = {
    "access": ("specific", "public"),
    "backfeed_capable": ("true", "false"),
    "direction": ("suppression", "increase"),
    "kind": ("direct", "indirect"),
    "amount_kind": ("discharge_energy", "charging_power_limit", "charge_energy", "charging_power"),
}
_MOVABLE_IDS = (
    "evse_id", "vehicle_id", "metering_point_id", "region", "contract_id", "user_id", "child_aggregator_id",
    "parent_aggregator_id", "manager_id",
)  # fmt: skip
_LEFT_ALONE = ("level", "ownership", "powertrain", "supply", "parking_lot_id", "manager_kind", "quality")


@dataclass(frozen=True)
class LateWorld:
    """A world as it stood early, and what came late: files of one row each."""

    prefix: str
    early: World
    late: tuple[Delivery, ...]

    def with_only(self, *files: Delivery) -> World:
        return World([*self.early.deliveries, *files])


def late_worlds(*, seed: int, count: int, files: int) -> tuple[list[LateWorld], str, str, str]:
    """Worlds, their period, and the instants of the early and of the late receipts."""
    worlds, period, as_of = oracle_worlds.random_worlds(seed, count)
    received = text_of(instant(as_of) - 3600)
    made = []
    for prefix, world in worlds:
        rng = random.Random(f"{seed} {prefix}")
        first = instant(oracle_worlds.first_receipt(world))
        rows = _in_force(world, first)
        early = World([Delivery(received, feed, "early.csv", some) for feed, some in rows.items() if some])
        made.append(LateWorld(prefix, early, tuple(_late_files(rng, prefix, rows, as_of, files))))
    return made, period, received, as_of


def _in_force(world: World, first: int) -> dict[str, list[Row]]:
    """The rows of the first receipt, the later file's where a key stands in two."""
    rows: dict[str, dict[tuple[object, ...], Row]] = {feed: {} for feed in COLUMNS}
    for file in sorted(world.deliveries, key=lambda file: file.file_name):
        if instant(file.received_at) == first:
            for row in file.rows:
                rows[file.feed][key_of(file.feed, row)] = row
    return {feed: list(some.values()) for feed, some in rows.items()}


def key_of(feed: str, row: Row) -> tuple[object, ...]:
    """The key by value: one instant has several spellings."""
    return tuple(instant(row[name]) if name in INSTANTS else row[name] for name in KEYS[feed])


def _late_files(
    rng: random.Random, prefix: str, rows: dict[str, list[Row]], received_at: str, files: int
) -> list[Delivery]:
    late: list[Delivery] = []
    taken = set()
    while len(late) < files:
        feed = rng.choice([feed for feed, some in rows.items() if some])
        row = rng.choice(rows[feed])
        key = key_of(feed, row)
        changed = _changed(rng, feed, row, rows)
        if (feed, key) not in taken and changed is not None:
            taken.add((feed, key))
            late.append(Delivery(received_at, feed, f"{prefix}late-{len(late)}.csv", [changed]))
    return late


def _changed(rng: random.Random, feed: str, row: Row, rows: dict[str, list[Row]]) -> Row | None:
    """The row with another cell, or cancelled; None where that makes no valid row."""
    if feed == "meter_intervals":
        if rng.random() < 0.3:
            return row | {"import_wh": "", "backfeed_wh": "", "quality": "N"}
        return row | {
            "import_wh": str(rng.randint(0, 4000)), "backfeed_wh": str(rng.randint(0, 3000)),
            "quality": rng.choice("AES"),
        }  # fmt: skip
    if rng.random() < 0.2:
        return row | {"row_status": "cancelled"}
    names = [name for name in COLUMNS[feed] if name not in KEYS[feed] and name not in _LEFT_ALONE]
    name = rng.choice(names) if names else ""
    changed = row | {"row_status": "active"} | {name: _cell(rng, name, row.get(name, ""), rows)}
    if feed == "charger_sessions" and not changed["ended_at"]:
        changed |= {"charged_wh": "", "discharged_wh": ""}
    return changed if name and changed[name] != row.get(name, "") and _is_valid(feed, changed) else None


def _cell(rng: random.Random, name: str, cell: str, rows: dict[str, list[Row]]) -> str:
    if name in _CHOICES:
        return rng.choice(_CHOICES[name])
    if name in INTEGERS:
        return str(max(1, int(cell) * rng.choice((0, 50, 90, 110, 300)) // 100)) if cell else ""
    if name in _MOVABLE_IDS:
        known = sorted({row[name] for some in rows.values() for row in some if row.get(name)})
        return rng.choice(known) if known else cell
    if name == "ended_at" and rng.random() < 0.3:
        return ""
    return text_of(instant(cell) + rng.choice((-7200, -1800, -601, 599, 1800, 5400))) if cell else ""


def _is_valid(feed: str, row: Row) -> bool:
    for start, end in _SPANS:
        if row.get(start) and row.get(end) and instant(row[end]) <= instant(row[start]):
            return False
    if feed == "charger_sessions":
        return (not row["ended_at"]) == (not row["charged_wh"]) == (not row["discharged_wh"])
    if feed == "aggregators":
        return row["level"] == "child" or not row["parent_aggregator_id"]
    return True
