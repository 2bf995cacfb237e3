"""A builder of small worlds: ids with a prefix, rows per delivery, time slots, and meter reads that follow the sessions."""

from __future__ import annotations

from .base import COLUMNS, HALF_HOUR, INSTANTS, KEYS, Delivery, World, common, instant, intervals_of, text_of

DAY = 86400
LONG_AGO = instant("2023-01-01T00:00:00Z")
OFFSETS = {
    0: "Z",
    1: "Z",
    2: "+00:00",
    3: "+09:00",
}  # how a delivery spells instants: no two files have the same bytes


def spelled(seconds, form):
    """An instant in one of the spellings that a delivery may use."""
    if seconds is None:
        return ""
    if form == "Z":
        return text_of(seconds)
    sign, hours, minutes = form[0], int(form[1:3]), int(form[4:6])
    shift = (hours * 3600 + minutes * 60) * (1 if sign == "+" else -1)
    return text_of(seconds + shift)[:-1] + form


class Builder:
    """Collects rows by (delivery number, file name, feed, key). 0 is the first, 2 the last by as-of, 3 after it."""

    def __init__(self, rng, prefix, anchor, as_of, period_edges):
        self.rng, self.prefix, self.anchor, self.as_of, self.edges = rng, prefix, anchor, as_of, period_edges
        self.files = {}  # (number, file, feed) -> {key: row with python values}
        self.evse_rows = {}  # evse_id -> its plain row
        self.vehicle_rows = {}
        self.pairs = set()  # specific (evse, vehicle)
        self.read_changes = {}  # (metering point, interval) -> function(read dict) -> read dict or None
        self.counters = {}
        order = [0]
        for i in range(1, 9):
            order += [i, -i]
        self.free_slots = [anchor - 5400 + 10800 * i for i in order]
        self.used_slots = []
        self.early_slots = [period_edges["middle"] + 2 * DAY + 10800 * i for i in range(20)]

    # ------------------------------------------------------------ small helpers

    def chance(self, p):
        return self.rng.random() < p

    def id(self, kind):
        n = self.counters[kind] = self.counters.get(kind, 0) + 1
        # ids whose order by code point is not their order of creation
        return f"{self.prefix}{kind}{self.rng.choice('abzAZ9')}{n}"

    def slot(self, conflict=0.12):
        """A start (on the half hour) of three free hours, or now and then of hours that are taken already."""
        if self.used_slots and (self.chance(conflict) or not self.free_slots):
            return self.rng.choice(self.used_slots)
        start = self.free_slots.pop(0)
        self.used_slots.append(start)
        return start

    def early_slot(self):
        """Three free hours long before the first delivery: what is over, and paid, in the first of several runs."""
        return self.early_slots.pop(0)

    def put(self, feed, number=0, file="part-a.csv", status=None, **values):
        """Deliver a row; the same key in the same file is replaced. All columns of the feed must be given."""
        row = {c: values.pop(c) for c in COLUMNS[feed]}
        assert not values, values
        if status:
            row["row_status"] = status
        self.files.setdefault((number, file, feed), {})[tuple(row[k] for k in KEYS[feed])] = row
        return row

    def again(self, feed, row, number, file="part-a.csv", status=None, **changes):
        """Deliver a row once more, changed."""
        values = {c: row[c] for c in COLUMNS[feed]}
        values.update(changes)
        return self.put(feed, number, file, status, **values)

    # ------------------------------------------------------------ things

    def contract(self, valid_from=LONG_AGO, valid_to=None, fee=None, contract_id=None, manager=None):
        contract_id = contract_id or self.id("C")
        fee = self.rng.choice([1, 7, 3001, 9001, 50003]) if fee is None else fee
        manager = manager or f"{self.prefix}M{self.rng.randint(1, 3)}"
        return self.put(
            "contracts",
            contract_id=contract_id,
            valid_from=valid_from,
            valid_to=valid_to,
            manager_id=manager,
            manager_kind=self.rng.choice(["company", "individual", "real_estate", "rental", "hotel"]),
            monthly_fee_minor=fee,
        )

    def any_contract(self):
        rows = self.rows("contracts")
        if rows and self.chance(0.6):
            return self.rng.choice(rows)["contract_id"]
        return self.contract()["contract_id"]

    def rows(self, feed):
        """The rows of delivery 0, first file."""
        return list(self.files.get((0, "part-a.csv", feed), {}).values())

    def evse(self, valid_from=LONG_AGO, valid_to=None, **changes):
        evse_id = changes.pop("evse_id", None) or self.id("E")
        known = list(self.evse_rows.values())
        point = self.rng.choice(known)["metering_point_id"] if known and self.chance(0.2) else self.id("MP")
        row = dict(
            contract_id=None,
            parking_lot_id=self.prefix + "P1",
            region=self.prefix + "R1",
            metering_point_id=point,
            access="specific",
            supply=self.rng.choice(["ac", "dc"]),
            backfeed_capable="true",
            rated_charge_w=self.rng.choice([999, 3000, 6000, 7333, 50000]),
            rated_discharge_w=self.rng.choice([500, 3000, 5999, 6001, 10000]),
        )
        row.update(changes)
        if row["contract_id"] is None:
            row["contract_id"] = self.any_contract()
        row = self.put("evses", evse_id=evse_id, valid_from=valid_from, valid_to=valid_to, **row)
        self.evse_rows[evse_id] = row
        return row

    def pick_evse(self, fresh=0.45, **attributes):
        """An EVSE with some attributes: one that is there, or a new one."""
        found = [
            r
            for r in self.evse_rows.values()
            if all(r[k] == v for k, v in attributes.items())
            and r["valid_from"] == LONG_AGO
            and r["valid_to"] is None
        ]
        if found and (not self.chance(fresh) or len(self.evse_rows) >= 6):
            return self.rng.choice(found)
        return self.evse(**attributes)

    def aggregator(self, aggregator_id, level, parent="", valid_from=LONG_AGO, valid_to=None):
        return self.put(
            "aggregators",
            aggregator_id=self.prefix + aggregator_id,
            valid_from=valid_from,
            valid_to=valid_to,
            level=level,
            parent_aggregator_id=self.prefix + parent if parent else "",
        )

    def vehicle(self, valid_from=LONG_AGO, valid_to=None, **changes):
        row = dict(
            user_id=f"{self.prefix}U{self.rng.randint(1, 4)}",
            child_aggregator_id=self.prefix + "CA1",
            ownership=self.rng.choice(["pov", "maas"]),
            powertrain=self.rng.choice(["bev", "phev", "fcev"]),
        )
        vehicle_id = changes.pop("vehicle_id", None) or self.id("V")
        row.update(changes)
        row = self.put("vehicles", vehicle_id=vehicle_id, valid_from=valid_from, valid_to=valid_to, **row)
        self.vehicle_rows[vehicle_id] = row
        return row

    def pick_vehicle(self, not_specific_at=None, fresh=0.5):
        found = [
            v
            for v, r in self.vehicle_rows.items()
            if (not_specific_at, v) not in self.pairs
            and r["valid_from"] == LONG_AGO
            and r["valid_to"] is None
        ]
        if found and (not self.chance(fresh) or len(self.vehicle_rows) >= 6):
            return self.rng.choice(found)
        return self.vehicle()["vehicle_id"]

    def specific(self, evse_id, vehicle_id, valid_from=LONG_AGO, valid_to=None):
        if valid_from == LONG_AGO:
            self.pairs.add((evse_id, vehicle_id))
        return self.put(
            "specific_vehicles",
            evse_id=evse_id,
            vehicle_id=vehicle_id,
            valid_from=valid_from,
            valid_to=valid_to,
        )

    def event(self, slot, direction, aligned=None, region="R1", halves=None):
        """An event within the middle of a slot, on the half hour or at odd seconds."""
        start = slot + HALF_HOUR * self.rng.randint(1, 2)
        end = start + HALF_HOUR * (halves or self.rng.randint(1, 3))
        if not (self.chance(0.65) if aligned is None else aligned):
            start += self.rng.randint(-700, 700)
            end += self.rng.randint(-700, 700)
        return self.put(
            "dr_events",
            dr_event_id=self.id("D"),
            region=self.prefix + region,
            direction=direction,
            starts_at=start,
            ends_at=end,
        )

    def signal(self, event, vehicle_id, kind, amount, before=None, **how):
        issued = event["starts_at"] - (self.rng.randint(1, 7200) if before is None else before)
        return self.put(
            "dr_signals",
            dr_event_id=event["dr_event_id"],
            vehicle_id=vehicle_id,
            issued_at=issued,
            amount_kind=kind,
            amount=max(1, amount),
            **how,
        )

    def session(self, evse_id, vehicle_id, start, end, charged=None, discharged=None, **how):
        return self.put(
            "charger_sessions",
            session_id=self.id("S"),
            evse_id=evse_id,
            vehicle_id=vehicle_id,
            started_at=start,
            ended_at=end,
            charged_wh=charged,
            discharged_wh=discharged,
            **how,
        )

    def lease(
        self,
        evse_id,
        vehicle_id,
        valid_from,
        valid_to,
        kind=None,
        granted=None,
        consent=None,
        revoked=None,
        **how,
    ):
        kind = kind or self.rng.choice(["direct", "indirect"])
        granted = valid_from - self.rng.randint(0, 9000) if granted is None else granted
        if kind == "indirect" and consent is None:
            consent = granted + self.rng.randint(-60, 0)
        if consent == "none":
            consent = None
        return self.put(
            "permission_leases",
            lease_id=self.id("L"),
            evse_id=evse_id,
            vehicle_id=vehicle_id,
            kind=kind,
            granted_at=granted,
            consent_at=consent if kind == "indirect" else None,
            valid_from=valid_from,
            valid_to=valid_to,
            revoked_at=revoked,
            **how,
        )

    def offer(self, evse_id, start, end, published=None, **how):
        return self.put(
            "evse_offers",
            offer_id=self.id("O"),
            evse_id=evse_id,
            published_at=start - self.rng.randint(0, 5000) if published is None else published,
            offered_from=start,
            offered_to=end,
            **how,
        )

    # ------------------------------------------------------------ reads

    def visible(self, feed):
        """What the builder itself takes the last versions by as-of to be (for drafting reads only)."""
        last = {}
        for (number, _, f), rows in sorted(self.files.items(), key=lambda kv: kv[0]):
            if f == feed and number <= 2:
                last.update(rows)
        return [r for r in last.values() if r.get("row_status") != "cancelled"]

    def point_at(self, evse_id, at):
        rows = [r for r in self.visible("evses") if r["evse_id"] == evse_id and r["valid_from"] <= at]
        return max(rows, key=lambda r: r["valid_from"])["metering_point_id"] if rows else None

    def change_reads(self, evse_id, start, end, change):
        """Apply a change to the reads of an EVSE's half hours; `change` takes and gives {import_wh, backfeed_wh, quality}."""
        for interval in intervals_of(start, end):
            point = self.point_at(evse_id, interval)
            if point:
                self.read_changes[(point, interval)] = change

    def draft_reads(self, fault_rate):
        """Reads of all half hours around ended sessions, as the chargers logged, with noise and some faults."""
        rng, reads = self.rng, {}
        for s in self.visible("charger_sessions"):
            if s["ended_at"] is None:
                continue
            if s["ended_at"] - s["started_at"] > 2 * DAY:
                continue
            for interval in intervals_of(s["started_at"], s["ended_at"]):
                point = self.point_at(s["evse_id"], interval)
                if point is None:
                    continue
                seconds = (lambda c: c[1] - c[0])(
                    common((interval, interval + HALF_HOUR), (s["started_at"], s["ended_at"]))
                )
                read = reads.setdefault((point, interval), [0, 0])
                whole = s["ended_at"] - s["started_at"]
                read[0] += s["charged_wh"] * seconds // whole
                read[1] += s["discharged_wh"] * seconds // whole
        noise = rng.choice([0, 0, 3, 20, 60])
        for (point, interval), (imported, backfed) in sorted(reads.items()):
            read = dict(
                import_wh=imported + (rng.randint(0, noise) if imported else 0),
                backfeed_wh=backfed + (rng.randint(0, noise) if backfed else 0),
                quality="A",
            )
            change = self.read_changes.pop((point, interval), None)
            if change:
                read = change(read)
            elif rng.random() < fault_rate:
                read = rng.choice(
                    [
                        self.estimated,
                        self.substituted,
                        self.missing,
                        self.no_row,
                        self.no_import,
                        self.no_backfeed,
                        self.zero,
                    ]
                )(read)
            self.put_read(point, interval, read)
        for (point, interval), change in sorted(self.read_changes.items()):
            self.put_read(point, interval, change(dict(import_wh=0, backfeed_wh=0, quality="A")))

    def put_read(self, point, interval, read):
        if read is None:
            return
        how = {}
        if self.chance(0.08):  # first estimated or none, the real one comes later
            first = self.rng.choice([self.estimated, self.missing, self.zero, self.substituted])(dict(read))
            self.put("meter_intervals", metering_point_id=point, interval_start=interval, **first)
            how["number"] = self.rng.choice([1, 2, 2, 3])
        self.put("meter_intervals", metering_point_id=point, interval_start=interval, **read, **how)

    @staticmethod
    def estimated(read):
        return dict(read, quality="E") if read["quality"] != "N" else read

    @staticmethod
    def substituted(read):
        return dict(read, quality="S") if read["quality"] != "N" else read

    @staticmethod
    def missing(read):
        return dict(import_wh=None, backfeed_wh=None, quality="N")

    @staticmethod
    def no_row(read):
        return None

    @staticmethod
    def no_import(read):
        return dict(import_wh=None, backfeed_wh=read["backfeed_wh"] or 0, quality="A")

    @staticmethod
    def no_backfeed(read):
        return dict(import_wh=read["import_wh"] or 0, backfeed_wh=None, quality="A")

    @staticmethod
    def zero(read):
        return dict(import_wh=0, backfeed_wh=0, quality="A")

    # ------------------------------------------------------------ the world

    def world(self, received):
        """All files as deliveries; `received` are the instants of deliveries 0-3."""
        deliveries = []
        for (number, file, feed), rows in sorted(self.files.items()):
            form = "+05:30" if file != "part-a.csv" else OFFSETS[number]
            written = []
            for _, row in sorted(rows.items(), key=lambda kv: tuple(map(str, kv[0]))):
                text = {
                    c: spelled(v, form) if c in INSTANTS else "" if v is None else str(v)
                    for c, v in row.items()
                }
                if feed != "meter_intervals" and (number or file != "part-a.csv"):
                    text.setdefault("row_status", "active")
                elif (
                    feed != "meter_intervals"
                    and "row_status" not in text
                    and any("row_status" in r for r in rows.values())
                ):
                    text["row_status"] = "active"
                written.append(text)
                if self.chance(0.02):
                    written.append(dict(text))
            self.rng.shuffle(written)
            deliveries.append(Delivery(text_of(received[number]), feed, file, written))
        self.rng.shuffle(deliveries)
        return World(deliveries)
