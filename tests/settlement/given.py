"""Frames of the border, built from what an example is about; the rest has plain defaults."""

from dataclasses import fields
from datetime import date, datetime
from typing import Any

import dataframely as dy
import polars as pl

from settlement import Settlement, SettlementPeriod, Tariff, TariffBook, VerifiedPeriod, parse_tariff, settle


def instant(text: str) -> datetime:
    """An instant as the frames hold it: UTC, naive (R1)."""
    return datetime.fromisoformat(text)


PERIOD = SettlementPeriod.parse("2023-12")
AS_OF = instant("2024-01-10T00:00:00")
DAY = date(2023, 12, 5)

DOCUMENT: dict[str, Any] = {
    "version": "jp-2023-10",
    "effective_from": "2023-10-01",
    "time_zone": "Asia/Tokyo",
    "currency": "JPY",
    "currency_digits": 0,
    "points": {
        "minimum_achievement_bp": 5000,
        "over_delivery_cap_bp": 12000,
        "payable_qualities": ["A", "S", "E"],
        "rates": [
            {"amount_kind": "discharge_energy", "access_class": "leased", "per_kwh": "40"},
            {"amount_kind": "discharge_energy", "access_class": "specific", "per_kwh": "7.125"},
            {"amount_kind": "charging_power_limit", "access_class": "leased", "per_interval": "5"},
            {"amount_kind": "charge_energy", "access_class": "public", "per_kwh": "0.001"},
        ],
    },
    "fee_reduction": {
        "performance_tiers": [{"from_w": 3000, "per_kwh": "4.0"}, {"from_w": 6000, "per_kwh": "6.0"}],
        "offering_per_kw_hour": "0.05",
        "contract_fee_cap_bp": 5000,
    },
    "checks": {"mismatch_wh": 500, "mismatch_bp": 1000, "minimum_exchange_wh": 500},
}

_PERFORMANCE = {
    "dr_event_id": "E1", "vehicle_id": "V1", "user_id": "U1", "child_aggregator_id": "C1",
    "direction": "suppression", "amount_kind": "discharge_energy", "unit": "Wh",
    "starts_at": instant("2023-12-05T08:00:00"), "ends_at": instant("2023-12-05T11:00:00"),
    "event_local_date": DAY, "requested": 5000, "achieved": 5000, "circular_wh": 0, "status": "final",
    "qualities": "A",
}  # fmt: skip
_LINE = {
    "dr_event_id": "E1", "vehicle_id": "V1", "evse_id": "S1", "lease_id": "", "access_class": "specific",
    "unit": "Wh", "amount_kind": "discharge_energy", "direction": "suppression", "user_id": "U1",
    "event_local_date": DAY, "achieved": 5000, "contract_id": "K1", "contract_in_force": True,
    "rated_w": 6000,
}  # fmt: skip
_CONTRACT = {"contract_id": "K1", "manager_id": "M1", "monthly_fee_minor": 100_000}
_OFFERING = {"contract_id": "K1", "offered_w_half_hours": 6000}
_LEASE = {
    "lease_id": "L1", "evse_id": "S1", "vehicle_id": "V1", "overlaps_period": True,
    "ends_at": instant("2023-12-06T00:00:00"), "cover_is_empty": False, "has_leased_segment": True,
    "public_at_start": False, "specific_at_start": False, "eligible_in_cover": True,
    "backfeed_wh": 5000, "dr_import_wh": 0, "lacks_read": False, "open_session": False,
}  # fmt: skip
_AGGREGATOR = {
    "dr_event_id": "E1", "level": "utility", "aggregator_id": "", "parent_aggregator_id": "",
    "instructed_wh": None, "achieved_wh": 5000,
}  # fmt: skip
_INTERVAL = {
    "dr_event_id": "E1", "vehicle_id": "V1", "evse_id": "S1",
    "interval_start": instant("2023-12-05T08:00:00"), "import_wh": None, "backfeed_wh": 5000,
    "qualities": "A",
}  # fmt: skip
_EXCEPTION = {
    "code": "missing_read", "metering_point_id": "MP1", "evse_id": "", "vehicle_id": "", "dr_event_id": "",
    "lease_id": "", "session_id": "", "local_date": DAY, "energy_wh": None, "detail": "Ask for 2 half hours.",
}  # fmt: skip
_BALANCE = {"direction": "import", "metered_wh": 0, "attributed_wh": 0, "unattributed_wh": 0}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "performances": _PERFORMANCE,
    "lines": _LINE,
    "contracts": _CONTRACT,
    "offerings": _OFFERING,
    "lease_exchanges": _LEASE,
    "dr_intervals": _INTERVAL,
    "aggregator_achievement": _AGGREGATOR,
    "exceptions": _EXCEPTION,
    "energy_balance": _BALANCE,
}

INCREASE = {"direction": "increase", "amount_kind": "charge_energy"}
LIMIT = {"amount_kind": "charging_power_limit", "unit": "interval"}
LEASED = {"access_class": "leased", "lease_id": "L1"}

Rows = list[dict[str, Any]]


def frame(schema: type[dy.Schema], rows: Rows) -> pl.DataFrame:
    """A frame of the schema's types, unchecked."""
    return pl.DataFrame(rows, schema=schema.create_empty().schema, orient="row")


def verified(**rows: Rows) -> VerifiedPeriod:
    """Verified frames; a row says only what differs from the defaults, and a frame not named is empty."""
    frames = {}
    for each in fields(VerifiedPeriod):
        given = [_DEFAULTS[each.name] | row for row in rows.get(each.name, [])]
        frames[each.name] = frame(each.metadata["schema"], given)
    return VerifiedPeriod(**frames)


def document(**changes: Any) -> dict[str, Any]:
    """A tariff document; `points__rates=[]` sets a field of a section."""
    changed = {name: dict(value) if isinstance(value, dict) else value for name, value in DOCUMENT.items()}
    for path, value in changes.items():
        section, _, name = path.rpartition("__")
        (changed[section] if section else changed)[name] = value
    return changed


def tariff(**changes: Any) -> Tariff:
    """The tariff of that document."""
    return parse_tariff(document(**changes), source="tariff.yaml")


def settled(*versions: Tariff, **rows: Rows) -> Settlement:
    """A settlement of those rows, by the tariff of DOCUMENT if no other is given."""
    tariffs = TariffBook.of(versions or (tariff(),))
    return settle(verified=verified(**rows), tariffs=tariffs, period=PERIOD, as_of=AS_OF)
