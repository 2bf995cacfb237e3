"""A performance: requested, achieved, status, payable (R12 to R17), and its lines and points (R18, R19)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from pipelines.explain.facts import Facts, Performance, Row
from pipelines.explain.half_hours import Direction, energy_step
from pipelines.explain.leases import exchange_step, exchange_wh
from pipelines.explain.steps import Step, agreed, decimal_text, largest_remainder
from pipelines.instants import instant_text, local_text
from pipelines.wording import HOLD_REASONS, counted
from settlement import Tariff
from settlement.vocabulary import ENERGY_UNIT, INCREASE_KINDS, LEASED


def performance_step(facts: Facts, key: Performance) -> Step:
    """A performance and what of it is paid, down to the reads."""
    found = facts.performances.get(key)
    if found is None:
        return _no_performance(facts, key)
    for name in ("requested", "achieved", "status"):
        agreed(f"performance {' '.join(key)}, {name}", calculated=found[name], stored=found[f"stored_{name}"])
    lines = tuple(line_step(facts, line) for line in facts.lines[key])
    payable = sum(int(line["payable"]) for line in facts.lines[key])
    agreed(f"performance {' '.join(key)}, payable", calculated=payable, stored=found["payable"])
    return Step(
        name="performance",
        value=payable,
        unit=found["unit"],
        arithmetic=f"payable, by its lines; the event began {_local(facts, found['starts_at'])}",
        rules=("R18",),
        keys={"dr_event_id": key[0], "vehicle_id": key[1]},
        numbers={
            "user_id": found["user_id"],
            "amount_kind": found["amount_kind"],
            "starts_at": found["starts_at"],
            "ends_at": found["ends_at"],
            "achievement_rate": found["achievement_rate"],
        },
        rows=facts.evidence.numbers("dr_events", [(key[0],)]) + _vehicle_rows(facts, key[1]),
        steps=(
            _requested(facts, found),
            _achieved(facts, found),
            _status(facts, found),
            _capped(facts, found),
            *lines,
        ),
    )


def _local(facts: Facts, instant: datetime) -> str:
    """An instant in UTC, and as the programme's clocks showed it."""
    return f"{instant_text(instant)} (local {local_text(instant, facts.tariffs.time_zone)})"


def _no_performance(facts: Facts, key: Performance) -> Step:
    return Step(
        name="no performance",
        value=0,
        arithmetic="the run found no signal to settle of this event and vehicle",
        rules=("R12", "R13"),
        keys={"dr_event_id": key[0], "vehicle_id": key[1]},
        rows=facts.evidence.numbers("dr_events", [(key[0],)]) + _vehicle_rows(facts, key[1]),
    )


def _vehicle_rows(facts: Facts, vehicle_id: str) -> tuple[int, ...]:
    return facts.evidence.naming("vehicles", "vehicle_id", vehicle_id)


# ---- requested and achieved (R12 to R14)


