"""R25 and R27: what an operator has to look at, one row per grain. `detail` is a sentence that names what the keys do not."""

from __future__ import annotations

from .base import NEVER, common, intervals_of, local_date, text_of
from .segments import lease_known

COLUMNS = [
    "settlement_period",
    "code",
    "metering_point_id",
    "evse_id",
    "vehicle_id",
    "dr_event_id",
    "lease_id",
    "session_id",
    "local_date",
    "energy_wh",
    "detail",
]


class Listing:
    """Collects exception rows."""

    def __init__(self, period, trace):
        self.period, self.trace, self.rows = period, trace, []

    def add(self, code, detail, energy=None, **keys):
        self.trace.hit("R27." + code)
        row = dict.fromkeys(COLUMNS, "")
        row.update(
            settlement_period=self.period,
            code=code,
            detail=detail,
            energy_wh="" if energy is None else str(energy),
        )
        for name, value in keys.items():
            row[name] = str(value)
        self.rows.append(row)


def overlap_pairs(things, span_of):
    """Pairs (smaller id first, as `things` are sorted) whose spans overlap."""
    return [(a, b) for i, a in enumerate(things) for b in things[i + 1 :] if common(span_of(a), span_of(b))]


def all_exceptions(s):
    """R27: every code; `s` is the settlement being computed (rules.Computation)."""
    out = Listing(s.period, s.known.trace)
    reads(s, out)
    sessions(s, out)
    leases(s, out)
    dispatch(s, out)
    unknown_references(s, out)
    out.rows.sort(key=lambda r: tuple(r[c] for c in COLUMNS[:-1]) + (r["detail"],))
    return out.rows


def reads(s, out):
    """R27: missing_read, unattributed_backfeed, backfeed_from_incapable_evse: by local date."""
    missing, incapable, loose = {}, {}, {}
    for seg in s.segments:
        if not s.in_period(seg.interval):
            continue
        day = local_date(seg.interval, s.zone)
        if seg.import_wh is None or (seg.backfeed_wh is None and seg.evse.backfeed_capable):
            missing.setdefault((seg.evse.metering_point_id, day), set()).add(seg.interval)
        if not seg.evse.backfeed_capable and seg.backfeed_wh:
            key = (seg.session.evse_id, day)
            incapable[key] = incapable.get(key, 0) + seg.backfeed_wh
    for (point, day), intervals in sorted(missing.items()):
        out.add(
            "missing_read",
            f"{len(intervals)} half hours lack a read.",
            metering_point_id=point,
            local_date=day,
        )
    for (evse_id, day), energy in sorted(incapable.items()):
        out.add(
            "backfeed_from_incapable_evse",
            "Check the EVSE's registration.",
            energy,
            evse_id=evse_id,
            local_date=day,
        )
    for (point, interval), energies in sorted(s.unattributed.items()):
        if not energies.get("backfeed") or not s.in_period(interval):
            continue
        rows = [s.known.in_force("evses", evse_id, interval) for evse_id in sorted(s.known.registry["evses"])]
        if not any(row is not None and row.metering_point_id == point for row in rows):
            s.known.trace.hit("R27.not.unattributed_behind_no_evse")
            continue
        key = (point, local_date(interval, s.zone))
        loose[key] = loose.get(key, 0) + energies["backfeed"]
    for (point, day), energy in sorted(loose.items()):
        out.add(
            "unattributed_backfeed",
            "No session explains it.",
            energy,
            metering_point_id=point,
            local_date=day,
        )


