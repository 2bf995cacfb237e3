"""Numbers worked out by hand, to keep the oracle itself honest."""

from __future__ import annotations

import copy
import re
from datetime import date
from fractions import Fraction

import pytest

from tests.oracle import Delivery, TariffError, World, settle
from tests.oracle.base import COLUMNS, INTEGERS, KEYS, instant, union_of
from tests.oracle.rewards import decimal_text, round_half_up, tariff_on
from tests.oracle.segments import largest_remainder
from tests.oracle.worlds import TARIFFS, merged, random_world, random_worlds, restrict, shrunk, write_landing

PERIOD, AS_OF = "2023-10", "2023-11-05T00:00:00Z"
TARIFF = TARIFFS["tokyo"][
    0
]  # jp-a: minimum 5000 bp, cap 12000 bp, A S E; leased discharge 40/kWh; guard leased 0.5


def world(**feeds):
    """A world with EVSE E1 (specific, capable, 6000 W, MP1, contract C1 of M1), vehicle V1 of user U1, and what is given."""
    base = {
        "evses": [
            dict(
                evse_id="E1",
                valid_from="2023-01-01T00:00:00Z",
                contract_id="C1",
                parking_lot_id="P",
                region="R",
                metering_point_id="MP1",
                access="specific",
                supply="dc",
                backfeed_capable="true",
                rated_charge_w="3000",
                rated_discharge_w="6000",
            )
        ],
        "vehicles": [
            dict(
                vehicle_id="V1",
                valid_from="2023-01-01T00:00:00Z",
                user_id="U1",
                child_aggregator_id="CA",
                ownership="pov",
                powertrain="bev",
            )
        ],
        "contracts": [
            dict(
                contract_id="C1",
                valid_from="2023-01-01T00:00:00Z",
                manager_id="M1",
                manager_kind="company",
                monthly_fee_minor="10000",
            )
        ],
    }
    base.update(feeds)
    return World(
        [
            Delivery(
                "2023-11-01T00:00:00Z",
                feed,
                "a.csv",
                [{**dict.fromkeys(COLUMNS[feed], ""), **r} for r in rows],
            )
            for feed, rows in base.items()
        ]
    )


def lease(**changes):
    return dict(
        dict(
            lease_id="L1",
            evse_id="E1",
            vehicle_id="V1",
            kind="direct",
            granted_at="2023-10-01T00:00:00Z",
            valid_from="2023-10-10T00:00:00Z",
            valid_to="2023-10-10T12:00:00Z",
        ),
        **changes,
    )


def session(start, end, charged="0", discharged="0", **changes):
    return dict(
        dict(
            session_id="S1",
            evse_id="E1",
            vehicle_id="V1",
            started_at=f"2023-10-10T{start}Z",
            ended_at=f"2023-10-10T{end}Z",
            charged_wh=charged,
            discharged_wh=discharged,
        ),
        **changes,
    )


def read(time, imported="0", backfed="0", quality="A"):
    return dict(
        metering_point_id="MP1",
        interval_start=f"2023-10-10T{time}Z",
        import_wh=imported,
        backfeed_wh=backfed,
        quality=quality,
    )


def event(start="10:00:00", end="11:00:00", direction="suppression"):
    return dict(
        dr_event_id="D1",
        region="R",
        direction=direction,
        starts_at=f"2023-10-10T{start}Z",
        ends_at=f"2023-10-10T{end}Z",
    )


def signal(kind, amount):
    return dict(
        dr_event_id="D1",
        vehicle_id="V1",
        issued_at="2023-10-10T09:00:00Z",
        amount_kind=kind,
        amount=str(amount),
    )


def only(rows):
    assert len(rows) == 1
    return rows[0]


def test_largest_remainder():
    # 10 in 1:1:1 -> 3 each, 1 left: a tie, the first. 7 in 2:3 -> 2.8, 4.2 -> 2, 4, left 1 -> remainder .8: the first.
    assert largest_remainder(10, [1, 1, 1]) == [4, 3, 3]
    assert largest_remainder(7, [2, 3]) == [3, 4]
    assert largest_remainder(0, [5, 1]) == [0, 0]


