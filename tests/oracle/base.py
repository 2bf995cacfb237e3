"""Worlds, instants, versions as of an instant (R6), rows in force (R7), and the trace of branches reached.

Everything here is slow and obvious on purpose. Instants are ints (seconds since 1970 UTC), spans are (start, end) pairs,
half-open (R1); an end of None means "never".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

HALF_HOUR = 1800
NEVER = 10**15  # an instant after all others, for an open end
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# feed -> (columns, how many of the leading ones named in KEYS)
COLUMNS = {
    "aggregators": ["aggregator_id", "valid_from", "valid_to", "level", "parent_aggregator_id"],
    "vehicles": [
        "vehicle_id",
        "valid_from",
        "valid_to",
        "user_id",
        "child_aggregator_id",
        "ownership",
        "powertrain",
    ],
    "contracts": ["contract_id", "valid_from", "valid_to", "manager_id", "manager_kind", "monthly_fee_minor"],
    "evses": [
        "evse_id",
        "valid_from",
        "valid_to",
        "contract_id",
        "parking_lot_id",
        "region",
        "metering_point_id",
        "access",
        "supply",
        "backfeed_capable",
        "rated_charge_w",
        "rated_discharge_w",
    ],
    "specific_vehicles": ["evse_id", "vehicle_id", "valid_from", "valid_to"],
    "evse_offers": ["offer_id", "evse_id", "published_at", "offered_from", "offered_to"],
    "permission_leases": [
        "lease_id",
        "evse_id",
        "vehicle_id",
        "kind",
        "granted_at",
        "consent_at",
        "valid_from",
        "valid_to",
        "revoked_at",
    ],
    "meter_intervals": ["metering_point_id", "interval_start", "import_wh", "backfeed_wh", "quality"],
    "charger_sessions": [
        "session_id",
        "evse_id",
        "vehicle_id",
        "started_at",
        "ended_at",
        "charged_wh",
        "discharged_wh",
    ],
    "dr_events": ["dr_event_id", "region", "direction", "starts_at", "ends_at"],
    "dr_instructions": ["dr_event_id", "aggregator_id", "issued_at", "amount_wh"],
    "dr_signals": ["dr_event_id", "vehicle_id", "issued_at", "amount_kind", "amount"],
}
KEYS = {
    "aggregators": ["aggregator_id", "valid_from"],
    "vehicles": ["vehicle_id", "valid_from"],
    "contracts": ["contract_id", "valid_from"],
    "evses": ["evse_id", "valid_from"],
    "specific_vehicles": ["evse_id", "vehicle_id", "valid_from"],
    "evse_offers": ["offer_id"],
    "permission_leases": ["lease_id"],
    "meter_intervals": ["metering_point_id", "interval_start"],
    "charger_sessions": ["session_id"],
    "dr_events": ["dr_event_id"],
    "dr_instructions": ["dr_event_id", "aggregator_id", "issued_at"],
    "dr_signals": ["dr_event_id", "vehicle_id", "issued_at"],
}
INSTANTS = {
    "valid_from",
    "valid_to",
    "published_at",
    "offered_from",
    "offered_to",
    "granted_at",
    "consent_at",
    "revoked_at",
    "interval_start",
    "started_at",
    "ended_at",
    "starts_at",
    "ends_at",
    "issued_at",
}
INTEGERS = {
    "monthly_fee_minor",
    "rated_charge_w",
    "rated_discharge_w",
    "import_wh",
    "backfeed_wh",
    "charged_wh",
    "discharged_wh",
    "amount_wh",
    "amount",
}


@dataclass
class Delivery:
    """One file as delivered: rows are dicts of canonical-CSV text; `row_status` may be left out."""

    received_at: str
    feed: str
    file_name: str
    rows: list = field(default_factory=list)


@dataclass
class World:
    """All deliveries of one small world, in any order."""

    deliveries: list = field(default_factory=list)


# ---------------------------------------------------------------- instants (R1, R2, R4)


def instant(text):
    """R1: the text of an instant (with Z or an offset) as whole seconds; '' or None is None; an int stays."""
    if text is None or text == "":
        return None
    if isinstance(text, int):
        return text
    gap = datetime.fromisoformat(text) - EPOCH
    return gap.days * 86400 + gap.seconds


def text_of(seconds):
    """R1: an instant as it stands in an export."""
    if seconds is None:
        return ""
    return (EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def local_date(seconds, zone):
    """R4: the date in the programme's time zone of an instant."""
    return (EPOCH + timedelta(seconds=seconds)).astimezone(ZoneInfo(zone)).date()


