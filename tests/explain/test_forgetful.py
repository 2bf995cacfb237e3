"""An explanation that forgets rows is noticed: the oracle finds other amounts in what is left."""

import json
from collections.abc import Iterator
from itertools import pairwise, zip_longest
from pathlib import Path

import duckdb
import pytest

from pipelines.explain import explain, explanation
from pipelines.explain.evidence import Asked, Evidence, Span
from pipelines.explain.subjects import Subject, subject_of
from pipelines.render import json_text
from tests.explain.amounts import Amount
from tests.explain.forgetful import FORGOTTEN, forgetting
from tests.explain.proof import Json, amount_again
from tests.explain.settled import Settled

QUICK = ("sessions that share a half hour", "feed meter_intervals", "feed permission_leases")


@pytest.mark.parametrize("what", QUICK)
def test_an_explanation_that_forgets_is_noticed(
    what: str, settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _noticed(what, settled, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("what", sorted(set(FORGOTTEN) - set(QUICK)))
def test_every_way_to_forget_is_noticed(what: str, settled: Settled, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _noticed(what, settled, monkeypatch)


class _Gathered(Exception):
    """Rows were gathered; what would be explained with them is of no interest."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence


def _noticed(what: str, settled: Settled, monkeypatch: pytest.MonkeyPatch) -> Amount | None:
    """The first amount that the rows left do not give."""
    shown = explain(warehouse=settled.warehouse, subject=_subject(next(_in_turn(settled))))
    run = json.loads(json_text(shown))["run"]
    faulty = forgetting(what)

    def gather(connection: duckdb.DuckDBPyConnection, asked: Asked, *, touching: Span) -> Evidence:
        raise _Gathered(faulty.gather(connection, asked, touching=touching))

    monkeypatch.setattr(explanation, "gather", gather)
    for amount in _in_turn(settled):
        subject = _subject(amount)
        with pytest.raises(_Gathered) as gathered:
            explain(warehouse=settled.warehouse, subject=subject, run_id=run["run_id"])
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
    chosen = {name: options.get(f"--{name}") for name in ("lease", "access-class", "level")}
    ids = words[: next((place for place, word in enumerate(words) if word.startswith("--")), None)]
    return subject_of(
        kind, ids, lease_id=chosen["lease"], access_class=chosen["access-class"], level=chosen["level"]
    )


def _in_turn(settled: Settled) -> Iterator[Amount]:
    """An amount of each kind, then another of each; bookings rest on the rows of lines and contracts."""
    kinds = [amounts for kind, amounts in settled.amounts.items() if kind != "correction"]
    for turn in zip_longest(*kinds):
        yield from (amount for amount in turn if amount is not None)
