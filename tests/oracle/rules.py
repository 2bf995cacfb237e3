"""settle(): the whole of R1-R27 in order, and the nine exports as rows of CSV text.

The themes are in base (R1-R7), segments (R8-R11, R13), achievement (R12, R14-R16, R22), rewards (R17-R21), books (R24,
aggregators) and exceptions (R25, R27). Nothing here imports the product.
"""

from __future__ import annotations

from . import books, exceptions, rewards
from . import segments as seg
from .achievement import (
    decide_status,
    differences,
    exchanges,
    lease_outcome,
    needed_reads,
    performances_of,
    rate_text,
)
from .base import Known, Trace, common, first_day, instant, period_span, text_of
from .branches import BRANCHES
from .rewards import decimal_text, event_tariff, tariff_on

EXPORTS = (
    "dr_achievement",
    "dr_intervals",
    "settlement_lines",
    "user_points",
    "manager_fee_reductions",
    "aggregator_achievement",
    "lease_outcomes",
    "exceptions",
    "bookings",
)


class Settlement:
    """The nine exports of a settlement (`rows[name]` or `.dr_achievement` ...), its trace and the computation behind it."""

    def __init__(self, rows, trace, computation):
        self.rows, self.trace, self.computation = rows, trace, computation

    def __getattr__(self, name):
        if name in EXPORTS:
            return self.rows[name]
        raise AttributeError(name)


class Computation:
    """What R1-R22 find, before it is written down."""

    def __init__(self, world, tariffs, period, as_of, trace):
        hit = trace.hit
        self.period = period
        self.tariffs = tariffs
        self.period_tariff = tariff_on(tariffs, first_day(period))  # R21
        self.zone = self.period_tariff["time_zone"]
        self.period_span = period_span(period, self.zone)  # R4
        self.known = known = Known(world, instant(as_of), trace)  # R6, R7
        checks = self.period_tariff["checks"]
        minimum = checks["minimum_exchange_wh"]

        seg.trace_open_spans(known)
        self.settled, self.late, self.mismatching = seg.signals_to_settle(known)  # R13
        self.covers = {lease.lease_id: seg.cover_of(known, lease) for lease in known.leases}  # R10
        self.segments = seg.cut(known, self.covers, self.settled)  # R8
        seg.apportion(known, self.segments)  # R9
        seg.classify(known, self.segments, self.covers)  # R10, R11
        seg.assign_events(known, self.segments, self.settled)  # R12
        self.unattributed = seg.unattributed(known, self.segments)  # R9
        self.performances = performances_of(known, self.segments, self.settled)  # R12
        self.differences = differences(known, self.segments, checks)  # R16
        self.exchange = exchanges(known, self.segments, self.performances)  # R22

        self.lines = []
        self.performances_of_period = []
        mismatches = {session_id for session_id, (bad, _) in self.differences.items() if bad}
        for p in self.performances:
            if not self.in_period(p.event.starts_at):  # R4
                hit("R4.event_of_other_period")
                continue
            if p.event.ends_at > self.period_span[1]:
                hit("R4.event_runs_into_next_period")
            self.performances_of_period.append(p)
            tariff = event_tariff(p, tariffs, self.zone)  # R21
            hit("R21.tariff_of_first_day" if tariff is self.period_tariff else "R21.later_tariff")
            decide_status(known, p, mismatches, tariff)  # R15
            p.payable_before_exchange = rewards.payable_of(p, tariff, trace)  # R17
            p.lines = rewards.lines_of(p, self.exchange, minimum, trace)  # R18
            p.payable = sum(line.payable for line in p.lines)
            for line in p.lines:
                line.tariff = tariff
                line.points = rewards.points_of(line, tariff, trace)  # R19
            self.lines += p.lines
        self.reductions = rewards.fee_reductions(known, self.lines, period, self.period_span, tariffs)  # R20

        self.outcomes = []
        for lease in known.leases:  # R22
            if not seg.lease_known(known, lease):
                hit("R22.no_outcome_unknown_reference")
            elif not common((lease.valid_from, lease.valid_to), self.period_span):
                hit("R22.no_outcome_other_period")
            else:
                exchange = self.exchange.get(lease.lease_id, (0, 0))
                outcome = lease_outcome(
                    known, lease, self.covers[lease.lease_id], self.segments, sum(exchange), minimum
                )
                self.outcomes.append((lease, outcome, exchange))
        events = [e for e in known.events.values() if self.in_period(e.starts_at)]
        self.aggregators, self.children_with_unknown_parent = books.aggregator_rows(
            known, period, events, self.performances_of_period
        )

    def in_period(self, at):
        """R4: is an instant (an interval's or event's start) in the period?"""
        return self.period_span[0] <= at < self.period_span[1]


