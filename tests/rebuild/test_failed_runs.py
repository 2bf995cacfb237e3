"""A run that fails leaves nothing: no run, result, booking or entry of the journal; and can be made then."""

from pathlib import Path

import pytest

import settlement
from pipelines import settle, verify
from pipelines.errors import JobFailed
from pipelines.ingest import ingest
from pipelines.journal import FILE_NAME
from pipelines.store import store_of
from settlement import BalanceError
from tests.pipeline.programme import write_landing
from tests.rebuild.contents import contents
from tests.rebuild.history import History, day


@pytest.fixture
def begun(given_verification: None, tmp_path: Path) -> History:
    """A history in which nothing was settled yet."""
    history = History(tmp_path)
    ingest(
        write_landing(tmp_path / "landing"),
        warehouse=history.warehouse,
        received_at=day(5),
        clock=lambda: day(5),
    )
    return history


def _leaves_nothing(
    history: History, monkeypatch: pytest.MonkeyPatch, *, place: object, name: str, error: Exception
) -> None:
    journal = store_of(history.warehouse) / FILE_NAME
    before, told = contents(history.warehouse), journal.read_bytes()

    def fails(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(place, name, fails)
        with pytest.raises(type(error)):
            history.settle(5)
    assert contents(history.warehouse) == before
    assert journal.read_bytes() == told
    assert history.settle(5).booked_now > 0


def test_a_settlement_that_raises(begun: History, monkeypatch: pytest.MonkeyPatch) -> None:
    _leaves_nothing(begun, monkeypatch, place=settlement, name="settle", error=RuntimeError("bug"))


def test_amounts_that_do_not_balance(begun: History, monkeypatch: pytest.MonkeyPatch) -> None:
    error = BalanceError("R26: 1 Wh too much")
    _leaves_nothing(begun, monkeypatch, place=settlement, name="check_balances", error=error)


def test_a_storing_that_breaks_off(begun: History, monkeypatch: pytest.MonkeyPatch) -> None:
    error = RuntimeError("disk full")
    _leaves_nothing(begun, monkeypatch, place=settle, name="_store_hold_reasons", error=error)


def test_a_verification_that_fails(begun: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.settle.verify", verify.verify)
    journal = store_of(begun.warehouse) / FILE_NAME
    before, told = contents(begun.warehouse), journal.read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(verify, "_build", _failing_build)
        with pytest.raises(JobFailed, match="Nothing was settled"):
            begun.settle(5)
    assert contents(begun.warehouse) == before
    assert journal.read_bytes() == told


def _failing_build(**_: object) -> None:
    raise JobFailed("Verification failed in 1 of the dbt project's models and tests.")
