"""Tariffs: dated data, never code (R21)."""

import hashlib
import json
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from itertools import pairwise
from typing import TypeVar

from settlement.errors import TariffError
from settlement.periods import SettlementPeriod
from settlement.tariff_fields import LARGEST, LARGEST_BP, FieldReader
from settlement.vocabulary import AMOUNT_KINDS, INTERVAL_KINDS, PERMITTED_CLASSES, READ_QUALITIES

Value = TypeVar("Value", bound=Hashable)

_MOST_CURRENCY_DIGITS = 4
_FIELDS = (
    "version", "effective_from", "time_zone", "currency", "currency_digits",
    "points", "fee_reduction", "checks",
)  # fmt: skip
_POINTS = ("minimum_achievement_bp", "over_delivery_cap_bp", "payable_qualities", "rates")
_FEE_REDUCTION = ("performance_tiers", "offering_per_kw_hour", "contract_fee_cap_bp")
_CHECKS = ("mismatch_wh", "mismatch_bp", "minimum_exchange_wh")


@dataclass(frozen=True, order=True)
class PointsRate:
    """Points per kWh, or per compliant interval, in thousandths of a point (R19)."""

    amount_kind: str
    access_class: str
    rate_milli: int


@dataclass(frozen=True, order=True)
class PerformanceTier:
    """Fee reduction per kWh at EVSEs of at least this rated power, in thousandths (R20)."""

    from_w: int
    per_kwh_milli: int


@dataclass(frozen=True)
class Tariff:
    """One version of the tariff (R21). Rates are in thousandths of a point or of a smallest unit of money."""

    version: str
    effective_from: date
    time_zone: str
    currency: str
    currency_digits: int
    minimum_achievement_bp: int
    over_delivery_cap_bp: int
    payable_qualities: tuple[str, ...]
    rates: tuple[PointsRate, ...]
    performance_tiers: tuple[PerformanceTier, ...]
    offering_per_kw_hour_milli: int
    contract_fee_cap_bp: int
    mismatch_wh: int
    mismatch_bp: int
    minimum_exchange_wh: int

    @property
    def content_sha256(self) -> str:
        """A hash of what the version says, whatever its layout; it tells whether a version was changed."""
        canonical = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), default=date.isoformat)
        return hashlib.sha256(canonical.encode()).hexdigest()


def parse_tariff(document: object, *, source: str) -> Tariff:
    """The tariff of one loaded YAML document; TariffError with a sentence for each fault of it.

    `source` is what the sentences call the document: its file name.
    """
    reader = FieldReader(source)
    top = reader.section(document, "", _FIELDS)
    points = _section(reader, top, "points", _POINTS)
    fee = _section(reader, top, "fee_reduction", _FEE_REDUCTION)
    checks = _section(reader, top, "checks", _CHECKS)
    tariff = Tariff(
        version=reader.identifier(top, "version"),
        effective_from=reader.local_date(top, "effective_from"),
        time_zone=reader.time_zone(top, "time_zone"),
        currency=reader.currency(top, "currency"),
        currency_digits=reader.whole(top, "currency_digits", most=_MOST_CURRENCY_DIGITS),
        minimum_achievement_bp=reader.whole(points, "points.minimum_achievement_bp", most=LARGEST_BP),
        over_delivery_cap_bp=reader.whole(points, "points.over_delivery_cap_bp", most=LARGEST_BP),
        payable_qualities=_payable_qualities(reader, points),
        rates=_rates(reader, points),
        performance_tiers=_performance_tiers(reader, fee),
        offering_per_kw_hour_milli=reader.rate_milli(fee, "fee_reduction.offering_per_kw_hour"),
        contract_fee_cap_bp=reader.whole(fee, "fee_reduction.contract_fee_cap_bp", most=LARGEST_BP),
        mismatch_wh=reader.whole(checks, "checks.mismatch_wh", most=LARGEST),
        mismatch_bp=reader.whole(checks, "checks.mismatch_bp", most=LARGEST_BP),
        minimum_exchange_wh=reader.whole(checks, "checks.minimum_exchange_wh", most=LARGEST),
    )
    if reader.faults:
        raise TariffError(*reader.faults)
    return tariff


def _section(
    reader: FieldReader, top: Mapping[str, object], name: str, fields: tuple[str, ...]
) -> Mapping[str, object]:
    return reader.section(top[name], name, fields) if name in top else {}


def _payable_qualities(reader: FieldReader, points: Mapping[str, object]) -> tuple[str, ...]:
    path = "points.payable_qualities"
    qualities = [
        reader.known(value, f"{path}[{place}]", READ_QUALITIES)
        for place, value in enumerate(reader.items(points, path))
    ]
    if points.get("payable_qualities") == []:
        reader.fault(path, "names no quality, so that nothing would ever be paid")
    for quality in _repeated(filter(None, qualities)):
        reader.fault(path, f"names {quality} twice")
    return tuple(sorted(qualities))


