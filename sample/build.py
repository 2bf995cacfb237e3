"""Make the sample's deliveries anew: `python sample/build.py` (same bytes every time).

Real: the household's meter file and the DR events of Great Britain's Demand Flexibility Service. Synthetic:
everything else; above all the vehicles, sessions, leases and signals laid over the household's real export.
"""

import csv
import shutil
import sys
import tempfile
from datetime import UTC, date, datetime, timedelta
from itertools import groupby, pairwise
from pathlib import Path

from pipelines.ingest import ingest
from pipelines.simulate import PENCE, DemandResponse, simulate
from pipelines.warehouse import open_warehouse

SAMPLE = Path(__file__).resolve().parent
LANDING = SAMPLE / "landing"
LATE = SAMPLE / "late"
METER_FILE = "meter_intervals/home.nem12.csv"
DFS_FILE = SAMPLE / "real-data" / "dfs-events-neso" / "s2324_sum.csv"
FIRST_DAY = date(2023, 12, 1)
DAYS = 31
EVSES = 40
REGION = "GB"
HALF_HOUR = timedelta(minutes=30)
BEFORE_ALL = "2023-01-01T00:00:00Z"
EVSE, METERING_POINT, CONTRACT = "EVSE-HOUSE", "MP-HOUSE", "CONTRACT-HOUSE"

# Events of increase: ours, at midday, when the real service has none.
INCREASES = ("2023-12-03T11:00:00Z", "2023-12-10T12:00:00Z", "2023-12-17T11:30:00Z", "2023-12-26T12:30:00Z")

# date, vehicle, plugged in, plugged out (London, which is UTC in December), kind of signal, amount
STAYS = (
    ("2023-12-01", "VEHICLE-GUEST-1", "15:07:30", "18:20:00", "discharge_energy", 400),
    ("2023-12-05", "VEHICLE-GUEST-2", "16:40:10", "19:05:00", "discharge_energy", 300),
    ("2023-12-12", "VEHICLE-HOUSE", "16:00:00", "20:10:00", "discharge_energy", 150),
    ("2023-12-14", "VEHICLE-GUEST-1", "13:31:00", "18:02:45", "discharge_energy", 100),
    ("2023-12-15", "VEHICLE-GUEST-3", "16:30:00", "19:00:00", "charging_power_limit", 1400),
    ("2023-12-19", "VEHICLE-GUEST-2", "14:15:00", "18:30:00", "discharge_energy", 180),
)
# date, vehicle, kind, granted, consent, valid from, valid to, revoked
LEASES = (
    ("2023-12-01", "VEHICLE-GUEST-1", "direct", "12:00:00", "", "15:00:00", "19:00:00", ""),
    ("2023-12-05", "VEHICLE-GUEST-2", "direct", "09:00:00", "", "16:30:00", "19:30:00", ""),
    ("2023-12-14", "VEHICLE-GUEST-1", "indirect", "08:00:00", "08:40:00", "13:30:00", "18:30:00", ""),
    ("2023-12-15", "VEHICLE-GUEST-3", "indirect", "10:00:00", "16:45:00", "16:30:00", "19:00:00", ""),
    ("2023-12-19", "VEHICLE-GUEST-2", "direct", "11:00:00", "", "14:00:00", "19:00:00", "17:40:00"),
)


def main() -> None:
    """Write `landing/` and `late/`; the household's meter file stays as it was received."""
    events = dfs_events()
    for folder in (LANDING, LATE):
        for path in folder.glob("*/*.csv"):
            if str(path.relative_to(folder)) != METER_FILE:
                path.unlink()
    _write_fleet(events)
    _write_house(events)


def dfs_events() -> list[DemandResponse]:
    """The service's events of December 2023, their half hours in one piece, and our own of increase."""
    with DFS_FILE.open(newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.DictReader(file) if row["Delivery Date"].endswith("/12/2023")]
    rows.sort(key=lambda row: (row["Delivery Date"][:2], row["From"]))
    events = []
    for day, half_hours in groupby(rows, key=lambda row: row["Delivery Date"]):
        spans = [(_instant(day, row["From"]), _instant(day, row["To"])) for row in half_hours]
        assert all(one[1] == other[0] for one, other in pairwise(spans))
        events.append(_event("DFS", "suppression", spans[0][0], spans[-1][1]))
    for text in INCREASES:
        start = datetime.fromisoformat(text)
        events.append(_event("INCREASE", "increase", start, start + timedelta(hours=2)))
    return events


def _event(name: str, direction: str, starts_at: datetime, ends_at: datetime) -> DemandResponse:
    return DemandResponse(f"{name}-{starts_at:%Y-%m-%d}", REGION, direction, starts_at, ends_at)


def _instant(day: str, time: str) -> datetime:
    # GB wall clock, which is UTC in December
    return datetime.strptime(f"{day} {time}", "%d/%m/%Y %H:%M").replace(tzinfo=UTC)


def _write_fleet(events: list[DemandResponse]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        fleet = Path(scratch) / "fleet"
        simulate(
            out_dir=fleet,
            evses=EVSES,
            days=DAYS,
            first_day=FIRST_DAY,
            seed=2023,
            time_zone="Europe/London",
            currency=PENCE,
            regions=(REGION,),
            events=events,
        )
        for step, folder in (("01-initial", LANDING), ("02-late", LATE), ("03-revised", LATE)):
            for path in sorted((fleet / step).glob("*/*.csv")):
                name = path.name if folder is LANDING else f"{step}-{path.name}"
                target = folder / path.parent.name / f"fleet-{name}"
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)


