"""Performances: requested and achieved (R12, R14), needed reads and status (R15), charger against meter (R16)."""

from __future__ import annotations

from dataclasses import dataclass, field

from .base import HALF_HOUR, common, intervals_of
from .segments import lease_end


@dataclass
class Performance:
    """R12: one (DR event, vehicle) with a signal to settle."""

    event: object
    vehicle_id: str
    vehicle: object  # its row at the event's start
    signal: object
    segments: list  # of the vehicle that belong to the event, eligible or not
    requested: int = 0
    achieved: int = 0
    compliant: dict = field(default_factory=dict)  # interval -> its eligible segments, earliest first
    status: str = ""
    letters: list = field(default_factory=list)  # of the needed reads
    payable_before_exchange: int = 0  # R17
    payable: int = 0  # R18: the sum of its lines
    lines: list = field(default_factory=list)

    @property
    def kind(self):
        return self.signal.amount_kind

    @property
    def unit(self):
        return "interval" if self.kind == "charging_power_limit" else "Wh"

    @property
    def eligible(self):
        return [s for s in self.segments if s.eligible]

    @property
    def span(self):
        return self.event.starts_at, self.event.ends_at


# ---------------------------------------------------------------- R12


def compliant_intervals(performance, trace):
    """R12: {interval: its eligible segments} of the compliant intervals of a guard value."""
    hit = trace.hit
    result = {}
    amount = performance.signal.amount
    for interval in intervals_of(*performance.span):
        inside = common((interval, interval + HALF_HOUR), performance.span)
        seconds_inside = inside[1] - inside[0]
        pieces = [s for s in performance.eligible if s.interval == interval]
        pieces.sort(key=lambda s: (s.start, s.session.session_id))
        if not pieces:
            hit("R12.guard.no_eligible_segment")
            continue
        seconds = sum(s.seconds for s in pieces)
        if not any(s.session.charged_wh > 0 for s in pieces):
            hit("R12.guard.nobody_charges")
            continue
        if seconds * 2 < seconds_inside:
            hit("R12.guard.less_than_half")
            continue
        if seconds * 2 == seconds_inside:
            hit("R12.guard.exactly_half")
        if any(s.import_wh is None for s in pieces):
            hit("R12.guard.import_missing")
            continue
        energy = sum(s.import_wh for s in pieces)
        limit = amount * seconds // 3600
        if energy > limit:
            hit("R12.guard.above_limit")
            continue
        hit("R12.guard.compliant")
        if energy == limit:
            hit("R12.guard.compliant.exactly_at_limit")
        if len({s.session.session_id for s in pieces}) > 1:
            hit("R12.guard.compliant.two_sessions")
        if seconds_inside < HALF_HOUR:
            hit("R12.guard.compliant.partial_interval")
        result[interval] = pieces
    return result


def measure(performance, trace):
    """R12: requested and achieved by the signal's amount_kind."""
    kind, amount = performance.kind, performance.signal.amount
    if kind == "discharge_energy":
        performance.requested = amount
        performance.achieved = sum(s.eligible_backfeed for s in performance.eligible)
    elif kind == "charging_power_limit":
        performance.requested = len(intervals_of(*performance.span))
        performance.compliant = compliant_intervals(performance, trace)
        performance.achieved = len(performance.compliant)
    else:
        if kind == "charge_energy":
            performance.requested = amount
        else:
            seconds = performance.event.ends_at - performance.event.starts_at
            exact = amount * seconds // 3600
            trace.hit("R12.charging_power.at_least_1" if exact < 1 else "R12.charging_power.mean")
            performance.requested = max(1, exact)
        performance.achieved = sum(s.import_wh or 0 for s in performance.eligible)
    if performance.achieved == 0:
        trace.hit("R12.nothing_achieved")
    if performance.segments and not performance.eligible:
        trace.hit("R12.segments_but_none_eligible")