def test_small_arithmetic():
    assert round_half_up(Fraction(5, 2)) == 3 and round_half_up(Fraction(249, 100)) == 2
    assert (
        decimal_text(Fraction(1, 8)) == "0.125"
        and decimal_text(Fraction(7)) == "7"
        and decimal_text(Fraction(2, 3)) == "0.666666"
    )
    assert instant("2023-10-10T09:00:00+09:00") == instant("2023-10-10T00:00:00Z")
    assert union_of([(0, 5), (5, 7), (9, None), (1, 2)]) == [(0, 7), (9, 10**15)]


def test_discharge_lines_points_and_fee():
    # Session 09:45-11:00 (4500 s) logs 3000 Wh out; reads 600 + 1200 + 1200. The event 10:00-11:00 takes 2400 Wh.
    # Requested 1900: cap 12000 bp -> 2280. Points 2280 x 40 / 1000 = 91.2 -> 91.
    # Fee: tier from_w 6000 (6000 W): 2.28 kWh x 6.125 = 13.965; cap 5000 bp of 10000 = 5000; no offer; 13.
    w = world(
        permission_leases=[lease()],
        charger_sessions=[session("09:45:00", "11:00:00", discharged="3000")],
        meter_intervals=[
            read("09:30:00", backfed="600"),
            read("10:00:00", backfed="1200"),
            read("10:30:00", backfed="1200"),
        ],
        dr_events=[event()],
        dr_signals=[signal("discharge_energy", 1900)],
    )
    s = settle(w, [TARIFF], PERIOD, AS_OF)
    a = only(s.dr_achievement)
    assert (
        a["requested"],
        a["achieved"],
        a["achievement_rate"],
        a["payable"],
        a["status"],
        a["qualities"],
    ) == (
        "1900",
        "2400",
        "1.2631",
        "2280",
        "final",
        "A",
    )
    line = only(s.settlement_lines)
    assert (line["lease_id"], line["access_class"], line["payable"], line["points"]) == (
        "L1",
        "leased",
        "2280",
        "91",
    )
    fee = only(s.manager_fee_reductions)
    assert (
        fee["performance_wh"],
        fee["performance_minor"],
        fee["offering_minor"],
        fee["cap_minor"],
        fee["reduction_minor"],
    ) == ("2280", "13.965", "0", "5000", "13")
    outcome = only(s.lease_outcomes)
    assert (outcome["outcome"], outcome["backfeed_wh"], outcome["dr_import_wh"]) == ("fulfilled", "3000", "0")
    assert [(b["payee_kind"], b["payee_id"], b["reason"], b["amount"], b["unit"]) for b in s.bookings] == [
        ("manager", "M1", "award", "13", "JPY"),
        ("user", "U1", "award", "91", "point"),
    ]
    # the same again changes nothing; a run that finds nothing books all of it back
    assert settle(w, [TARIFF], PERIOD, AS_OF, s.bookings).bookings == []
    gone = settle(world(), [TARIFF], PERIOD, AS_OF, s.bookings)
    assert [(b["reason"], b["amount"]) for b in gone.bookings] == [
        ("correction", "-13"),
        ("correction", "-91"),
    ]
    assert only(gone.user_points) == dict(
        settlement_period=PERIOD, user_id="U1", points="0", booked_before="91", booked_now="-91"
    )


def test_no_reward_without_exchange():
    # 300 Wh of 300 requested: all payable, but the lease's exchange is below 500 Wh: the line pays 0, the lease lapses.
    w = world(
        permission_leases=[lease()],
        charger_sessions=[session("10:00:00", "10:30:00", discharged="300")],
        meter_intervals=[read("10:00:00", backfed="300")],
        dr_events=[event(end="10:30:00")],
        dr_signals=[signal("discharge_energy", 300)],
    )
    s = settle(w, [TARIFF], PERIOD, AS_OF)
    assert only(s.dr_achievement)["payable"] == "0" and only(s.dr_achievement)["achieved"] == "300"
    assert only(s.lease_outcomes)["outcome"] == "lapsed"
    assert "lapsed_lease" in {e["code"] for e in s.exceptions}
    assert s.bookings == []


