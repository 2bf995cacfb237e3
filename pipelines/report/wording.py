"""How the report and the statements put figures and codes into words."""

from pipelines.wording import HOLD_REASONS


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
