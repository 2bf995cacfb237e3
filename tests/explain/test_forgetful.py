"""An explanation that forgets rows is noticed: the oracle finds other amounts in what is left."""

import json
from collections.abc import Iterator
from itertools import pairwise, zip_longest
from pathlib import Path

import duckdb
import pytest

from pipelines.explain import Subject, explain, explanation
from pipelines.explain.evidence import Asked, Evidence, Span
from pipelines.explain.subjects import subject_of
from pipelines.feeds import FEEDS
from pipelines.render import json_text
from tests.explain.amounts import Amount
from tests.explain.forgetful import FAULTS, Fault, forgetful
from tests.explain.proof import Json, amount_again
from tests.explain.settled import Settled


def test_every_feed_that_an_amount_rests_on_is_forgotten_once() -> None:
    """An instruction decides a rate only: test_proof holds it."""
    forgotten = {fault.what.removeprefix("feed ") for fault in FAULTS if fault.what.startswith("feed ")}
    assert forgotten == set(FEEDS) - {"dr_instructions"}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.what)
def test_an_explanation_that_forgets_is_noticed(
    fault: Fault, corrected: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert first_noticed(fault, corrected, monkeypatch) is not None


class _Gathered(Exception):
    """Rows were gathered; what would be explained with them is of no interest."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence


def first_noticed(fault: Fault, settled: Settled, monkeypatch: pytest.MonkeyPatch) -> Amount | None:
    """The first amount that the rows left do not give."""
    amounts = list(_in_turn(settled, fault.kinds))
    shown = explain(warehouse=settled.warehouse, subject=_subject(amounts[0]), run_id=settled.last_run)
    run = json.loads(json_text(shown.run))
    faulty = forgetful(fault)

    def gather(connection: duckdb.DuckDBPyConnection, asked: Asked, *, touching: Span) -> Evidence:
        raise _Gathered(faulty.gather(connection, asked, touching=touching))

    monkeypatch.setattr(explanation, "gather", gather)
    for amount in amounts:
        subject = _subject(amount)
        with pytest.raises(_Gathered) as gathered:
            explain(warehouse=settled.warehouse, subject=subject, run_id=settled.last_run)
        rows = json.loads(json_text({"rows": gathered.value.evidence.rows}))["rows"]
        left = {"run": run, "subject": {"kind": subject.kind.value, **subject.keys}, "rows": rows}
        if not _gives(left, amount, warehouse=settled.warehouse):
            return amount
    return None


def _gives(left: Json, amount: Amount, *, warehouse: Path) -> bool:
    try:
        return str(amount_again(left, warehouse=warehouse)) == amount.exported
    except ValueError:  # the oracle knows no such lease any more
        return False


def _subject(amount: Amount) -> Subject:
    kind, *words = amount.asked
    options = dict(pairwise(words))
    ids = words[: next((place for place, word in enumerate(words) if word.startswith("--")), None)]
    return subject_of(
        kind,
        ids,
        lease_id=options.get("--lease"),
        access_class=options.get("--access-class"),
        level=options.get("--level"),
    )


def _in_turn(settled: Settled, kinds: tuple[str, ...]) -> Iterator[Amount]:
    """An amount of each kind, then another of each."""
    for turn in zip_longest(*(settled.amounts[kind] for kind in kinds)):
        yield from (amount for amount in turn if amount is not None)
