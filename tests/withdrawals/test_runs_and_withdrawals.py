"""R23: a withdrawal makes another run from its instant on, and books back what the delivery moved."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from pipelines.errors import BadInput
from pipelines.ingest import ingest
from pipelines.runs import Kind, RunDelivery, identify
from pipelines.withdraw import Withdrawal, withdraw
from tests.pipeline.programme import write_feed
from tests.pipeline.world import JANUARY_5, JANUARY_9, JANUARY_12, NOW, World


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Two deliveries; the second lowers what V-2 achieved."""
    world = World(tmp_path)
    monkeypatch.setattr("pipelines.settle.verify", world.verify)
    world.deliver(JANUARY_5, sha256="a" * 64)
    world.settle()
    world.deliver(JANUARY_9, sha256="b" * 64)
    world.achieved_wh["V-2"] = 2500
    world.settle()
    return world


def withdrawn(world: World, at: datetime = JANUARY_12) -> Withdrawal:
    return withdraw(
        warehouse=world.warehouse,
        delivery="2",
        reason="reads in doubt",
        by="Ann",
        now=NOW,
        withdrawn_at=at,
    )


def test_the_correction_after_a_withdrawal_books_exactly_what_the_delivery_moved(world: World) -> None:
    withdrawn(world)
    world.achieved_wh["V-2"] = 3000
    settled = world.settle()
    assert (settled.kind, settled.as_of) == (Kind.CORRECTION, JANUARY_12)
    assert world.rows("select payee_id, amount from books.bookings where run_id = ?", settled.run_id) == [
        ("U-2", 10)
    ]
    sums = "select payee_id, sum(amount) from books.bookings where unit = 'point' group by 1 order by 1"
    assert world.rows(sums) == [("U-1", 160), ("U-2", 60)]


def test_a_run_as_of_an_earlier_instant_is_the_run_it_was(world: World) -> None:
    before = world.settle().run_id
    withdrawn(world)
    again = world.settle(JANUARY_12 - timedelta(seconds=1))
    assert again.run_id != before, "another as-of"
    assert world.settle(JANUARY_9).run_id == before
    assert world.settle(JANUARY_12).run_id != world.settle(JANUARY_12 - timedelta(seconds=1)).run_id


def test_a_run_names_what_was_withdrawn_by_its_as_of(world: World) -> None:
    withdrawn(world)
    run_id = world.settle().run_id
    outcomes = "select delivery_no, outcome from books.run_deliveries where run_id = ? order by 1"
    assert world.rows(outcomes, run_id) == [(1, "loaded"), (2, "withdrawn")]


def test_a_run_computed_before_the_withdrawal_is_not_approved_after_it(world: World) -> None:
    held = world.settle(JANUARY_12, hold=True).run_id
    warnings = withdrawn(world).warnings
    with pytest.raises(BadInput, match="cannot be approved"):
        world.approve(held)
    assert any(held in warning and "rests on delivery 2" in warning for warning in warnings)


@pytest.mark.parametrize(("day", "again"), [("2023-12-04", ("2023-12",)), ("2024-02-05", ())])
def test_a_withdrawal_names_the_settled_months_that_it_may_have_moved(
    world: World, day: str, again: tuple[str, ...]
) -> None:
    header = "dr_event_id,region,direction,starts_at,ends_at"
    event = f"D-9,KANTO,suppression,{day}T08:00:00Z,{day}T09:00:00Z"
    landing = world.folder / "landing"
    write_feed(landing, "dr_events", [header, event], name="more.csv")
    ingest(landing, warehouse=world.warehouse, received_at=JANUARY_12, clock=lambda: NOW)
    withdrawal = withdraw(
        warehouse=world.warehouse, delivery="dr_events/more.csv", reason="not agreed", by="Ann", now=NOW
    )
    assert withdrawal.settle_again == again


def test_run_ids_tell_of_withdrawals_only_where_there_are_any() -> None:
    def run_id(*outcomes: str) -> str:
        deliveries = tuple(
            RunDelivery(
                delivery_no=number,
                feed="vehicles",
                sha256=f"{number}" * 64,
                file_name=f"{number}.csv",
                received_at=JANUARY_5,
                outcome=outcome,
            )
            for number, outcome in enumerate(outcomes, start=1)
        )
        return identify(
            period="2023-12", as_of=JANUARY_9, deliveries=deliveries, tariffs=(), rules_version="1"
        ).run_id

    # As it was before deliveries could be withdrawn.
    assert run_id("loaded", "loaded") == "2023-12-faf01670434e5129"
    assert (
        len({run_id("loaded", "loaded"), run_id("loaded", "withdrawn"), run_id("withdrawn", "loaded")}) == 3
    )
