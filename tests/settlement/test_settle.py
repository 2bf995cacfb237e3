"""The whole settlement against a plain reading of the rules; its border; what must not change it."""

from dataclasses import fields, replace
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any

import polars as pl
import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from settlement import (
    AmountTooLarge,
    FrameError,
    Settlement,
    SettlementError,
    Tariff,
    TariffBook,
    VerifiedPeriod,
    check_balances,
    settle,
)
from tests.settlement.given import AS_OF, INCREASE, LEASED, LIMIT, PERIOD, settled, tariff, verified

_LARGEST = 2**63 - 1


def test_an_empty_period_settles_to_nothing() -> None:
    settlement = settled()
    assert all(getattr(settlement, each.name).is_empty() for each in fields(Settlement))


def test_what_is_verified_is_passed_on_with_its_period() -> None:
    settlement = settled(dr_intervals=[{}], exceptions=[{}], aggregator_achievement=[{}])
    assert settlement.dr_intervals.columns[:3] == ["settlement_period", "dr_event_id", "vehicle_id"]
    assert settlement.dr_intervals["import_wh"].item() is None
    for name in ("dr_intervals", "exceptions", "aggregator_achievement"):
        assert getattr(settlement, name)["settlement_period"].to_list() == ["2023-12"]


def test_a_wrong_frame_is_a_bug_and_is_named() -> None:
    good = verified(performances=[{}])
    with pytest.raises(
        FrameError, match=r"The frame Performances is not what the border promises: .*'achieved'"
    ):
        replace(good, performances=good.performances.drop("achieved"))
    with pytest.raises(FrameError, match=r"The frame Performances .*primary_key"):
        replace(good, performances=pl.concat([good.performances, good.performances]))
    with pytest.raises(FrameError, match=r"The frame Performances .*'achieved'"):
        verified(performances=[{"achieved": -1}])
    with pytest.raises(FrameError, match=r"The frame Performances .*'achieved'"):
        replace(good, performances=good.performances.cast({"achieved": pl.Float64}))
    with pytest.raises(FrameError, match=r"The frame Performances .*unit_fits_kind"):
        verified(performances=[{"unit": "interval"}])
    with pytest.raises(FrameError, match=r"The frame Lines .*leased_names_its_lease"):
        verified(lines=[{"access_class": "leased"}])


def test_a_column_that_the_border_does_not_name_stays_outside() -> None:
    good = verified(performances=[{}])
    more = replace(good, performances=good.performances.with_columns(hold_reasons=pl.lit("")))
    assert more.performances.equals(good.performances)


def test_performances_of_another_period_are_refused() -> None:
    with pytest.raises(FrameError, match="Performances of events on 2024-01-01 were handed in for 2023-12"):
        settled(performances=[{"event_local_date": date(2024, 1, 1)}])


def test_an_as_of_with_a_zone_is_refused() -> None:
    with pytest.raises(SettlementError, match="hand in naive UTC"):
        settle(
            verified=verified(),
            tariffs=TariffBook.of([tariff()]),
            period=PERIOD,
            as_of=datetime(2024, 1, 10, tzinfo=UTC),
        )


def test_amounts_are_refused_rather_than_wrapped() -> None:
    huge = {"requested": _LARGEST, "achieved": _LARGEST}
    dear = tariff(
        points__rates=[{"amount_kind": "discharge_energy", "access_class": "specific", "per_kwh": "1001"}]
    )
    line: dict[str, Any] = {"achieved": _LARGEST}
    # (2^63 - 1) x 1.001 = 9232595408891630582.807.
    with pytest.raises(
        AmountTooLarge, match="points 9232595408891630583 is larger than the 9223372036854775807"
    ):
        settled(dear, performances=[huge], lines=[line], contracts=[{}])
    # One such line of each of two users fits; both of one user do not.
    fair = tariff(
        points__rates=[{"amount_kind": "discharge_energy", "access_class": "specific", "per_kwh": "600"}]
    )
    second: dict[str, Any] = {"dr_event_id": "E2"}
    twice: dict[str, Any] = {"performances": [huge, huge | second], "contracts": [{}]}
    two_users = [line, line | second | {"user_id": "U2"}]
    assert (
        settled(fair, lines=two_users, **twice).user_amounts["points"].to_list() == [5534023222112865484] * 2
    )
    with pytest.raises(AmountTooLarge, match="points 11068046444225730968 is larger"):
        settled(fair, lines=[line, line | second], **twice)


