"""Scenes: short stories that each aim at some branches of the rules, with EVSEs and vehicles that are there, or new ones."""

from __future__ import annotations

from .base import HALF_HOUR
from .builder import DAY, LONG_AGO

KINDS = {
    "discharge_energy": "suppression",
    "charging_power_limit": "suppression",
    "charge_energy": "increase",
    "charging_power": "increase",
}
SCENES = []  # each as often as it is to be drawn


def scene(weight):
    def listed(function):
        SCENES.extend([function] * weight)
        return function

    return listed


def amount_for(b, kind, event, watts, ratio=None):
    """A signal's amount such that `watts` over the event deliver about `ratio` of it."""
    ratio = ratio or b.rng.choice([0.3, 0.6, 0.9, 1.0, 1.1, 1.6])
    seconds = event["ends_at"] - event["starts_at"]
    if kind in ("discharge_energy", "charge_energy"):
        return int(watts * seconds / 3600 / ratio)
    if kind == "charging_power":
        return int(watts / ratio)
    return int(watts * b.rng.choice([0.9, 1.0, 1.02, 1.3]))


def admit(b, klass, evse_id, vehicle_id, event, slot):
    """Give the vehicle a title at the EVSE, of an access class."""
    if klass == "specific":
        b.specific(evse_id, vehicle_id, b.rng.choice([LONG_AGO, LONG_AGO, event["starts_at"] - DAY]))
    elif klass == "leased":
        return b.lease(evse_id, vehicle_id, slot, slot + 10800)


