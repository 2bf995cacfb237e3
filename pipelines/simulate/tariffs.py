"""Two tariff versions for a simulated month, one of which begins in mid-month (R21)."""

from datetime import date, timedelta
from pathlib import Path

import yaml

from pipelines.simulate.world import World

OFFERING_PER_KW_HOUR = "0.05"
CONTRACT_FEE_CAP_BP = 5000
MID_MONTH = 16

# (amount_kind, access_class, points); one pair has no rate, and earns nothing (R19)
RATES = (
    ("discharge_energy", "leased", "40"),
    ("discharge_energy", "specific", "30"),
    ("discharge_energy", "public", "35"),
    ("charge_energy", "leased", "12.5"),
    ("charge_energy", "specific", "8"),
    ("charge_energy", "public", "10"),
    ("charging_power", "leased", "12"),
    ("charging_power", "specific", "7.5"),
    ("charging_power_limit", "leased", "5"),
    ("charging_power_limit", "specific", "3"),
    ("charging_power_limit", "public", "4"),
)


def write_tariffs(world: World, folder: Path) -> tuple[Path, ...]:
    """Write `<version>.yaml` for each version in force in the simulated period, earliest first."""
    folder.mkdir(parents=True)
    first_of_month = world.first_day.replace(day=1)
    before = (first_of_month - timedelta(days=1)).replace(day=1)
    versions = (before, first_of_month.replace(day=MID_MONTH))
    return tuple(_write(world, folder, effective_from, n) for n, effective_from in enumerate(versions))


def _write(world: World, folder: Path, effective_from: date, ordinal: int) -> Path:
    version = f"sim-{effective_from:%Y-%m-%d}"
    path = folder / f"{version}.yaml"
    document = _document(world, version, effective_from, ordinal)
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return path


def _document(world: World, version: str, effective_from: date, ordinal: int) -> dict[str, object]:
    return {
        "version": version,
        "effective_from": effective_from,
        "time_zone": world.time_zone,
        "currency": world.currency.code,
        "currency_digits": world.currency.digits,
        "points": {
            "minimum_achievement_bp": 5000,
            "over_delivery_cap_bp": 12000 if ordinal == 0 else 11000,
            "payable_qualities": ["A", "S", "E"],
            "rates": [_rate(kind, access, points, ordinal) for kind, access, points in RATES],
        },
        "fee_reduction": {
            "performance_tiers": [{"from_w": 0, "per_kwh": "4.0"}, {"from_w": 6000, "per_kwh": "6.0"}],
            "offering_per_kw_hour": OFFERING_PER_KW_HOUR,
            "contract_fee_cap_bp": CONTRACT_FEE_CAP_BP,
        },
        "checks": {"mismatch_wh": 500, "mismatch_bp": 1000, "minimum_exchange_wh": 500},
    }


def _rate(amount_kind: str, access_class: str, points: str, ordinal: int) -> dict[str, str]:
    per = "per_interval" if amount_kind == "charging_power_limit" else "per_kwh"
    raised = ordinal > 0 and amount_kind == "discharge_energy"
    return {
        "amount_kind": amount_kind,
        "access_class": access_class,
        per: f"{points}.5" if raised else points,
    }
