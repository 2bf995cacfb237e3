"""What a withdrawal and a closing moved is told where somebody asks why: `vgi diff` and `vgi explain`."""

import io
from dataclasses import dataclass

import pytest
from rich.console import Console

from pipelines.closing import close
from pipelines.explain import Kind, Subject, explain
from pipelines.explain.tree import print_explanation
from pipelines.feeds import FEEDS
from pipelines.instants import parse_instant
from pipelines.warehouse import open_warehouse
from pipelines.withdraw import withdraw
from settlement import SettlementPeriod
from tests.diff.test_diff import NOW, READS, Programme, base, lease, named, read, session, shown, signal

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class History:
    programme: Programme
    revised: str
    restored: str


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    """A revised read lowers what CAR-B is paid; the month is closed, and the revision withdrawn."""
    programme = Programme(tmp_path_factory.mktemp("cause"))
    world = {feed: {"world.csv": rows} for feed in FEEDS if (rows := base(feed))}
    world |= {
        "charger_sessions": {"s.csv": [session("S-B", "EVSE-2", "CAR-B", 2000)]},
        "dr_signals": {"s.csv": [signal("CAR-B")]},
        "permission_leases": {"l.csv": [lease()]},
        "meter_intervals": {"reads.csv": [read("MP-2", at, 1000) for at in READS]},
    }
    programme.receive("2024-01-02T00:00:00Z", **world)
    programme.settle()
    programme.receive("2024-01-03T00:00:00Z", meter_intervals={"revised.csv": [read("MP-2", READS[1], 600)]})
    revised = programme.settle()
    close(warehouse=programme.warehouse, period=SettlementPeriod.parse("2023-12"), by="Ann", now=NOW)
    withdraw(
        warehouse=programme.warehouse,
        delivery="meter_intervals/revised.csv",
        reason="another meter's",
        by="Ann",
        now=NOW,
        withdrawn_at=parse_instant("2024-01-04T00:00:00Z"),
    )
    return History(programme, revised, programme.settle())


def test_the_difference_names_the_withdrawn_file(history: History) -> None:
    difference = history.programme.diff(history.revised, history.restored)
    by_table = named(difference)
    assert by_table["user_points"] == {"meter_intervals/revised.csv"}
    [cause] = [cause for cause in difference.causes if cause.kind == "delivered"]
    assert cause.withdrawn == ("meter_intervals/revised.csv",)
    assert cause.a is not None
    assert cause.detail.endswith(f"with other contents, as delivery {cause.a.delivery_no} was withdrawn")
    assert [(each.only_in, each.withdrawn) for each in difference.deliveries] == [("a", True)]
    assert "meter_intervals/revised.csv:2 (withdrawn)" in shown(difference)


def test_the_other_way_round_the_same_file_is_named(history: History) -> None:
    difference = history.programme.diff(history.restored, history.revised)
    assert named(difference)["user_points"] == {"meter_intervals/revised.csv"}
    assert [(each.only_in, each.withdrawn) for each in difference.deliveries] == [("b", True)]


def test_the_explanation_names_the_withdrawal_and_where_the_booking_was_made(history: History) -> None:
    with open_warehouse(history.programme.warehouse) as connection:
        ((booking_id,),) = connection.execute(
            "select booking_id from books.bookings where run_id = ? and payee_kind = 'user'",
            [history.restored],
        ).fetchall()
    explanation = explain(
        warehouse=history.programme.warehouse,
        subject=Subject(Kind.BOOKING, {"booking_id": booking_id}),
    )
    console = Console(file=io.StringIO(), width=250, soft_wrap=True)
    print_explanation(console, explanation, everything=True)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "reads.csv:3 counts again: revised.csv of delivery" in text
    assert "withdrawn at 2024-01-04T00:00:00Z by Ann: another meter's (R6)" in text
    assert "booked in 2024-01, as 2023-12 was closed" in text