def dispatch(
    b,
    kind=None,
    klass=None,
    slot=None,
    event=None,
    evse=None,
    vehicle=None,
    ratio=None,
    span=None,
    energy=None,
    signal=True,
    halves=None,
    aligned=None,
    capable=None,
    region="R1",
):
    """The plain story: an event, a signal, a vehicle that comes with a title and does about what it was told."""
    rng = b.rng
    kind = kind or rng.choice(sorted(KINDS))
    klass = klass or rng.choice(["specific", "specific", "public", "leased", "leased", "leased", "none"])
    slot = b.slot() if slot is None else slot
    evse = evse or b.pick_evse(
        access="public" if klass == "public" else "specific",
        region=b.prefix + region,
        backfeed_capable=capable or ("true" if b.chance(0.85) else "false"),
    )
    event = event or b.event(slot, KINDS[kind], halves=halves, aligned=aligned, region=region)
    if vehicle is None:
        pairs = [v for e, v in sorted(b.pairs) if e == evse["evse_id"] and v in b.vehicle_rows]
        vehicle = (
            rng.choice(pairs)
            if klass == "specific" and pairs and b.chance(0.6)
            else b.pick_vehicle(not_specific_at=evse["evse_id"])
        )
    lease = admit(b, klass, evse["evse_id"], vehicle, event, slot)
    watts = rng.choice([300, 1000, 2999, 6000])
    start, end = span or (
        event["starts_at"] - rng.choice([0, 0, 300, 1800, 777]),
        event["ends_at"] + rng.choice([0, 0, 60, 901]),
    )
    logged = watts * (end - start) // 3600
    if energy:
        charged, discharged = energy
    elif kind == "discharge_energy":
        charged, discharged = rng.choice([0, 0, 0, logged // 9]), logged
    else:
        charged, discharged = logged, rng.choice([0, 0, 0, logged // 7])
    if signal:
        b.signal(event, vehicle, kind, amount_for(b, kind, event, watts, ratio))
    session = b.session(evse["evse_id"], vehicle, start, end, charged, discharged)
    return dict(
        slot=slot,
        event=event,
        evse=evse,
        vehicle=vehicle,
        session=session,
        lease=lease,
        kind=kind,
        watts=watts,
    )


def session_in(b, evse_id, vehicle, start, end, watts=None, backfeed=None):
    """A session with plausible energies."""
    logged = (watts or b.rng.choice([500, 3000])) * (end - start) // 3600
    backfeed = b.chance(0.4) if backfeed is None else backfeed
    return b.session(evse_id, vehicle, start, end, 0 if backfeed else logged, logged if backfeed else 0)


# ---------------------------------------------------------------- events and signals


@scene(1)
def plain_discharge(b):
    dispatch(
        b,
        kind="discharge_energy",
        klass=b.rng.choice(["leased", "public", "specific"]),
        ratio=b.rng.choice([0.8, 1.0, 1.5]),
    )


@scene(1)
def plain_charge(b):
    dispatch(
        b,
        kind=b.rng.choice(["charge_energy", "charging_power"]),
        klass=b.rng.choice(["leased", "leased", "public"]),
    )


@scene(4)
def tiny_power(b):
    """charging_power whose requested energy is less than 1 Wh, or nothing achieved."""
    slot = b.slot()
    event = b.event(slot, "increase")
    d = dispatch(
        b,
        kind="charging_power",
        slot=slot,
        event=event,
        signal=False,
        energy=b.rng.choice([(0, 0), (1, 0), (900, 0)]),
    )
    if event["ends_at"] - event["starts_at"] >= 3600:
        event = b.put(
            "dr_events", **dict(event, ends_at=event["starts_at"] + b.rng.choice([1799, 900, 3599]))
        )
    b.signal(event, d["vehicle"], "charging_power", 1)


@scene(8)
def guard_two_sessions(b):
    """A guard value kept by two sessions in one half hour, of two classes now and then."""
    slot = b.slot()
    evse = b.pick_evse(access="specific", region=b.prefix + "R1")
    event = b.event(slot, "suppression", aligned=True, halves=b.rng.randint(1, 3))
    vehicle = b.pick_vehicle(not_specific_at=evse["evse_id"])
    cut = event["starts_at"] + b.rng.choice([900, 600, 2401])
    other = evse if b.chance(0.5) else b.evse(access=b.rng.choice(["specific", "public"]))
    watts = b.rng.choice([600, 1200])
    b.lease(evse["evse_id"], vehicle, slot, slot + 10800)
    if other is evse and b.chance(0.6):
        b.specific(evse["evse_id"], vehicle, cut)
    elif other["access"] == "specific":
        b.lease(other["evse_id"], vehicle, slot, slot + 10800)
    b.session(
        evse["evse_id"], vehicle, event["starts_at"], cut, watts * (cut - event["starts_at"]) // 3600, 0
    )
    end = max(event["ends_at"], cut + 1)
    b.session(other["evse_id"], vehicle, cut, end, 0 if b.chance(0.25) else watts * (end - cut) // 3600, 0)
    if b.chance(0.5):
        limit = watts + b.rng.choice([1, 7, 0])
        b.signal(event, vehicle, "charging_power_limit", limit)
        if other is evse:
            b.change_reads(
                evse["evse_id"],
                event["starts_at"],
                event["ends_at"],
                lambda r: dict(r, import_wh=limit // 2 + b.rng.choice([0, 0, 0, 1])),
            )
    else:
        b.signal(event, vehicle, "charging_power_limit", watts * b.rng.choice([1, 2]))


@scene(14)
def guard_edges(b):
    """Exactly half an interval; exactly at the limit; nobody charges; less than half."""
    slot = b.slot(0.05)
    event = b.event(slot, "suppression", aligned=True, halves=2)
    start = event["starts_at"] + b.rng.choice([900, 900, 900, 901, 901, 899])
    watts = b.rng.choice([1000, 1500])
    idle = b.chance(0.35)
    klass = b.rng.choice(["leased", "public", "specific"])
    evse = b.evse(access="public" if klass == "public" else "specific", metering_point_id=b.id("MP"))
    d = dispatch(
        b,
        kind="charging_power_limit",
        klass=klass,
        slot=slot,
        event=event,
        evse=evse,
        signal=False,
        span=(start, event["ends_at"]),
        energy=(0 if idle else watts * (event["ends_at"] - start) // 3600, 0),
    )
    b.signal(event, d["vehicle"], "charging_power_limit", watts)
    limits = {
        event["starts_at"]: watts * (event["starts_at"] + HALF_HOUR - start) // 3600,
        event["starts_at"] + HALF_HOUR: watts // 2,
    }
    for interval, limit in limits.items():
        over = b.rng.choice([0, 0, 0, 1])
        b.change_reads(
            evse["evse_id"], interval, interval + 1, lambda r, wh=limit + over: dict(r, import_wh=wh)
        )


@scene(1)
def guard_missing(b):
    d = dispatch(
        b,
        kind="charging_power_limit",
        klass=b.rng.choice(["leased", "specific"]),
        halves=3,
        aligned=b.chance(0.5),
    )
    fault = b.rng.choice([b.missing, b.no_row, b.no_import, b.no_backfeed])
    b.change_reads(d["evse"]["evse_id"], d["event"]["starts_at"], d["event"]["starts_at"] + 1, fault)


@scene(1)
def guard_plain(b):
    """Guard values that are kept, in whole and in partial intervals, over- and under-delivered by the cap."""
    d = dispatch(
        b,
        kind="charging_power_limit",
        klass=b.rng.choice(["leased", "leased", "specific", "public"]),
        halves=b.rng.randint(2, 4),
        aligned=b.chance(0.4),
        signal=False,
    )
    b.signal(d["event"], d["vehicle"], "charging_power_limit", d["watts"] * 2)


@scene(7)
def overlapping_events(b):
    """Two events for one vehicle: one region or two, one start or two."""
    d = dispatch(b, klass=b.rng.choice(["leased", "public", "specific"]), halves=b.rng.randint(2, 3))
    same_kind = b.chance(0.6)
    kind = d["kind"] if same_kind else b.rng.choice(sorted(KINDS))
    first = d["event"]
    region = first["region"] if b.chance(0.65) else b.prefix + "R2"
    start = first["starts_at"] + b.rng.choice([0, 0, 0, 0, 900, -600, HALF_HOUR])
    second = b.put(
        "dr_events",
        dr_event_id=b.id("D"),
        region=region,
        direction=KINDS[kind],
        starts_at=start,
        ends_at=start + b.rng.choice([1800, 3600, 5000]),
    )
    b.signal(second, d["vehicle"], kind, amount_for(b, kind, second, d["watts"]))


@scene(3)
def other_region(b):
    """The vehicle is where the event is not; an event of its region without a signal; events of two regions at once."""
    d = dispatch(b, aligned=False)
    event = b.event(d["slot"], "suppression", aligned=False, region="R2")
    b.signal(event, d["vehicle"], "discharge_energy", 500)
    b.event(d["slot"], "increase", aligned=False)


@scene(4)
def late_signals(b):
    d = dispatch(b)
    b.signal(
        d["event"],
        b.pick_vehicle() if b.chance(0.5) else d["vehicle"],
        d["kind"],
        700,
        before=b.rng.choice([0, 0, -5, -3000]),
    )
    b.signal(d["event"], d["vehicle"], d["kind"], 900, before=0)


@scene(1)
def reissued_signals(b):
    """Issued again in time, or cancelled so that the one before it counts again."""
    d = dispatch(b, signal=False, aligned=False)
    kinds = [k for k in sorted(KINDS) if KINDS[k] == KINDS[d["kind"]]]
    b.signal(
        d["event"],
        d["vehicle"],
        b.rng.choice(kinds),
        amount_for(b, d["kind"], d["event"], d["watts"]),
        before=9000,
    )
    last = b.signal(d["event"], d["vehicle"], b.rng.choice(kinds), 1500, before=1)
    if b.chance(0.5):
        b.again("dr_signals", last, b.rng.choice([1, 2, 2, 3]), status="cancelled")


@scene(6)
def mismatched_signals(b):
    d = dispatch(b, aligned=b.chance(0.5))
    wrong = "charge_energy" if KINDS[d["kind"]] == "suppression" else "discharge_energy"
    if b.chance(0.65):
        b.signal(d["event"], d["vehicle"], wrong, 700, before=0 if b.chance(0.1) else 1)
    other = b.pick_vehicle()
    if other != d["vehicle"]:
        b.signal(d["event"], other, wrong, 800)


@scene(5)
def unknown_signals(b):
    slot = b.slot()
    event = b.event(slot, b.rng.choice(["suppression", "increase"]))
    kind = b.rng.choice([k for k in sorted(KINDS) if KINDS[k] == event["direction"]])
    b.signal(event, b.prefix + "V-nobody", kind, 1000, before=b.rng.choice([60, 60, 0]))
    b.put(
        "dr_signals",
        dr_event_id=b.prefix + "D-nothing",
        vehicle_id=b.pick_vehicle(),
        issued_at=event["starts_at"],
        amount_kind=kind,
        amount=5,
    )
    b.put(
        "dr_instructions",
        dr_event_id=b.prefix + "D-nothing",
        aggregator_id=b.prefix + "CA1",
        issued_at=event["starts_at"],
        amount_wh=5,
    )


@scene(7)
def no_show(b):
    """A signal, and no session; or one that has no title at all."""
    slot = b.slot()
    kind = b.rng.choice(sorted(KINDS))
    event = b.event(slot, KINDS[kind])
    b.signal(event, b.pick_vehicle(), kind, 1000)
    d = dispatch(b, klass="none")
    if b.chance(0.85):
        b.change_reads(
            d["evse"]["evse_id"],
            d["event"]["starts_at"],
            d["event"]["ends_at"],
            b.rng.choice([b.missing, b.no_import]),
        )


@scene(4)
def crossing_edges(b):
    """Events and sessions that run over the edges of the month, or over as-of."""
    edge = b.rng.choice(
        [
            b.edges["tokyo_end"],
            b.edges["london_end"],
            b.edges["tokyo_end"],
            b.edges["tokyo_start"],
            b.as_of - b.as_of % 1800,
        ]
    )
    kind = b.rng.choice(sorted(KINDS))
    start = edge - b.rng.choice([1800, 900, 3600, 1, 0])
    event = b.put(
        "dr_events",
        dr_event_id=b.id("D"),
        region=b.prefix + "R1",
        direction=KINDS[kind],
        starts_at=start,
        ends_at=edge + b.rng.choice([900, 1800, 2000, 3600]),
    )
    dispatch(
        b, kind=kind, slot=edge - 5400, event=event, klass=b.rng.choice(["leased", "specific", "public"])
    )


@scene(5)
def long_event(b):
    """Not over at as-of for certain."""
    start = min(b.as_of - b.rng.choice([1, 1800, 5400]), b.edges["tokyo_end"] - 600)
    kind = b.rng.choice(sorted(KINDS))
    event = b.put(
        "dr_events",
        dr_event_id=b.id("D"),
        region=b.prefix + "R1",
        direction=KINDS[kind],
        starts_at=start - start % 60,
        ends_at=b.as_of + b.rng.choice([0, 0, 1, 3600]),
    )
    dispatch(b, kind=kind, slot=start - start % 1800 - 1800, event=event)
    b.signal(event, b.pick_vehicle(), kind, 500)


# ---------------------------------------------------------------- aggregators


@scene(8)
def instructions(b):
    d = dispatch(b)

    def instruct(aggregator, before, amount, event=d["event"]):
        b.put(
            "dr_instructions",
            dr_event_id=event["dr_event_id"],
            aggregator_id=b.prefix + aggregator,
            issued_at=event["starts_at"] - before,
            amount_wh=amount,
        )

    for aggregator in ("PA1", "CA1"):
        for before in b.rng.sample([7200, 3600, 1, 0, -60], b.rng.randint(0, 4)):
            instruct(aggregator, before, b.rng.choice([0, 0, 1000, 3333]))
    if b.chance(0.8):
        instruct("A-nobody", b.rng.choice([5, 5, 5, 0]), 100)
    event = b.event(d["slot"], "increase")
    if b.chance(0.5):
        b.aggregator("PA2", "parent")
        instruct("PA2", 10, b.rng.choice([0, 2500]), event)
    elif b.chance(0.5):
        instruct("CA1", 10, 2500, event)


@scene(8)
def odd_aggregators(b):
    """A vehicle's child that is unknown, a parent, or has no, an unknown or a wrong parent."""
    for shape in b.rng.sample(
        ["unknown", "parent", "no_parent", "unknown_parent", "child_parent", "over"], 4
    ):
        name = f"CA-{shape}"
        if shape == "parent":
            b.aggregator(name, "parent")
        elif shape == "no_parent":
            b.aggregator(name, "child")
        elif shape == "unknown_parent":
            b.aggregator(name, "child", "PA-nobody")
        elif shape == "child_parent":
            b.aggregator(name, "child", "CA1")
        elif shape == "over":
            b.aggregator(name, "child", "PA1", valid_to=b.anchor - 30 * DAY)
        vehicle = b.vehicle(child_aggregator_id=b.prefix + name)["vehicle_id"]
        kind = b.rng.choice(
            ["discharge_energy", "charge_energy", "charge_energy", "charging_power_limit", "charging_power"]
        )
        if b.chance(0.5):
            dispatch(b, kind=kind, vehicle=vehicle, klass="public")
        else:
            b.signal(b.event(b.slot(0.5), KINDS[kind]), vehicle, kind, 1000)


# ---------------------------------------------------------------- open and overlapping sessions


@scene(5)
def open_session_of_vehicle(b):
    """Open in the event's region, or elsewhere; ended for the rules by the next one at the EVSE or of the vehicle."""
    d = dispatch(b, klass=b.rng.choice(["specific", "leased", "public"]))
    evse = (
        d["evse"]
        if b.chance(0.3)
        else b.evse(region=b.prefix + b.rng.choice(["R1", "R2", "R2"]), metering_point_id=b.id("MP"))
    )
    start = b.rng.choice(
        [d["slot"] - 900, d["event"]["starts_at"] + 700, d["event"]["ends_at"] - 1, d["event"]["ends_at"]]
    )
    b.session(evse["evse_id"], d["vehicle"], start, None)
    if b.chance(0.5):
        session_in(
            b, evse["evse_id"], b.pick_vehicle(), d["event"]["ends_at"] + 1000, d["event"]["ends_at"] + 2000
        )


@scene(7)
def open_elsewhere(b):
    """The vehicle's open session in the event's region or in another, behind another meter."""
    d = dispatch(b, klass=b.rng.choice(["specific", "leased", "public"]))
    evse = b.evse(region=b.prefix + b.rng.choice(["R1", "R2", "R2"]), metering_point_id=b.id("MP"))
    b.session(evse["evse_id"], d["vehicle"], d["event"]["starts_at"] + b.rng.choice([60, 900, -900]), None)


@scene(4)
def open_behind_meter(b):
    """Someone's open session at another EVSE behind the same meter."""
    d = dispatch(b, klass=b.rng.choice(["specific", "leased", "public"]))
    evse = b.evse(
        metering_point_id=d["evse"]["metering_point_id"], region=b.prefix + b.rng.choice(["R1", "R2"])
    )
    b.session(
        evse["evse_id"],
        b.rng.choice(["", b.pick_vehicle(), b.prefix + "V-nobody"]),
        d["event"]["starts_at"] - b.rng.choice([5000, 0, -60]),
        None,
    )


@scene(6)
def open_chains(b):
    """Open sessions that the next one at the EVSE or of the vehicle ends; two that start at once."""
    slot = b.slot(0.4)
    evse, other = b.pick_evse(), b.evse()
    vehicle = b.pick_vehicle()
    b.session(evse["evse_id"], vehicle, slot, None)
    if b.chance(0.5):
        b.session(evse["evse_id"], b.pick_vehicle(), slot, None)
    if b.chance(0.5):
        b.session(b.evse()["evse_id"], "", slot + 60, None)
        b.session(other["evse_id"], "", slot + 120, slot + 300, 0, 0)
    b.session(other["evse_id"], vehicle, slot + b.rng.choice([600, 3000]), None)
    if b.chance(0.5):
        session_in(b, evse["evse_id"], b.rng.choice(["", b.pick_vehicle()]), slot + 3600, slot + 5000)


@scene(4)
def two_places(b):
    """The vehicle at two EVSEs at once, both in the event."""
    d = dispatch(b, klass=b.rng.choice(["specific", "leased", "public"]), halves=2)
    evse = b.evse(access="public", region=b.prefix + b.rng.choice(["R1", "R1", "R2"]))
    start = d["event"]["starts_at"] + b.rng.choice([-600, 0, 1000, 1800])
    session_in(b, evse["evse_id"], d["vehicle"], start, start + b.rng.choice([900, 2400, 4000]))


@scene(1)
def two_at_one_evse(b):
    """Overlapping sessions at one EVSE, unattributed or with odd vehicles."""
    d = dispatch(b)
    start = d["session"]["started_at"] + b.rng.choice([0, 300, 1800])
    vehicle = b.rng.choice(["", b.prefix + "V-nobody", b.pick_vehicle(), b.pick_vehicle()])
    session_in(b, d["evse"]["evse_id"], vehicle, start, start + b.rng.choice([600, 1800, 3601]))


@scene(2)
def unknown_sessions(b):
    """Sessions without vehicle, of an unknown one, at an unknown EVSE, ended and open."""
    slot = b.slot(0.4)
    evse = b.pick_evse()
    session_in(b, evse["evse_id"], b.prefix + "V-nobody", slot + 600, slot + 4000)
    session_in(b, evse["evse_id"], "", slot + 4000, slot + 5000)
    session_in(b, b.prefix + "E-nowhere", b.pick_vehicle(), slot + 600, slot + 3000)
    if b.chance(0.3):
        b.session(b.prefix + "E-nowhere", "", slot + 700, None)


@scene(15)
def hand_over(b):
    """The vehicle moves from one EVSE to another within the event: several lines; equal shares and an odd payable."""
    slot = b.early_slot() if b.chance(0.85) else b.slot(0.03)
    equal = b.chance(0.75)
    kind = b.rng.choice(["charge_energy", "discharge_energy"])
    event = b.event(slot, KINDS[kind], aligned=True, halves=2)
    vehicle = b.vehicle()["vehicle_id"]
    middle = event["starts_at"] + HALF_HOUR
    wh = b.rng.choice([999, 1501, 1000])
    for start in (event["starts_at"], middle):
        access = b.rng.choice(["public", "specific"])
        evse = b.evse(access=access, metering_point_id=b.id("MP"))
        if access == "specific":
            b.lease(evse["evse_id"], vehicle, slot, slot + 10800)
        energy = wh if equal else wh + b.rng.randint(1, 99)
        b.session(
            evse["evse_id"],
            vehicle,
            start,
            start + HALF_HOUR,
            *((energy, 0) if kind == "charge_energy" else (0, energy)),
        )
        b.change_reads(
            evse["evse_id"],
            start,
            start + 1,
            lambda r, e=energy: dict(
                r,
                import_wh=e if kind == "charge_energy" else 0,
                backfeed_wh=0 if kind == "charge_energy" else e,
            ),
        )
    b.signal(event, vehicle, kind, wh + b.rng.randint(0, wh // 2))


# ---------------------------------------------------------------- meters


@scene(8)
def shared_meter(b):
    """Two EVSEs behind one metering point, with equal logs: ties by session id or by start; zero weights; zero reads."""
    slot = b.slot(0.05)
    point = b.id("MP")
    first, second = b.evse(metering_point_id=point), b.evse(metering_point_id=point)
    wh = b.rng.choice([0, 700, 900])
    shift = b.rng.choice([0, 0, 600])
    start = slot + HALF_HOUR
    for evse, at in ((first, start), (second, start + shift)):
        vehicle = b.pick_vehicle()
        b.specific(evse["evse_id"], vehicle, slot - DAY)
        b.session(evse["evse_id"], vehicle, at, at + 1200, wh, wh)
    energy = b.rng.choice([0, 1, 2 * wh + 1, 2 * wh + 1, 301])
    b.change_reads(
        first["evse_id"],
        start,
        start + 1,
        lambda r: dict(import_wh=energy, backfeed_wh=b.rng.choice([energy, 3]), quality="A"),
    )


@scene(2)
def quality(b):
    """Estimated, substituted and missing reads under an event."""
    d = dispatch(b, klass=b.rng.choice(["leased", "specific", "public"]))
    for interval in range(d["event"]["starts_at"] // 1800 * 1800, d["event"]["ends_at"], 1800):
        if b.chance(0.6):
            b.change_reads(
                d["evse"]["evse_id"],
                interval,
                interval + 1,
                b.rng.choice(
                    [
                        b.estimated,
                        b.substituted,
                        b.estimated,
                        b.substituted,
                        b.no_row,
                        b.no_import,
                        b.no_backfeed,
                        b.missing,
                    ]
                ),
            )


@scene(6)
def estimated_event(b):
    """A clean performance on substituted or estimated reads: provisional, or not paid on, and trued up later."""
    d = dispatch(b, klass=b.rng.choice(["leased", "specific", "public"]))
    b.change_reads(
        d["evse"]["evse_id"],
        d["session"]["started_at"],
        d["session"]["ended_at"],
        b.rng.choice([b.estimated, b.substituted]),
    )


@scene(13)
def charger_against_meter(b):
    """The read differs from the log by about what is allowed, exactly that, or far more."""
    slot = b.slot(0.05)
    evse = b.evse(metering_point_id=b.id("MP"), access="public")
    start = slot + HALF_HOUR
    wh = b.rng.choice([1500, 9000])
    off = b.rng.choice([-200, 201, 500, 450, -400]) if wh > 2000 or b.chance(0.3) else 200
    backfeed = b.chance(0.4)
    event = b.put(
        "dr_events",
        dr_event_id=b.id("D"),
        region=b.prefix + "R1",
        direction="suppression" if backfeed else "increase",
        starts_at=start,
        ends_at=start + HALF_HOUR,
    )
    vehicle = b.pick_vehicle()
    b.signal(event, vehicle, "discharge_energy" if backfeed else "charge_energy", wh)
    if b.chance(0.35):  # exactly the minimum of some tariff, or 1 Wh less
        off = 0
        signal_amount = b.rng.choice([wh * 2, wh * 4, wh * 10 // 7, wh * 5 // 2]) + b.rng.choice([0, 0, 1])
        b.signal(event, vehicle, "discharge_energy" if backfeed else "charge_energy", signal_amount, before=1)
    b.session(
        evse["evse_id"], vehicle, start, start + HALF_HOUR, 0 if backfeed else wh, wh if backfeed else 0
    )
    b.change_reads(
        evse["evse_id"],
        start,
        start + 1,
        lambda r: dict(
            import_wh=0 if backfeed else wh + off, backfeed_wh=wh + off if backfeed else 0, quality="A"
        ),
    )


@scene(3)
def incapable(b):
    """Backfeed at an EVSE that is not capable: logged, read, or missing."""
    d = dispatch(
        b,
        capable="false",
        klass=b.rng.choice(["specific", "leased", "public"]),
        kind=b.rng.choice(sorted(KINDS)),
    )

    def change(read):
        return dict(
            import_wh=read["import_wh"] or 0, backfeed_wh=b.rng.choice([None, None, 40, 700]), quality="A"
        )

    b.change_reads(d["evse"]["evse_id"], d["session"]["started_at"], d["session"]["ended_at"], change)
    if b.chance(0.5):
        start = d["session"]["ended_at"] + 60
        b.session(d["evse"]["evse_id"], d["vehicle"], start, start + 3000, 100, b.rng.choice([50, 900]))
        b.change_reads(d["evse"]["evse_id"], start, start + 3000, b.no_backfeed)


@scene(5)
def unattributed(b):
    """Reads of half hours without a session, at EVSEs and at nobody's metering point."""
    slot = b.slot(0.5)
    evse = b.pick_evse()
    for point in (evse["metering_point_id"], b.prefix + "MP-house"):
        for k in range(b.rng.randint(1, 3)):
            if (point, slot + k * 1800) not in b.read_changes:
                b.read_changes[(point, slot + k * 1800)] = lambda r, wh=b.rng.choice([0, 5, 700]): dict(
                    import_wh=wh or 9, backfeed_wh=b.rng.choice([wh, 3, None]), quality=b.rng.choice("AES")
                )


@scene(8)
def circular(b):
    """Energy that goes in a circle."""
    kind = b.rng.choice(["discharge_energy", "charge_energy", "charging_power"])
    wh = b.rng.choice([1000, 2500])
    back = b.rng.choice([wh // 3, wh - 1, wh, wh * 2, wh * 2])
    dispatch(
        b,
        kind=kind,
        klass=b.rng.choice(["leased", "specific", "public"]),
        capable="true",
        energy=(back, wh) if kind == "discharge_energy" else (wh, back),
        ratio=1.0,
        aligned=True,
    )


# ---------------------------------------------------------------- leases


@scene(8)
def lease_kinds(b):
    """Granted late, revoked early, without consent, with late consent, empty covers."""
    for shape in b.rng.sample(
        ["granted_late", "revoked", "no_consent", "consent_late", "revoked_before", "granted_after"], 3
    ):
        slot = b.slot()
        evse = b.pick_evse(access="specific", region=b.prefix + "R1")
        vehicle = b.pick_vehicle(not_specific_at=evse["evse_id"])
        inside = slot + b.rng.choice([3600, 4500, 4503, 5400])
        valid_from, valid_to = slot + b.rng.choice([0, 2000]), slot + 9000
        kind, how = None, {}
        if shape == "granted_late":
            how = dict(granted=inside)
            valid_from = inside - b.rng.choice([300, 600, 2000])
        elif shape == "revoked":
            valid_to = inside + b.rng.choice([300, 600, 3000])
            how = dict(revoked=inside)
        elif shape == "no_consent":
            kind, how = "indirect", dict(consent="none")
        elif shape == "consent_late":
            kind, how = "indirect", dict(consent=inside)
        elif shape == "revoked_before":
            how = dict(revoked=slot - b.rng.choice([0, 600]))
        else:
            how = dict(granted=slot + 9000)
        lease = b.lease(evse["evse_id"], vehicle, valid_from, valid_to, kind=kind, **how)
        if b.chance(0.3):
            b.again("permission_leases", lease, b.rng.choice([1, 2]), revoked_at=lease["valid_from"] + 2500)
        dispatch(b, klass="none", slot=slot, evse=evse, vehicle=vehicle, aligned=b.chance(0.5))


@scene(8)
def overlapping_leases(b):
    """Several leases over one segment; let twice to two vehicles."""
    d = dispatch(b, klass="leased")
    lease = d["lease"]
    b.lease(
        lease["evse_id"],
        lease["vehicle_id"],
        lease["valid_from"] + b.rng.choice([0, 0, 3000, -600]),
        lease["valid_to"] + 60,
    )
    if b.chance(0.6):
        b.lease(
            lease["evse_id"],
            b.pick_vehicle(),
            lease["valid_from"] + 3700,
            lease["valid_to"] + b.rng.choice([-900, 900]),
        )


@scene(1)
def lease_lapses(b):
    """Nobody comes; or comes and exchanges too little: no reward without exchange."""
    slot = b.slot(0.03)
    evse = b.pick_evse(access="specific", region=b.prefix + "R1")
    b.lease(evse["evse_id"], b.pick_vehicle(not_specific_at=evse["evse_id"]), slot, slot + 3000)
    kind = b.rng.choice(sorted(KINDS))
    d = dispatch(
        b,
        kind=kind,
        klass="leased",
        ratio=1.0,
        aligned=True,
        halves=1,
        energy=None,
        signal=False,
        evse=b.evse(metering_point_id=b.id("MP")),
        vehicle=b.vehicle()["vehicle_id"],
    )
    wh = b.rng.choice([120, 300, 450])
    energy = dict(
        charged_wh=0 if kind == "discharge_energy" else wh,
        discharged_wh=wh if kind == "discharge_energy" else 0,
    )
    b.put(
        "charger_sessions",
        **{
            **d["session"],
            **energy,
            "started_at": d["event"]["starts_at"],
            "ended_at": d["event"]["ends_at"],
        },
    )
    b.signal(
        d["event"], d["vehicle"], kind, wh * 2 if kind in ("charging_power", "charging_power_limit") else wh
    )


@scene(7)
def lease_not_needed(b):
    """At a public EVSE; for a specific vehicle; or the vehicle is there with a better title."""
    slot = b.slot()
    shape = b.rng.choice(["public", "public", "specific", "eligible_otherwise", "unused", "unused"])
    if shape == "unused":
        evse, vehicle = b.pick_evse(access="public")["evse_id"], b.vehicle()["vehicle_id"]
        b.lease(evse, vehicle, slot, slot + 1000, revoked=b.rng.choice([None, slot - 5]))
        own = b.pick_evse(access="specific")["evse_id"]
        b.specific(own, vehicle, slot - b.rng.choice([DAY, 0]), slot + b.rng.choice([60, 9000]))
        b.lease(own, vehicle, slot, slot + 1000)
    elif shape == "public":
        d = dispatch(b, klass="public", slot=slot)
        b.lease(d["evse"]["evse_id"], d["vehicle"], slot, slot + 10800)
    elif shape == "specific":
        d = dispatch(b, klass="specific", slot=slot, vehicle=b.vehicle()["vehicle_id"])
        b.lease(d["evse"]["evse_id"], d["vehicle"], slot, slot + b.rng.choice([10800, 1200]))
    else:
        evse = b.pick_evse(access="specific", region=b.prefix + "R1")
        vehicle = b.pick_vehicle(not_specific_at=evse["evse_id"])
        b.specific(evse["evse_id"], vehicle, slot + 1200, slot + b.rng.choice([20000, 4000]))
        b.lease(evse["evse_id"], vehicle, slot, slot + 10800)
        dispatch(b, klass="none", slot=slot, evse=evse, vehicle=vehicle)


@scene(11)
def lease_pending(b):
    """Not over at as-of; a leased segment lacks a read; the vehicle's session is still open."""
    shape = b.rng.choice(
        ["not_over", "not_over", "missing", "missing", "open", "open", "incapable", "before_cover"]
    )
    if shape == "not_over":
        evse = b.pick_evse(access="specific")
        b.lease(
            evse["evse_id"],
            b.pick_vehicle(not_specific_at=evse["evse_id"]),
            b.as_of - 7200,
            b.as_of + b.rng.choice([0, 1, 9000]),
            revoked=b.rng.choice([None, None, b.as_of + 1, b.as_of - 600, b.as_of - 600]),
        )
        shape = b.rng.choice(["missing", "open"])
    if shape == "incapable":  # its missing backfeed counts as 0: nothing to wait for
        d = dispatch(
            b,
            klass="leased",
            kind="discharge_energy",
            energy=(0, 0),
            evse=b.evse(backfeed_capable="false"),
            vehicle=b.vehicle()["vehicle_id"],
        )
        b.change_reads(
            d["evse"]["evse_id"], d["session"]["started_at"], d["session"]["ended_at"], b.no_backfeed
        )
    elif shape == "before_cover":  # open only before it was granted, or before it began
        slot = b.slot(0.05)
        evse, vehicle = b.evse(), b.vehicle()["vehicle_id"]
        b.lease(
            evse["evse_id"],
            vehicle,
            slot,
            slot + 9000,
            kind="direct",
            granted=slot + b.rng.choice([4000, -100]),
        )
        start = slot - b.rng.choice([1000, -100])
        b.session(evse["evse_id"], vehicle, start, None)
        b.session(evse["evse_id"], "", start + b.rng.choice([900, 1000, 1100]), slot + 3000, 0, 0)
    elif shape == "missing":
        d = dispatch(b, klass="leased", energy=(90, 90), evse=b.evse(), vehicle=b.vehicle()["vehicle_id"])
        b.change_reads(
            d["evse"]["evse_id"],
            d["session"]["started_at"],
            d["session"]["started_at"] + 1,
            b.rng.choice([b.no_import, b.no_backfeed, b.missing, b.no_row]),
        )
    else:
        slot = b.slot(0.05)
        evse, vehicle = b.evse(), b.vehicle()["vehicle_id"]
        b.lease(evse["evse_id"], vehicle, slot, slot + 9000)
        b.session(evse["evse_id"], vehicle, slot + b.rng.choice([-60, 900]), None)


@scene(4)
def lease_references(b):
    """Leases of unknown EVSEs and vehicles, and of other months."""
    slot = b.slot(0.5)
    known_evse, known_vehicle = b.pick_evse()["evse_id"], b.pick_vehicle()
    b.lease(b.prefix + "E-nowhere", known_vehicle, slot, slot + 5000)
    b.lease(known_evse, b.prefix + "V-nobody", slot, slot + 5000)
    late = b.vehicle(valid_from=slot + 1200)["vehicle_id"]
    b.lease(known_evse, late, slot, slot + 9000)
    session_in(b, known_evse, late, slot + b.rng.choice([900, 1500]), slot + 4000)
    far = b.edges["tokyo_start"] - 9 * DAY
    b.lease(known_evse, known_vehicle, far, far + 9000)
    if b.chance(0.5):
        start = far + b.rng.choice([0, 1777])
        session_in(b, known_evse, known_vehicle, start, start + 3000, backfeed=True)


@scene(1)
def lease_use(b):
    """A lease that is used outside events, and by import in an event: the exchange in all its parts."""
    d = dispatch(b, klass="leased", kind=b.rng.choice(sorted(KINDS)), aligned=False)
    start = d["event"]["ends_at"] + 1000
    session_in(b, d["evse"]["evse_id"], d["vehicle"], start, start + 1500, backfeed=b.chance(0.7))


@scene(5)
def lease_during_specific_use(b):
    """A specific vehicle's session while the EVSE is let."""
    d = dispatch(b, klass="leased")
    owner = b.vehicle()["vehicle_id"]
    if b.chance(0.4):  # specific at the edge of what is let, by a second or not at all
        edge = d["slot"] + 10800
        b.specific(d["evse"]["evse_id"], owner, edge - b.rng.choice([0, 1, -60]), edge + 500)
        start = edge - 900
    else:
        b.specific(d["evse"]["evse_id"], owner, b.rng.choice([LONG_AGO, d["event"]["starts_at"]]))
        start = b.rng.choice([d["slot"] - 600, d["event"]["ends_at"] + 1000, d["slot"] + 10800])
    if b.chance(0.7):
        session_in(b, d["evse"]["evse_id"], owner, start, start + 2000)
    else:
        b.session(d["evse"]["evse_id"], owner, start, None)


# ---------------------------------------------------------------- registry rows that change


@scene(7)
def specific_periods(b):
    """Overlapping, adjacent and separate specific-vehicle periods with edges inside a session."""
    slot = b.slot()
    evse = b.pick_evse(access=b.rng.choice(["specific", "public"]), region=b.prefix + "R1")
    vehicle = b.pick_vehicle(not_specific_at=evse["evse_id"])
    edge = slot + b.rng.choice([3700, 4500, 5000])
    shape = b.rng.choice(["overlap", "adjacent", "gap", "contained", "ends"])
    b.specific(evse["evse_id"], vehicle, slot - DAY, edge if shape != "contained" else slot + 20000)
    if shape != "ends":
        b.specific(
            evse["evse_id"],
            vehicle,
            edge + {"overlap": -700, "adjacent": 0, "gap": 600, "contained": 0}[shape],
            edge + 1900,
        )
    if b.chance(0.4):
        b.lease(evse["evse_id"], vehicle, slot, slot + 10800)
    dispatch(b, klass="none", slot=slot, evse=evse, vehicle=vehicle, halves=3)


@scene(7)
def evse_changes(b):
    """A new row of the EVSE mid-session: meter, region, access, capability, rating, contract; or one that ends."""
    slot = b.slot()
    evse = b.evse(access=b.rng.choice(["specific", "public"]))
    at = slot + b.rng.choice([1800, 3600, 3600, 5400, 4000])
    change = b.rng.choice(
        [
            dict(metering_point_id=b.id("MP")),
            dict(region=b.prefix + "R2"),
            dict(access="public"),
            dict(access="specific"),
            dict(backfeed_capable="false"),
            dict(rated_charge_w=100, rated_discharge_w=100),
            dict(contract_id=b.any_contract()),
        ]
    )
    if b.chance(0.3):
        b.again("evses", evse, 0, valid_to=at)
        if b.chance(0.6):
            b.again("evses", evse, 0, valid_from=at + b.rng.choice([0, 3600]), **change)
    else:
        b.again("evses", evse, 0, valid_from=at, **change)
    dispatch(b, slot=slot, evse=evse, klass=b.rng.choice(["specific", "leased", "public"]), halves=3)


@scene(4)
def evse_appears(b):
    """An EVSE known from the middle of an event on: no contract at the event's start."""
    slot = b.slot()
    at = slot + b.rng.choice([3600, 3600, 4500])
    event = b.put(
        "dr_events",
        dr_event_id=b.id("D"),
        region=b.prefix + "R1",
        direction="increase",
        starts_at=at - b.rng.choice([1800, 600, 1]),
        ends_at=at + 4000,
    )
    evse = b.evse(valid_from=at)
    vehicle = b.pick_vehicle()
    b.lease(evse["evse_id"], vehicle, at, slot + 20000)
    b.signal(event, vehicle, "charge_energy", 1500)
    session_in(b, evse["evse_id"], vehicle, event["starts_at"], event["ends_at"], watts=3000, backfeed=False)


@scene(1)
def vehicle_changes(b):
    """Another user, a vehicle that begins or ends during a session."""
    slot = b.slot()
    event = b.event(slot, "suppression")
    shape = b.rng.choice(["user", "ends", "begins", "begins_mid_session"])
    start = event["starts_at"] - 900
    if shape == "user":
        row = b.vehicle()
        b.again(
            "vehicles",
            row,
            b.rng.choice([0, 0, 1]),
            valid_from=event["starts_at"] + b.rng.choice([-60, 0, 60]),
            user_id=b.prefix + "U9",
        )
    elif shape == "ends":
        row = b.vehicle(valid_to=event["starts_at"] + b.rng.choice([-60, 0, 60]))
    elif shape == "begins":
        row = b.vehicle(valid_from=event["starts_at"] + b.rng.choice([0, 60]))
    else:
        row = b.vehicle(valid_from=start + 100)
    evse = b.pick_evse(access="public", region=b.prefix + "R1")
    b.signal(event, row["vehicle_id"], "discharge_energy", 2000)
    session_in(b, evse["evse_id"], row["vehicle_id"], start, event["ends_at"], backfeed=True)


@scene(6)
def contracts(b):
    """Contracts that change manager or fee, begin, end or are missing in the period; EVSEs of unknown ones."""
    for shape in b.rng.sample(
        ["second_row", "begins", "ended", "ends_before_event", "unknown", "no_evse", "other_month"], 3
    ):
        slot = b.slot(0.3)
        period_start = b.edges["tokyo_start"]
        if shape == "second_row":
            row = b.contract(valid_from=LONG_AGO, fee=4001)
            b.again(
                "contracts",
                row,
                0,
                valid_from=slot + 3600,
                manager_id=b.prefix + "M7",
                monthly_fee_minor=99999,
            )
        elif shape == "begins":
            row = b.contract(valid_from=slot + b.rng.choice([0, 3600, 6000]))
        elif shape == "ended":
            row = b.contract(valid_to=period_start - DAY)
        elif shape == "ends_before_event":
            row = b.contract(valid_to=slot + b.rng.choice([0, 3600]))
        elif shape == "unknown":
            row = dict(contract_id=b.prefix + "C-nobody")
        elif shape == "no_evse":
            b.contract()
            continue
        else:
            row = b.contract(valid_from=b.edges["london_end"] + 40 * DAY)
        evse = b.evse(contract_id=row["contract_id"], rated_discharge_w=b.rng.choice([999, 7777]))
        d = dispatch(
            b,
            slot=slot,
            evse=evse,
            kind=b.rng.choice(["discharge_energy", "charge_energy"]),
            klass="leased",
            ratio=1.0,
            vehicle=b.vehicle()["vehicle_id"],
        )
        if b.chance(0.6):
            b.offer(evse["evse_id"], slot - 7200, d["session"]["started_at"] - 1)


@scene(3)
def second_contract_row(b):
    """A contract whose second row in the month has another manager."""
    row = b.contract(
        valid_from=b.edges["tokyo_start"] + b.rng.choice([-DAY, 0, 3 * DAY]), fee=b.rng.choice([4001, 90001])
    )
    b.again(
        "contracts",
        row,
        0,
        valid_from=b.anchor + b.rng.choice([0, 3600, DAY]),
        manager_id=b.prefix + "M8",
        valid_to=b.rng.choice([None, b.anchor + 3 * DAY]),
    )
    evse = b.evse(contract_id=row["contract_id"])
    b.offer(evse["evse_id"], b.anchor - 2 * DAY, b.anchor - 2 * DAY + b.rng.choice([5400, 9000]))
    dispatch(b, evse=evse, klass="leased")


# ---------------------------------------------------------------- offers


@scene(4)
def offer_and_contract(b):
    """An offer of an EVSE whose contract begins or ends meanwhile; the leased use of it in an event before or after."""
    slot = b.early_slot() if b.chance(0.5) else b.slot(0)
    edge = slot + b.rng.choice([1800, 3600, 5400, 4000])
    row = b.contract(valid_from=edge) if b.chance(0.5) else b.contract(valid_to=edge)
    evse = b.evse(contract_id=row["contract_id"])
    b.offer(evse["evse_id"], slot, slot + 10800)
    dispatch(
        b,
        slot=slot,
        evse=evse,
        kind=b.rng.choice(["discharge_energy", "charge_energy"]),
        klass="leased",
        ratio=1.0,
        vehicle=b.vehicle()["vehicle_id"],
    )


@scene(12)
def offers(b):
    """Partial, late, doubled; at public, incapable and unknown EVSEs; over the edges of the month."""
    slot = b.slot()
    evse = b.pick_evse(access="specific", backfeed_capable="true")
    b.offer(evse["evse_id"], slot + b.rng.choice([0, 600, 1200]), slot + b.rng.choice([5400, 6000]))
    b.offer(evse["evse_id"], slot, slot + 7200, published=slot + b.rng.choice([0, 1800, 1801, 9000]))
    late = b.pick_evse(access="specific", backfeed_capable="true")["evse_id"]
    b.offer(late, slot + 10800, slot + 14400, published=slot + 10801)
    exact = b.evse()["evse_id"]
    b.offer(
        exact, slot + 1800, slot + b.rng.choice([5400, 5399]), published=slot + b.rng.choice([1800, 3600])
    )
    for other in b.rng.sample(
        [dict(access="public"), dict(backfeed_capable="false"), None, "edge", "edge"], 3
    ):
        if other is None:
            b.offer(b.prefix + "E-nowhere", slot, slot + 3000)
        elif other == "edge":
            edge = b.rng.choice([b.edges["tokyo_end"], b.edges["tokyo_start"], b.edges["london_end"]])
            b.offer(evse["evse_id"], edge - 3600, edge + 3600)
        else:
            b.offer(b.pick_evse(fresh=0.2, **other)["evse_id"], slot, slot + 3600)


@scene(13)
def offer_blocked(b):
    """A specific vehicle's session, ended or open, or a guest's session, while the EVSE is offered."""
    slot = b.slot()
    evse = b.pick_evse(access="specific", backfeed_capable="true")
    owner, guest = b.vehicle()["vehicle_id"], b.pick_vehicle(not_specific_at=evse["evse_id"])
    b.specific(
        evse["evse_id"], owner, b.rng.choice([LONG_AGO, slot + 2700]), b.rng.choice([None, slot + 5000])
    )
    b.offer(evse["evse_id"], slot, slot + 10800)
    if b.chance(0.4):
        session_in(b, evse["evse_id"], owner, slot + 1801, slot + b.rng.choice([3600, 3599, 4000]))
    else:
        b.session(evse["evse_id"], owner, slot + 5400 - b.rng.choice([0, 1, 3000]), None)
        if b.chance(0.6):
            session_in(b, evse["evse_id"], "", slot + 7200, slot + 8000)
    session_in(b, evse["evse_id"], guest, slot + 300, slot + 1500)
    if b.chance(0.5):
        b.offer(evse["evse_id"], slot, slot + 3600)


# ---------------------------------------------------------------- versions


@scene(8)
def corrections(b):
    """Later deliveries that change, cancel and revive what was there; some after as-of."""
    for _ in range(3):
        d = dispatch(
            b,
            klass=b.rng.choice(["leased", "specific", "public"]),
            ratio=1.0,
            kind=b.rng.choice(["charge_energy", "charge_energy", "discharge_energy", "charging_power_limit"]),
        )
        number = b.rng.choice([1, 2, 2, 3])
        shape = b.rng.choice(
            [
                "energy",
                "cancel_session",
                "cancel_signal",
                "cancel_event",
                "user",
                "revive",
                "revive",
                "cancel_lease",
            ]
        )
        if shape == "energy":
            for feed_number in (number, 3):
                b.again(
                    "charger_sessions",
                    d["session"],
                    feed_number,
                    charged_wh=d["session"]["charged_wh"] * feed_number // 2 + 31,
                )
        elif shape == "cancel_session":
            b.again("charger_sessions", d["session"], number, status="cancelled")
        elif shape == "cancel_signal":
            for key, row in list(b.files[(0, "part-a.csv", "dr_signals")].items()):
                if key[0] == d["event"]["dr_event_id"]:
                    b.again("dr_signals", row, number, status="cancelled")
        elif shape == "cancel_event":
            b.again("dr_events", d["event"], number, status="cancelled")
        elif shape == "user":
            b.again("vehicles", b.vehicle_rows[d["vehicle"]], number, user_id=b.prefix + "U5")
        elif shape == "revive":
            b.again("charger_sessions", d["session"], 1, status="cancelled")
            b.again("charger_sessions", d["session"], 2)
        elif d["lease"]:
            b.again("permission_leases", d["lease"], number, status="cancelled")


@scene(4)
def same_ingest(b):
    """Two files of one ingest with the same keys: the order of file names decides."""
    d = dispatch(b, klass=b.rng.choice(["leased", "specific", "public"]))
    number = b.rng.choice([0, 0, 1])
    if number == 1:
        b.again("charger_sessions", d["session"], 1, charged_wh=d["session"]["charged_wh"] + 77)
    b.again(
        "charger_sessions",
        d["session"],
        number,
        file="part-b.csv",
        charged_wh=d["session"]["charged_wh"] + 11,
    )
    if b.chance(0.5):
        b.again("evses", d["evse"], number, file="part-b.csv", rated_discharge_w=4321, rated_charge_w=1234)


@scene(3)
def manager_corrected(b):
    """The registry is corrected after the first run: another manager, another user, another fee."""
    evse = b.pick_evse(access="specific", backfeed_capable="true")
    rows = [r for r in b.rows("contracts") if r["contract_id"] == evse["contract_id"]]
    slot = b.slot()
    b.offer(evse["evse_id"], slot, slot + 5400)
    if rows:
        b.again(
            "contracts",
            rows[0],
            b.rng.choice([1, 2]),
            manager_id=b.prefix + b.rng.choice(["M1", "M8"]),
            monthly_fee_minor=b.rng.choice([rows[0]["monthly_fee_minor"], 500]),
        )
    d = dispatch(b, klass="leased", evse=evse, ratio=1.0)
    b.again("vehicles", b.vehicle_rows[d["vehicle"]], b.rng.choice([1, 2]), user_id=b.prefix + "U8")


@scene(10)
def paid_then_not(b):
    """Paid in the first run; then the read goes missing, a session turns up open, or the energy or the amount changes."""
    slot = b.early_slot()
    evse = b.evse(access="public", metering_point_id=b.id("MP"), contract_id=b.any_contract())
    vehicle = b.vehicle()["vehicle_id"]
    leased = b.chance(0.5)
    if leased:
        evse = b.put("evses", **dict(evse, access="specific"))
        b.lease(evse["evse_id"], vehicle, slot, slot + 10800)
    kind = b.rng.choice(["charge_energy", "charge_energy", "discharge_energy"])
    event = b.event(slot, KINDS[kind], aligned=True, halves=1)
    wh = b.rng.choice([2000, 5001])
    b.signal(event, vehicle, kind, wh, before=600)
    charge = kind == "charge_energy"
    session = b.session(
        evse["evse_id"],
        vehicle,
        event["starts_at"],
        event["ends_at"],
        wh if charge else 0,
        0 if charge else wh,
    )
    read = dict(import_wh=wh if charge else 0, backfeed_wh=0 if charge else wh, quality="A")
    point, interval = evse["metering_point_id"], event["starts_at"]
    b.put("meter_intervals", metering_point_id=point, interval_start=interval, **read)
    number = b.rng.choice([1, 2])
    shape = b.rng.choice(
        ["missing", "missing", "mismatch", "open", "less", "signal", "nothing", "user", "user"]
    )
    if shape in ("missing", "mismatch"):
        later = b.missing(read) if shape == "missing" else dict(read, import_wh=wh * 3, backfeed_wh=0)
        b.put("meter_intervals", number, metering_point_id=point, interval_start=interval, **later)
        b.read_changes[(point, interval)] = b.no_row  # no other draft of it
    elif shape == "open":
        b.again("charger_sessions", session, number, ended_at=None, charged_wh=None, discharged_wh=None)
        b.read_changes[(point, interval)] = b.no_row
    elif shape == "less":
        b.put(
            "meter_intervals",
            number,
            metering_point_id=point,
            interval_start=interval,
            **dict(
                read, import_wh=read["import_wh"] * 95 // 100, backfeed_wh=read["backfeed_wh"] * 95 // 100
            ),
        )
        b.read_changes[(point, interval)] = b.no_row
    elif shape == "user":
        b.again("vehicles", b.vehicle_rows[vehicle], number, user_id=b.prefix + "U6")
    elif shape == "signal":
        b.signal(event, vehicle, kind, wh * b.rng.choice([1, 9]) // 2, before=60, number=number)


@scene(8)
def mixed_titles(b):
    """One event, a title at one EVSE and none at another: what of the second counts in status, net and lines."""
    slot = b.early_slot() if b.chance(0.6) else b.slot(0)
    kind = b.rng.choice(sorted(KINDS))
    event = b.event(slot, KINDS[kind], aligned=True, halves=2)
    vehicle, start = b.vehicle()["vehicle_id"], event["starts_at"]
    first = b.evse(access=b.rng.choice(["public", "specific"]), metering_point_id=b.id("MP"))
    second = b.evse(metering_point_id=b.id("MP"), backfeed_capable=b.rng.choice(["true", "true", "false"]))
    if first["access"] == "specific":
        b.lease(first["evse_id"], vehicle, slot, slot + 10800)
    out = kind == "discharge_energy"
    b.session(first["evse_id"], vehicle, start, start + 1800, 0 if out else 1500, 1500 if out else 0)
    b.session(
        second["evse_id"], vehicle, start + b.rng.choice([1800, 1800, 1799, 1000]), start + 3600, 400, 300
    )
    b.signal(event, vehicle, kind, 3000 if kind.startswith("charging") else 1400)
    shape = b.rng.choice(["good", "good", "missing", "mismatch", "mismatch", "estimated", "no_backfeed"])
    if shape == "mismatch":
        b.change_reads(
            second["evse_id"],
            start + 1800,
            start + 3600,
            lambda r: dict(import_wh=2000, backfeed_wh=700, quality="A"),
        )
    elif shape != "good":
        b.change_reads(second["evse_id"], start + 1800, start + 3600, getattr(b, shape))


@scene(8)
def cuts_matter(b):
    """Two sessions behind one meter, odd weights: a cut too many or too few moves a watt-hour between them."""
    slot = b.early_slot() if b.chance(0.6) else b.slot(0)
    point = b.id("MP")
    evse, beside = (
        b.evse(metering_point_id=point, access=a) for a in (b.rng.choice(["specific", "public"]), "public")
    )
    vehicle, other = b.vehicle()["vehicle_id"], b.vehicle()["vehicle_id"]
    kind = b.rng.choice(["charge_energy", "discharge_energy"])
    event = b.put(
        "dr_events",
        dr_event_id=b.id("D"),
        region=b.prefix + "R1",
        direction=KINDS[kind],
        starts_at=slot + 1800,
        ends_at=slot + 9000,
    )
    b.specific(evse["evse_id"], vehicle, slot - DAY, slot + 4001)
    b.specific(
        evse["evse_id"], vehicle, slot + b.rng.choice([4001, 2222]), slot + 20000
    )  # an edge inside the union
    b.lease(evse["evse_id"], other, slot, slot + 3333)  # another's lease
    b.lease(
        evse["evse_id"], vehicle, slot + 5001, slot + 9999, granted=b.rng.choice([slot + 9999, slot + 6001])
    )
    elsewhere = b.put(
        "dr_events",
        dr_event_id=b.id("D"),
        region=b.prefix + "R2",
        direction=KINDS[kind],
        starts_at=slot + 2700,
        ends_at=slot + 6300,
    )
    b.put(
        "dr_events",
        dr_event_id=b.id("D"),
        region=b.prefix + "R1",
        direction="increase",
        starts_at=slot + 3001,
        ends_at=slot + 7001,
    )  # nobody is told of it
    b.signal(elsewhere, vehicle, kind, 500)
    for who in (vehicle, other):
        b.signal(event, who, kind, 5000)
    for where, who, start, end in (
        (evse, vehicle, slot + 1900, slot + 8801),
        (beside, other, slot + 2001, slot + 8999),
    ):
        wh = b.rng.randint(2000, 7000)
        b.session(where["evse_id"], who, start, end, *((wh, 0) if kind == "charge_energy" else (0, wh)))
    for interval in range(slot + 1800, slot + 9000, 1800):
        change = b.rng.randint(-9, 9)
        b.change_reads(
            evse["evse_id"],
            interval,
            interval + 1,
            lambda r, c=change: dict(
                import_wh=max(0, r["import_wh"] + c) if kind == "charge_energy" else 0,
                backfeed_wh=0 if kind == "charge_energy" else max(0, r["backfeed_wh"] + c),
                quality="A",
            ),
        )


@scene(5)
def open_evse_moves(b):
    """The EVSE of an open session has another region or meter at the event's start than later on."""
    d = dispatch(
        b,
        klass=b.rng.choice(["public", "specific"]),
        slot=b.early_slot(),
        aligned=True,
        evse=b.evse(access="public", metering_point_id=b.id("MP")),
        vehicle=b.vehicle()["vehicle_id"],
    )
    point, at = d["evse"]["metering_point_id"], d["event"]["starts_at"] + b.rng.choice([0, 1, 900, -1])
    shape = b.rng.choice(["region", "region", "meter"])
    before = (
        dict(region=b.prefix + b.rng.choice(["R1", "R2"]))
        if shape == "region"
        else dict(region=b.prefix + "R2")
    )
    evse = b.evse(metering_point_id=point if shape == "meter" and b.chance(0.5) else b.id("MP"), **before)
    b.again(
        "evses",
        evse,
        0,
        valid_from=at,
        **(
            dict(region=b.prefix + ("R2" if before["region"].endswith("R1") else "R1"))
            if shape == "region"
            else dict(metering_point_id=b.id("MP") if evse["metering_point_id"] == point else point)
        ),
    )
    b.session(
        evse["evse_id"],
        d["vehicle"] if shape == "region" else "",
        d["event"]["starts_at"] + b.rng.choice([-60, 60, 901]),
        None,
    )


@scene(4)
def edge_dispatch(b):
    """Two overlapping events of one vehicle on the two sides of a month's edge; an EVSE that ended before the month."""
    edge = b.rng.choice(
        [b.edges["tokyo_end"], b.edges["london_end"], b.edges["tokyo_start"], b.edges["london_start"]]
    )
    vehicle = b.pick_vehicle()
    starts = [edge - 1800, edge + b.rng.choice([0, -60])]
    b.rng.shuffle(starts)
    for start in starts:
        event = b.put(
            "dr_events",
            dr_event_id=b.id("D"),
            region=b.prefix + "R1",
            direction="increase",
            starts_at=start,
            ends_at=edge + 2700,
        )
        b.signal(event, vehicle, "charge_energy", 900)
    b.evse(valid_to=b.edges["tokyo_start"] - b.rng.choice([0, DAY]), contract_id=b.prefix + "C-gone")
