"""Payables (R17), lines (R18), points (R19), fee reductions (R20), tariffs (R21)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from .base import HALF_HOUR, common, first_day, intervals_of, local_date
from .segments import largest_remainder


class TariffError(Exception):
    """R21: two tariffs with one date, or none in force on a date."""


# ---------------------------------------------------------------- R21


def effective_from(tariff):
    """R21: a tariff's date, whether YAML gave a date or text."""
    value = tariff["effective_from"]
    return value if isinstance(value, date) else date.fromisoformat(value)


def tariff_on(tariffs, day):
    """R21: the latest tariff whose effective_from is at or before a local date."""
    dates = [effective_from(t) for t in tariffs]
    if len(set(dates)) < len(dates):
        raise TariffError("two tariffs with one effective_from")
    best = None
    for tariff in tariffs:
        if effective_from(tariff) <= day and (best is None or effective_from(tariff) > effective_from(best)):
            best = tariff
    if best is None:
        raise TariffError(f"no tariff in force on {day}")
    return best


# ---------------------------------------------------------------- R17


def payable_of(performance, tariff, trace):
    """R17: what is payable before R18's condition of exchange."""
    hit = trace.hit
    points = tariff["points"]
    p = performance
    if p.status == "held":
        hit("R17.held")
        return 0
    if p.achieved * 10000 < p.requested * points["minimum_achievement_bp"]:
        hit("R17.below_minimum")
        return 0
    payable = p.achieved
    cap = p.requested * points["over_delivery_cap_bp"] // 10000
    if cap < payable:
        hit("R17.capped." + p.unit)
        payable = cap
    if p.unit == "Wh":
        if p.kind == "discharge_energy":
            against = sum(s.import_wh or 0 for s in p.segments)
        else:
            against = sum(s.backfeed_wh or 0 for s in p.segments if s.evse.backfeed_capable)
        net = max(0, p.achieved - against)
        if net < payable:
            hit("R17.net_binds." + DIRECTION_NAME[p.kind])
            if net == 0:
                hit("R17.net_is_0")
            payable = net
    return payable


DIRECTION_NAME = {"discharge_energy": "discharge", "charge_energy": "charge", "charging_power": "charge"}


# ---------------------------------------------------------------- R18, R19


@dataclass
class Line:
    """R18: one (DR event, vehicle, EVSE, lease or none, access class)."""

    performance: object
    evse_id: str
    lease_id: str
    access_class: str
    achieved: int = 0
    payable: int = 0
    points: int = 0
    tariff: dict = None


def lines_of(performance, exchange, minimum, trace):
    """R18: the lines of a performance, its payable shared among them, forfeited below the minimum of exchange."""
    hit = trace.hit
    lines = {}
    for s in performance.eligible:
        key = (s.session.evse_id, s.lease_id, s.access_class)
        line = lines.setdefault(key, Line(performance, *key))
        if performance.kind == "discharge_energy":
            line.achieved += s.eligible_backfeed
        elif performance.unit == "Wh":
            line.achieved += s.import_wh or 0
    for pieces in performance.compliant.values():
        earliest = pieces[0]  # sorted by start, then session_id
        lines[(earliest.session.evse_id, earliest.lease_id, earliest.access_class)].achieved += 1
        if len({(s.session.evse_id, s.lease_id, s.access_class) for s in pieces}) > 1:
            hit("R18.interval_goes_to_earliest")
    ordered = [lines[key] for key in sorted(lines)]
    assert sum(line.achieved for line in ordered) == performance.achieved
    if len(ordered) > 1:
        hit("R18.several_lines")
    if performance.achieved:
        shares = largest_remainder(
            performance.payable_before_exchange,
            [line.achieved for line in ordered],
            lambda i, j, tied: hit("R18.tie" if tied else "R18.leftover"),
        )
        for line, share in zip(ordered, shares):
            line.payable = share
    elif ordered:
        hit("R18.nothing_achieved")
    for line in ordered:
        if line.access_class == "leased" and line.payable:
            if sum(exchange.get(line.lease_id, (0, 0))) < minimum:
                hit("R18.forfeited")
                line.payable = 0
            else:
                hit("R18.exchanged_enough")
    return ordered


