"""A world by hand: a vehicle keeps a power limit in one half hour at two EVSEs behind two meters (R12, R22).

It holds a lease at the first EVSE alone; the second decides as well whether what it charged there is exchange.
"""

from tests.oracle import Delivery, World
from tests.oracle.base import COLUMNS

LEASE_ID = "HAND-LEASE"
OTHER_SESSION = "HAND-SESSION-2"
OTHER_METER = "HAND-METER-2"
_LONG_AGO = "2023-01-01T00:00:00Z"
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
    "dr_events": ["HAND-EVENT,HAND-REGION,suppression,2024-03-08T10:00:00Z,2024-03-08T10:30:00Z"],
    "dr_signals": ["HAND-EVENT,HAND-VEHICLE,2024-03-08T08:00:00Z,charging_power_limit,3000"],
    "charger_sessions": [
        "HAND-SESSION-1,HAND-EVSE-1,HAND-VEHICLE,2024-03-08T10:00:00Z,2024-03-08T10:10:00Z,400,0",
        f"{OTHER_SESSION},HAND-EVSE-2,HAND-VEHICLE,2024-03-08T10:10:00Z,2024-03-08T10:30:00Z,900,0",
    ],
    "meter_intervals": [
        "HAND-METER-1,2024-03-08T10:00:00Z,400,0,A",
        f"{OTHER_METER},2024-03-08T10:00:00Z,900,0,A",
    ],
}


def world_by_hand(*, received_at: str) -> World:
    """The world, received as a whole."""
    return World(
        [
            Delivery(
                received_at,
                feed,
                "by-hand.csv",
                [dict(zip(COLUMNS[feed], line.split(","), strict=True)) for line in lines],
            )
            for feed, lines in _ROWS.items()
        ]
    )
