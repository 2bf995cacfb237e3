"""R9 and R18: largest remainder loses nothing and does not depend on the order of rows."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from settlement.apportion import apportioned

_LARGE = 2**62


def _shares(amount: int, weights: list[int], order: list[int] | None = None) -> list[int]:
    rows = [
        {"group": "g", "id": place, "amount": amount, "weight": weight}
        for place, weight in enumerate(weights)
    ]
    frame = pl.DataFrame([rows[place] for place in order or range(len(rows))])
    return apportioned(frame, by=["group"], amount="amount", weight="weight", ties=["id"])["share"].to_list()


def test_the_largest_remainders_get_what_is_left_over() -> None:
    # 10 x 1/6 = 1 rest 4, 10 x 2/6 = 3 rest 2, 10 x 3/6 = 5 rest 0: one left over, to the first.
    assert _shares(10, [1, 2, 3]) == [2, 3, 5]


def test_ties_go_to_the_smaller() -> None:
    # 5 / 3 = 1 rest 2 each; two left over.
    assert _shares(5, [1, 1, 1]) == [2, 2, 1]


def test_nothing_is_shared_where_all_weights_are_0() -> None:
    assert _shares(5, [0, 0]) == [0, 0]


def test_groups_do_not_touch_each_other() -> None:
    frame = pl.DataFrame(
        {"group": ["b", "a", "b"], "id": [1, 1, 2], "amount": [3, 7, 3], "weight": [1, 9, 1]}
    )
    shared = apportioned(frame, by=["group"], amount="amount", weight="weight", ties=["id"])
    assert shared.rows() == [("a", 1, 7, 9, 7), ("b", 1, 3, 1, 2), ("b", 2, 3, 1, 1)]


def test_products_beyond_64_bits_are_exact() -> None:
    # 2^62 x (2^62 - 1) / (2^62 - 1 + 1) = 2^62 - 1 exactly, and 1 for the other.
    assert _shares(_LARGE, [_LARGE - 1, 1]) == [_LARGE - 1, 1]


@given(
    amount=st.integers(0, _LARGE),
    weights=st.lists(st.one_of(st.integers(0, 3), st.integers(0, _LARGE)), min_size=1, max_size=8),
    data=st.data(),
)
def test_it_conserves_is_fair_and_knows_no_order(
    amount: int, weights: list[int], data: st.DataObject
) -> None:
    shares, total = _shares(amount, weights), sum(weights)
    assert sum(shares) == (amount if total else 0)
    for share, weight in zip(shares, weights, strict=True):
        floor = amount * weight // total if total else 0
        assert share in (floor, floor + 1)
        assert weight or not share
    order = data.draw(st.permutations(range(len(weights))))
    assert _shares(amount, weights, list(order)) == shares
