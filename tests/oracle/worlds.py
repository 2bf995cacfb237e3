"""Seeded small adversarial worlds: a handful of scenes (scenes.py) that share EVSEs, vehicles and time."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

from .base import COLUMNS, Delivery, World, instant, text_of
from .builder import DAY, Builder
from .scenes import SCENES, dispatch

PERIODS = {  # period -> edges of the period in both time zones, and a DST change of Europe/London
    "2023-10": dict(
        tokyo_start="2023-09-30T15:00:00Z",
        london_start="2023-09-30T23:00:00Z",
        tokyo_end="2023-10-31T15:00:00Z",
        london_end="2023-11-01T00:00:00Z",
        dst="2023-10-29T01:00:00Z",
        middle="2023-10-08T03:00:00Z",
        tariff_tokyo="2023-10-15T15:00:00Z",
        tariff_london="2023-10-15T23:00:00Z",
    ),
    "2024-03": dict(
        tokyo_start="2024-02-29T15:00:00Z",
        london_start="2024-03-01T00:00:00Z",
        tokyo_end="2024-03-31T15:00:00Z",
        london_end="2024-03-31T23:00:00Z",
        dst="2024-03-31T01:00:00Z",
        middle="2024-03-08T03:00:00Z",
        tariff_tokyo="2024-03-15T15:00:00Z",
        tariff_london="2024-03-16T00:00:00Z",
    ),
}


def _rates(odd):
    """Rates of all amount kinds and classes but (charging_power, public) and (discharge_energy, specific): R19's 'no rate'."""
    rates = []
    for kind, amounts in (
        ("discharge_energy", ("40", "12.125", "")),
        ("charge_energy", ("7.5", "3.333", "0.125")),
        ("charging_power", ("8", "", "9.999")),
    ):
        for access_class, amount in zip(("leased", "public", "specific"), amounts):
            if amount:
                rates.append(
                    {
                        "amount_kind": kind,
                        "access_class": access_class,
                        "per_kwh": odd + amount if odd else amount,
                    }
                )
    for access_class, amount in zip(("leased", "public", "specific"), ("0.5", "1.5", "5")):
        rates.append(
            {"amount_kind": "charging_power_limit", "access_class": access_class, "per_interval": amount}
        )
    return rates


def _tariff(
    version,
    effective_from,
    time_zone,
    currency,
    digits,
    minimum_bp,
    cap_bp,
    qualities,
    odd,
    tiers,
    offering,
    fee_cap,
    checks,
):
    return {
        "version": version,
        "effective_from": effective_from,
        "time_zone": time_zone,
        "currency": currency,
        "currency_digits": digits,
        "points": {
            "minimum_achievement_bp": minimum_bp,
            "over_delivery_cap_bp": cap_bp,
            "payable_qualities": list(qualities),
            "rates": _rates(odd),
        },
        "fee_reduction": {
            "performance_tiers": [dict(t) for t in tiers],
            "offering_per_kw_hour": offering,
            "contract_fee_cap_bp": fee_cap,
        },
        "checks": dict(checks),
    }


_CHECKS = {"mismatch_wh": 200, "mismatch_bp": 1000, "minimum_exchange_wh": 500}
_TIERS = [{"from_w": 1000, "per_kwh": "4.0"}, {"from_w": 6000, "per_kwh": "6.125"}]

