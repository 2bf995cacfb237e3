"""Compare a product's exports with the oracle's: rows as multisets, without `detail` and `booking_id` (any text will do)."""

from __future__ import annotations

import csv
from collections import Counter
from decimal import Decimal
from pathlib import Path

from .rules import EXPORTS

FREE = {"detail", "booking_id"}
DECIMALS = {
    "performance_minor",
    "offering_minor",
    "cap_minor",
}  # 4, 4.0 and 4.000000 are the same exact decimal text


def normal(row):
    """A row as it is compared."""
    return tuple(
        sorted(
            (c, format(Decimal(v).normalize(), "f") if c in DECIMALS else v)
            for c, v in row.items()
            if c not in FREE
        )
    )


def read_exports(folder):
    """The nine exports of a run's folder as {name: rows of text}."""
    rows = {}
    for name in EXPORTS:
        with open(Path(folder) / f"{name}.csv", encoding="utf-8", newline="") as f:
            rows[name] = list(csv.DictReader(f))
    return rows


def compare(expected, actual, exports=EXPORTS):
    """[(export, 'only in oracle' | 'only in product', row)]; both are {export: rows}."""
    found = []
    for name in exports:
        oracle, product = Counter(map(normal, expected[name])), Counter(map(normal, actual[name]))
        found += [(name, "only in oracle", dict(row)) for row in (oracle - product).elements()]
        found += [(name, "only in product", dict(row)) for row in (product - oracle).elements()]
    return found