def test_a_fee_reduction_beyond_64_bits_is_refused() -> None:
    dear = tariff(fee_reduction__performance_tiers=[{"from_w": 0, "per_kwh": "1001"}])
    huge = {"requested": _LARGEST, "achieved": _LARGEST}
    with pytest.raises(AmountTooLarge, match="performance 9232595408891630582 is larger"):
        settled(
            dear,
            performances=[huge],
            lines=[{"achieved": _LARGEST, **LEASED}],
            lease_exchanges=[{}],
            contracts=[{}],
        )


_AMOUNTS = st.one_of(st.integers(0, 20), st.integers(0, 10**12))
_CLASSES = [{}, {"access_class": "public"}, LEASED, LEASED | {"lease_id": "L2"}]
_KINDS: list[dict[str, Any]] = [{}, INCREASE, INCREASE | {"amount_kind": "charging_power"}, LIMIT]
_RATES = [
    {"amount_kind": kind, "access_class": access_class, per: rate}
    for kind, per in (
        ("discharge_energy", "per_kwh"),
        ("charge_energy", "per_kwh"),
        ("charging_power_limit", "per_interval"),
    )
    for access_class, rate in (("specific", "0.125"), ("leased", "40.001"))
]


@st.composite
def _periods(draw: st.DrawFn) -> dict[str, Any]:
    """Performances of four events, with lines at up to two EVSEs, on both sides of a change of tariff."""
    performances, lines = [], []
    for number in range(draw(st.integers(0, 4))):
        event: dict[str, Any] = draw(st.sampled_from(_KINDS)) | {
            "dr_event_id": f"E{number}",
            "event_local_date": date(2023, 12, draw(st.integers(14, 16))),
        }
        places = [
            event
            | of_class
            | {"evse_id": evse, "achieved": draw(_AMOUNTS), "rated_w": draw(st.integers(0, 9000))}
            for evse in ("S1", "S2")
            for of_class in draw(st.lists(st.sampled_from(_CLASSES), max_size=4, unique_by=str))
        ]
        lines += places
        performances.append(
            event
            | {
                "requested": draw(st.one_of(st.integers(1, 30), st.integers(1, 10**12))),
                "achieved": sum(place["achieved"] for place in places),
                "circular_wh": draw(_AMOUNTS),
                "status": draw(st.sampled_from(["held", "provisional", "final"])),
            }
        )
    exchanges = [
        {"lease_id": lease_id, "backfeed_wh": draw(st.integers(499, 501))} for lease_id in ("L1", "L2")
    ]
    return {
        "performances": performances,
        "lines": lines,
        "lease_exchanges": exchanges,
        "contracts": [{"monthly_fee_minor": draw(_AMOUNTS)}],
        "offerings": draw(st.sampled_from([[], [{"offered_w_half_hours": 12_345_678_901}]])),
    }


_FIRST = tariff(points__rates=_RATES)
_SECOND = tariff(
    version="b", effective_from="2023-12-15", points__rates=_RATES[:3], points__over_delivery_cap_bp=10_001
)


