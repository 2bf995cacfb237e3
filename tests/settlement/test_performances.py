"""R14 and R17: achievement rate and payable of a performance."""

from datetime import date
from typing import Any

import pytest

from settlement import TariffError, parse_tariff
from tests.settlement.given import INCREASE, LIMIT, document, settled, tariff


def _paid(*versions: Any, **performance: Any) -> int:
    """Payable of one performance with one line that no lease can forfeit."""
    kind = {name: performance[name] for name in ("direction", "amount_kind", "unit") if name in performance}
    line = {"achieved": performance.get("achieved", 5000)} | kind
    if "event_local_date" in performance:
        line["event_local_date"] = performance["event_local_date"]
    settlement = settled(*versions, performances=[performance], lines=[line], contracts=[{}])
    payable: int = settlement.dr_achievement["payable"].item()
    return payable


@pytest.mark.parametrize(
    ("requested", "achieved", "circular_wh", "payable"),
    [
        (5000, 4000, 0, 4000),  # what was achieved
        (5000, 2500, 0, 2500),  # 2500 x 10000 = 5000 x 5000: just the minimum
        (5000, 2499, 0, 0),  # below the minimum
        (5000, 9000, 0, 6000),  # floor(5000 x 12000 / 10000) = 6000
        (3, 9, 0, 3),  # floor(3 x 1.2) = floor(3.6) = 3
        (5000, 4000, 1500, 2500),  # net: 4000 - 1500
        (5000, 9000, 1500, 6000),  # net 7500, but the cap is lower
        (5000, 9000, 8000, 1000),  # the cap is 6000, but net is 1000
        (5000, 4000, 4000, 0),  # all in a circle
        (5000, 4000, 9999, 0),  # more in a circle than achieved
        (1, 0, 0, 0),
    ],
)
@pytest.mark.parametrize("kind", [{}, INCREASE, INCREASE | {"amount_kind": "charging_power"}])
def test_payable_of_energy(
    kind: dict[str, Any], requested: int, achieved: int, circular_wh: int, payable: int
) -> None:
    assert _paid(requested=requested, achieved=achieved, circular_wh=circular_wh, **kind) == payable


@pytest.mark.parametrize(("achieved", "payable"), [(6, 6), (3, 3), (2, 0)])
def test_payable_of_intervals_has_a_minimum_and_no_net(achieved: int, payable: int) -> None:
    assert _paid(requested=6, achieved=achieved, circular_wh=4, **LIMIT) == payable


@pytest.mark.parametrize(("status", "payable"), [("held", 0), ("provisional", 5000), ("final", 5000)])
def test_held_performances_are_not_paid(status: str, payable: int) -> None:
    assert _paid(status=status) == payable


def test_the_tariff_is_the_one_of_the_events_local_date() -> None:
    strict = tariff(version="b", effective_from="2023-12-06", points__minimum_achievement_bp=9000)
    for day, payable in ((date(2023, 12, 5), 4000), (date(2023, 12, 6), 0)):
        assert _paid(tariff(), strict, achieved=4000, event_local_date=day) == payable


def test_without_a_tariff_on_the_first_day_nothing_is_settled() -> None:
    late = parse_tariff(document(effective_from="2023-12-02"), source="late")
    with pytest.raises(TariffError, match="No tariff is in force on 2023-12-01"):
        settled(late)


@pytest.mark.parametrize(
    ("achieved", "requested", "rate"),
    [
        (2, 3, "0.6666"),  # cut off, not rounded
        (99_999, 100_000, "0.9999"),
        (5, 5, "1.0000"),
        (0, 7, "0.0000"),
        (123_456, 10, "12345.6000"),
        (1, 10_000, "0.0001"),
        (1, 10_001, "0.0000"),
    ],
)
def test_the_rate_has_4_decimals_cut_off(achieved: int, requested: int, rate: str) -> None:
    settlement = settled(performances=[{"achieved": achieved, "requested": requested}])
    assert settlement.dr_achievement["achievement_rate"].item() == rate


@pytest.mark.parametrize(("instructed_wh", "rate"), [(None, None), (0, None), (6000, "0.8333")])
def test_an_aggregator_without_instruction_has_no_rate(instructed_wh: int | None, rate: str | None) -> None:
    settlement = settled(aggregator_achievement=[{"instructed_wh": instructed_wh}])
    assert settlement.aggregator_achievement["achievement_rate"].item() == rate