def _write_house(events: list[DemandResponse]) -> None:
    always = {"valid_from": BEFORE_ALL, "valid_to": ""}
    _write("contracts", [{
        "contract_id": CONTRACT, **always, "manager_id": "MANAGER-HOUSE", "manager_kind": "individual",
        "monthly_fee_minor": 9650,
    }])  # fmt: skip
    _write("evses", [{
        "evse_id": EVSE, **always, "contract_id": CONTRACT, "parking_lot_id": "LOT-HOUSE", "region": REGION,
        "metering_point_id": METERING_POINT, "access": "specific", "supply": "dc", "backfeed_capable": "true",
        "rated_charge_w": 7000, "rated_discharge_w": 6000,
    }])  # fmt: skip
    children = _children()
    vehicles = ("VEHICLE-HOUSE", "VEHICLE-GUEST-1", "VEHICLE-GUEST-2", "VEHICLE-GUEST-3")
    _write("vehicles", [
        {"vehicle_id": vehicle, **always, "user_id": vehicle.replace("VEHICLE", "USER"),
         "child_aggregator_id": children[place % len(children)], "ownership": "pov", "powertrain": "bev"}
        for place, vehicle in enumerate(vehicles)
    ])  # fmt: skip
    _write("specific_vehicles", [{"evse_id": EVSE, "vehicle_id": "VEHICLE-HOUSE", **always}])
    _write("evse_offers", [
        {"offer_id": f"OFFER-HOUSE-{day}", "evse_id": EVSE, "published_at": f"{day}T07:00:00Z",
         "offered_from": f"{day}T12:00:00Z", "offered_to": f"{day}T20:00:00Z"}
        for day in (stay[0] for stay in STAYS)
    ])  # fmt: skip
    _write("permission_leases", [_lease(lease) for lease in LEASES])
    energies = _metered_energies()
    _write("charger_sessions", [_session(stay, energies) for stay in STAYS])
    starts = {event.dr_event_id: event.starts_at for event in events}
    _write("dr_signals", [
        {"dr_event_id": f"DFS-{day}", "vehicle_id": vehicle,
         "issued_at": _text(starts[f"DFS-{day}"] - timedelta(hours=2)), "amount_kind": kind, "amount": amount}
        for day, vehicle, _, _, kind, amount in STAYS
    ])  # fmt: skip


def _lease(lease: tuple[str, ...]) -> dict[str, object]:
    day, vehicle, kind, granted, consent, valid_from, valid_to, revoked = lease

    def at(time: str) -> str:
        return f"{day}T{time}Z" if time else ""

    return {
        "lease_id": f"LEASE-HOUSE-{day}",
        "evse_id": EVSE,
        "vehicle_id": vehicle,
        "kind": kind,
        "granted_at": at(granted),
        "consent_at": at(consent),
        "valid_from": at(valid_from),
        "valid_to": at(valid_to),
        "revoked_at": at(revoked),
    }


def _session(
    stay: tuple[str, str, str, str, str, int], energies: dict[datetime, tuple[int, int]]
) -> dict[str, object]:
    """A session whose charger logs what the real meter has for its half hours: nobody drew it, we did."""
    day, vehicle, plugged_in, plugged_out, _, _ = stay
    started_at = datetime.fromisoformat(f"{day}T{plugged_in}+00:00")
    ended_at = datetime.fromisoformat(f"{day}T{plugged_out}+00:00")
    touched = [wh for start, wh in energies.items() if start < ended_at and start + HALF_HOUR > started_at]
    return {
        "session_id": f"SESSION-HOUSE-{day}",
        "evse_id": EVSE,
        "vehicle_id": vehicle,
        "started_at": _text(started_at),
        "ended_at": _text(ended_at),
        "charged_wh": sum(import_wh for import_wh, _ in touched),
        "discharged_wh": sum(backfeed_wh for _, backfeed_wh in touched),
    }


def _metered_energies() -> dict[datetime, tuple[int, int]]:
    """Import and backfeed of the real meter's half hours, by start."""
    with tempfile.TemporaryDirectory() as scratch:
        landing, warehouse = Path(scratch) / "landing", Path(scratch) / "meter.duckdb"
        (landing / METER_FILE).parent.mkdir(parents=True)
        shutil.copyfile(LANDING / METER_FILE, landing / METER_FILE)
        shutil.copyfile(LANDING / "sources.yaml", landing / "sources.yaml")
        ingest(landing, warehouse=warehouse, received_at=None, clock=lambda: datetime(2024, 1, 2))  # noqa: DTZ001
        with open_warehouse(warehouse) as connection:
            rows = connection.execute(
                "select interval_start, import_wh, backfeed_wh from published.meter_intervals"
            ).fetchall()
    return {start.replace(tzinfo=UTC): (import_wh, backfeed_wh) for start, import_wh, backfeed_wh in rows}


def _children() -> list[str]:
    """The child aggregators of the simulated fleet, whom the house's vehicles join."""
    ids = set()
    for path in (LANDING / "aggregators").glob("fleet-*.csv"):
        with path.open(newline="", encoding="utf-8-sig") as file:
            ids |= {row["aggregator_id"] for row in csv.DictReader(file) if row["parent_aggregator_id"]}
    return sorted(ids)


def _write(feed: str, rows: list[dict[str, object]]) -> None:
    path = LANDING / feed / "house.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _text(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"


if __name__ == "__main__":
    sys.exit(main())
