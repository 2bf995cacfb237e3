"""R24: what is found later of a closed period is booked in the next open one, named by its own period."""

import polars as pl
import pytest

from pipelines import config
from pipelines.closing import Closing, close
from pipelines.errors import BadInput
from pipelines.instants import parse_instant
from pipelines.journal import Event, journal_path, read_file
from pipelines.status import read_status
from pipelines.summary import summarise
from settlement import SettlementPeriod
from tests.pipeline.world import JANUARY_5, JANUARY_9, JANUARY_12, NOW, PERIOD, World

BOOKED = """
    select settlement_period, booked_in_period, payee_id, amount, reason
    from books.bookings where run_id = ? order by payee_id
"""


def closed(world: World, period: SettlementPeriod = PERIOD) -> Closing:
    return close(warehouse=world.warehouse, period=period, by="Ann", now=NOW)


def close_as_well(world: World, period: str) -> None:
    """Close a month of which this warehouse holds no run."""
    world.rows("insert into books.closings values (?, ?, 'Ann')", period, NOW)


def corrected(world: World, *, achieved_wh: int, number: int = 1) -> str:
    world.deliver((JANUARY_9, JANUARY_12)[number - 1], sha256=f"{number}" * 64)
    world.achieved_wh["V-2"] = achieved_wh
    return world.settle().run_id


def test_a_correction_of_a_closed_period_is_booked_in_the_next(world: World) -> None:
    world.settle()
    assert closed(world).booked_in_period == "2024-01"
    run_id = corrected(world, achieved_wh=2500)
    assert world.rows(BOOKED, run_id) == [("2023-12", "2024-01", "U-2", -10, "correction")]


def test_what_was_booked_before_stays_where_it_was(world: World) -> None:
    first = world.settle().run_id
    closed(world)
    corrected(world, achieved_wh=2500)
    assert {row[1] for row in world.rows(BOOKED, first)} == {"2023-12"}


def test_the_period_still_adds_up_to_a_fresh_settlement(world: World) -> None:
    """user_points of the correction: what it found = booked before + booked now, wherever it was booked."""
    world.settle()
    closed(world)
    run_id = corrected(world, achieved_wh=2500)
    exported = world.export(run_id)
    points = pl.read_csv(exported.folder / "user_points.csv").filter(pl.col("user_id") == "U-2")
    assert points.select("points", "booked_before", "booked_now").row(0) == (50, 60, -10)
    bookings = pl.read_csv(exported.folder / "bookings.csv")
    assert bookings.select("settlement_period", "booked_in_period").rows() == [("2023-12", "2024-01")]


def test_the_next_open_period_is_taken_and_its_own_closing_moves_nothing(world: World) -> None:
    world.settle()
    closed(world)
    first = corrected(world, achieved_wh=2500)
    close_as_well(world, "2024-01")
    close_as_well(world, "2024-03")
    second = corrected(world, achieved_wh=2000, number=2)
    assert [row[1] for row in world.rows(BOOKED, first)] == ["2024-01"]
    assert [row[1] for row in world.rows(BOOKED, second)] == ["2024-02"]


def test_a_run_held_over_the_closing_is_booked_by_the_state_at_its_approval(world: World) -> None:
    world.settle()
    world.deliver(JANUARY_9, sha256="b" * 64)
    world.achieved_wh["V-2"] = 2500
    held = world.settle(hold=True).run_id
    closed(world)
    world.approve(held)
    assert [row[1] for row in world.rows(BOOKED, held)] == ["2024-01"]


def test_closing_twice_says_so(world: World) -> None:
    world.settle()
    closed(world)
    with pytest.raises(
        BadInput, match="closed already at 2024-03-01T00:00:00Z by Ann, and no period is opened"
    ):
        closed(world)


def test_a_period_is_closed_once_a_run_of_it_is_approved(world: World) -> None:
    held = world.settle(hold=True).run_id
    with pytest.raises(BadInput, match="no run of it was approved yet"):
        closed(world)
    world.approve(held)
    closed(world)


def test_a_period_that_is_not_over_stays_open(world: World) -> None:
    world.settle(JANUARY_5)
    midnight = parse_instant("2024-01-01T00:00:00+09:00")
    with pytest.raises(BadInput, match="not over before 2023-12-31T15:00:00Z"):
        close(warehouse=world.warehouse, period=PERIOD, by="Ann", now=midnight.replace(hour=14))
    close(warehouse=world.warehouse, period=PERIOD, by="Ann", now=midnight)


def test_the_timetable_keeps_correcting_a_closed_period(world: World) -> None:
    """A run asked for again is found; one that found something new is booked and issued as ever."""
    settled = world.settle()
    closed(world)
    assert world.settle().run_id == settled.run_id
    run_id = corrected(world, achieved_wh=2500)
    world.export(run_id)
    assert world.states(run_id)[-1] == "issued"
    assert config.correction_months()


def test_it_is_told_wherever_the_booking_is_shown(world: World) -> None:
    world.settle()
    closed(world)
    run_id = corrected(world, achieved_wh=2500)
    (closing,) = read_status(warehouse=world.warehouse).closings
    assert (closing.settlement_period, closing.by, closing.booked_in_period) == ("2023-12", "Ann", "2024-01")
    assert summarise(warehouse=world.warehouse, run_id=run_id).booked_in_period == "2024-01"


def test_the_journal_tells_of_it(world: World) -> None:
    world.settle()
    closed(world)
    last = list(read_file(journal_path(world.warehouse)))[-1]
    assert (last.event, last.at) == (Event.CLOSED, NOW)
    assert last.told == {"settlement_period": "2023-12", "by": "Ann"}