# Tariff sets: lists of YAML-able dicts. `effective_from` is text; as a YAML date it means the same.
TARIFFS = {
    "tokyo": [
        _tariff(
            "jp-a",
            "2023-01-01",
            "Asia/Tokyo",
            "JPY",
            0,
            5000,
            12000,
            ["A", "S", "E"],
            "",
            _TIERS,
            "0.125",
            5000,
            _CHECKS,
        ),
        _tariff(
            "jp-b",
            "2023-10-16",
            "Asia/Tokyo",
            "JPY",
            0,
            7000,
            10000,
            ["A", "S"],
            "1",
            _TIERS,
            "3.375",
            900,
            _CHECKS,
        ),
        _tariff(
            "jp-c",
            "2024-03-16",
            "Asia/Tokyo",
            "JPY",
            0,
            2500,
            15001,
            ["A", "E"],
            "",
            _TIERS,
            "0.05",
            333,
            _CHECKS,
        ),
    ],
    "london": [
        _tariff(
            "uk-a",
            "2023-10-01",
            "Europe/London",
            "GBP",
            2,
            4000,
            11000,
            ["A", "S"],
            "",
            [
                {"from_w": 0, "per_kwh": "0.333"},
                {"from_w": 3000, "per_kwh": "12.5"},
                {"from_w": 10000, "per_kwh": "99.999"},
            ],
            "1.001",
            10000,
            {"mismatch_wh": 200, "mismatch_bp": 500, "minimum_exchange_wh": 1000},
        ),
        _tariff(
            "uk-0",
            "2023-02-01",
            "Europe/London",
            "GBP",
            2,
            9999,
            10000,
            ["A"],
            "2",
            _TIERS,
            "0.001",
            1,
            _CHECKS,
        ),
        _tariff(
            "uk-b",
            "2023-10-16",
            "Europe/London",
            "GBP",
            2,
            1,
            20000,
            ["A", "S", "E"],
            "3",
            _TIERS,
            "9.125",
            77,
            _CHECKS,
        ),
    ],
    "tokyo_plain": [
        _tariff(
            "jp-p",
            "2023-04-01",
            "Asia/Tokyo",
            "JPY",
            0,
            0,
            9999,
            ["A", "S", "E"],
            "",
            _TIERS,
            "2.5",
            10000,
            {"mismatch_wh": 200, "mismatch_bp": 1000, "minimum_exchange_wh": 500},
        ),
    ],
}


def _frame(rng):
    """Period, as_of, and instants of receipt (two before as_of, one at it, one after it)."""
    period = rng.choice(sorted(PERIODS))
    edges = {name: instant(text) for name, text in PERIODS[period].items()}
    as_of = rng.choice(
        [
            edges["tokyo_end"] + 2117,
            edges["london_end"] + 2117,
            edges["london_end"] + 2117,
            edges["tokyo_start"] + 19 * DAY + 43217,
        ]
    )
    return period, as_of, edges


def _draw(rng, count):
    """Different scenes, the heavier the more often."""
    drawn = []
    while len(drawn) < count:
        scene = rng.choice(SCENES)
        if scene not in drawn:
            drawn.append(scene)
    return drawn


def _build(rng, prefix, as_of, edges):
    anchor = rng.choice(
        ["middle"] * 7
        + [
            "tokyo_start",
            "london_start",
            "tokyo_end",
            "tokyo_end",
            "london_end",
            "dst",
            "tariff_tokyo",
            "tariff_london",
            "as_of",
            "as_of",
        ]
    )
    at = as_of - as_of % 1800 if anchor == "as_of" else edges[anchor]
    b = Builder(rng, prefix, at, as_of, edges)
    b.aggregator("PA1", "parent")
    b.aggregator("CA1", "child", "PA1")
    b.contract()
    dispatch(b)
    for scene in _draw(rng, rng.randint(11, 14)):
        scene(b)
    b.draft_reads(rng.choice([0, 0, 0, 0.03, 0.15]))
    return b.world({0: as_of - 5 * DAY, 1: as_of - 2 * DAY, 2: as_of, 3: as_of + DAY})


def random_world(seed, prefix=""):
    """(World, period, as_of): a small world; the same seed and prefix give the same one."""
    rng = random.Random(f"{seed}")
    period, as_of, edges = _frame(rng)
    return _build(rng, prefix, as_of, edges), period, text_of(as_of)


def world_about(seed, prefix, *, as_of, edges):
    """A small world around a period of the caller's; `edges` as those of PERIODS, in seconds."""
    return _build(random.Random(f"{seed} {prefix}"), prefix, as_of, edges)