def sessions(s, out):
    """R27: the codes whose grain is a session or a pair of sessions."""
    known = s.known
    for session in known.sessions:
        if not common(known.span(session), s.period_span):
            known.trace.hit("R27.not.session_of_other_period")
            continue
        ids = dict(session_id=session.session_id, evse_id=session.evse_id, vehicle_id=session.vehicle_id)
        own = [g for g in s.segments if g.session is session and g.access_class == "unpermitted"]
        if own:
            energy = sum((g.import_wh or 0) + (g.backfeed_wh or 0) for g in own)
            out.add("unpermitted_use", "Find out who let the vehicle in.", energy, **ids)
        mismatch, largest = s.differences.get(session.session_id, (False, None))
        if mismatch:
            out.add("meter_charger_mismatch", "Compare charger and meter.", largest, **ids)
        if session.ended_at is None and known.span(session)[1] < NEVER:
            out.add("unclosed_session", "Ask the charger's operator for its end.", **ids)
    for a, b in overlap_pairs(known.sessions, known.span):
        if not common(known.span(a), known.span(b), s.period_span):
            continue
        if a.evse_id == b.evse_id:
            out.add(
                "overlapping_sessions",
                f"Overlaps {b.session_id}.",
                session_id=a.session_id,
                evse_id=a.evse_id,
            )
        elif (
            a.vehicle_id
            and a.vehicle_id == b.vehicle_id
            and a.ended_at is not None
            and b.ended_at is not None
        ):
            out.add(
                "vehicle_in_two_places",
                f"Overlaps {b.session_id}.",
                session_id=a.session_id,
                vehicle_id=a.vehicle_id,
            )


def leases(s, out):
    """R27: the codes whose grain has a lease."""
    known = s.known
    covered = [lease for lease in known.leases if s.covers[lease.lease_id]]
    for lease, outcome, _ in s.outcomes:
        if outcome == "lapsed":
            out.add(
                "lapsed_lease",
                "Used or not, too little was exchanged.",
                lease_id=lease.lease_id,
                evse_id=lease.evse_id,
                vehicle_id=lease.vehicle_id,
            )
    for a, b in overlap_pairs(covered, lambda lease: s.covers[lease.lease_id]):
        if a.evse_id == b.evse_id and common(s.covers[a.lease_id], s.covers[b.lease_id], s.period_span):
            known.trace.hit(
                "R27.overlapping_leases.one_vehicle"
                if a.vehicle_id == b.vehicle_id
                else "R27.overlapping_leases.two_vehicles"
            )
            out.add("overlapping_leases", f"Overlaps {b.lease_id}.", lease_id=a.lease_id, evse_id=a.evse_id)
    for lease in covered:
        for session in known.sessions:
            if session.evse_id != lease.evse_id:
                continue
            both = common(known.span(session), s.covers[lease.lease_id])
            if both is None:
                continue
            specific = known.specific.get((session.evse_id, session.vehicle_id), [])
            if not any(common(both, p, s.period_span) for p in specific):
                continue
            out.add(
                "lease_during_specific_use",
                f"Lease of {lease.vehicle_id}.",
                lease_id=lease.lease_id,
                session_id=session.session_id,
                evse_id=session.evse_id,
                vehicle_id=session.vehicle_id,
            )


def dispatch(s, out):
    """R27: double_dispatch, late_signal, signal_direction_mismatch, signal_without_session."""
    known = s.known
    by_vehicle = {}
    for event_id, vehicle_id in sorted(s.settled):
        by_vehicle.setdefault(vehicle_id, []).append(known.events[event_id])
    for vehicle_id, events in sorted(by_vehicle.items()):
        for a, b in overlap_pairs(events, lambda e: (e.starts_at, e.ends_at)):
            if a.region != b.region:
                known.trace.hit("R27.not.double_dispatch_in_two_regions")
            elif s.in_period(a.starts_at) or s.in_period(b.starts_at):
                out.add(
                    "double_dispatch",
                    f"Overlaps {b.dr_event_id}.",
                    vehicle_id=vehicle_id,
                    dr_event_id=a.dr_event_id,
                )
    for code, signals in (("late_signal", s.late), ("signal_direction_mismatch", s.mismatching)):
        for signal in signals:
            if s.in_period(known.events[signal.dr_event_id].starts_at):
                out.add(
                    code,
                    f"Issued at {text_of(signal.issued_at)}.",
                    dr_event_id=signal.dr_event_id,
                    vehicle_id=signal.vehicle_id,
                )
    for performance in s.performances_of_period:
        if not performance.segments:
            out.add(
                "signal_without_session",
                "The vehicle did not come.",
                dr_event_id=performance.event.dr_event_id,
                vehicle_id=performance.vehicle_id,
            )


