"""The arithmetic of the benchmark, on figures made up so that the answer is known."""

from dataclasses import replace

import pytest

from benchmarks.bounds import GROWTH, Bound, Judged, Unit, judge_growth, missed
from benchmarks.clock import Clock
from benchmarks.command import dear_imports
from benchmarks.figures import Cost, Figure, growth_exponent, net_cpu_s, ratio
from benchmarks.sizes import BadSize, disk_bytes, intervals_of
from benchmarks.statements import shape


@pytest.mark.parametrize(
    ("costs", "exponent"),
    [
        ({10**6: 2.0, 10**7: 20.0}, 1.0),
        ({10**6: 2.0, 10**7: 200.0}, 2.0),
        ({10**6: 2.0, 10**7: 9.0, 5 * 10**7: 100.0}, 1.0),  # from end to end, whatever lies between
        ({10**6: 0.001, 10**7: 1.0, 10**8: 10.0}, 1.0),  # the first is too small to tell
        ({10**6: 0.0, 10**7: 1.0}, None),
        ({10**6: 1.0}, None),
    ],
)
def test_growth_is_the_slope_between_the_sizes_that_tell(
    costs: dict[int, float], exponent: float | None
) -> None:
    assert growth_exponent(costs) == pytest.approx(exponent)


def test_a_stage_that_grows_faster_than_its_rows_misses_the_bound() -> None:
    linear = judge_growth("verify", {10**6: 1.0, 10**7: 10.0})
    steep = judge_growth("verify", {10**6: 1.0, 10**7: 15.0})
    untold = judge_growth("book", {10**6: 0.0, 10**7: 0.05})
    assert [each.is_met for each in (linear, steep, untold)] == [True, False, None]
    assert missed([linear, steep, untold]) == [steep]
    assert GROWTH.says.format(stage="verify") == steep.bound.says


def test_a_figure_is_the_median_of_its_rounds_without_the_fixed_cost() -> None:
    rounds = tuple(Cost(cpu_s, wall_s=1.0) for cpu_s in (3.0, 1.0, 2.0))
    figure = Figure("verify", 10, rounds)
    fixed = Figure("verify", 1, (Cost(0.5, 0.5),))
    assert (figure.cpu_s, figure.cpu_spread) == (2.0, 1.0)
    assert net_cpu_s(figure, fixed) == 1.5
    assert net_cpu_s(fixed, figure) == 0.0
    assert ratio(3.0, 1.5) == 2.0
    assert ratio(3.0, 0.0) is None


@pytest.mark.parametrize(
    ("measured", "is_least", "is_met"),
    [(2.2, False, True), (2.21, False, False), (2.2, True, True), (2.19, True, False), (None, True, None)],
)
def test_a_bound_holds_up_to_its_limit(measured: float | None, is_least: bool, is_met: bool | None) -> None:
    bound = Bound("made up", 2.2, Unit.TIMES, is_least=is_least)
    assert Judged(bound, measured, "here").is_met is is_met


def test_sizes_are_read_as_people_write_them() -> None:
    assert [intervals_of(text) for text in ("1M", "250k", "30000", "144m")] == [
        10**6,
        250_000,
        30_000,
        144 * 10**6,
    ]
    for text in ("", "M", "0", "1.5M", "10 M", "-1", "1G"):
        with pytest.raises(BadSize):
            intervals_of(text)
    assert disk_bytes([10**6, 10**7]) > disk_bytes([10**7]) > 10**9


def test_the_clock_times_functions_where_they_are_called_and_misses_those_that_are_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import json.decoder

    monkeypatch.setattr("json.decoder.JSONDecoder.decode", json.decoder.JSONDecoder.decode)
    clock = Clock()
    clock.time_calls({"decode": "json.decoder:JSONDecoder.decode"})
    assert json.loads("[1]") == [1]
    assert clock.costs["decode"].wall_s > 0
    with pytest.raises(LookupError, match="gone"):
        clock.time_calls({"decode": "json.decoder:JSONDecoder.decoded"})


def test_dear_imports_are_named_by_package_with_all_they_import() -> None:
    told = """
import time: self [us] | cumulative | imported package
import time:       100 |        100 |   dbt.version
import time:       900 |     450000 |   dbt.cli.main
import time:       900 |     299999 |     cheap
Ingesting sample/landing.
import time:        10 |    1500000 | great_expectations
"""
    assert dear_imports(told) == {"great_expectations": 1.5, "dbt": 0.45}


def test_statements_are_one_whatever_their_numbers_and_paths() -> None:
    queries = ("insert into t\n  select 17, 'a.csv'", "/* dbt */ insert into t select 4, 'b.csv'")
    assert {shape(query) for query in queries} == {"insert into t select ?, ?"}


def test_costs_add_up() -> None:
    assert Cost(1.0, 2.0) + Cost(3.0, 4.0) == Cost(4.0, 6.0)
    assert replace(Cost(4.0, 6.0), cpu_s=2.0) / 2 == Cost(1.0, 3.0)
