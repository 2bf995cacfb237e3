"""From reads to vehicles: signals (R13), lease covers (R10), segments (R8), apportionment (R9), classes (R10, R11)."""

from __future__ import annotations

from dataclasses import dataclass

from .base import HALF_HOUR, NEVER, common, intervals_of

DIRECTION_OF = {
    "discharge_energy": "suppression",
    "charging_power_limit": "suppression",
    "charge_energy": "increase",
    "charging_power": "increase",
}


@dataclass
class Segment:
    """A piece of a session within one half hour (R8), with what it was given (R9) and what it is (R10-R12)."""

    session: object
    evse: object  # the EVSE's row at the interval's start (R7)
    interval: int
    start: int
    end: int
    access_class: str = ""
    lease_id: str = ""
    event_id: str = ""  # the event it belongs to (R12), or ''
    import_wh: int | None = None  # R9; None where the read is missing
    backfeed_wh: int | None = None
    import_quality: str = "N"
    backfeed_quality: str = "N"

    @property
    def seconds(self):
        return self.end - self.start

    @property
    def eligible(self):
        """R11."""
        return self.access_class in ("specific", "public", "leased")

    @property
    def eligible_backfeed(self):
        """R11: backfeed of an eligible segment at a capable EVSE; what is missing adds nothing."""
        return (self.backfeed_wh or 0) if self.eligible and self.evse.backfeed_capable else 0

    @property
    def backfeed_as_read(self):
        """R11, R16: a missing backfeed at an incapable EVSE counts as read, as 0; None: missing."""
        if self.backfeed_wh is None and not self.evse.backfeed_capable:
            return 0
        return self.backfeed_wh


# ---------------------------------------------------------------- R13


def signals_to_settle(known):
    """R13: {(dr_event_id, vehicle_id): signal}, and the late and the mismatching signals."""
    hit = known.trace.hit
    late, mismatch, settled = [], [], {}
    in_time = {}
    for signal in known.signals:
        event = known.events.get(signal.dr_event_id)
        if event is None:
            hit("R13.unknown_event")
            continue
        if signal.issued_at >= event.starts_at:
            hit("R13.late")
            if signal.issued_at == event.starts_at:
                hit("R13.late.at_the_start")
            late.append(signal)
        else:
            in_time.setdefault((signal.dr_event_id, signal.vehicle_id), []).append(signal)
    for (event_id, vehicle_id), signals in in_time.items():
        event = known.events[event_id]
        last = signals[0]
        for signal in signals:
            if signal.issued_at > last.issued_at:
                last = signal
        if len(signals) > 1:
            hit("R13.reissued")
        if DIRECTION_OF[last.amount_kind] != event.direction:
            hit("R13.mismatch")
            if any(DIRECTION_OF[s.amount_kind] == event.direction for s in signals):
                hit("R13.mismatch.an_earlier_one_fits")
            mismatch.append(last)
            continue
        if known.in_force("vehicles", vehicle_id, event.starts_at) is None:
            hit("R13.unknown_vehicle")
            continue
        hit("R13.settled." + last.amount_kind)
        settled[(event_id, vehicle_id)] = last
    return settled, late, mismatch


# ---------------------------------------------------------------- R10: leases


def lease_end(lease):
    """R10, R22: min(valid_to, revoked_at)."""
    return lease.valid_to if lease.revoked_at is None else min(lease.valid_to, lease.revoked_at)


def lease_known(known, lease):
    """R10, R25: are its EVSE and vehicle known at its valid_from?"""
    return (
        known.in_force("evses", lease.evse_id, lease.valid_from) is not None
        and known.in_force("vehicles", lease.vehicle_id, lease.valid_from) is not None
    )


def cover_of(known, lease):
    """R10: the span that a lease covers, or None if it is empty."""
    hit = known.trace.hit
    if not lease_known(known, lease):
        hit("R10.cover.unknown_reference")
        return None
    start = max(lease.valid_from, lease.granted_at)
    if lease.granted_at > lease.valid_from:
        hit("R10.cover.granted_late")
    if lease.kind == "indirect":
        if lease.consent_at is None:
            hit("R10.cover.no_consent")
            return None
        if lease.consent_at > start:
            hit("R10.cover.consent_late")
        start = max(start, lease.consent_at)
    if lease.revoked_at is not None and lease.revoked_at < lease.valid_to:
        hit("R10.cover.revoked")
    if start >= lease_end(lease):
        hit("R10.cover.empty")
        return None
    return start, lease_end(lease)


# ---------------------------------------------------------------- R8