def _rates(reader: FieldReader, points: Mapping[str, object]) -> tuple[PointsRate, ...]:
    path = "points.rates"
    rates = [
        _rate(reader, value, f"{path}[{place}]") for place, value in enumerate(reader.items(points, path))
    ]
    pairs = [(rate.amount_kind, rate.access_class) for rate in rates]
    for kind, access_class in _repeated(pair for pair in pairs if all(pair)):
        reader.fault(path, f"has more than one rate for {kind} and {access_class}")
    return tuple(sorted(rates))


def _rate(reader: FieldReader, value: object, path: str) -> PointsRate:
    of_intervals = isinstance(value, Mapping) and value.get("amount_kind") in INTERVAL_KINDS
    per = "per_interval" if of_intervals else "per_kwh"
    section = reader.section(value, path, ("amount_kind", "access_class", per))
    return PointsRate(
        amount_kind=reader.one_of(section, f"{path}.amount_kind", AMOUNT_KINDS),
        access_class=reader.one_of(section, f"{path}.access_class", PERMITTED_CLASSES),
        rate_milli=reader.rate_milli(section, f"{path}.{per}"),
    )


def _performance_tiers(reader: FieldReader, fee: Mapping[str, object]) -> tuple[PerformanceTier, ...]:
    path = "fee_reduction.performance_tiers"
    faults_before = len(reader.faults)
    tiers = [_tier(reader, value, f"{path}[{place}]") for place, value in enumerate(reader.items(fee, path))]
    if len(reader.faults) == faults_before:
        for from_w in _repeated(tier.from_w for tier in tiers):
            reader.fault(path, f"has more than one tier from {from_w} W")
    return tuple(sorted(tiers))


def _tier(reader: FieldReader, value: object, path: str) -> PerformanceTier:
    section = reader.section(value, path, ("from_w", "per_kwh"))
    return PerformanceTier(
        from_w=reader.whole(section, f"{path}.from_w", most=LARGEST),
        per_kwh_milli=reader.rate_milli(section, f"{path}.per_kwh"),
    )


def _repeated(values: Iterable[Value]) -> list[Value]:
    return [value for value, times in Counter(values).items() if times > 1]


@dataclass(frozen=True)
class TariffBook:
    """The versions of one programme's tariff, in order of the date they take effect (R21)."""

    tariffs: tuple[Tariff, ...]

    @classmethod
    def of(cls, tariffs: Iterable[Tariff]) -> "TariffBook":
        """A book of these versions; TariffError if there is none, or if they contradict each other."""
        ordered = tuple(sorted(tariffs, key=lambda tariff: (tariff.effective_from, tariff.version)))
        if not ordered:
            raise TariffError("There is no tariff; add a file with one.")
        faults = [fault for pair in pairwise(ordered) for fault in _contradictions(*pair)]
        faults += [
            f"Two tariffs are called {version}; give each its own version."
            for version in _repeated(tariff.version for tariff in ordered)
        ]
        if faults:
            raise TariffError(*faults)
        return cls(tariffs=ordered)

    def in_force_on(self, day: date) -> Tariff:
        """The latest version that takes effect at or before the local date; TariffError if none does."""
        in_force = [tariff for tariff in self.tariffs if tariff.effective_from <= day]
        if not in_force:
            first = self.tariffs[0]
            raise TariffError(
                f"No tariff is in force on {day}: the earliest, {first.version}, takes effect on "
                f"{first.effective_from}; nothing is settled."
            )
        return in_force[-1]

    def for_period(self, period: SettlementPeriod) -> "TariffBook":
        """The versions that can apply in the period: in force on its first day, or taking effect in it."""
        first = self.in_force_on(period.first_day)
        later = [
            tariff
            for tariff in self.tariffs
            if tariff.effective_from > period.first_day and period.contains(tariff.effective_from)
        ]
        return TariffBook(tariffs=(first, *later))

    @property
    def versions(self) -> tuple[str, ...]:
        """The names of the versions, in order of the date they take effect."""
        return tuple(tariff.version for tariff in self.tariffs)

    @property
    def time_zone(self) -> str:
        """The programme's time zone, equal in all versions."""
        return self.tariffs[0].time_zone

    @property
    def currency(self) -> str:
        """The programme's currency, equal in all versions."""
        return self.tariffs[0].currency

    @property
    def currency_digits(self) -> int:
        """The smallest unit is 10^-digits of the currency, equal in all versions."""
        return self.tariffs[0].currency_digits


def _contradictions(one: Tariff, other: Tariff) -> list[str]:
    faults = [
        f"Tariffs {one.version} and {other.version} differ in {name} ({getattr(one, name)} and "
        f"{getattr(other, name)}); one programme has one."
        for name in ("time_zone", "currency", "currency_digits")
        if getattr(one, name) != getattr(other, name)
    ]
    if one.effective_from == other.effective_from and one.version != other.version:
        faults.append(
            f"Tariffs {one.version} and {other.version} both take effect on {one.effective_from}; "
            "withdraw one of them."
        )
    return faults
