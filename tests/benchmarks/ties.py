"""A world in which watt-hours are left over that only R9's tie rules give away."""

from datetime import datetime, timedelta
from typing import Any

from tests.oracle import Delivery, World

EVENT, FIRST_VEHICLE, SECOND_VEHICLE = "TIE-EVENT", "TIE-V1", "TIE-V2"
# 1,001 Wh of two equal segments that start together: the odd one goes to the smaller session_id. 601 Wh of
# two equal ones, one after the other: to the earlier, though its session_id is the larger.
FIRST_ACHIEVED_WH, SECOND_ACHIEVED_WH = 501 + 301, 500 + 300


def world_of_ties(starts_at: str, *, received_at: str) -> World:
    """Two vehicles discharge behind one meter in an event of an hour, from `starts_at`."""
    start = datetime.fromisoformat(starts_at)

    def at(minutes: int) -> str:
        return (start + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def session(session_id: str, evse_id: str, vehicle_id: str, minutes: tuple[int, int]) -> dict[str, Any]:
        started_at, ended_at = (at(each) for each in minutes)
        logged = {"charged_wh": "0", "discharged_wh": str(20 * (minutes[1] - minutes[0]))}
        ids = {"session_id": session_id, "evse_id": evse_id, "vehicle_id": vehicle_id}
        return ids | {"started_at": started_at, "ended_at": ended_at} | logged

    since = {"valid_from": "2023-01-01T00:00:00Z", "valid_to": ""}
    vehicle = since | {"user_id": "TIE-U", "child_aggregator_id": "TIE-AGG"}
    evse = since | {
        "contract_id": "TIE-C",
        "parking_lot_id": "TIE-LOT",
        "region": "TIE-REGION",
        "metering_point_id": "TIE-MP",
        "access": "public",
        "supply": "dc",
        "backfeed_capable": "true",
        "rated_charge_w": "6000",
        "rated_discharge_w": "6000",
    }
    signal = {"dr_event_id": EVENT, "issued_at": at(-60), "amount_kind": "discharge_energy", "amount": "1000"}
    read = {"metering_point_id": "TIE-MP", "import_wh": "0", "quality": "A"}
    feeds: dict[str, list[dict[str, Any]]] = {
        "vehicles": [
            vehicle | {"vehicle_id": each, "ownership": "pov", "powertrain": "bev"}
            for each in (FIRST_VEHICLE, SECOND_VEHICLE)
        ],
        "evses": [evse | {"evse_id": each} for each in ("TIE-E1", "TIE-E2")],
        "dr_events": [
            {
                "dr_event_id": EVENT,
                "region": "TIE-REGION",
                "direction": "suppression",
                "starts_at": at(0),
                "ends_at": at(60),
            }
        ],
        "dr_signals": [signal | {"vehicle_id": each} for each in (FIRST_VEHICLE, SECOND_VEHICLE)],
        "charger_sessions": [
            session("TIE-S1", "TIE-E1", FIRST_VEHICLE, (0, 30)),
            session("TIE-S2", "TIE-E2", SECOND_VEHICLE, (0, 30)),
            session("TIE-S4", "TIE-E1", FIRST_VEHICLE, (30, 45)),
            session("TIE-S3", "TIE-E1", SECOND_VEHICLE, (45, 60)),
        ],
        "meter_intervals": [
            read | {"interval_start": at(0), "backfeed_wh": "1001"},
            read | {"interval_start": at(30), "backfeed_wh": "601"},
        ],
    }
    return World([Delivery(received_at, feed, "ties.csv", rows) for feed, rows in feeds.items()])