def test_guard_value():
    # Event 10:10-11:10: half hours 10:00 (1200 s in it), 10:30 (1800 s), 11:00 (600 s): requested 3. Limit 1000 W.
    # Session 10:25-11:05, 600 Wh (633 read: no mismatch). 10:00: the event has 300 s of it, less than half of 1200: no.
    # 10:30: 1800 s, limit 500 Wh, read 500: yes. 11:00: 300 s = exactly half of 600, limit floor(1000 x 300 / 3600) = 83.
    reads = [read("10:00:00", "50"), read("10:30:00", "500"), read("11:00:00", "83")]
    w = world(
        permission_leases=[lease()],
        charger_sessions=[session("10:25:00", "11:05:00", charged="600")],
        meter_intervals=reads,
        dr_events=[event("10:10:00", "11:10:00")],
        dr_signals=[signal("charging_power_limit", 1000)],
    )
    s = settle(w, [TARIFF], PERIOD, AS_OF)
    a = only(s.dr_achievement)
    assert (a["requested"], a["achieved"], a["achievement_rate"], a["status"]) == (
        "3",
        "2",
        "0.6666",
        "final",
    )
    # exchange 500 + 83 = 583 >= 500; 2 x 0.5 = 1 point
    assert (only(s.lease_outcomes)["dr_import_wh"], only(s.settlement_lines)["points"]) == ("583", "1")
    reads[2]["import_wh"] = "84"  # one Wh above the limit: 1 of 3 is below 50 %
    w = world(
        permission_leases=[lease()],
        charger_sessions=[session("10:25:00", "11:05:00", charged="600")],
        meter_intervals=reads,
        dr_events=[event("10:10:00", "11:10:00")],
        dr_signals=[signal("charging_power_limit", 1000)],
    )
    a = only(settle(w, [TARIFF], PERIOD, AS_OF).dr_achievement)
    assert (a["achieved"], a["payable"]) == ("1", "0")


def test_apportionment_by_log():
    # One half hour, read 1001 Wh out. S1 (V1) 10:00-10:30 logs 600, S2 (V2, unknown) 10:10-10:20 logs 300: 2:1.
    # 1001 x 2/3 = 667.33, 333.67 -> 667, 333, left 1 -> the larger remainder: S2 334.
    w = world(
        permission_leases=[lease()],
        charger_sessions=[
            session("10:00:00", "10:30:00", discharged="600"),
            session("10:10:00", "10:20:00", discharged="300", session_id="S2", vehicle_id="V2"),
        ],
        meter_intervals=[read("10:00:00", backfed="1001")],
    )
    s = settle(w, [TARIFF], PERIOD, AS_OF)
    assert [
        (g.session.session_id, g.backfeed_wh) for g in sorted(s.computation.segments, key=lambda g: g.start)
    ] == [
        ("S1", 667),
        ("S2", 334),
    ]
    codes = {e["code"]: e["energy_wh"] for e in s.exceptions}
    assert codes == {"overlapping_sessions": "", "unknown_reference": "", "unpermitted_use": "334"}


def test_mismatch():
    # 2000 Wh logged, 2201 read: 201 > max(200, 200): a mismatch of 201; 2200 is not.
    for energy, status in (("2201", "held"), ("2200", "final")):
        w = world(
            permission_leases=[lease()],
            charger_sessions=[session("10:00:00", "10:30:00", discharged="2000")],
            meter_intervals=[read("10:00:00", backfed=energy)],
            dr_events=[event(end="10:30:00")],
            dr_signals=[signal("discharge_energy", 2000)],
        )
        s = settle(w, [TARIFF], PERIOD, AS_OF)
        assert only(s.dr_achievement)["status"] == status
        assert [e["energy_wh"] for e in s.exceptions if e["code"] == "meter_charger_mismatch"] == (
            ["201"] if status == "held" else []
        )


