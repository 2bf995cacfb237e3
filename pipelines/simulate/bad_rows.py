"""Rows that a gate must turn away: of each feed a good row, spoilt in one cell, with its reason family.

They are appended to the feed's first file; ingest puts each into quarantine and takes the file's good rows.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

# A good row of each feed, cell by cell. `{}` becomes a number, so that no two rows share a key.
GOOD = {
    "aggregators": "aggregator_id=AG-Q{} valid_from=2023-04-01T00:00:00Z valid_to= level=parent"
    " parent_aggregator_id=",
    "vehicles": "vehicle_id=V-Q{} valid_from=2023-04-01T00:00:00Z valid_to= user_id=U-Q"
    " child_aggregator_id=AG-Q ownership=pov powertrain=bev",
    "contracts": "contract_id=C-Q{} valid_from=2023-04-01T00:00:00Z valid_to= manager_id=M-Q"
    " manager_kind=individual monthly_fee_minor=9000",
    "evses": "evse_id=EV-Q{} valid_from=2023-04-01T00:00:00Z valid_to= contract_id=C-Q"
    " parking_lot_id=LOT-Q region=Q metering_point_id=MP-Q access=specific supply=ac"
    " backfeed_capable=true rated_charge_w=6000 rated_discharge_w=6000",
    "specific_vehicles": "evse_id=EV-Q{} vehicle_id=V-Q valid_from=2023-04-01T00:00:00Z valid_to=",
    "evse_offers": "offer_id=O-Q{} evse_id=EV-Q published_at=2023-04-01T00:00:00Z"
    " offered_from=2023-04-02T01:00:00Z offered_to=2023-04-02T07:00:00Z",
    "permission_leases": "lease_id=L-Q{} evse_id=EV-Q vehicle_id=V-Q kind=direct"
    " granted_at=2023-04-01T00:00:00Z consent_at= valid_from=2023-04-02T01:00:00Z"
    " valid_to=2023-04-02T07:00:00Z revoked_at=",
    "meter_intervals": "metering_point_id=MP-Q{} interval_start=2023-04-02T01:00:00Z"
    " import_wh=12 backfeed_wh=0 quality=A",
    "charger_sessions": "session_id=S-Q{} evse_id=EV-Q vehicle_id=V-Q started_at=2023-04-02T01:00:01+09:00"
    " ended_at=2023-04-02T07:00:03+09:00 charged_wh=1200 discharged_wh=0",
    "dr_events": "dr_event_id=DR-Q{} region=Q direction=increase starts_at=2023-04-02T01:00:00Z"
    " ends_at=2023-04-02T03:00:00Z",
    "dr_instructions": "dr_event_id=DR-Q{} aggregator_id=AG-Q issued_at=2023-04-02T01:00:00Z amount_wh=1000",
    "dr_signals": "dr_event_id=DR-Q{} vehicle_id=V-Q issued_at=2023-04-02T01:00:00Z"
    " amount_kind=charging_power amount=900",
}

# (feed, column, cell, reason family)
FAULTS = (
    ("aggregators", "level", "grandparent", "enumeration"),
    ("vehicles", "vehicle_id", "V" * 64 + "{}", "id"),
    ("vehicles", "child_aggregator_id", "", "empty"),
    ("vehicles", "ownership", "POV", "enumeration"),
    ("contracts", "monthly_fee_minor", "９０００", "integer"),
    ("contracts", "monthly_fee_minor", "9_000", "integer"),
    ("contracts", "valid_to", "2023-03-31T00:00:00Z", "end not after start"),
    ("evses", "backfeed_capable", "yes", "enumeration"),
    ("evses", "rated_charge_w", "6e3", "integer"),
    ("evses", "region", "Kantō", "id"),
    ("specific_vehicles", "valid_to", "2023-04-01T00:00:00Z", "end not after start"),
    ("specific_vehicles", "valid_from", "2023-04-01", "instant"),
    ("evse_offers", "offered_to", "2023-04-02T01:00:00Z", "end not after start"),
    ("evse_offers", "published_at", "2023-04-01T24:00:00Z", "instant"),
    ("permission_leases", "valid_to", "", "empty"),
    ("permission_leases", "kind", "verbal", "enumeration"),
    ("permission_leases", "granted_at", "2023-04-01T00:00:00", "instant"),
    ("meter_intervals", "import_wh", "102.6", "integer"),
    ("meter_intervals", "import_wh", "-5", "integer"),
    ("meter_intervals", "import_wh", " 102", "integer"),
    ("meter_intervals", "import_wh", "1000000000001", "integer"),
    ("meter_intervals", "interval_start", "2023-04-02T01:15:00Z", "off the half hour"),
    ("meter_intervals", "quality", "N", "quality against energy"),
    ("meter_intervals", "quality", "X", "enumeration"),
    ("charger_sessions", "started_at", "2023-04-02T01:00:60+09:00", "instant"),
    ("charger_sessions", "started_at", "2023-04-02T01:00:01.5+09:00", "instant"),
    ("charger_sessions", "ended_at", "2023-04-02T01:00:01+09:00", "end not after start"),
    ("charger_sessions", "charged_wh", "", "together or none"),
    ("charger_sessions", "vehicle_id", "V Q", "id"),
    ("dr_events", "direction", "down", "enumeration"),
    ("dr_events", "ends_at", "2023-04-02T01:00:00Z", "end not after start"),
    ("dr_instructions", "amount_wh", "", "empty"),
    ("dr_instructions", "amount_wh", "1,000", "integer"),
    ("dr_signals", "amount", "0", "integer"),
    ("dr_signals", "issued_at", "2023-02-30T01:00:00Z", "instant"),
)

# A key that stands twice in a file with different contents: neither row can be believed.
CONFLICTS = (
    ("contracts", "monthly_fee_minor", "9001"),
    ("meter_intervals", "import_wh", "13"),
    ("charger_sessions", "charged_wh", "1300"),
    ("dr_signals", "amount", "901"),
)
NOTHING_READ = ("meter_intervals", {"import_wh": "", "backfeed_wh": ""}, "quality against energy")


@dataclass(frozen=True)
class BadRow:
    """One row for quarantine: its feed, the family of its fault, and its cells by column."""

    feed: str
    reason: str
    cells: dict[str, str]


def bad_rows(evses: int) -> tuple[BadRow, ...]:
    """Every fault once for each 1,000 EVSEs, and once at least."""
    return tuple(row for copy in range(max(1, evses // 1000)) for row in _one_of_each(copy * 1000))


def _one_of_each(first: int) -> Iterator[BadRow]:
    for n, (feed, column, cell, reason) in enumerate(FAULTS, first):
        yield BadRow(feed, reason, _good(feed, n) | {column: cell.format(n)})
    feed, cells, reason = NOTHING_READ
    yield BadRow(feed, reason, _good(feed, first + len(FAULTS)) | cells)
    for n, (feed, column, cell) in enumerate(CONFLICTS, first + len(FAULTS) + 1):
        yield BadRow(feed, "contradictory", _good(feed, n))
        yield BadRow(feed, "contradictory", _good(feed, n) | {column: cell})


def _good(feed: str, n: int) -> dict[str, str]:
    return dict(cell.format(n).split("=") for cell in GOOD[feed].split())


def as_lines(rows: tuple[BadRow, ...], columns: tuple[str, ...]) -> str:
    """The rows as CSV text with these columns; row_status is active."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writerows(
        {"row_status": "active"} | row.cells if "row_status" in columns else row.cells for row in rows
    )
    return text.getvalue()
