"""A world by hand: a vehicle keeps a power limit in one half hour at two EVSEs behind two meters (R12, R22).

It holds a lease at the first EVSE alone; whether it exchanged anything there, the second decides as well.
A day later it feeds back at the second, which is paid until the session is cancelled (R6, R24).
"""

from tests.oracle import Delivery, World
from tests.oracle.base import COLUMNS

LEASE_ID = "HAND-LEASE"
OTHER_SESSION = "HAND-SESSION-2"
OTHER_METER = "HAND-METER-2"
_LONG_AGO = "2023-01-01T00:00:00Z"
_CANCELLED_SESSION = (
    "HAND-SESSION-3,HAND-EVSE-2,HAND-VEHICLE,2024-03-09T10:00:00Z,2024-03-09T10:30:00Z,0,1000"
)
_ROWS = {
    "aggregators": [f"HAND-CHILD,{_LONG_AGO},,child,"],
    "vehicles": [f"HAND-VEHICLE,{_LONG_AGO},,HAND-USER,HAND-CHILD,pov,bev"],
    "contracts": [f"HAND-CONTRACT,{_LONG_AGO},,HAND-MANAGER,company,9001"],
    "evses": [
        f"HAND-EVSE-{n},{_LONG_AGO},,HAND-CONTRACT,HAND-LOT,HAND-REGION,HAND-METER-{n},{access},ac,true,6000,6000"
        for n, access in ((1, "specific"), (2, "public"))
    ],
    "permission_leases": [
        f"{LEASE_ID},HAND-EVSE-1,HAND-VEHICLE,direct,2024-03-08T00:00:00Z,,2024-03-08T09:00:00Z,"
        "2024-03-08T12:00:00Z,"
    ],
    "dr_events": [
        "HAND-EVENT,HAND-REGION,suppression,2024-03-08T10:00:00Z,2024-03-08T10:30:00Z",
        "HAND-EVENT-2,HAND-REGION,suppression,2024-03-09T10:00:00Z,2024-03-09T10:30:00Z",
    ],
    "dr_signals": [
        "HAND-EVENT,HAND-VEHICLE,2024-03-08T08:00:00Z,charging_power_limit,3000",
        "HAND-EVENT-2,HAND-VEHICLE,2024-03-09T08:00:00Z,discharge_energy,1000",
    ],
    "charger_sessions": [
        "HAND-SESSION-1,HAND-EVSE-1,HAND-VEHICLE,2024-03-08T10:00:00Z,2024-03-08T10:10:00Z,400,0",
        f"{OTHER_SESSION},HAND-EVSE-2,HAND-VEHICLE,2024-03-08T10:10:00Z,2024-03-08T10:30:00Z,900,0",
        _CANCELLED_SESSION,
    ],
    "meter_intervals": [
        "HAND-METER-1,2024-03-08T10:00:00Z,400,0,A",
        f"{OTHER_METER},2024-03-08T10:00:00Z,900,0,A",
        f"{OTHER_METER},2024-03-09T10:00:00Z,0,1000,A",
    ],
}


def world_by_hand(*, received_at: str, cancelled_at: str) -> World:
    """The world, received as a whole but for what is cancelled later."""
    cancelled = {**_row("charger_sessions", _CANCELLED_SESSION), "row_status": "cancelled"}
    return World(
        [
            *(
                Delivery(received_at, feed, "by-hand.csv", [_row(feed, line) for line in lines])
                for feed, lines in _ROWS.items()
            ),
            Delivery(cancelled_at, "charger_sessions", "by-hand.csv", [cancelled]),
        ]
    )


def _row(feed: str, line: str) -> dict[str, str]:
    return dict(zip(COLUMNS[feed], line.split(","), strict=True))