def random_worlds(seed, count):
    """([(prefix, World)], period, as_of): worlds that share period and as_of and do not interact when merged."""
    frame = random.Random(f"frame {seed}")
    period, as_of, edges = _frame(frame)
    worlds = []
    for n in range(count):
        prefix = f"W{n:04d}-"
        worlds.append((prefix, _build(random.Random(f"{seed} {n}"), prefix, as_of, edges)))
    return worlds, period, text_of(as_of)


def merged(worlds):
    """One World of many (worlds, or (prefix, world) pairs): deliveries of one received_at, feed and file name become one."""
    files = {}
    for world in worlds:
        world = world[1] if isinstance(world, tuple) else world
        for d in world.deliveries:
            files.setdefault((instant(d.received_at), d.feed, d.file_name), []).extend(d.rows)
    return World(
        [Delivery(text_of(at), feed, name, rows) for (at, feed, name), rows in sorted(files.items())]
    )


def restrict(rows, prefix):
    """The rows of a merged settlement that belong to one world: some id begins with its prefix, or else the detail names it."""

    def belongs(row):
        if any(str(v).startswith(prefix) for c, v in row.items() if c not in ("detail", "booking_id")):
            return True
        return prefix in row.get("detail", "")

    return [row for row in rows if belongs(row)]


def first_receipt(world):
    """The received_at of a world's first delivery: an as-of for an earlier run."""
    return text_of(min(instant(d.received_at) for d in world.deliveries))


def write_tariffs(tariffs, folder):
    """One YAML file per tariff version (JSON is YAML; the date stands unquoted, as in the contract)."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for tariff in tariffs:
        lines = [
            f"{key}: {value if key == 'effective_from' else json.dumps(value)}"
            for key, value in tariff.items()
        ]
        (folder / f"{tariff['version']}.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def shrunk(world, fails, rounds=6):
    """A smaller world for which `fails(world)` still holds: leaves out deliveries, then halves of rows, then single rows.

    `fails` may run the product; it is called a few hundred times at most for a small world."""
    for _ in range(rounds):
        before = sum(len(d.rows) for d in world.deliveries)
        for i in reversed(range(len(world.deliveries))):
            candidate = World(world.deliveries[:i] + world.deliveries[i + 1 :])
            if fails(candidate):
                world = candidate
        for i in range(len(world.deliveries)):
            d = world.deliveries[i]
            size = max(1, len(d.rows) // 2)
            while size:
                at = 0
                while at < len(d.rows) and len(d.rows) > 1:
                    smaller = Delivery(d.received_at, d.feed, d.file_name, d.rows[:at] + d.rows[at + size :])
                    candidate = World(world.deliveries[:i] + [smaller] + world.deliveries[i + 1 :])
                    if smaller.rows and fails(candidate):
                        world, d = candidate, smaller
                    else:
                        at += size
                size //= 2
        if sum(len(d.rows) for d in world.deliveries) == before:
            return world
    return world


def write_landing(world, root):
    """Write the deliveries as canonical CSV, one landing folder per received_at: [(folder, received_at)], in order.

    Every second folder has a byte-order mark and \\r\\n, and its columns the other way round: allowed, and the same rows."""
    root = Path(root)
    folders = []
    for n, at in enumerate(sorted({instant(d.received_at) for d in world.deliveries})):
        folder = root / f"{n:02d}"
        for d in world.deliveries:
            if instant(d.received_at) != at:
                continue
            columns = list(COLUMNS[d.feed])
            if any("row_status" in row for row in d.rows):
                columns.append("row_status")
            odd = n % 2 == 1
            if odd:
                columns.reverse()
            (folder / d.feed).mkdir(parents=True, exist_ok=True)
            with open(
                folder / d.feed / d.file_name, "w", encoding="utf-8-sig" if odd else "utf-8", newline=""
            ) as f:
                writer = csv.writer(f, lineterminator="\r\n" if odd else "\n")
                writer.writerow(columns)
                for row in d.rows:
                    writer.writerow([row.get(c, "active" if c == "row_status" else "") for c in columns])
        folders.append((folder, text_of(at)))
    return folders