def performances_of(known, segments, settled):
    """R12: all performances of all periods, measured."""
    result = []
    for (event_id, vehicle_id), signal in sorted(settled.items()):
        event = known.events[event_id]
        own = [s for s in segments if s.event_id == event_id and s.session.vehicle_id == vehicle_id]
        performance = Performance(
            event, vehicle_id, known.in_force("vehicles", vehicle_id, event.starts_at), signal, own
        )
        measure(performance, known.trace)
        result.append(performance)
    return result


def rate_text(achieved, requested):
    """R14: with 4 decimals, cut off."""
    ten_thousandths = achieved * 10000 // requested
    return f"{ten_thousandths // 10000}.{ten_thousandths % 10000:04d}"


# ---------------------------------------------------------------- R15


def needed_reads(segments, kind):
    """R15: {(metering point, interval, direction): letter} of the needed reads; 'N' for a missing one."""
    reads = {}
    for s in segments:
        point = s.evse.metering_point_id
        if kind == "charging_power_limit":
            if s.eligible:
                reads[(point, s.interval, "import")] = s.import_quality
        else:
            reads[(point, s.interval, "import")] = s.import_quality
            if s.evse.backfeed_capable:
                reads[(point, s.interval, "backfeed")] = s.backfeed_quality
    return reads


def decide_status(known, performance, mismatches, tariff):
    """R15: held, provisional or final; every clause is looked at."""
    hit = known.trace.hit
    event, eligible = performance.event, performance.eligible
    held = False
    performance.letters = sorted(set(needed_reads(performance.segments, performance.kind).values()))

    if event.ends_at > known.as_of:
        hit("R15.held.event_not_over")
        held = True
    open_sessions = [
        s for s in known.sessions if s.ended_at is None and common(known.span(s), performance.span)
    ]
    for session in open_sessions:
        evse = known.in_force("evses", session.evse_id, event.starts_at)
        if session.vehicle_id == performance.vehicle_id:
            if evse is not None and evse.region == event.region:
                hit("R15.held.open_session_of_vehicle")
                held = True
            else:
                hit("R15.open_session_of_vehicle_elsewhere")
        if (
            eligible
            and evse is not None
            and evse.metering_point_id in {s.evse.metering_point_id for s in eligible}
        ):
            hit("R15.held.open_session_behind_meter")
            if session.vehicle_id != performance.vehicle_id:
                hit("R15.held.open_session_behind_meter.of_another")
            held = True
    if eligible:
        sessions = {s.session.session_id: s.session for s in performance.segments}
        for a in sessions.values():
            for b in sessions.values():
                if (
                    a.session_id < b.session_id
                    and a.evse_id != b.evse_id
                    and common(known.span(a), known.span(b))
                ):
                    hit("R15.held.two_places")
                    held = True
        if "N" in performance.letters:
            hit("R15.held.missing_read")
            held = True
        if any(
            letter != "N" and letter not in tariff["points"]["payable_qualities"]
            for letter in performance.letters
        ):
            hit("R15.held.quality_not_paid")
            held = True
        if any(s.session.session_id in mismatches for s in eligible):
            hit("R15.held.mismatch")
            held = True
    elif "N" in performance.letters:
        hit("R15.missing_read_without_eligible_segment")
    if held:
        performance.status = "held"
    elif "E" in performance.letters or "S" in performance.letters:
        performance.status = "provisional"
    else:
        performance.status = "final"
    hit("R15.status." + performance.status)
    if not performance.letters:
        hit("R15.no_read_needed")


# ---------------------------------------------------------------- R16


