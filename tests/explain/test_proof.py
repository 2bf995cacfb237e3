"""From any exported amount to delivered rows from which the rulebook gives that amount again."""

import json
import sys
from collections.abc import Callable
from typing import Any

import duckdb
import pytest

from pipelines import cli
from tests.explain.amounts import KINDS
from tests.explain.proof import amount_again, delivered_line, settled_again
from tests.explain.settled import Settled

AT_LEAST = 5
SAMPLE = 60
pytestmark = pytest.mark.slow
Explain = Callable[..., dict[str, Any]]
# Feed, key and booking of what was booked back in full, of a line of which one fact was cancelled.
_BOOKED_BACK = """
    with booked_back as (
        select bookings.*
        from results.bookings
        left join results.settlement_lines as lines using (run_id, dr_event_id, vehicle_id, evse_id, lease_id)
        where run_id = ? and reason = 'correction' and payee_kind = 'user' and lines.run_id is null
    ),
    cancelled_by as (
        select 'dr_events' as feed, dr_event_id as key, booking_id
        from booked_back
        inner join raw.dr_events using (dr_event_id)
        where row_status = 'cancelled' and delivery_no in (select delivery_no from staging.stg_deliveries)
        union
        select 'dr_signals', dr_event_id, booking_id
        from booked_back
        inner join raw.dr_signals using (dr_event_id, vehicle_id)
        where row_status = 'cancelled' and delivery_no in (select delivery_no from staging.stg_deliveries)
        union
        select 'charger_sessions', session_id, booking_id
        from booked_back
        inner join raw.charger_sessions as sessions using (evse_id, vehicle_id)
        inner join raw.dr_events as events using (dr_event_id)
        where sessions.row_status = 'cancelled' and started_at < ends_at and ended_at > starts_at
            and sessions.delivery_no in (select delivery_no from staging.stg_deliveries)
    )
    select * from cancelled_by order by all
"""


@pytest.fixture
def explain(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], corrected: Settled
) -> Explain:
    """`vgi explain --json` on the corrected worlds, in this process."""

    def explain(*asked: str, run_id: str | None = None) -> dict[str, Any]:
        run = ("--run", run_id) if run_id else ()
        warehouse = ("--warehouse", str(corrected.warehouse))
        monkeypatch.setattr(sys, "argv", ["vgi", "explain", *asked, *run, *warehouse, "--json"])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        assert not ended.value.code, printed.err
        explanation: dict[str, Any] = json.loads(printed.out)
        return explanation

    return explain


def test_the_rows_listed_give_the_exported_amounts_again(corrected: Settled, explain: Explain) -> None:
    sample = corrected.sampled(SAMPLE, at_least=AT_LEAST)
    for kind in KINDS:
        assert sum(amount.kind == kind for amount in sample) >= AT_LEAST, kind
    explained = [(amount, explain(*amount.asked, run_id=corrected.last_run)) for amount in sample]
    assert [
        (amount.asked, explanation["amount"])
        for amount, explanation in explained
        if str(explanation["amount"]) != amount.exported
    ] == []
    found = {amount.asked: amount_again(each, warehouse=corrected.warehouse) for amount, each in explained}
    # A booking is what was found less what was booked before, which the earlier runs' rows have to give.
    before = {
        amount.asked: sum(
            _booking_again(explain, corrected, step["keys"]["booking_id"])
            for step in each["step"]["steps"]
            if step["name"].startswith("booked before")
        )
        for amount, each in explained
        if amount.kind == "correction"
    }
    assert [
        (amount, found[amount.asked])
        for amount in sample
        if amount.exported != str(_less(found[amount.asked], before.get(amount.asked, 0)))
    ] == []


def test_the_rows_listed_give_what_an_aggregator_was_instructed(corrected: Settled, explain: Explain) -> None:
    for amount in corrected.amounts["aggregator's sum"][:AT_LEAST]:
        explanation = explain(*amount.asked, run_id=corrected.last_run)
        keys = {name: value for name, value in explanation["subject"].items() if name != "kind"}
        again = settled_again(explanation, warehouse=corrected.warehouse).rows["aggregator_achievement"]
        [row] = [row for row in again if all(row[name] == keys[name] for name in keys)]
        instructed = explanation["step"]["numbers"]["instructed_wh"]
        assert row["instructed_wh"] == ("" if instructed is None else str(instructed))


def test_a_cancelled_fact_is_evidence_of_what_it_booked_back(corrected: Settled, explain: Explain) -> None:
    with duckdb.connect(str(corrected.warehouse), read_only=True) as connection:
        bookings = connection.execute(_BOOKED_BACK, [corrected.last_run]).fetchall()
    assert {feed for feed, _, _ in bookings} == {"dr_events", "dr_signals", "charger_sessions"}
    for feed, key, booking_id in bookings:
        explanation = explain("booking", booking_id)
        cited = [explanation["rows"][number - 1] for number in explanation["step"]["rows"]]
        [row] = [row for row in cited if row["feed"] == feed and key in row["values"].values()]
        assert row["row_status"] == "cancelled"
        line = delivered_line(row, warehouse=corrected.warehouse)
        assert line["row_status"] == "cancelled"
        assert key in line.values()
        assert row["supersedes"], "the version that was paid for"


def _booking_again(explain: Explain, corrected: Settled, booking_id: str) -> int:
    """A booking of the first run, found again from its own rows."""
    explanation = explain("booking", booking_id)
    assert explanation["run"]["run_id"] == corrected.first_run
    found = amount_again(explanation, warehouse=corrected.warehouse)
    assert found == explanation["amount"]
    return int(found)


def _less(found: int | str, before: int) -> int | str:
    return found if isinstance(found, str) else found - before