def _requested(facts: Facts, found: Row) -> Step:
    seconds = int((found["ends_at"] - found["starts_at"]).total_seconds())
    kind, amount = found["amount_kind"], found["amount"]
    if kind == "charging_power_limit":
        first = found["starts_at"].replace(minute=found["starts_at"].minute // 30 * 30, second=0)
        value = (int((found["ends_at"] - first).total_seconds()) + 1799) // 1800
        arithmetic = f"half hours that the event overlaps; in each at most {amount:,} W on average"
    elif kind == "charging_power":
        value = max(1, amount * seconds // 3600)
        arithmetic = f"max(1, floor({amount:,} W x {seconds:,} s / 3,600))"
    else:
        value, arithmetic = amount, f"the signal's amount, issued {instant_text(found['issued_at'])}"
    agreed("what the signal requests", calculated=value, stored=found["requested"])
    return Step(
        name="requested",
        value=value,
        unit=found["unit"],
        arithmetic=arithmetic,
        rules=("R12", "R13"),
        numbers={"amount_kind": kind, "amount": amount, "event_seconds": seconds},
        rows=facts.evidence.numbers(
            "dr_signals", [(found["dr_event_id"], found["vehicle_id"], found["issued_at"])]
        ),
    )


def _achieved(facts: Facts, found: Row) -> Step:
    key = found["dr_event_id"], found["vehicle_id"]
    if found["unit"] == ENERGY_UNIT:
        direction = counted_direction(found["amount_kind"])
        segments = facts.segments_of[key]
        value = sum(counted_wh(segment, direction) for segment in segments)
        steps = tuple(
            energy_step(facts, segment, direction, counts=segment["is_eligible"]) for segment in segments
        )
        arithmetic = f"{direction} of its eligible segments"
    else:
        steps = tuple(_interval(facts, each) for each in facts.power_limits[key])
        value = sum(int(bool(each["is_compliant"])) for each in facts.power_limits[key])
        arithmetic = "the half hours within the limit"
    agreed("what was achieved", calculated=value, stored=found["achieved"])
    return Step(
        name="achieved",
        value=value,
        unit=found["unit"],
        arithmetic=f"{arithmetic}; {found['achievement_rate']} of what was requested",
        rules=("R12", "R14"),
        numbers={"achievement_rate": found["achievement_rate"]},
        steps=steps,
    )


def counted_direction(amount_kind: str) -> Direction:
    """The direction whose energy a signal of the kind asks for (R12)."""
    return "backfeed" if amount_kind == "discharge_energy" else "import"


def counted_wh(segment: Row, direction: Direction) -> int:
    """What a segment adds to the achieved of its performance: nothing if it is not eligible (R11)."""
    if not segment["is_eligible"]:
        return 0
    energy = segment["capable_backfeed_wh" if direction == "backfeed" else "import_wh"]
    return int(energy or 0)


def _interval(facts: Facts, limits: Row) -> Step:
    """Whether a half hour kept to a power limit (R12)."""
    key = limits["dr_event_id"], limits["vehicle_id"]
    segments = [
        segment
        for segment in facts.segments_of[key]
        if segment["interval_start"] == limits["interval_start"] and segment["is_eligible"]
    ]
    most = limits["limit_w"] * limits["segment_seconds"] // 3600
    failing = tuple(_failing(limits, most=most))
    agreed("whether a half hour kept the limit", calculated=not failing, stored=limits["is_compliant"])
    energy = "no read" if limits["import_wh"] is None else f"{limits['import_wh']:,} Wh"
    limit = f"floor({limits['limit_w']:,} W x {limits['segment_seconds']:,} s / 3,600) = {most:,} Wh"
    return Step(
        name="half hour",
        value=int(not failing),
        unit="interval",
        arithmetic="; ".join((f"{energy}, at most {limit}", *failing)),
        rules=("R12",),
        keys={"interval_start": limits["interval_start"]},
        numbers={
            "import_wh": limits["import_wh"],
            "limit_w": limits["limit_w"],
            "limit_wh": most,
            "event_seconds": limits["event_seconds"],
            "segment_seconds": limits["segment_seconds"],
        },
        steps=tuple(energy_step(facts, segment, "import") for segment in segments),
    )


def _failing(limits: Row, *, most: int) -> Iterator[str]:
    if not limits["has_charging_session"]:
        yield "no session charged"
    if limits["segment_seconds"] * 2 < limits["event_seconds"]:
        yield f"plugged in for less than half of the {limits['event_seconds']:,} s of the event"
    if limits["missing_reads"]:
        yield "a read is missing"
    elif limits["import_wh"] > most:
        yield "above the limit"


# ---- status (R15, R16)


def _status(facts: Facts, found: Row) -> Step:
    key = found["dr_event_id"], found["vehicle_id"]
    reasons = [reason for reason in found["hold_reasons"].split("+") if reason]
    said = {
        "held": "; ".join(HOLD_REASONS[reason] for reason in reasons),
        "provisional": f"reads of quality {found['qualities']}; paid, and trued up when better ones come",
        "final": f"reads of quality {found['qualities']}" if found["qualities"] else "no read is needed",
    }
    sessions = sorted({each["session_id"] for each in facts.segments_of[key] if each["is_eligible"]})
    checks = [_check(facts, check) for session_id in sessions for check in facts.checks[session_id]]
    opened = [_open_session(facts, session_id) for session_id in facts.open_sessions.get(key, ())]
    return Step(
        name="status",
        value=found["status"],
        arithmetic=said[found["status"]],
        rules=("R15",),
        numbers={"qualities": found["qualities"], "hold_reasons": reasons},
        steps=(*opened, *checks),
    )


def _open_session(facts: Facts, session_id: str) -> Step:
    return Step(
        name="open session",
        value=session_id,
        arithmetic="overlaps the event",
        rules=("R9", "R15"),
        rows=facts.evidence.numbers("charger_sessions", [(session_id,)]),
    )


def _check(facts: Facts, check: Row) -> Step:
    allowed = max(facts.monthly.mismatch_wh, check["logged_wh"] * facts.monthly.mismatch_bp // 10_000)
    difference = abs(check["apportioned_wh"] - check["logged_wh"])
    agreed(
        f"charger against meter of session {check['session_id']}",
        calculated=(difference, difference > allowed),
        stored=(check["difference_wh"], check["is_mismatch"]),
    )
    verdict = "more than" if difference > allowed else "within"
    return Step(
        name=f"charger against meter, {check['direction']}",
        value=difference,
        unit="Wh",
        arithmetic=(
            f"|metered {check['apportioned_wh']:,} - logged {check['logged_wh']:,}|, {verdict} the"
            f" {allowed:,} allowed"
        ),
        rules=("R16",),
        tariff_version=facts.monthly.version,
        keys={"session_id": check["session_id"], "from": check["started_at"], "to": check["ended_at"]},
        numbers={
            "apportioned_wh": check["apportioned_wh"],
            "logged_wh": check["logged_wh"],
            "mismatch_wh": facts.monthly.mismatch_wh,
            "mismatch_bp": facts.monthly.mismatch_bp,
            "allowed_wh": allowed,
            "is_mismatch": difference > allowed,
        },
        rows=facts.evidence.numbers("charger_sessions", [(check["session_id"],)]),
    )


# ---- payable (R17)


def _capped(facts: Facts, found: Row) -> Step:
    """What is payable before lines forfeit any of it."""
    tariff = facts.tariffs.in_force_on(found["event_local_date"])
    achieved, requested = found["achieved"], found["requested"]
    cap = requested * tariff.over_delivery_cap_bp // 10_000
    return Step(
        name="payable",
        value=capped(found, tariff),
        unit=found["unit"],
        arithmetic=_why_payable(found, tariff, cap=cap),
        rules=("R17",),
        tariff_version=tariff.version,
        numbers={
            "achieved": achieved,
            "requested": requested,
            "minimum_achievement_bp": tariff.minimum_achievement_bp,
            "over_delivery_cap_bp": tariff.over_delivery_cap_bp,
            "cap": cap,
            "circular_wh": found["circular_wh"],
        },
        steps=_circular(facts, found),
    )


def _why_payable(found: Row, tariff: Tariff, *, cap: int) -> str:
    achieved, requested, circular = found["achieved"], found["requested"], found["circular_wh"]
    if found["status"] == "held":
        return "held: nothing is paid in this run"
    if achieved * 10_000 < requested * tariff.minimum_achievement_bp:
        return (
            f"achieved {achieved:,} is below the minimum, {tariff.minimum_achievement_bp:,} bp of"
            f" {requested:,}"
        )
    limits = [
        f"achieved {achieved:,}",
        f"cap {tariff.over_delivery_cap_bp:,} bp of {requested:,} = {cap:,}",
    ]
    if found["unit"] == ENERGY_UNIT:
        limits.append(f"net {achieved:,} - {circular:,} = {max(0, achieved - circular):,}")
    return f"min({', '.join(limits)})"


def capped(found: Row, tariff: Tariff) -> int:
    """R17's payable of a performance as it was found."""
    achieved, requested = found["achieved"], found["requested"]
    if found["status"] == "held" or achieved * 10_000 < requested * tariff.minimum_achievement_bp:
        return 0
    payable = min(achieved, requested * tariff.over_delivery_cap_bp // 10_000)
    if found["unit"] == ENERGY_UNIT:
        payable = min(payable, max(0, achieved - found["circular_wh"]))
    return int(payable)


def _circular(facts: Facts, found: Row) -> tuple[Step, ...]:
    """The energy that went the other way during the event, eligible or not; nothing for a power limit."""
    if found["unit"] != ENERGY_UNIT:
        return ()
    segments = facts.segments_of[found["dr_event_id"], found["vehicle_id"]]
    direction: Direction = "backfeed" if found["amount_kind"] in INCREASE_KINDS else "import"
    column = "capable_backfeed_wh" if direction == "backfeed" else "import_wh"
    value = sum(int(segment[column] or 0) for segment in segments)
    agreed("the energy that went the other way", calculated=value, stored=found["circular_wh"])
    if value == 0:
        return ()
    return (
        Step(
            name=f"{direction} during the event",
            value=value,
            unit="Wh",
            arithmetic="energy that goes in a circle earns nothing",
            rules=("R17",),
            steps=tuple(energy_step(facts, segment, direction) for segment in segments if segment[column]),
        ),
    )


# ---- lines (R18, R19)


def line_step(facts: Facts, line: Row) -> Step:
    """The points of a line: its payable times the rate."""
    tariff = facts.tariff(line["tariff_version"])
    found = facts.performances[line["dr_event_id"], line["vehicle_id"]]
    share = _share(facts, line, amount=capped(found, tariff))
    payable = int(share.value or 0)
    exchange: tuple[Step, ...] = ()
    if line["access_class"] == LEASED:
        exchange = (exchange_step(facts, line["lease_id"]),)
        if exchange_wh(facts.exchanges[line["lease_id"]]) < facts.monthly.minimum_exchange_wh:
            payable = 0
    agreed("a line's payable", calculated=payable, stored=line["payable"])
    rate_milli = next(
        (
            rate.rate_milli
            for rate in tariff.rates
            if (rate.amount_kind, rate.access_class) == (line["amount_kind"], line["access_class"])
        ),
        0,
    )
    is_energy = line["unit"] == ENERGY_UNIT
    per, decimals = ("kWh", 6) if is_energy else ("half hour", 3)
    exact = payable * rate_milli
    points = (2 * exact + 10**decimals) // (2 * 10**decimals)
    agreed("a line's points", calculated=points, stored=line["points"])
    paid = f"{payable:,} Wh" if is_energy else counted(payable, "half hour")
    forfeited = "" if payable == share.value else f"; the share of {share.value:,} is lost, see the lease"
    return Step(
        name="line",
        value=points,
        unit="point",
        arithmetic=(
            f"{paid} x {decimal_text(rate_milli, decimals=3)} per {per}"
            f" = {decimal_text(exact, decimals=decimals)}{forfeited}"
        ),
        rules=("R19",) if not forfeited else ("R18", "R19"),
        tariff_version=tariff.version,
        keys={
            name: line[name] for name in ("dr_event_id", "vehicle_id", "evse_id", "lease_id", "access_class")
        },
        numbers={"payable": payable, "rate": decimal_text(rate_milli, decimals=3), "per": per},
        steps=(share, *exchange),
    )


def _share(facts: Facts, line: Row, *, amount: int) -> Step:
    """A line's share of the performance's payable, in proportion to achieved."""
    lines = facts.lines[line["dr_event_id"], line["vehicle_id"]]
    weights = [int(each["achieved"]) for each in lines]
    parts = largest_remainder(amount, weights)
    floor, _, extra = parts[lines.index(line)]
    if len(lines) == 1:
        arithmetic = "the only line of its performance"
    else:
        one_more = " + 1 left over" if extra else ""
        arithmetic = (
            f"floor({amount:,} x achieved {line['achieved']:,} / {sum(weights):,}) = {floor:,}{one_more}"
        )
    return Step(
        name="share of the payable",
        value=floor + extra,
        unit=line["unit"],
        arithmetic=arithmetic,
        rules=("R18",),
        numbers={
            "payable_before_lines": amount,
            "achieved": line["achieved"],
            "total_achieved": sum(weights),
        },
    )
