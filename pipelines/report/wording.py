"""How the report and the statements put figures and codes into words."""

from datetime import datetime
from zoneinfo import ZoneInfo

# R15, for somebody who never read it.
HOLD_REASONS = {
    "event_not_over": "the event was not over when the run looked",
    "open_session_of_vehicle": "a session of the vehicle was still open during the event",
    "open_session_at_metering_point": "a session behind the same meter was still open during the event",
    "vehicle_in_two_places": "the vehicle is said to have been at two places at once",
    "missing_read": "a meter read that is needed is missing",
    "quality_not_payable": "a meter read is of a quality that the tariff does not pay on",
    "meter_charger_mismatch": "meter and charger disagree by more than the tariff allows",
}


def percent_text(part: int, whole: int | None) -> str:
    """A share in percent with one decimal, cut off; a dash of nothing."""
    if not whole:
        return "–"
    tenths = part * 1000 // whole
    return "under 0.1 %" if part and not tenths else f"{tenths // 10:,}.{tenths % 10} %"


def kwh_text(energy_wh: int) -> str:
    """Energy of whole watt-hours in kWh."""
    sign = "-" if energy_wh < 0 else ""
    return f"{sign}{abs(energy_wh) // 1000:,}.{abs(energy_wh) % 1000:03} kWh"


def amount_text(amount: int, unit: str) -> str:
    """An achieved, requested or payable amount with its unit (R12)."""
    return kwh_text(amount) if unit == "Wh" else f"{amount:,} half hour" + ("" if amount == 1 else "s")


def local_text(instant: datetime, time_zone: str) -> str:
    """The programme's local time of an instant of UTC; the hour that the clocks repeat is marked."""
    there = instant.replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(time_zone))
    return f"{there:%Y-%m-%d %H:%M}{' (again)' if there.fold else ''}"


def hold_reasons_text(reasons: str | None) -> str:
    """Why a performance is held; runs of earlier versions did not write it down."""
    if not reasons:
        return "not written down with this run"
    return "; ".join(HOLD_REASONS.get(reason, reason.replace("_", " ")) for reason in reasons.split("+"))


def exact_text(decimal: str) -> str:
    """An exact decimal text with thousands separators."""
    whole, point, part = decimal.partition(".")
    return f"{int(whole):,}{point}{part}"


def share_text(basis_points: int) -> str:
    """Basis points in percent: 12050 as 120.5 %."""
    whole, part = divmod(basis_points, 100)
    decimals = f".{part:02}".rstrip("0") if part else ""
    return f"{whole:,}{decimals} %"