def round_half_up(value):
    """R19: to whole points."""
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)


def points_of(line, tariff, trace):
    """R19: payable x rate, per kWh or per compliant interval, rounded half up once."""
    hit = trace.hit
    kind = line.performance.kind
    for rate in tariff["points"]["rates"]:
        if rate["amount_kind"] == kind and rate["access_class"] == line.access_class:
            if line.performance.unit == "Wh":
                exact = Fraction(line.payable) * Fraction(rate["per_kwh"]) / 1000
            else:
                exact = Fraction(line.payable) * Fraction(rate["per_interval"])
            points = round_half_up(exact)
            if line.payable:
                hit("R19.rate." + line.performance.unit)
                hit(
                    "R19.exact"
                    if points == exact
                    else "R19.exactly_half"
                    if points - exact == Fraction(1, 2)
                    else "R19.rounded_up"
                    if points > exact
                    else "R19.rounded_down"
                )
            return points
    if line.payable:
        hit("R19.no_rate")
    return 0


# ---------------------------------------------------------------- R20


@dataclass
class FeeReduction:
    """R20: of one contract in one period, all amounts exact but `reduction`."""

    contract_id: str
    manager_id: str
    performance_wh: int
    offered_wh: int
    performance: Fraction
    offering: Fraction
    cap: Fraction
    reduction: int


def contracts_of_period(known, period_span):
    """R7, exports: [(contract_id, the row that has the month)] of contracts in force in the period with an EVSE row in it."""
    hit = known.trace.hit
    named = set()
    for evse_id in known.registry["evses"]:
        for row, span in known.spans_in_force("evses", evse_id):
            if common(span, period_span):
                named.add(row.contract_id)
    result = []
    for contract_id in sorted(known.registry["contracts"]):
        row = month_row(known, contract_id, period_span)
        if row is None:
            hit("R20.contract_not_in_period")
        elif contract_id not in named:
            hit("R20.contract_without_evse")
        else:
            result.append((contract_id, row))
    return result


def month_row(known, contract_id, period_span):
    """R7: of a contract, the row at the first instant of the period at which one is in force."""
    found = []
    for row, span in known.spans_in_force("contracts", contract_id):
        part = common(span, period_span)
        if part:
            found.append((part[0], row))
    if not found:
        return None
    found.sort(key=lambda f: f[0])
    if found[0][0] > period_span[0]:
        known.trace.hit("R7.contract_begins_in_period")
    if len(found) > 1:
        known.trace.hit("R7.first_contract_row_has_the_month")
    return found[0][1]


def tier_rate(tariff, power_w, trace):
    """R20: per_kwh of the highest tier whose from_w is at most the rated power; 0 if there is none."""
    best = None
    for tier in tariff["fee_reduction"]["performance_tiers"]:
        if tier["from_w"] <= power_w and (best is None or tier["from_w"] > best["from_w"]):
            best = tier
    if best is None:
        trace.hit("R20.no_tier")
        return Fraction(0)
    trace.hit(
        "R20.tier."
        + (
            "lowest"
            if best["from_w"] == min(t["from_w"] for t in tariff["fee_reduction"]["performance_tiers"])
            else "higher"
        )
    )
    return Fraction(best["per_kwh"])


def performance_part(known, contract_id, lines, tariff):
    """R20: (Wh, money) over the period's leased lines with unit Wh at the contract's EVSEs, at the event's start."""
    hit = known.trace.hit
    wh, money = 0, Fraction(0)
    for line in lines:
        if line.access_class != "leased":
            continue
        event = line.performance.event
        evse = known.in_force("evses", line.evse_id, event.starts_at)
        if evse is None:
            hit("R20.evse_unknown_at_event_start")
            continue
        if evse.contract_id != contract_id:
            continue
        if line.performance.unit != "Wh":
            hit("R20.intervals_do_not_count")
            continue
        if known.in_force("contracts", contract_id, event.starts_at) is None:
            hit("R20.contract_not_in_force_at_event")
            continue
        wh += line.payable
        increase = event.direction == "increase"
        money += Fraction(line.payable, 1000) * tier_rate(
            tariff, evse.rated_charge_w if increase else evse.rated_discharge_w, known.trace
        )
        if line.payable:
            hit("R20.performance." + event.direction)
    return wh, money


