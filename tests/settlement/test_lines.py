"""R18 and R19: payable and points of lines."""

from datetime import date
from typing import Any

import pytest

from settlement import FrameError
from tests.settlement.given import INCREASE, LEASED, LIMIT, settled, tariff


def _payables(settlement: Any) -> dict[tuple[str, str, str], int]:
    rows = settlement.settlement_lines.select("evse_id", "lease_id", "access_class", "payable").rows()
    return {row[:3]: row[3] for row in rows}


def test_payable_is_shared_by_achieved_with_ties_to_the_smaller_key() -> None:
    # Cap floor(1001 x 1.2) = 1201 of achieved 3000. Each third: 1201 x 1000 / 3000 = 400 rest 1000: all tied,
    # and one Wh left over, to the smallest (evse_id, lease_id, access_class).
    settlement = settled(
        performances=[{"requested": 1001, "achieved": 3000}],
        lines=[
            {"evse_id": "S2", "achieved": 1000},
            {"evse_id": "S1", "achieved": 1000, **LEASED},
            {"evse_id": "S1", "achieved": 1000},
        ],
        lease_exchanges=[{}],
        contracts=[{}],
    )
    assert _payables(settlement) == {
        ("S1", "", "specific"): 401,
        ("S1", "L1", "leased"): 400,
        ("S2", "", "specific"): 400,
    }
    assert settlement.dr_achievement["payable"].item() == 1201


def test_a_leased_line_forfeits_while_its_lease_has_not_exchanged_the_minimum() -> None:
    # The minimum is 500: 300 + 199 = 499 is below, 300 + 200 is not. What S1 loses goes to nobody.
    for dr_import_wh, of_leased in ((199, 0), (200, 3000)):
        settlement = settled(
            performances=[{"achieved": 5000}],
            lines=[{"achieved": 3000, **LEASED}, {"evse_id": "S2", "achieved": 2000}],
            lease_exchanges=[{"backfeed_wh": 300, "dr_import_wh": dr_import_wh}],
            contracts=[{}],
        )
        assert _payables(settlement) == {("S1", "L1", "leased"): of_leased, ("S2", "", "specific"): 2000}
        assert settlement.dr_achievement["payable"].item() == of_leased + 2000
        assert settlement.dr_achievement["achieved"].item() == 5000


def test_the_minimum_is_that_of_the_periods_first_day() -> None:
    later = tariff(version="b", effective_from="2023-12-02", checks__minimum_exchange_wh=9000)
    settlement = settled(
        tariff(),
        later,
        performances=[{}],
        lines=[LEASED],
        lease_exchanges=[{"backfeed_wh": 500}],
        contracts=[{}],
    )
    assert _payables(settlement) == {("S1", "L1", "leased"): 5000}
    assert settlement.settlement_lines["tariff_version"].item() == "b"


def test_nothing_is_shared_where_nothing_was_achieved() -> None:
    free = tariff(points__minimum_achievement_bp=0)
    settlement = settled(free, performances=[{"achieved": 0}], lines=[{"achieved": 0}])
    assert _payables(settlement) == {("S1", "", "specific"): 0}


def test_a_performance_without_lines_is_paid_nothing() -> None:
    settlement = settled(performances=[{"achieved": 0}])
    assert settlement.dr_achievement["payable"].item() == 0
    assert settlement.settlement_lines.is_empty()


def test_a_line_names_a_performance_and_a_lease_that_are_there() -> None:
    with pytest.raises(FrameError, match=r"The line \(E1, V1, S1, , specific\) has no performance"):
        settled(lines=[{}])
    with pytest.raises(FrameError, match=r"The line \(E1, V1, S1, L1, leased\) names a lease without a row"):
        settled(performances=[{}], lines=[LEASED])


@pytest.mark.parametrize(
    ("performance", "line", "points"),
    [
        ({"achieved": 3333}, LEASED, 133),  # 3333 x 40 / 1000 = 133.32
        ({"achieved": 3338}, LEASED, 134),  # 133.52
        ({"achieved": 3000, "requested": 3000}, {}, 21),  # 3000 x 7.125 / 1000 = 21.375
        ({"achieved": 4000}, {}, 29),  # 28.5, half up
        ({"achieved": 4000}, {"access_class": "public"}, 0),  # no rate
        ({"achieved": 4, "requested": 6} | LIMIT, LEASED, 20),  # 4 intervals x 5
        (
            {"achieved": 500_000, "requested": 500_000} | INCREASE,
            {"access_class": "public"},
            1,
        ),  # 0.5, half up
        ({"achieved": 499_999, "requested": 500_000} | INCREASE, {"access_class": "public"}, 0),  # 0.499999
    ],
)
def test_points_are_rounded_half_up_once(
    performance: dict[str, Any], line: dict[str, Any], points: int
) -> None:
    kinds = {
        name: performance[name]
        for name in ("achieved", "direction", "amount_kind", "unit")
        if name in performance
    }
    settlement = settled(
        performances=[performance], lines=[kinds | line], lease_exchanges=[{}], contracts=[{}]
    )
    assert settlement.settlement_lines["points"].item() == points
    assert settlement.user_amounts.select("user_id", "points").rows() == ([("U1", points)] if points else [])


def test_points_go_by_the_rate_of_the_events_local_date() -> None:
    rate = {"amount_kind": "discharge_energy", "access_class": "specific", "per_kwh": "1"}
    later = tariff(version="b", effective_from="2023-12-06", points__rates=[rate])
    day = {"event_local_date": date(2023, 12, 6)}
    settlement = settled(
        tariff(),
        later,
        performances=[{}, {"dr_event_id": "E2", **day}],
        lines=[{}, {"dr_event_id": "E2", **day}],
        contracts=[{}],
    )
    # 5000 x 7.125 / 1000 = 35.625, and 5000 x 1 / 1000 = 5; rounded per line, then summed.
    assert settlement.settlement_lines.select("tariff_version", "points").rows() == [
        ("jp-2023-10", 36),
        ("b", 5),
    ]
    assert settlement.user_amounts["points"].item() == 41
