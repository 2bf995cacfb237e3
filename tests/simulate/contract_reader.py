"""A strict little reader of the delivery contract, from its text alone: it knows nothing of the pipeline."""

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

ID = r"[A-Za-z0-9][A-Za-z0-9._:*/-]{0,63}"
INSTANT = r"\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d(Z|[+-]\d\d:\d\d)"
MOST = 10**12

# column: domain, '?' where it may be empty, '*' for the key; the contract's table, cell by cell
CONTRACT = {
    "aggregators": "aggregator_id=id* valid_from=at* valid_to=at? level=parent|child"
    " parent_aggregator_id=id?",
    "vehicles": "vehicle_id=id* valid_from=at* valid_to=at? user_id=id child_aggregator_id=id"
    " ownership=pov|maas powertrain=bev|phev|fcev",
    "contracts": "contract_id=id* valid_from=at* valid_to=at? manager_id=id"
    " manager_kind=company|individual|real_estate|rental|hotel monthly_fee_minor=int",
    "evses": "evse_id=id* valid_from=at* valid_to=at? contract_id=id parking_lot_id=id region=id"
    " metering_point_id=id access=specific|public supply=ac|dc backfeed_capable=true|false"
    " rated_charge_w=int rated_discharge_w=int",
    "specific_vehicles": "evse_id=id* vehicle_id=id* valid_from=at* valid_to=at?",
    "evse_offers": "offer_id=id* evse_id=id published_at=at offered_from=at offered_to=at",
    "permission_leases": "lease_id=id* evse_id=id vehicle_id=id kind=direct|indirect granted_at=at"
    " consent_at=at? valid_from=at valid_to=at revoked_at=at?",
    "meter_intervals": "metering_point_id=id* interval_start=at* import_wh=int? backfeed_wh=int?"
    " quality=A|E|S|N",
    "charger_sessions": "session_id=id* evse_id=id vehicle_id=id? started_at=at ended_at=at?"
    " charged_wh=int? discharged_wh=int?",
    "dr_events": "dr_event_id=id* region=id direction=suppression|increase starts_at=at ends_at=at",
    "dr_instructions": "dr_event_id=id* aggregator_id=id* issued_at=at* amount_wh=int",
    "dr_signals": "dr_event_id=id* vehicle_id=id* issued_at=at*"
    " amount_kind=discharge_energy|charging_power_limit|charge_energy|charging_power amount=int",
}
SPANS = (
    ("valid_from", "valid_to"),
    ("offered_from", "offered_to"),
    ("started_at", "ended_at"),
    ("starts_at", "ends_at"),
)

Value = str | int | datetime | None
Row = dict[str, Value]


@dataclass
class Read:
    """What a file holds: good rows by key, and how many rows were duplicates or bad."""

    good: dict[tuple[Value, ...], Row] = field(default_factory=dict)
    rows: int = 0
    duplicates: int = 0
    bad: int = 0


def read_file(path: Path, feed: str) -> Read:
    """Read one delivered file as the contract says; AssertionError where the whole file would be refused."""
    domains = dict(column.split("=") for column in CONTRACT[feed].split())
    read, seen = Read(), defaultdict[tuple[Value, ...], list[Row]](list)
    for cells in _records(path, set(domains), feed):
        read.rows += 1
        row = _row(cells, domains, feed)
        if row is None:
            read.bad += 1
        else:
            seen[tuple(row[name] for name, domain in domains.items() if domain.endswith("*"))].append(row)
    for key, versions in seen.items():
        if any(version != versions[0] for version in versions):
            read.bad += len(versions)
        else:
            read.good[key] = versions[0]
            read.duplicates += len(versions) - 1
    return read


def _records(path: Path, columns: set[str], feed: str) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = csv.reader(file, strict=True)
        header = next(lines)
        assert not [name for name, times in Counter(header).items() if times > 1], (
            f"{path}: a column stands twice"
        )
        extra = set(header) - columns
        assert extra <= ({"row_status"} if feed != "meter_intervals" else set()), (
            f"{path}: unknown columns {extra}"
        )
        assert columns <= set(header), f"{path}: missing columns {columns - set(header)}"
        for cells in lines:
            assert len(cells) == len(header), f"{path}: line {lines.line_num} has {len(cells)} cells"
            yield {"row_status": "active"} | dict(zip(header, cells, strict=True))


def _row(cells: dict[str, str], domains: dict[str, str], feed: str) -> Row | None:
    try:
        row: Row = {name: _value(cells[name], domain) for name, domain in domains.items()}
        row["row_status"] = _value(cells["row_status"], "active|cancelled")
        _check_row(row, feed)
    except ValueError:
        return None
    return row


def _value(cell: str, domain: str) -> Value:
    kind = domain.rstrip("*?")
    if cell == "":
        if not domain.endswith("?"):
            raise ValueError("empty")
        return None
    if kind == "at":
        if not re.fullmatch(INSTANT, cell, re.ASCII):
            raise ValueError(cell)
        return datetime.fromisoformat(cell)
    if kind == "int":
        if not re.fullmatch(r"[0-9]+", cell) or int(cell) > MOST:
            raise ValueError(cell)
        return int(cell)
    if kind == "id":
        if not re.fullmatch(ID, cell):
            raise ValueError(cell)
    elif cell not in kind.split("|"):
        raise ValueError(cell)
    return cell


def _check_row(row: Row, feed: str) -> None:
    for start, end in SPANS:
        opened, closed = row.get(start), row.get(end)
        if isinstance(opened, datetime) and isinstance(closed, datetime) and closed <= opened:
            raise ValueError("ends before it starts")
    if feed == "meter_intervals":
        _check_read(row)
    if feed == "charger_sessions":
        given = {row[name] is None for name in ("ended_at", "charged_wh", "discharged_wh")}
        if len(given) > 1:
            raise ValueError("together or none")
    if feed == "dr_signals" and row["amount"] == 0:
        raise ValueError("nothing asked")
    if feed == "aggregators" and row["level"] == "parent" and row["parent_aggregator_id"] is not None:
        raise ValueError("a parent has no parent")


def _check_read(row: Row) -> None:
    at = row["interval_start"]
    assert isinstance(at, datetime), "checked by its domain"
    if int(at.timestamp()) % 1800:
        raise ValueError("off the half hour")
    has_energy = row["import_wh"] is not None or row["backfeed_wh"] is not None
    if has_energy == (row["quality"] == "N"):
        raise ValueError("quality against energy")