def cut(known, covers, settled):
    """R8: the segments of every ended session in every interval at whose start its EVSE is known (R7, R25)."""
    hit = known.trace.hit
    segments = []
    for session in known.sessions:
        if session.ended_at is None:
            hit("R8.open_session_has_none")
            continue
        rows = set()
        for interval in intervals_of(session.started_at, session.ended_at):
            evse = known.in_force("evses", session.evse_id, interval)
            if evse is None:
                hit("R8.evse_unknown_in_interval")
                continue
            rows.add(evse.valid_from)
            start, end = common((interval, interval + HALF_HOUR), (session.started_at, session.ended_at))
            cuts = {start, end}
            for lease in known.leases:
                if (lease.evse_id, lease.vehicle_id) == (session.evse_id, session.vehicle_id) and covers[
                    lease.lease_id
                ]:
                    for edge in covers[lease.lease_id]:
                        if start < edge < end:
                            hit("R8.cut.lease")
                            cuts.add(edge)
            for span in known.specific.get((session.evse_id, session.vehicle_id), []):
                for edge in span:
                    if start < edge < end:
                        hit("R8.cut.specific")
                        cuts.add(edge)
            for event_id, vehicle_id in settled:
                event = known.events[event_id]
                if vehicle_id == session.vehicle_id and event.region == evse.region:
                    for edge in (event.starts_at, event.ends_at):
                        if start < edge < end:
                            hit("R8.cut.event")
                            cuts.add(edge)
            trace_edges_that_do_not_cut(known, session, evse, (start, end), cuts, covers, settled)
            edges = sorted(cuts)
            for i in range(len(edges) - 1):
                segments.append(Segment(session, evse, interval, edges[i], edges[i + 1]))
        if len(rows) > 1:
            hit("R7.evse_row_changes_mid_session")
    return segments


def trace_edges_that_do_not_cut(known, session, evse, span, cuts, covers, settled):
    """R8: "and only of" (for the trace only)."""
    hit = known.trace.hit

    def inside(at):
        return at is not None and span[0] < at < span[1] and at not in cuts

    for raw in known.specific_raw.get((session.evse_id, session.vehicle_id), []):
        if any(inside(edge) for edge in raw):
            hit("R8.no_cut.inside_the_union")
    for lease in known.leases:
        if lease.evse_id == session.evse_id and any(
            inside(e) for e in (lease.valid_from, lease.valid_to, lease.revoked_at)
        ):
            hit(
                "R8.no_cut.lease_of_another"
                if lease.vehicle_id != session.vehicle_id
                else "R8.no_cut.edge_outside_cover"
                if covers[lease.lease_id]
                else "R8.no_cut.empty_cover"
            )
    for event in known.events.values():
        if inside(event.starts_at) or inside(event.ends_at):
            hit(
                "R8.no_cut.event_of_other_region"
                if event.region != evse.region
                else "R8.no_cut.no_signal_to_settle"
            )


# ---------------------------------------------------------------- R9


