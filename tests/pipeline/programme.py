"""A small programme as files: one suppression event, a leased and a specific vehicle, and a bad row."""

from datetime import timedelta
from pathlib import Path

from pipelines.instants import parse_instant

TARIFF = """\
version: jp-2023-10
effective_from: 2023-10-01
time_zone: Asia/Tokyo
currency: JPY
currency_digits: 0
points:
  minimum_achievement_bp: 5000
  over_delivery_cap_bp: 12000
  payable_qualities: [A, S, E]
  rates:
    - {amount_kind: discharge_energy, access_class: leased, per_kwh: "40"}
    - {amount_kind: discharge_energy, access_class: specific, per_kwh: "20"}
    - {amount_kind: charging_power_limit, access_class: leased, per_interval: "5"}
fee_reduction:
  performance_tiers: [{from_w: 0, per_kwh: "4.0"}, {from_w: 6000, per_kwh: "6.0"}]
  offering_per_kw_hour: "0.05"
  contract_fee_cap_bp: 5000
checks: {mismatch_wh: 500, mismatch_bp: 1000, minimum_exchange_wh: 500}
"""

REGISTRY = {
    "aggregators": (
        "aggregator_id,valid_from,valid_to,level,parent_aggregator_id",
        "PA-1,2023-01-01T00:00:00Z,,parent,",
        "CA-1,2023-01-01T00:00:00Z,,child,PA-1",
    ),
    "vehicles": (
        "vehicle_id,valid_from,valid_to,user_id,child_aggregator_id,ownership,powertrain",
        "V-1,2023-01-01T00:00:00Z,,U-1,CA-1,pov,bev",
        "V-2,2023-01-01T00:00:00Z,,U-2,CA-1,pov,bev",
    ),
    "contracts": (
        "contract_id,valid_from,valid_to,manager_id,manager_kind,monthly_fee_minor",
        "C-1,2023-01-01T00:00:00Z,,M-1,company,30000",
    ),
    "evses": (
        "evse_id,valid_from,valid_to,contract_id,parking_lot_id,region,metering_point_id,access,supply,"
        "backfeed_capable,rated_charge_w,rated_discharge_w",
        "E-1,2023-01-01T00:00:00Z,,C-1,P-1,R-1,MP-1,specific,dc,true,6000,6000",
        "E-2,2023-01-01T00:00:00Z,,C-1,P-1,R-1,MP-2,specific,dc,true,6000,6000",
    ),
    "specific_vehicles": (
        "evse_id,vehicle_id,valid_from,valid_to",
        "E-2,V-2,2023-01-01T00:00:00Z,",
    ),
    "evse_offers": (
        "offer_id,evse_id,published_at,offered_from,offered_to",
        "O-1,E-1,2023-12-01T00:00:00Z,2023-12-04T00:00:00Z,2023-12-04T12:00:00Z",
    ),
    "permission_leases": (
        "lease_id,evse_id,vehicle_id,kind,granted_at,consent_at,valid_from,valid_to,revoked_at",
        "L-1,E-1,V-1,direct,2023-12-03T00:00:00Z,,2023-12-04T00:00:00Z,2023-12-04T12:00:00Z,",
        "L-2,E-1,V-1,direct,2023-12-03T00:00:00Z,,2023-12-05T00:00:00Z,2023-12-05T12:00:00Z,",
    ),
    "charger_sessions": (
        "session_id,evse_id,vehicle_id,started_at,ended_at,charged_wh,discharged_wh",
        "S-1,E-1,V-1,2023-12-04T08:00:00Z,2023-12-04T10:00:00Z,0,4000",
        "S-2,E-2,V-2,2023-12-04T08:00:00Z,2023-12-04T10:00:00Z,0,3000",
    ),
    "dr_events": (
        "dr_event_id,region,direction,starts_at,ends_at",
        "D-1,R-1,suppression,2023-12-04T08:00:00Z,2023-12-04T10:00:00Z",
    ),
    "dr_instructions": (
        "dr_event_id,aggregator_id,issued_at,amount_wh",
        "D-1,PA-1,2023-12-04T07:00:00Z,8000",
        "D-1,CA-1,2023-12-04T07:10:00Z,8000",
    ),
    "dr_signals": (
        "dr_event_id,vehicle_id,issued_at,amount_kind,amount",
        "D-1,V-1,2023-12-04T07:30:00Z,discharge_energy,4000",
        "D-1,V-2,2023-12-04T07:30:00Z,discharge_energy,4000",
    ),
}
METER_HEADER = "metering_point_id,interval_start,import_wh,backfeed_wh,quality"


def meter_rows(backfeed_wh: dict[str, int], *, quality: str = "A") -> list[str]:
    """Four half hours per metering point, with this backfeed in each."""
    start = parse_instant("2023-12-04T08:00:00Z")
    return [
        f"{metering_point_id},{start + n * timedelta(minutes=30):%Y-%m-%dT%H:%M:%SZ},0,{energy_wh},{quality}"
        for metering_point_id, energy_wh in backfeed_wh.items()
        for n in range(4)
    ]


def write_feed(landing: Path, feed: str, lines: list[str] | tuple[str, ...], *, name: str = "1.csv") -> None:
    folder = landing / feed
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("\n".join(lines) + "\n")


def write_landing(landing: Path) -> Path:
    for feed, lines in REGISTRY.items():
        write_feed(landing, feed, lines)
    reads = meter_rows({"MP-1": 1000, "MP-2": 750})
    write_feed(landing, "meter_intervals", [METER_HEADER, *reads, "MP-1,not an instant,0,0,A"])
    return landing


def write_tariffs(folder: Path, text: str = TARIFF) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "2023-10.yaml").write_text(text)
    return folder