def differences(known, segments, checks):
    """R16: {session_id: (is it a mismatch, largest difference compared)} of ended sessions with something to compare."""
    hit = known.trace.hit
    result = {}
    for session in known.sessions:
        if session.ended_at is None:
            continue
        own = [s for s in segments if s.session is session]
        largest, mismatch = None, False
        for direction in ("import", "backfeed"):
            if direction == "import":
                given = [(s, s.import_wh) for s in own if s.import_wh is not None]
                charger = session.charged_wh
            else:
                given = [(s, s.backfeed_as_read) for s in own if s.backfeed_as_read is not None]
                charger = session.discharged_wh
                if any(s.backfeed_wh is None for s, _ in given) and charger:
                    hit("R16.incapable_counts_as_read")
            if not given:
                if own:
                    hit("R16.nothing_to_compare")
                continue
            if len(given) < len(own):
                hit("R16.only_segments_with_reads")
            seconds = sum(s.seconds for s, _ in given)
            apportioned = sum(wh for _, wh in given)
            logged = charger * seconds // (session.ended_at - session.started_at)
            difference = abs(apportioned - logged)
            by_share = logged * checks["mismatch_bp"] // 10000
            allowed = max(checks["mismatch_wh"], by_share)
            if difference > allowed:
                hit("R16.mismatch." + direction)
                mismatch = True
            elif difference > checks["mismatch_wh"]:
                hit("R16.within_bp")
            elif difference:
                hit("R16.within_wh")
            if difference == allowed:
                hit("R16.exactly_allowed")
            largest = difference if largest is None else max(largest, difference)
        if largest is not None:
            result[session.session_id] = (mismatch, largest)
    return result


# ---------------------------------------------------------------- R22


def exchanges(known, segments, performances):
    """R22: {lease_id: (eligible backfeed, import in increase events or compliant guard intervals)}, of any period."""
    hit = known.trace.hit
    by_key = {(p.event.dr_event_id, p.vehicle_id): p for p in performances}
    result = {}
    for s in segments:
        if s.access_class != "leased":
            continue
        backfeed, dr_import = result.get(s.lease_id, (0, 0))
        backfeed += s.eligible_backfeed
        if s.eligible_backfeed:
            hit("R22.exchange.backfeed" if s.event_id else "R22.exchange.backfeed_outside_events")
        if s.event_id:
            p = by_key[(s.event_id, s.session.vehicle_id)]
            if p.event.direction == "increase":
                hit("R22.exchange.import_in_increase")
                dr_import += s.import_wh or 0
            elif s.interval in p.compliant:
                hit("R22.exchange.import_in_compliant")
                dr_import += s.import_wh or 0
            elif p.kind == "charging_power_limit":
                hit("R22.exchange.not_compliant")
        result[s.lease_id] = (backfeed, dr_import)
    return result


def lease_outcome(known, lease, cover, segments, exchange, minimum):
    """R22: the first outcome that holds."""
    hit = known.trace.hit
    own = [s for s in segments if s.access_class == "leased" and s.lease_id == lease.lease_id]
    if not own:
        hit("R22.no_leased_segment")
        evse = known.in_force("evses", lease.evse_id, lease.valid_from)
        needless = False
        if evse.access == "public":
            hit("R22.not_needed.public")
            needless = True
        if known.is_specific(lease.evse_id, lease.vehicle_id, lease.valid_from):
            hit("R22.not_needed.specific")
            needless = True
        if cover and any(
            s.eligible
            and s.session.evse_id == lease.evse_id
            and s.session.vehicle_id == lease.vehicle_id
            and cover[0] <= s.start
            and s.end <= cover[1]
            for s in segments
        ):
            hit("R22.not_needed.eligible_otherwise")
            needless = True
        if needless:
            return "not_needed"
    if cover is None:
        hit("R22.revoked")
        return "revoked"
    if lease_end(lease) > known.as_of:
        hit("R22.pending.not_over")
        return "pending"
    if exchange >= minimum:
        hit("R22.fulfilled")
        return "fulfilled"
    if any(s.import_wh is None or s.backfeed_as_read is None for s in own):
        hit("R22.pending.missing_read")
        return "pending"
    window = (lease.valid_from, lease_end(lease))
    for session in known.sessions:
        if (
            session.ended_at is None
            and (session.evse_id, session.vehicle_id) == (lease.evse_id, lease.vehicle_id)
            and common(known.span(session), window)
        ):
            hit("R22.pending.open_session")
            return "pending"
    hit("R22.lapsed.came" if own else "R22.lapsed.did_not_come")
    return "lapsed"