@for_all(period=_periods())
@settings(max_examples=60, deadline=None)
def test_it_agrees_with_the_rules_read_plainly(period: dict[str, Any]) -> None:
    settlement = settled(_FIRST, _SECOND, **period)
    lines = {(row["dr_event_id"], row["evse_id"], row["lease_id"], row["access_class"]): row
             for row in settlement.settlement_lines.to_dicts()}  # fmt: skip
    exchange_wh = {lease["lease_id"]: lease["backfeed_wh"] for lease in period["lease_exchanges"]}
    found = verified(**period)
    owed, paid_wh, points = Fraction(0), 0, 0
    for performance in found.performances.to_dicts():
        own = found.lines.filter(dr_event_id=performance["dr_event_id"]).to_dicts()
        version = _FIRST if performance["event_local_date"] < date(2023, 12, 15) else _SECOND
        capped = _plain_payable(performance, version)
        shares = _plain_shares(capped, own)
        total = 0
        for line, share in zip(own, shares, strict=True):
            payable = 0 if line["access_class"] == "leased" and exchange_wh[line["lease_id"]] < 500 else share
            key = tuple(line[name] for name in ("dr_event_id", "evse_id", "lease_id", "access_class"))
            assert lines[key]["payable"] == payable
            assert lines[key]["tariff_version"] == version.version
            assert lines[key]["points"] == _plain_points(payable, line, version)
            total, points = total + payable, points + lines[key]["points"]
            if line["access_class"] == "leased" and line["unit"] == "Wh":
                per_kwh = 6 if line["rated_w"] >= 6000 else 4 if line["rated_w"] >= 3000 else 0
                owed, paid_wh = owed + Fraction(payable * per_kwh, 1000), paid_wh + payable
        row = settlement.dr_achievement.filter(dr_event_id=performance["dr_event_id"]).row(0, named=True)
        assert row["payable"] == total <= capped <= performance["achieved"]
        if performance["unit"] == "Wh":
            assert total <= max(0, performance["achieved"] - performance["circular_wh"])
        assert Fraction(row["achievement_rate"]) == Fraction(
            row["achieved"] * 10_000 // row["requested"], 10_000
        )
    offered = sum(row["offered_w_half_hours"] for row in period["offerings"])
    cap = Fraction(period["contracts"][0]["monthly_fee_minor"] * 5000, 10_000)
    reduction = settlement.fee_reductions.row(0, named=True)
    assert reduction["reduction_minor"] == min(owed + Fraction(offered, 2000) * Fraction(5, 100), cap) // 1
    assert (reduction["performance_wh"], reduction["offered_wh"]) == (paid_wh, offered // 2)
    assert Fraction(reduction["performance_minor"]) == owed
    assert Fraction(reduction["cap_minor"]) == cap
    assert settlement.user_amounts["points"].sum() == points


def _plain_payable(performance: dict[str, Any], version: Tariff) -> int:
    achieved, requested = performance["achieved"], performance["requested"]
    if performance["status"] == "held" or achieved * 10_000 < requested * version.minimum_achievement_bp:
        return 0
    capped: int = min(achieved, requested * version.over_delivery_cap_bp // 10_000)
    if performance["unit"] == "interval":
        return capped
    net: int = max(0, achieved - performance["circular_wh"])
    return min(capped, net)


def _plain_shares(payable: int, lines: list[dict[str, Any]]) -> list[int]:
    total = sum(line["achieved"] for line in lines)
    if not total:
        return [0] * len(lines)
    exact = [Fraction(payable * line["achieved"], total) for line in lines]
    shares = [share // 1 for share in exact]
    by_remainder = sorted(
        range(len(lines)),
        key=lambda place: (
            -(exact[place] % 1),
            *(lines[place][name] for name in ("evse_id", "lease_id", "access_class")),
        ),
    )
    for place in by_remainder[: payable - sum(shares)]:
        shares[place] += 1
    return shares


def _plain_points(payable: int, line: dict[str, Any], version: Tariff) -> int:
    for rate in version.rates:
        if (rate.amount_kind, rate.access_class) == (line["amount_kind"], line["access_class"]):
            exact = payable * Fraction(rate.rate_milli, 1000) / (1000 if line["unit"] == "Wh" else 1)
            return int((exact + Fraction(1, 2)) // 1)
    return 0


@for_all(period=_periods(), data=st.data())
@settings(max_examples=15, deadline=None)
def test_the_order_of_rows_changes_nothing_and_all_balances(
    period: dict[str, Any], data: st.DataObject
) -> None:
    shuffled = {name: data.draw(st.permutations(rows)) for name, rows in period.items()}
    settlement, again = settled(_FIRST, _SECOND, **period), settled(_FIRST, _SECOND, **shuffled)
    for each in fields(Settlement):
        assert getattr(settlement, each.name).equals(getattr(again, each.name)), each.name
    events = (
        verified(**period)
        .performances.filter(unit="Wh")
        .group_by("dr_event_id")
        .agg(pl.col("achieved").sum())
    )
    utility = [{"dr_event_id": event, "achieved_wh": wh} for event, wh in events.rows()]
    balance = [{"direction": "import"}, {"direction": "backfeed"}]
    whole = period | {"aggregator_achievement": utility, "energy_balance": balance}
    check_balances(verified=verified(**whole), settlement=settled(_FIRST, _SECOND, **whole))


@for_all(payable=st.integers(1, 10**12), more=st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_more_payable_is_never_fewer_points(payable: int, more: int) -> None:
    points = [
        settled(
            performances=[{"requested": wh, "achieved": wh}], lines=[{"achieved": wh}], contracts=[{}]
        ).settlement_lines["points"].item()
        for wh in (payable, payable + more)
    ]  # fmt: skip
    assert points[0] <= points[1]


def test_verified_frames_are_named_after_their_marts() -> None:
    assert [each.name for each in fields(VerifiedPeriod)] == [
        "performances", "lines", "contracts", "offerings", "lease_exchanges", "dr_intervals",
        "aggregator_achievement", "exceptions", "energy_balance",
    ]  # fmt: skip
    assert AS_OF.tzinfo is None
