"""What the rulebook gives from the delivered rows of an explanation alone, by the independent oracle.

The rows are read back from the kept files, by the hash and the line that the explanation names, so these are
proved right as well.
"""

import csv
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from pipelines.store import stored_path
from tests.oracle import Delivery, Settlement, World
from tests.oracle import settle as oracle_settle

Json = Mapping[str, Any]
# Of each kind of subject the export of the oracle and its column with the amount.
_AMOUNTS = {
    "user": ("user_points", "points"),
    "manager": ("manager_fee_reductions", "reduction_minor"),
    "contract": ("manager_fee_reductions", "reduction_minor"),
    "line": ("settlement_lines", "points"),
    "performance": ("dr_achievement", "payable"),
    "lease": ("lease_outcomes", "outcome"),
    "aggregator": ("aggregator_achievement", "achieved_wh"),
    "booking": ("bookings", "amount"),
}
_LEDGER_KEY = (
    *("payee_kind", "payee_id", "dr_event_id", "vehicle_id", "evse_id", "lease_id", "access_class"),
    "contract_id",
)


def settled_again(explanation: Json, *, warehouse: Path) -> Settlement:
    """The oracle's settlement of the rows that an explanation lists, by the tariffs that it names."""
    run = explanation["run"]
    tariffs = [yaml.safe_load(tariff["document"]) for tariff in run["tariffs"]]
    world = _world(explanation["rows"], warehouse=warehouse)
    return oracle_settle(world, tariffs, run["settlement_period"], run["as_of"])


def amount_again(explanation: Json, *, warehouse: Path) -> int | str:
    """The amount of an explanation, found again; of a booking, what was found for its key."""
    settlement = settled_again(explanation, warehouse=warehouse)
    kind = explanation["subject"]["kind"]
    export, column = _AMOUNTS[kind]
    keys = {name: value for name, value in explanation["subject"].items() if name != "kind"}
    if kind == "booking":
        keys = {name: str(explanation["step"]["keys"].get(name, "")) for name in _LEDGER_KEY}
    rows = [row for row in settlement.rows[export] if all(row[name] == keys[name] for name in keys)]
    if kind == "lease":
        [row] = rows
        return str(row[column])
    return sum(int(row[column]) for row in rows)


def _world(rows: Sequence[Json], *, warehouse: Path) -> World:
    deliveries: dict[tuple[str, str, str], list[dict[str, str]]] = {}
    for row in rows:
        key = row["received_at"], row["feed"], row["file_name"]
        deliveries.setdefault(key, []).append(delivered_line(row, warehouse=warehouse))
    return World([Delivery(*key, found) for key, found in deliveries.items()])


def delivered_line(row: Json, *, warehouse: Path) -> dict[str, str]:
    """A row of an explanation as it stands in the kept file."""
    lines = _lines(stored_path(warehouse, feed=row["feed"], sha256=row["sha256"]))
    header, line = next(csv.reader([lines[0]])), next(csv.reader([lines[row["line"] - 1]]))
    return dict(zip(header, line, strict=True))


@cache
def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8-sig").splitlines()