def test_lease_outcomes():
    def outcome(row, as_of=AS_OF, **feeds):
        return only(settle(world(permission_leases=[row], **feeds), [TARIFF], PERIOD, as_of).lease_outcomes)[
            "outcome"
        ]

    assert outcome(lease()) == "lapsed"
    assert outcome(lease(kind="indirect")) == "revoked"  # no consent: an empty cover
    assert outcome(lease(revoked_at="2023-10-09T00:00:00Z")) == "revoked"
    assert outcome(lease(granted_at="2023-10-10T12:00:00Z")) == "revoked"  # granted when it was over
    assert outcome(lease(valid_to="2023-11-05T00:00:01Z")) == "pending"  # a second after as-of
    assert outcome(lease(valid_to="2023-11-05T00:00:00Z")) == "lapsed"
    assert (
        outcome(
            lease(),
            charger_sessions=[session("11:59:59", "12:00:00", ended_at="", charged_wh="", discharged_wh="")],
        )
        == "pending"
    )
    assert outcome(lease(), charger_sessions=[session("10:00:00", "10:30:00", "100")]) == "pending"  # no read
    assert (
        outcome(
            lease(),
            specific_vehicles=[dict(evse_id="E1", vehicle_id="V1", valid_from="2023-10-09T00:00:00Z")],
        )
        == "not_needed"
    )
    assert (
        settle(world(permission_leases=[lease(vehicle_id="V9")]), [TARIFF], PERIOD, AS_OF).lease_outcomes
        == []
    )


def test_offering_and_cap():
    # Offered 10:00-12:15: 4 whole half hours; the owner's session 10:40-10:50 takes one: 3 x 3000 W half hours = 9000 Wh.
    # 3 x 6 kW x 0.5 h x 0.125 = 1.125; fee 2 x 5000 bp = 1: cap 1.
    w = world(
        contracts=[
            dict(
                contract_id="C1",
                valid_from="2023-01-01T00:00:00Z",
                manager_id="M1",
                manager_kind="company",
                monthly_fee_minor="2",
            )
        ],
        evse_offers=[
            dict(
                offer_id="O1",
                evse_id="E1",
                published_at="2023-10-10T10:00:00Z",
                offered_from="2023-10-10T10:00:00Z",
                offered_to="2023-10-10T12:15:00Z",
            )
        ],
        specific_vehicles=[dict(evse_id="E1", vehicle_id="V1", valid_from="2023-01-01T00:00:00Z")],
        charger_sessions=[session("10:40:00", "10:50:00")],
    )
    fee = only(settle(w, [TARIFF], PERIOD, AS_OF).manager_fee_reductions)
    assert (fee["offered_wh"], fee["offering_minor"], fee["cap_minor"], fee["reduction_minor"]) == (
        "9000",
        "1.125",
        "1",
        "1",
    )


def test_circular_energy():
    # 1000 Wh out, 400 Wh in: net 600 of 1000 achieved.
    w = world(
        permission_leases=[lease()],
        charger_sessions=[session("10:00:00", "10:30:00", "400", "1000")],
        meter_intervals=[read("10:00:00", "400", "1000")],
        dr_events=[event(end="10:30:00")],
        dr_signals=[signal("discharge_energy", 1000)],
    )
    assert only(settle(w, [TARIFF], PERIOD, AS_OF).dr_achievement)["payable"] == "600"


def test_tariffs_by_date():
    with pytest.raises(TariffError, match="2022-12-31"):
        tariff_on([TARIFF], date.fromisoformat("2022-12-31"))
    with pytest.raises(TariffError):
        tariff_on([TARIFF, copy.deepcopy(TARIFF)], date.fromisoformat("2023-10-01"))