def local_midnight(day, zone):
    """R4: the instant at which a local date begins."""
    gap = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)) - EPOCH
    return gap.days * 86400 + gap.seconds


def first_day(period):
    """R4: first local date of a period `YYYY-MM`."""
    return date(int(period[:4]), int(period[5:7]), 1)


def period_span(period, zone):
    """R4: a settlement period is a local calendar month: [first instant, first instant of the next one)."""
    day = first_day(period)
    following = date(day.year + 1, 1, 1) if day.month == 12 else date(day.year, day.month + 1, 1)
    return local_midnight(day, zone), local_midnight(following, zone)


def intervals_of(start, end):
    """R2: the starts of all half hours that [start, end) overlaps."""
    found = []
    at = start - start % HALF_HOUR
    while at < end:
        found.append(at)
        at += HALF_HOUR
    return found


def common(*spans):
    """R1: the intersection of half-open spans, or None if it is empty."""
    start = max(s[0] for s in spans)
    end = min(NEVER if s[1] is None else s[1] for s in spans)
    return (start, end) if start < end else None


def union_of(spans):
    """R7: the union of spans as a sorted list of disjoint spans that do not touch each other."""
    result = []
    for start, end in sorted((s, NEVER if e is None else e) for s, e in spans):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], end))
        else:
            result.append((start, end))
    return result


# ---------------------------------------------------------------- trace


class Trace:
    """Counts which branches of the rules a settlement took. A name that is not listed in `branches` is a mistake."""

    def __init__(self, branches):
        self.branches = frozenset(branches)
        self.counts = {}

    def hit(self, name):
        if name not in self.branches:
            raise KeyError(f"branch not listed: {name}")
        self.counts[name] = self.counts.get(name, 0) + 1


# ---------------------------------------------------------------- what is known as of an instant (R6, R7)


def parse(feed, row):
    """One row's text as values: instants and Wh as ints, '' of a nullable column as None, ids as text."""
    values = {}
    for column in COLUMNS[feed]:
        text = row[column]
        if column in INSTANTS:
            values[column] = instant(text)
        elif column in INTEGERS:
            values[column] = None if text == "" else int(text)
        elif column == "backfeed_capable":
            values[column] = text == "true"
        else:
            values[column] = text
    return SimpleNamespace(**values)


def versions(world, as_of, trace):
    """R6: of each key the version of the last delivery received at or before as-of; cancelled ones do not exist."""
    feeds = {feed: {} for feed in COLUMNS}
    ordered = sorted(world.deliveries, key=lambda d: (instant(d.received_at), d.feed, d.file_name))
    for delivery in ordered:
        if instant(delivery.received_at) > as_of:
            trace.hit("R6.received_after_as_of")
            continue
        for row in delivery.rows:
            status = row.get("row_status") or "active"
            parsed = parse(delivery.feed, row)
            key = tuple(getattr(parsed, k) for k in KEYS[delivery.feed])
            before = feeds[delivery.feed].get(key)
            if before is not None:
                same_file = before[2] is delivery
                trace.hit(
                    "R6.duplicate_row"
                    if same_file
                    else "R6.superseded_same_ingest"
                    if instant(before[2].received_at) == instant(delivery.received_at)
                    else "R6.superseded"
                )
                if before[1] == "cancelled" and status == "active":
                    trace.hit("R6.revived")
            feeds[delivery.feed][key] = (parsed, status, delivery)
    result = {}
    for feed, keyed in feeds.items():
        result[feed] = []
        for parsed, status, _ in keyed.values():
            if status == "cancelled":
                trace.hit("R6.cancelled")
            else:
                result[feed].append(parsed)
    return result


