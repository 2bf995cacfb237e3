"""R20: fee reductions per electricity contract."""

from typing import Any

import pytest

from settlement import FrameError
from tests.settlement.given import INCREASE, LEASED, LIMIT, settled, tariff


def _reduction(*versions: Any, fee: int = 100_000, offered: int = 0, **line: Any) -> dict[str, Any]:
    kinds = {name: line[name] for name in ("achieved", "direction", "amount_kind", "unit") if name in line}
    settlement = settled(
        *versions,
        performances=[kinds],
        lines=[LEASED | line],
        lease_exchanges=[{}],
        contracts=[{"monthly_fee_minor": fee}],
        offerings=[{"offered_w_half_hours": offered}] if offered else [],
    )
    return settlement.fee_reductions.row(0, named=True)


@pytest.mark.parametrize(
    ("rated_w", "performance_minor", "reduction_minor"),
    [
        (2999, "0", 0),  # below every tier
        (3000, "19.996", 19),  # 4.999 kWh x 4
        (5999, "19.996", 19),
        (6000, "29.994", 29),  # 4.999 kWh x 6
        (50_000, "29.994", 29),
    ],
)
def test_the_highest_tier_at_most_the_rated_power_counts(
    rated_w: int, performance_minor: str, reduction_minor: int
) -> None:
    found = _reduction(achieved=4999, rated_w=rated_w)
    assert (found["performance_minor"], found["reduction_minor"]) == (performance_minor, reduction_minor)
    assert (found["performance_wh"], found["offered_wh"], found["offering_minor"]) == (4999, 0, "0")
    assert (found["manager_id"], found["currency"], found["tariff_version"]) == ("M1", "JPY", "jp-2023-10")


@pytest.mark.parametrize(
    "line",
    [
        {"access_class": "specific", "lease_id": ""},
        {"contract_in_force": False},
        {"contract_id": "", "contract_in_force": False},
        {"achieved": 5, **LIMIT},
    ],
)
def test_only_leased_energy_of_a_contract_in_force_counts(line: dict[str, Any]) -> None:
    found = _reduction(**line)
    assert (found["performance_wh"], found["performance_minor"], found["reduction_minor"]) == (0, "0", 0)


def test_increase_counts_as_well() -> None:
    line: dict[str, Any] = {"achieved": 5000} | INCREASE
    assert _reduction(**line)["performance_minor"] == "30"


def test_offering_is_exact_and_cut_off_at_6_decimals() -> None:
    # 6001 W half hours / 1000 x 0.5 h x 0.001 = 0.0030005: the text cuts off the 7th decimal.
    thousandth = tariff(fee_reduction__offering_per_kw_hour="0.001")
    found = _reduction(thousandth, achieved=0, offered=6001)
    assert (found["offered_wh"], found["offering_minor"]) == (3000, "0.003")
    # 1_000_001 / 1000 x 0.5 x 0.001 = 0.5000005.
    assert _reduction(thousandth, achieved=0, offered=1_000_001)["offering_minor"] == "0.5"
    assert _reduction(thousandth, achieved=0, offered=1_000_003)["offering_minor"] == "0.500001"


def test_both_parts_are_summed_exactly_and_rounded_down_once() -> None:
    # Performance 4.9 kWh x 6 = 29.4, offering 24 000 / 1000 x 0.5 x 0.05 = 0.6: together 30 whole.
    found = _reduction(achieved=4900, offered=24_000)
    assert (found["performance_minor"], found["offering_minor"], found["reduction_minor"]) == (
        "29.4",
        "0.6",
        30,
    )
    # 23 999 gives 0.599975: 29.999975 is 29.
    assert _reduction(achieved=4900, offered=23_999)["reduction_minor"] == 29


def test_the_cap_is_a_share_of_the_monthly_fee() -> None:
    # 33.33 % of 77 = 25.6641, below the 30 of the performance.
    third = tariff(fee_reduction__contract_fee_cap_bp=3333)
    found = _reduction(third, fee=77)
    assert (found["performance_minor"], found["cap_minor"], found["reduction_minor"]) == ("30", "25.6641", 25)
    assert _reduction(fee=0)["reduction_minor"] == 0


def test_only_what_is_payable_counts() -> None:
    # The cap of R17 makes 6000 of 9000 payable: 6 kWh x 6.
    assert _reduction(achieved=9000)["performance_minor"] == "36"


def test_several_lines_of_a_contract_add_up_and_others_stand_apart() -> None:
    settlement = settled(
        performances=[{}],
        lines=[
            {"achieved": 1000, **LEASED},
            {"achieved": 1000, "evse_id": "S2", "rated_w": 3000, **LEASED},
            {"achieved": 3000, "evse_id": "S3", "contract_id": "K2", **LEASED},
        ],
        lease_exchanges=[{}],
        contracts=[{"contract_id": "K2", "manager_id": "M0"}, {}, {"contract_id": "K3"}],
    )
    # K1: 1 x 6 + 1 x 4, K2: 3 x 6; ordered by manager, then contract.
    assert settlement.fee_reductions.select(
        "manager_id", "contract_id", "performance_wh", "performance_minor", "reduction_minor"
    ).rows() == [("M0", "K2", 3000, "18", 18), ("M1", "K1", 2000, "10", 10), ("M1", "K3", 0, "0", 0)]


def test_the_tariff_is_that_of_the_periods_first_day() -> None:
    later = tariff(version="b", effective_from="2023-12-02", fee_reduction__performance_tiers=[])
    assert _reduction(tariff(), later)["performance_minor"] == "30"


def test_what_counts_has_its_contract() -> None:
    with pytest.raises(FrameError, match='The contract "K1" has lines or offerings but no row in contracts'):
        settled(performances=[{}], lines=[LEASED], lease_exchanges=[{}])
    with pytest.raises(FrameError, match='The contract "K1" has lines or offerings but no row in contracts'):
        settled(offerings=[{}])