def largest_remainder(total, weights, on_leftover=None):
    """R9, R18: shares of `total` in proportion to integer weights; `weights` are in tie order; sum of the shares = total.

    `on_leftover(i, j)` is told the last one that got one more and the first that did not, and whether they tied."""
    whole = sum(weights)
    shares = [total * w // whole for w in weights]
    remainders = [total * w % whole for w in weights]
    left = total - sum(shares)
    order = sorted(range(len(weights)), key=lambda i: (-remainders[i], i))
    for i in order[:left]:
        shares[i] += 1
    if on_leftover and left:
        i, j = order[left - 1], order[left]
        on_leftover(i, j, remainders[i] == remainders[j])
    return shares


def weight(segment, direction):
    """R9: what the charger logged, spread evenly over the session, in whole mWh."""
    session = segment.session
    logged = session.charged_wh if direction == "import" else session.discharged_wh
    return logged * segment.seconds * 1000 // (session.ended_at - session.started_at)


def apportion(known, segments):
    """R9: share each metering point's read among the segments behind it, per interval and direction."""
    hit = known.trace.hit
    groups = {}
    for segment in segments:
        groups.setdefault((segment.evse.metering_point_id, segment.interval), []).append(segment)
    for (metering_point, interval), group in sorted(groups.items()):
        group.sort(key=lambda s: (s.start, s.session.session_id))
        hit("R9.alone" if len(group) == 1 else "R9.shared")
        if len({s.session.evse_id for s in group}) > 1:
            hit("R9.shared_by_two_evses")
        for direction in ("import", "backfeed"):
            energy, quality = known.read(metering_point, interval, direction)
            if energy is None:
                hit("R9.missing_" + direction)
                continue
            if energy == 0:
                hit("R9.zero_read")
            weights = [weight(s, direction) for s in group]
            if sum(weights) == 0:
                hit("R9.weights_all_zero")
                weights = [s.seconds for s in group]

            def on_leftover(i, j, tied):
                hit("R9.leftover")
                if tied:
                    hit("R9.tie_by_session_id" if group[i].start == group[j].start else "R9.tie_by_start")

            shares = largest_remainder(energy, weights, on_leftover)
            assert sum(shares) == energy
            for segment, share in zip(group, shares):
                if direction == "import":
                    segment.import_wh, segment.import_quality = share, quality
                else:
                    segment.backfeed_wh, segment.backfeed_quality = share, quality


# ---------------------------------------------------------------- R10, R12: what a segment is


def classify(known, segments, covers):
    """R10: access class of each segment, and its lease."""
    hit = known.trace.hit
    for segment in segments:
        session = segment.session
        if session.vehicle_id == "":
            hit("R10.unpermitted.no_vehicle")
            segment.access_class = "unpermitted"
        elif known.in_force("vehicles", session.vehicle_id, session.started_at) is None:
            hit("R10.unpermitted.unknown_vehicle")
            segment.access_class = "unpermitted"
        elif known.is_specific(session.evse_id, session.vehicle_id, segment.start):
            hit("R10.specific")
            if segment.evse.access == "public":
                hit("R10.specific_at_public")
            segment.access_class = "specific"
        elif segment.evse.access == "public":
            hit("R10.public")
            segment.access_class = "public"
        else:
            covering = []
            for lease in known.leases:
                cover = covers[lease.lease_id]
                if (
                    (lease.evse_id, lease.vehicle_id) == (session.evse_id, session.vehicle_id)
                    and cover
                    and cover[0] <= segment.start
                    and segment.end <= cover[1]
                ):
                    covering.append(lease)
            covering.sort(key=lambda x: (x.valid_from, x.lease_id))
            if covering:
                hit("R10.leased")
                if len(covering) > 1:
                    hit("R10.leased.first_of_several")
                    if covering[0].valid_from == covering[1].valid_from:
                        hit("R10.leased.tie_by_id")
                segment.access_class, segment.lease_id = "leased", covering[0].lease_id
            else:
                hit("R10.unpermitted.no_lease")
                segment.access_class = "unpermitted"
        if segment.eligible and not segment.evse.backfeed_capable:
            hit("R11.incapable")
            if segment.backfeed_wh is None:
                hit("R11.incapable.missing_counts_0")
            elif segment.backfeed_wh:
                hit("R11.incapable.backfeed_not_eligible")


def assign_events(known, segments, settled):
    """R12: the event that a segment belongs to: signal to settle for the vehicle, EVSE in the region, segment within it."""
    hit = known.trace.hit
    for segment in segments:
        candidates = []
        for event_id, vehicle_id in settled:
            event = known.events[event_id]
            if vehicle_id != segment.session.vehicle_id:
                continue
            within = event.starts_at <= segment.start and segment.end <= event.ends_at
            if not within:
                continue
            if event.region != segment.evse.region:
                hit("R12.belongs.not_other_region")
                continue
            candidates.append(event)
        candidates.sort(key=lambda e: (e.starts_at, e.dr_event_id))
        if candidates:
            hit("R12.belongs")
            if not segment.eligible:
                hit("R12.belongs.not_eligible")
            if len(candidates) > 1:
                hit("R12.belongs.first_of_several")
                if candidates[0].starts_at == candidates[1].starts_at:
                    hit("R12.belongs.tie_by_id")
            segment.event_id = candidates[0].dr_event_id


def unattributed(known, segments):
    """R9: {(metering point, interval): {direction: Wh}} of reads that no segment overlaps."""
    taken = {(s.evse.metering_point_id, s.interval) for s in segments}
    result = {}
    for key in sorted(known.reads):
        if key not in taken:
            for direction in ("import", "backfeed"):
                energy, _ = known.read(key[0], key[1], direction)
                if energy:
                    known.trace.hit("R9.unattributed_" + direction)
                    result.setdefault(key, {})[direction] = energy
    return result


def trace_open_spans(known):
    """R9: how each open session ends for the rules (for the trace only)."""
    for session in known.sessions:
        if session.ended_at is None:
            end = known.span(session)[1]
            if end == NEVER:
                known.trace.hit("R9.open.never_ends")
            else:
                enders = [
                    o for o in known.sessions if o.started_at == end and o.session_id != session.session_id
                ]
                if any(o.evse_id == session.evse_id for o in enders):
                    known.trace.hit("R9.open.until_next_at_evse")
                if any(
                    session.vehicle_id and o.vehicle_id == session.vehicle_id and o.evse_id != session.evse_id
                    for o in enders
                ):
                    known.trace.hit("R9.open.until_next_of_vehicle")