def settle(world, tariffs, period, as_of, booked=(), *, initial=None, replay=False):
    """R1-R27: the nine exports of the run (period, as_of) over what was delivered.

    `booked`: bookings rows of earlier approved runs of the period. `initial`: is this the first approved run (None: it is if
    nothing is booked)? `replay`: the run is never booked (R23).
    """
    trace = Trace(BRANCHES)
    c = Computation(world, tariffs, period, as_of, trace)
    currency = c.period_tariff["currency"]
    found = books.found_amounts(c.lines, c.reductions, currency, c.period_tariff)
    before = books.booked_amounts(booked, period)
    if initial is None:
        initial = not list(booked)
    new = [] if replay else books.bookings(trace, period, found, before, initial)
    rows = {
        "dr_achievement": [
            dict(
                settlement_period=period,
                dr_event_id=p.event.dr_event_id,
                vehicle_id=p.vehicle_id,
                user_id=p.vehicle.user_id,
                child_aggregator_id=p.vehicle.child_aggregator_id,
                direction=p.event.direction,
                amount_kind=p.kind,
                unit=p.unit,
                requested=str(p.requested),
                achieved=str(p.achieved),
                achievement_rate=rate_text(p.achieved, p.requested),
                payable=str(p.payable),
                status=p.status,
                qualities="+".join(p.letters),
            )
            for p in c.performances_of_period
        ],
        "dr_intervals": [row for p in c.performances_of_period for row in interval_rows(p, period)],
        "settlement_lines": [
            dict(
                settlement_period=period,
                dr_event_id=line.performance.event.dr_event_id,
                vehicle_id=line.performance.vehicle_id,
                evse_id=line.evse_id,
                lease_id=line.lease_id,
                access_class=line.access_class,
                unit=line.performance.unit,
                achieved=str(line.achieved),
                payable=str(line.payable),
                points=str(line.points),
                tariff_version=line.tariff["version"],
            )
            for line in c.lines
        ],
        "user_points": user_rows(c, before, new, trace),
        "manager_fee_reductions": manager_rows(c, before, new, currency),
        "aggregator_achievement": c.aggregators,
        "lease_outcomes": [
            dict(
                settlement_period=period,
                lease_id=lease.lease_id,
                evse_id=lease.evse_id,
                vehicle_id=lease.vehicle_id,
                outcome=outcome,
                backfeed_wh=str(exchange[0]),
                dr_import_wh=str(exchange[1]),
            )
            for lease, outcome, exchange in c.outcomes
        ],
        "exceptions": exceptions.all_exceptions(c),
        "bookings": new,
    }
    for name in (
        "dr_achievement",
        "dr_intervals",
        "settlement_lines",
        "user_points",
        "manager_fee_reductions",
        "lease_outcomes",
    ):
        rows[name].sort(key=lambda r: tuple(r.values()))
    return Settlement(rows, trace, c)


def interval_rows(performance, period):
    """Exports, dr_intervals: per half hour and EVSE the eligible segments' energies; missing stays empty."""
    rows = []
    keys = sorted({(s.session.evse_id, s.interval) for s in performance.eligible})
    for evse_id, interval in keys:
        pieces = [s for s in performance.eligible if (s.session.evse_id, s.interval) == (evse_id, interval)]
        # needed reads (R15): of all segments that belong to the event, here in this half hour at this EVSE
        letters = needed_reads(
            [s for s in performance.segments if (s.session.evse_id, s.interval) == (evse_id, interval)],
            performance.kind,
        )
        imports = [s.import_wh for s in pieces]
        backfeeds = [s.backfeed_wh if s.evse.backfeed_capable else 0 for s in pieces]
        rows.append(
            dict(
                settlement_period=period,
                dr_event_id=performance.event.dr_event_id,
                vehicle_id=performance.vehicle_id,
                evse_id=evse_id,
                interval_start=text_of(interval),
                import_wh="" if None in imports else str(sum(imports)),
                backfeed_wh="" if None in backfeeds else str(sum(backfeeds)),
                qualities="+".join(sorted(set(letters.values()))),
            )
        )
    return rows


def user_rows(c, before, new, trace):
    """Exports, user_points: every user with points or bookings of the period, none with 0 of both."""
    points, was, now = {}, {}, {}
    for line in c.lines:
        user = line.performance.vehicle.user_id
        points[user] = points.get(user, 0) + line.points
    for key, (amount, _, _) in before.items():
        if key[0] == "user":
            was[key[1]] = was.get(key[1], 0) + amount
    for row in new:
        if row["payee_kind"] == "user":
            now[row["payee_id"]] = now.get(row["payee_id"], 0) + int(row["amount"])
    rows = []
    for user in sorted(set(points) | set(was) | set(now)):
        if points.get(user, 0) == 0 and was.get(user, 0) == 0 and now.get(user, 0) == 0:
            trace.hit("user_points.nothing")
            continue
        if points.get(user, 0) == 0:
            trace.hit("user_points.booked_back")
        rows.append(
            dict(
                settlement_period=c.period,
                user_id=user,
                points=str(points.get(user, 0)),
                booked_before=str(was.get(user, 0)),
                booked_now=str(now.get(user, 0)),
            )
        )
    return rows


def manager_rows(c, before, new, currency):
    """Exports, manager_fee_reductions: one row per contract of the period (R20)."""
    rows = []
    for r in c.reductions:
        was = before.get(("manager", r.manager_id, "", "", "", "", "", r.contract_id), (0,))[0]
        now = sum(
            int(row["amount"])
            for row in new
            if row["payee_kind"] == "manager"
            and (row["payee_id"], row["contract_id"]) == (r.manager_id, r.contract_id)
        )
        rows.append(
            dict(
                settlement_period=c.period,
                manager_id=r.manager_id,
                contract_id=r.contract_id,
                performance_wh=str(r.performance_wh),
                offered_wh=str(r.offered_wh),
                performance_minor=decimal_text(r.performance),
                offering_minor=decimal_text(r.offering),
                cap_minor=decimal_text(r.cap),
                reduction_minor=str(r.reduction),
                booked_before=str(was),
                booked_now=str(now),
                currency=currency,
                tariff_version=c.period_tariff["version"],
            )
        )
    return rows
