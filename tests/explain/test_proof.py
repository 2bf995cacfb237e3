"""From any exported amount to delivered rows from which the rulebook gives that amount again."""

import importlib.util
import json
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipelines import cli
from pipelines.explain import evidence as evidence_module
from pipelines.explain import explanation as explanation_module
from pipelines.render import json_text
from pipelines.settle import settle
from settlement import SettlementPeriod
from tests.agreement.product import NOW, instant, product_of
from tests.explain.amounts import KINDS, Amount, exported_amounts
from tests.explain.proof import amount_again
from tests.oracle import worlds as oracle_worlds

AT_LEAST = 5
SAMPLE = 60
Explain = Callable[..., dict[str, Any]]


@dataclass(frozen=True)
class Settled:
    """Random worlds that share a warehouse, settled twice: the second run corrects the first."""

    warehouse: Path
    first_run: str
    last_run: str
    amounts: dict[str, list[Amount]]

    def sampled(self) -> list[Amount]:
        """At least five of each kind, and others by chance."""
        chosen = [amount for kind in KINDS for amount in self.amounts[kind][:AT_LEAST]]
        others = [amount for kind in KINDS for amount in self.amounts[kind][AT_LEAST:]]
        return chosen + random.Random(5).sample(others, max(0, SAMPLE - len(chosen)))


def settled_worlds(folder: Path, *, tariffs: str, seed: int, count: int) -> Settled:
    worlds, period, as_of = oracle_worlds.random_worlds(seed, count)
    product = product_of(oracle_worlds.merged(worlds), tariffs=tariffs, folder=folder)
    early = min(oracle_worlds.first_receipt(world) for _, world in worlds)
    first, last = (
        settle(
            warehouse=product.warehouse,
            period=SettlementPeriod.parse(period),
            tariffs=product.tariffs,
            as_of=instant(known_by),
            now=NOW,
            by="test",
        ).run_id
        for known_by in (early, as_of)
    )
    amounts = exported_amounts(product.warehouse, run_id=last, seed=seed)
    return Settled(product.warehouse, first, last, amounts)


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Settled:
    return settled_worlds(tmp_path_factory.mktemp("explain"), tariffs="london", seed=61, count=60)


@pytest.fixture
def explain(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], settled: Settled) -> Explain:
    """`vgi explain --json` on the settled worlds, in this process."""

    def explain(*asked: str, run_id: str | None = None) -> dict[str, Any]:
        run = ("--run", run_id) if run_id else ()
        warehouse = ("--warehouse", str(settled.warehouse))
        monkeypatch.setattr(sys, "argv", ["vgi", "explain", *asked, *run, *warehouse, "--json"])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        assert not ended.value.code, printed.err
        explanation: dict[str, Any] = json.loads(printed.out)
        return explanation

    return explain


def test_the_rows_listed_give_the_exported_amounts_again(settled: Settled, explain: Explain) -> None:
    sample = settled.sampled()
    for kind in KINDS:
        assert sum(amount.kind == kind for amount in sample) >= AT_LEAST, kind
    explained = [(amount, explain(*amount.asked, run_id=settled.last_run)) for amount in sample]
    assert [
        (amount.asked, explanation["amount"])
        for amount, explanation in explained
        if str(explanation["amount"]) != amount.exported
    ] == []
    found = {amount.asked: amount_again(each, warehouse=settled.warehouse) for amount, each in explained}
    # A booking is what was found less what was booked before, which the earlier runs' rows have to give.
    before = {
        amount.asked: sum(
            _booking_again(explain, settled, step["keys"]["booking_id"])
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


def _booking_again(explain: Explain, settled: Settled, booking_id: str) -> int:
    """A booking of the first run, found again from its own rows."""
    explanation = explain("booking", booking_id)
    assert explanation["run"]["run_id"] == settled.first_run
    found = amount_again(explanation, warehouse=settled.warehouse)
    assert found == explanation["amount"]
    return int(found)


def _less(found: int | str, before: int) -> int | str:
    return found if isinstance(found, str) else found - before


# ---- explanations that forget something


FORGETTING = {
    "sessions that share a half hour": (
        "select session_id from segments\n",
        "select session_id from own_segments\n",
    ),
    "sessions that end open ones": ("while _add_sessions_that_end_open_ones(connection):", "while False:"),
    "open sessions of the vehicle": (
        "where asked.is_settled and open_sessions.is_in_region",
        "where asked.is_settled and open_sessions.is_in_region and false",
    ),
    "open sessions behind the meter": (
        "where own_segments.is_settled and own_segments.is_eligible",
        "where own_segments.is_settled and own_segments.is_eligible and false",
    ),
    "the rest of a session": (
        "where own_segments.is_eligible and own_segments.is_settled",
        "where own_segments.is_eligible and own_segments.is_settled and false",
    ),
    "the exchange of leases": (
        "select metering_point_id, interval_start from leased_segments",
        "select metering_point_id, interval_start from leased_segments where false",
    ),
    "what else is in a half hour under a power limit": (
        "where segments.is_eligible and {during}",
        "where segments.is_eligible and {during} and false",
    ),
    "sessions in a lease's cover": (
        "from intermediate.int_visit_leases as visits",
        "from (select * from intermediate.int_visit_leases where false) as visits",
    ),
    "open sessions under a lease": ("where open_sessions.is_open", "where false"),
    "sessions of specific vehicles": (
        "from intermediate.int_sessions as occupying",
        "from (select * from intermediate.int_sessions where false) as occupying",
    ),
    "leases of the sessions": ("select lease_id, evse_id, vehicle_id from asked_leases\n", "XX"),
    "signals that cut sessions": ("where signals.is_settled", "where signals.is_settled and false"),
    **{
        feed: (f'"{feed}": "semi join', f'"{feed}": "anti join')
        for feed in evidence_module._CHOICE
        if feed not in ("aggregators",)
    },
}


def test_placeholder() -> None:
    assert importlib.util and json_text and explanation_module and Iterator
