"""`vgi exceptions`, and the way that `vgi status` leads there."""

import json
from datetime import date
from typing import Any

import polars as pl
import pytest

from pipelines.errors import BadInput
from pipelines.exceptions import read_exceptions
from pipelines.render import json_text, print_exceptions, print_status
from pipelines.status import read_status
from tests.pipeline.test_status import said
from tests.pipeline.world import JANUARY_9, JANUARY_12, World


def listed(code: str, session_id: str, energy_wh: int | None) -> dict[str, Any]:
    keys = dict.fromkeys(("metering_point_id", "evse_id", "vehicle_id", "dr_event_id", "lease_id"), "")
    return {
        "code": code, **keys, "session_id": session_id, "local_date": None, "energy_wh": energy_wh,
        "detail": f"Ask the charger operator about {session_id}.",
    }  # fmt: skip


@pytest.fixture
def listing(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world with a missing read and exceptions of sessions, the cheap ones first."""
    frames = world.verified()
    rows = [
        listed("overlapping_sessions", "S-0", None),
        listed("unpermitted_use", "S-1", 100),
        *(listed("meter_charger_mismatch", f"S-{number}", number) for number in range(2, 30)),
    ]
    given = frames["exceptions"]
    frames["exceptions"] = pl.DataFrame([*given.to_dicts(), *rows], schema=given.schema)
    monkeypatch.setattr(world, "verified", lambda: frames)
    return world


def test_what_costs_most_comes_first(listing: World) -> None:
    run_id = listing.settle(JANUARY_9).run_id
    [found] = read_exceptions(warehouse=listing.warehouse)
    assert (found.run_id, found.settlement_period) == (run_id, "2023-12")
    assert found.counts == {
        "meter_charger_mismatch": 28, "missing_read": 1, "overlapping_sessions": 1, "unpermitted_use": 1,
    }  # fmt: skip
    assert [row.code for row in found.rows[:2]] == ["missing_read", "meter_charger_mismatch"]
    assert [row.energy_wh for row in found.rows[1:4]] == [29, 28, 27]
    assert [row.code for row in found.rows[-2:]] == ["unpermitted_use", "overlapping_sessions"]
    assert found.rows[0].local_date == date(2023, 12, 4)


def test_a_person_sees_the_first_and_machines_see_all(listing: World) -> None:
    listing.settle(JANUARY_9)
    found = read_exceptions(warehouse=listing.warehouse)
    text = said(print_exceptions, found, everything=False)
    assert text.count("Ask the charger operator about") == 19
    assert "and 11 more: --all lists them, --code those of one code" in text
    assert "meter_charger_mismatch  S-29, 29 Wh\n  Ask the charger operator about S-29." in text
    everything = said(print_exceptions, found, everything=True)
    assert everything.count("Ask the charger operator about") == 30 and "more: --all" not in everything
    assert len(json.loads(json_text({"runs": found}))["runs"][0]["rows"]) == 31


def test_a_code_chooses_and_one_that_is_none_is_refused(listing: World) -> None:
    run_id = listing.settle(JANUARY_9).run_id
    [found] = read_exceptions(warehouse=listing.warehouse, run_id=run_id, code="unpermitted_use")
    assert [row.session_id for row in found.rows] == ["S-1"] and len(found.counts) == 4
    with pytest.raises(BadInput, match="'unpermitted' is no code of an exception; give one of missing_read"):
        read_exceptions(warehouse=listing.warehouse, code="unpermitted")
    with pytest.raises(BadInput, match="There is no run 2023-12-0"):
        read_exceptions(warehouse=listing.warehouse, run_id="2023-12-0")


def test_status_leads_to_the_exceptions_of_the_last_run(listing: World) -> None:
    listing.settle(JANUARY_9)
    last = listing.settle(JANUARY_12, hold=True).run_id
    text = said(print_status, read_status(warehouse=listing.warehouse), all_deliveries=False)
    assert (
        "2023-12: 31 exceptions (28 meter_charger_mismatch, 1 missing_read, 1 overlapping_sessions,"
        f" 1 unpermitted_use); what to do about each: vgi exceptions {last}" in text
    )
    assert text.count("what to do about each") == 1


def test_a_rejected_run_is_not_the_last_one(listing: World) -> None:
    first = listing.settle(JANUARY_9).run_id
    listing.reject(listing.settle(JANUARY_12, hold=True).run_id)
    assert [found.run_id for found in read_exceptions(warehouse=listing.warehouse)] == [first]


def test_before_any_run_there_is_something_to_do(world: World) -> None:
    found = read_exceptions(warehouse=world.warehouse)
    assert found == ()
    assert "There is no run yet; settle a period first" in said(print_exceptions, found, everything=False)
