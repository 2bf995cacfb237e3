"""Runs from their first settlement to their last state: found again, corrected, replayed, held (R23, R24)."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines import books, settle
from pipelines.errors import BadInput, JobFailed
from pipelines.instants import parse_instant
from pipelines.runs import Kind, State
from pipelines.tariff_files import read_tariffs
from settlement import BalanceError, TariffError
from tests.pipeline.programme import TARIFF, write_tariffs
from tests.pipeline.world import JANUARY_5, JANUARY_9, JANUARY_12, NOW, PERIOD, World

POINTS_SHOWN = """
    select user_id, points, booked_before, booked_now
    from results.user_points
    where run_id = ?
    order by user_id
"""
POINTS_BOOKED = "select coalesce(sum(amount), 0) from books.bookings where unit = 'point'"


def test_a_new_period_is_settled_audited_and_approved(world: World) -> None:
    settled = world.settle()
    assert (settled.found, settled.kind, settled.state) == (False, Kind.INITIAL, State.APPROVED)
    assert settled.booked_now == 3  # two lines' points, one contract's fee reduction
    assert world.states(settled.run_id) == ["computed", "audited", "approved"]
    assert world.rows(POINTS_BOOKED) == [(160 + 60,)]


def test_a_run_asked_for_again_is_found_and_books_nothing(world: World) -> None:
    first = world.settle()
    again = world.settle(JANUARY_5)
    assert (again.run_id, again.found, again.booked_now) == (first.run_id, True, 0)
    assert world.verifications == 1
    assert world.rows("select count(*) from books.bookings") == [(3,)]


def test_a_later_delivery_makes_a_correction_that_books_the_differences(world: World) -> None:
    first = world.settle()
    world.deliver(JANUARY_9, sha256="b" * 64)
    world.achieved_wh["V-2"] = 2500
    second = world.settle()
    assert second.run_id != first.run_id
    assert (second.kind, second.booked_now) == (Kind.CORRECTION, 1)
    assert world.rows("select amount, reason from books.bookings where run_id = ?", second.run_id) == [
        (-10, "correction")
    ]
    assert world.rows(POINTS_SHOWN, second.run_id) == [("U-1", 160, 160, 0), ("U-2", 50, 60, -10)]


def test_a_key_that_no_longer_exists_is_booked_back_to_zero(world: World) -> None:
    world.settle()
    world.deliver(JANUARY_9, sha256="b" * 64)
    del world.achieved_wh["V-2"]
    world.settle()
    assert world.rows(POINTS_BOOKED) == [(160,)]


def test_an_earlier_as_of_is_a_replay_and_is_never_booked(world: World) -> None:
    world.settle()
    world.deliver(JANUARY_9, sha256="b" * 64)
    world.deliver(JANUARY_12, sha256="c" * 64)
    world.settle(JANUARY_12)
    world.achieved_wh["V-2"] = 2500
    replay = world.settle(JANUARY_9)
    assert (replay.kind, replay.state, replay.booked_now) == (Kind.REPLAY, State.AUDITED, 0)
    assert not replay.awaits_approval
    assert world.rows(POINTS_SHOWN, replay.run_id) == [("U-1", 160, 160, 0), ("U-2", 50, 60, 0)]
    again = world.settle(JANUARY_9)
    assert (again.found, again.kind) == (True, Kind.REPLAY)
    assert world.rows(POINTS_SHOWN, replay.run_id) == [("U-1", 160, 160, 0), ("U-2", 50, 60, 0)]


def test_a_replay_shows_what_was_booked_up_to_its_as_of(world: World) -> None:
    world.settle(JANUARY_5)
    world.deliver(JANUARY_12, sha256="c" * 64)
    world.achieved_wh["V-2"] = 2500
    world.settle(JANUARY_12)
    replay = world.settle(JANUARY_5 + timedelta(days=1))
    row = "select booked_before, booked_now from results.user_points where run_id = ? and user_id = 'U-2'"
    assert world.rows(row, replay.run_id) == [(60, 0)]
    reduction = "select booked_before, booked_now from results.manager_fee_reductions where run_id = ?"
    assert world.rows(reduction, replay.run_id) == [(27, 0)]


def test_other_tariffs_at_the_same_as_of_are_a_correction_not_a_replay(world: World) -> None:
    first = world.settle()
    folder = write_tariffs(world.folder / "other", TARIFF.replace('per_kwh: "40"', 'per_kwh: "41"'))
    second = settle.settle(
        warehouse=world.warehouse,
        period=PERIOD,
        tariffs=read_tariffs(folder),
        now=NOW,
        by="vgi",
    )
    assert second.run_id != first.run_id
    assert (second.kind, second.booked_now) == (Kind.CORRECTION, 1)


def test_a_held_run_is_booked_when_a_person_approves_it(world: World) -> None:
    held = world.settle(hold=True)
    assert held.awaits_approval
    assert world.rows("select count(*) from books.bookings") == [(0,)]
    assert world.approve(held.run_id) == 3
    assert world.rows('select state, "by" from books.run_events order by seq')[-1] == ("approved", "Ann")
    assert world.rows(POINTS_BOOKED) == [(220,)]


def test_a_held_run_is_not_approved_by_asking_for_it_without_holding(world: World) -> None:
    held = world.settle(hold=True)
    again = world.settle()
    assert (again.run_id, again.found, again.state) == (held.run_id, True, State.AUDITED)
    assert again.awaits_approval
    assert world.rows("select count(*) from books.bookings") == [(0,)]
    assert world.approve(held.run_id) == 3


def test_a_run_cut_off_before_its_booking_goes_on_when_it_is_asked_for_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _cut_off_before_booking(world, monkeypatch)
    settled = world.settle()
    assert (settled.found, settled.state, settled.booked_now) == (True, State.APPROVED, 3)
    assert world.verifications == 1


def test_a_run_cut_off_before_its_booking_can_still_be_held(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _cut_off_before_booking(world, monkeypatch)
    assert world.settle(hold=True).awaits_approval
    assert world.settle().awaits_approval
    assert world.rows("select count(*) from books.bookings") == [(0,)]


def _cut_off_before_booking(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> int:
        raise RuntimeError("the machine dies")

    with monkeypatch.context() as patched:
        patched.setattr(settle, "book_run", fails)
        with pytest.raises(RuntimeError, match="machine dies"):
            world.settle()


def test_a_held_run_that_lacks_a_delivery_of_its_as_of_cannot_be_approved(world: World) -> None:
    stale = world.settle(hold=True)
    world.deliver(JANUARY_5, sha256="b" * 64)
    world.achieved_wh["V-2"] = 2500
    world.settle()
    with pytest.raises(BadInput, match="came in after it was computed; settle 2023-12 again"):
        world.approve(stale.run_id)
    assert world.rows(POINTS_BOOKED) == [(210,)]


def test_a_superseded_run_is_found_but_not_booked_again_and_says_so(world: World) -> None:
    first = world.settle()
    folder = write_tariffs(world.folder / "other", TARIFF.replace('per_kwh: "40"', 'per_kwh: "41"'))
    second = settle.settle(
        warehouse=world.warehouse, period=PERIOD, tariffs=read_tariffs(folder), now=NOW, by="vgi"
    )
    world.export(second.run_id)
    again = world.settle()
    assert (again.run_id, again.state, again.booked_now) == (first.run_id, State.SUPERSEDED, 0)
    assert f"superseded by {second.run_id}" in " ".join(again.warnings)


def test_a_tariff_version_with_other_contents_than_before_is_pointed_out(world: World) -> None:
    first = world.settle()
    assert first.warnings == ()
    folder = write_tariffs(world.folder / "other", TARIFF.replace('per_kwh: "40"', 'per_kwh: "41"'))
    second = settle.settle(
        warehouse=world.warehouse, period=PERIOD, tariffs=read_tariffs(folder), now=NOW, by="vgi"
    )
    assert f"had other contents in run {first.run_id}" in " ".join(second.warnings)


def test_a_period_that_was_not_over_is_pointed_out(world: World) -> None:
    world.deliver(parse_instant("2023-12-20T00:00:00Z"), sha256="b" * 64)
    settled = world.settle(parse_instant("2023-12-20T00:00:00Z"))
    assert settled.warnings == (
        "2023-12 was not over at 2023-12-20T00:00:00Z; it is at 2023-12-31T15:00:00Z.",
    )


def test_two_held_runs_book_against_the_ledger_as_it_is_when_they_are_approved(world: World) -> None:
    first = world.settle(hold=True)
    world.deliver(JANUARY_9, sha256="b" * 64)
    world.achieved_wh["V-2"] = 2500
    second = world.settle(hold=True)
    assert world.approve(first.run_id) == 3
    assert world.approve(second.run_id) == 1
    assert world.rows(POINTS_BOOKED) == [(210,)]


def test_a_held_run_that_was_overtaken_is_a_replay_and_cannot_be_approved(world: World) -> None:
    first = world.settle(hold=True)
    world.deliver(JANUARY_9, sha256="b" * 64)
    second = world.settle()
    with pytest.raises(BadInput, match=f"{second.run_id}.*is a replay now"):
        world.approve(first.run_id)
    assert world.export(first.run_id).kind is Kind.REPLAY
    assert world.settle(JANUARY_5).kind is Kind.REPLAY


def test_a_rejected_run_stays_rejected(world: World) -> None:
    held = world.settle(hold=True)
    world.reject(held.run_id)
    with pytest.raises(BadInput, match=r"was rejected by Ann \(reads in doubt\)"):
        world.settle()
    with pytest.raises(BadInput, match="cannot be approved: it is rejected already"):
        world.approve(held.run_id)
    with pytest.raises(BadInput, match="was rejected and is never exported"):
        world.export(held.run_id)
    assert world.rows("select count(*) from books.bookings") == [(0,)]


def test_new_data_after_a_rejection_is_another_run(world: World) -> None:
    held = world.settle(hold=True)
    world.reject(held.run_id)
    world.deliver(JANUARY_9, sha256="b" * 64)
    settled = world.settle()
    assert (settled.kind, settled.state) == (Kind.INITIAL, State.APPROVED)


def test_a_run_is_approved_once(world: World) -> None:
    settled = world.settle()
    with pytest.raises(BadInput, match="cannot be approved: it is approved already"):
        world.approve(settled.run_id)
    with pytest.raises(BadInput, match="cannot be rejected: it is approved already"):
        world.reject(settled.run_id)


def test_a_rejection_needs_a_reason(world: World) -> None:
    held = world.settle(hold=True)
    with pytest.raises(BadInput, match="needs a reason"):
        world.reject(held.run_id, "  ")


def test_an_as_of_in_the_future_is_refused(world: World) -> None:
    with pytest.raises(BadInput, match="lies in the future"):
        world.settle(NOW + timedelta(seconds=1))


def test_an_as_of_before_the_first_delivery_is_refused(world: World) -> None:
    with pytest.raises(BadInput, match="Nothing had been received by 2024-01-04T23:59:59Z"):
        world.settle(JANUARY_5 - timedelta(seconds=1))


def test_a_warehouse_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="There is no warehouse"):
        World(tmp_path / "elsewhere").approve("2023-12-0000000000000000")


def test_an_unknown_run_is_refused(world: World) -> None:
    with pytest.raises(BadInput, match="There is no run 2023-12-0000000000000000"):
        world.approve("2023-12-0000000000000000")


def test_no_tariff_in_force_settles_nothing(world: World) -> None:
    folder = write_tariffs(world.folder / "late", TARIFF.replace("2023-10-01", "2024-01-01"))
    with pytest.raises(TariffError, match="No tariff is in force on 2023-12-01"):
        settle.settle(
            warehouse=world.warehouse,
            period=PERIOD,
            tariffs=read_tariffs(folder),
            now=NOW,
            by="vgi",
        )
    assert world.rows("select count(*) from books.runs") == [(0,)]


def test_figures_that_do_not_balance_leave_nothing_behind(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    balance = World._balance
    monkeypatch.setattr(
        World, "_balance", lambda self, direction: {**balance(self, direction), "metered_wh": 1}
    )
    with pytest.raises(BalanceError, match="R26"):
        world.settle()
    assert world.rows("select count(*) from books.runs") == [(0,)]
    assert world.rows("select count(*) from results.dr_achievement") == [(0,)]


def test_a_delivery_that_came_in_during_the_verification_is_not_slipped_into_the_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def verify(**arguments: Any) -> None:
        world.deliver(JANUARY_5, sha256="b" * 64)
        world.verify(**arguments)

    with monkeypatch.context() as patched:
        patched.setattr(settle, "verify", verify)
        with pytest.raises(JobFailed, match="settle it again"):
            world.settle()
    assert world.rows("select count(*) from books.runs") == [(0,)]
    assert world.settle().booked_now == 3


def test_a_booking_that_fails_midway_books_nothing_and_can_be_done_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(books, "_append_entries", fails)
        with pytest.raises(RuntimeError, match="disk is full"):
            world.settle()
    assert world.rows("select count(*) from books.bookings") == [(0,)]
    assert world.settle().booked_now == 3