def offering_part(known, contract_id, period_span, tariff):
    """R20: (W x half hours, money) of intervals of the period that an offer covers whole at a free specific EVSE."""
    hit = known.trace.hit
    watt_half_hours = 0
    for evse_id in sorted({offer.evse_id for offer in known.offers}):
        offers = [o for o in known.offers if o.evse_id == evse_id]
        candidates = sorted({i for o in offers for i in intervals_of(o.offered_from, o.offered_to)})
        for interval in candidates:
            evse = known.in_force("evses", evse_id, interval)
            if evse is None or evse.contract_id != contract_id:
                continue
            if not period_span[0] <= interval < period_span[1]:
                hit("R20.offer.other_period")
                continue
            if evse.access != "specific":
                hit("R20.offer.public_evse")
                continue
            if not evse.backfeed_capable:
                hit("R20.offer.incapable_evse")
                continue
            whole = [o for o in offers if o.offered_from <= interval and interval + HALF_HOUR <= o.offered_to]
            if not whole:
                hit("R20.offer.part_of_interval")
                continue
            in_time = [o for o in whole if o.published_at <= interval]
            if not in_time:
                hit("R20.offer.published_late")
                continue
            if offer_blocked(known, evse_id, interval):
                continue
            if known.in_force("contracts", contract_id, interval) is None:
                hit("R20.offer.contract_not_in_force")
                continue
            if len(in_time) > 1:
                hit("R20.offer.two_cover_paid_once")
            hit("R20.offer.paid")
            watt_half_hours += evse.rated_discharge_w
    return watt_half_hours, (
        Fraction(watt_half_hours, 1000) / 2 * Fraction(tariff["fee_reduction"]["offering_per_kw_hour"])
    )


def offer_blocked(known, evse_id, interval):
    """R20: does at some instant of the interval a session of the EVSE run whose vehicle is specific there at that instant?"""
    blocked = False
    for session in known.sessions:
        if session.evse_id != evse_id:
            continue
        running = common(known.span(session), (interval, interval + HALF_HOUR))
        if running is None:
            continue
        at_once = [
            span for span in known.specific.get((evse_id, session.vehicle_id), []) if common(running, span)
        ]
        if at_once:
            known.trace.hit(
                "R20.offer.blocked_by_open" if session.ended_at is None else "R20.offer.blocked_by_ended"
            )
            blocked = True
        else:
            known.trace.hit("R20.offer.not_blocked_by_guest")
    return blocked


def fee_reductions(known, lines, period, period_span, tariffs):
    """R20: of every contract of the period."""
    hit = known.trace.hit
    tariff = tariff_on(tariffs, first_day(period))
    result = []
    for contract_id, row in contracts_of_period(known, period_span):
        performance_wh, performance = performance_part(known, contract_id, lines, tariff)
        watt_half_hours, offering = offering_part(known, contract_id, period_span, tariff)
        cap = Fraction(row.monthly_fee_minor * tariff["fee_reduction"]["contract_fee_cap_bp"], 10000)
        exact = min(performance + offering, cap)
        reduction = exact.numerator // exact.denominator
        if performance + offering == 0:
            hit("R20.reduction_0")
        else:
            hit("R20.cap_binds" if performance + offering > cap else "R20.cap_does_not_bind")
            if reduction != exact:
                hit("R20.rounded_down")
        result.append(
            FeeReduction(
                contract_id,
                row.manager_id,
                performance_wh,
                watt_half_hours // 2,
                performance,
                offering,
                cap,
                reduction,
            )
        )
    return result


def decimal_text(value):
    """Exports: exact decimal text with up to 6 decimals, cut off, without trailing zeros."""
    millionths = value.numerator * 10**6 // value.denominator
    whole, part = divmod(millionths, 10**6)
    return f"{whole}.{part:06d}".rstrip("0").rstrip(".")


def event_tariff(performance, tariffs, zone):
    """R21: the tariff of a performance and its lines, by the event's local start date."""
    return tariff_on(tariffs, local_date(performance.event.starts_at, zone))