class Known:
    """The world as of an instant: what R7's look-ups see. Plain lists and dicts, no caches but for by-id lists."""

    def __init__(self, world, as_of, trace):
        self.trace = trace
        self.as_of = as_of
        feeds = versions(world, as_of, trace)
        self.registry = {}  # feed -> id -> rows by valid_from
        for feed, column in (
            ("aggregators", "aggregator_id"),
            ("vehicles", "vehicle_id"),
            ("contracts", "contract_id"),
            ("evses", "evse_id"),
        ):
            by_id = {}
            for row in sorted(feeds[feed], key=lambda r: (getattr(r, column), r.valid_from)):
                by_id.setdefault(getattr(row, column), []).append(row)
            self.registry[feed] = by_id
        self.specific = {}  # (evse, vehicle) -> union of spans
        self.specific_raw = {}  # as delivered (for the trace only)
        for key in sorted({(r.evse_id, r.vehicle_id) for r in feeds["specific_vehicles"]}):
            spans = [
                (r.valid_from, r.valid_to)
                for r in feeds["specific_vehicles"]
                if (r.evse_id, r.vehicle_id) == key
            ]
            self.specific[key] = union_of(spans)
            self.specific_raw[key] = spans
            if len(self.specific[key]) < len(spans):
                trace.hit("R7.specific_periods_join")
        self.offers = sorted(feeds["evse_offers"], key=lambda r: r.offer_id)
        self.leases = sorted(feeds["permission_leases"], key=lambda r: r.lease_id)
        self.sessions = sorted(feeds["charger_sessions"], key=lambda r: r.session_id)
        self.events = {r.dr_event_id: r for r in sorted(feeds["dr_events"], key=lambda r: r.dr_event_id)}
        self.instructions = sorted(
            feeds["dr_instructions"], key=lambda r: (r.dr_event_id, r.aggregator_id, r.issued_at)
        )
        self.signals = sorted(feeds["dr_signals"], key=lambda r: (r.dr_event_id, r.vehicle_id, r.issued_at))
        self.reads = {(r.metering_point_id, r.interval_start): r for r in feeds["meter_intervals"]}

    def in_force(self, feed, id_, at):
        """R7: the row with the largest valid_from <= at, if at < its valid_to; else None: unknown."""
        best = None
        for row in self.registry[feed].get(id_, []):
            if row.valid_from <= at and (best is None or row.valid_from > best.valid_from):
                best = row
        if best is None:
            return None
        if best.valid_to is not None and at >= best.valid_to:
            self.trace.hit("R7.last_row_is_over")
            return None
        return best

    def spans_in_force(self, feed, id_):
        """R7: [(row, (first instant, end))] for which each row of an id is the one in force."""
        rows = self.registry[feed].get(id_, [])
        result = []
        for i, row in enumerate(rows):
            end = NEVER if row.valid_to is None else row.valid_to
            if i + 1 < len(rows):
                end = min(end, rows[i + 1].valid_from)
            result.append((row, (row.valid_from, end)))
        return result

    def is_specific(self, evse_id, vehicle_id, at):
        """R7: is the vehicle one of the EVSE's specific vehicles at an instant?"""
        return any(s <= at < e for s, e in self.specific.get((evse_id, vehicle_id), []))

    def read(self, metering_point_id, interval, direction):
        """R5: (Wh, quality letter) of a direction of a half hour; (None, 'N') if it is missing."""
        row = self.reads.get((metering_point_id, interval))
        if row is None:
            self.trace.hit("R5.missing.no_row")
            return None, "N"
        if row.quality == "N":
            self.trace.hit("R5.missing.quality_n")
            return None, "N"
        value = row.import_wh if direction == "import" else row.backfeed_wh
        if value is None:
            self.trace.hit("R5.missing.direction_empty")
            return None, "N"
        return value, row.quality

    def span(self, session):
        """R9: a session's span; an open one lasts until the next session at its EVSE or of its vehicle that starts after."""
        if session.ended_at is not None:
            return session.started_at, session.ended_at
        end = NEVER
        for other in self.sessions:
            if other.started_at > session.started_at:
                same_evse = other.evse_id == session.evse_id
                same_vehicle = session.vehicle_id != "" and other.vehicle_id == session.vehicle_id
                if same_evse or same_vehicle:
                    end = min(end, other.started_at)
        return session.started_at, end