def unknown_references(s, out):
    """R25: each fact with a missing id."""
    known, hit = s.known, s.known.trace.hit

    def add(what, missing, **keys):
        hit("R25." + what)
        out.add("unknown_reference", f"{what.replace('_', ' ')} unknown: {missing}.", **keys)

    def unknown_in_some_interval(evse_id, span):
        """R25, interval by interval: is the EVSE unknown at the start of an interval of the period that the span overlaps?"""
        part = common(span, s.period_span)  # a period begins and ends on a half hour
        return part is not None and any(
            known.in_force("evses", evse_id, i) is None for i in intervals_of(*part)
        )

    for session in known.sessions:
        ids = dict(session_id=session.session_id, evse_id=session.evse_id, vehicle_id=session.vehicle_id)
        span = known.span(session)
        if unknown_in_some_interval(session.evse_id, span):
            add("session_evse", session.evse_id, **ids)
        if (
            session.vehicle_id
            and common(span, s.period_span)
            and known.in_force("vehicles", session.vehicle_id, session.started_at) is None
        ):
            add("session_vehicle", session.vehicle_id, **ids)
    for signal in known.signals:
        ids = dict(dr_event_id=signal.dr_event_id, vehicle_id=signal.vehicle_id)
        event = known.events.get(signal.dr_event_id)
        if event is None:
            if s.in_period(signal.issued_at):
                add("signal_event", signal.dr_event_id, **ids)
        elif (
            s.in_period(event.starts_at)
            and known.in_force("vehicles", signal.vehicle_id, event.starts_at) is None
        ):
            add("signal_vehicle", signal.vehicle_id, **ids)
    for instruction in known.instructions:
        event = known.events.get(instruction.dr_event_id)
        if event is None:
            if s.in_period(instruction.issued_at):
                add(
                    "instruction_event",
                    f"{instruction.dr_event_id} (to {instruction.aggregator_id})",
                    dr_event_id=instruction.dr_event_id,
                )
        elif (
            s.in_period(event.starts_at)
            and known.in_force("aggregators", instruction.aggregator_id, event.starts_at) is None
        ):
            add("instruction_aggregator", instruction.aggregator_id, dr_event_id=instruction.dr_event_id)
    for lease in known.leases:
        if common((lease.valid_from, lease.valid_to), s.period_span) and not lease_known(known, lease):
            ids = dict(lease_id=lease.lease_id, evse_id=lease.evse_id, vehicle_id=lease.vehicle_id)
            if known.in_force("evses", lease.evse_id, lease.valid_from) is None:
                add("lease_evse", lease.evse_id, **ids)
            if known.in_force("vehicles", lease.vehicle_id, lease.valid_from) is None:
                add("lease_vehicle", lease.vehicle_id, **ids)
    for offer in known.offers:
        if unknown_in_some_interval(offer.evse_id, (offer.offered_from, offer.offered_to)):
            add("offer_evse", f"{offer.evse_id} (offer {offer.offer_id})", evse_id=offer.evse_id)
    pairs = set()
    for evse_id in known.registry["evses"]:
        for row, span in known.spans_in_force("evses", evse_id):
            if common(span, s.period_span) and not any(
                common(contract_span, s.period_span)
                for _, contract_span in known.spans_in_force("contracts", row.contract_id)
            ):
                pairs.add((evse_id, row.contract_id))
    for evse_id, contract_id in sorted(pairs):
        add("evse_contract", contract_id, evse_id=evse_id)
    for vehicle_id, child_id in sorted(
        {
            (p.vehicle_id, p.vehicle.child_aggregator_id)
            for p in s.performances_of_period
            if not is_level(known, p.vehicle.child_aggregator_id, "child", p.event.starts_at)
        }
    ):
        add("vehicle_child", child_id, vehicle_id=vehicle_id)
    for child_id, parent_id in sorted(s.children_with_unknown_parent):
        add("child_parent", f"{parent_id} (of {child_id})")


def is_level(known, aggregator_id, level, at):
    """R25: is an aggregator known at an instant and of a level?"""
    row = known.in_force("aggregators", aggregator_id, at)
    return row is not None and row.level == level