def test_sums_hold_in_random_worlds():
    # R9, R18, R24: what a fresh settlement finds is what was booked, whatever was booked before.
    for seed in range(40):
        w, period, as_of = random_world(seed)
        tariffs = TARIFFS["tokyo"]
        first = settle(w, tariffs, period, instant(as_of) - 5 * 86400)
        second = settle(w, tariffs, period, as_of, first.bookings, initial=False)
        fresh = settle(w, tariffs, period, as_of)
        assert sum(
            int(b["amount"]) for b in first.bookings + second.bookings if b["payee_kind"] == "user"
        ) == sum(int(r["points"]) for r in fresh.user_points)
        for row in second.user_points:
            assert int(row["points"]) == int(row["booked_before"]) + int(row["booked_now"])
        for a in fresh.dr_achievement:
            lines = [
                r
                for r in fresh.settlement_lines
                if (r["dr_event_id"], r["vehicle_id"]) == (a["dr_event_id"], a["vehicle_id"])
            ]
            assert int(a["payable"]) == sum(int(r["payable"]) for r in lines)
            assert int(a["achieved"]) == sum(int(r["achieved"]) for r in lines)


def test_merged_worlds_do_not_interact():
    worlds, period, as_of = random_worlds(3, 6)
    together = settle(merged(worlds), TARIFFS["london"], period, as_of)
    for prefix, w in worlds:
        alone = settle(w, TARIFFS["london"], period, as_of)
        for name, rows in alone.rows.items():
            strip = lambda rs: [{c: v for c, v in r.items() if c != "booking_id"} for r in rs]  # noqa: E731
            assert strip(restrict(together.rows[name], prefix)) == strip(rows), (prefix, name)


def test_random_worlds_are_valid_and_reproducible(tmp_path):
    # every row in its domain (CONTRACTS), no key twice with two contents in a file, no two files of a feed with the same bytes
    ends = [
        ("valid_from", "valid_to"),
        ("offered_from", "offered_to"),
        ("started_at", "ended_at"),
        ("starts_at", "ends_at"),
    ]
    for seed in range(60):
        w, _, _ = random_world(seed, "X-")
        assert [d.__dict__ for d in w.deliveries] == [
            d.__dict__ for d in random_world(seed, "X-")[0].deliveries
        ]
        seen = set()
        for folder, _ in write_landing(w, tmp_path / str(seed)):
            for file in folder.glob("*/*.csv"):
                key = (file.parent.name, file.read_bytes())
                assert key not in seen
                seen.add(key)
        for d in w.deliveries:
            contents = {}
            for r in d.rows:
                assert contents.setdefault(tuple(r[k] for k in KEYS[d.feed]), r) == r
                assert set(r) - {"row_status"} == set(COLUMNS[d.feed]) and r.get("row_status", "active") in (
                    "active",
                    "cancelled",
                )
                for a, b in ends:
                    if r.get(a) and r.get(b):
                        assert instant(r[a]) < instant(r[b]), r
                for c, v in r.items():
                    if c in INTEGERS and v:
                        assert v.isdigit() and int(v) <= 10**12, (d.feed, r)
                    if c.endswith("_id") and v:
                        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:*/-]{0,63}", v)
                if d.feed == "meter_intervals":
                    assert instant(r["interval_start"]) % 1800 == 0 and "row_status" not in r
                    assert (r["quality"] == "N") == (r["import_wh"] == r["backfeed_wh"] == "")
                if d.feed == "charger_sessions":
                    assert len({r[c] == "" for c in ("ended_at", "charged_wh", "discharged_wh")}) == 1
                if d.feed == "dr_signals":
                    assert int(r["amount"]) > 0
                if d.feed == "permission_leases" and r["kind"] == "direct":
                    assert r["consent_at"] == ""
                nullable = {
                    "valid_to",
                    "parent_aggregator_id",
                    "consent_at",
                    "revoked_at",
                    "import_wh",
                    "backfeed_wh",
                    "vehicle_id",
                    "ended_at",
                    "charged_wh",
                    "discharged_wh",
                }
                assert all(v != "" for c, v in r.items() if c not in nullable)


def test_restored_by_shrinking():
    w, period, as_of = random_world(5)

    def held(world):
        return any(
            r["status"] == "held" for r in settle(world, TARIFFS["tokyo"], period, as_of).dr_achievement
        )

    if held(w):
        small = shrunk(w, held)
        assert held(small) and sum(len(d.rows) for d in small.deliveries) < 12
