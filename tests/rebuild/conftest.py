"""One history for all tests here, and the stand-in for its verification."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from expectations.catalogue import Severity
from expectations.judgement import Judgement
from pipelines.rebuild.warehouse import Rebuilt, rebuild
from pipelines.store import store_of
from tests.rebuild.history import History, play, verify_by_deliveries


@contextmanager
def _verification_given() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("pipelines.settle.verify", verify_by_deliveries)
        patched.setattr("pipelines.recompute.verify_run", _verify_run)
        # What the gates find is tests/gates' affair, and most of the time that this would take.
        patched.setattr("pipelines.gates.judge", lambda *_, **__: [_PASSED])
        yield


@pytest.fixture
def given_verification() -> Iterator[None]:
    """For one test at a time: on one worker, tests of other folders run between those of this one."""
    with _verification_given():
        yield


_PASSED = Judgement(
    name="given",
    evidence="given",
    rule="R26",
    severity=Severity.BLOCKING,
    success=True,
    faults=0,
    keys=(),
    sentence="R26: given",
    found="given",
    remedy="",
    expectation="{}",
    result="{}",
)


def _verify_run(*, warehouse: Path, run: object, **_: object) -> None:
    from pipelines.runs import Run
    from pipelines.tariff_files import applied_tariffs
    from settlement import SettlementPeriod

    assert isinstance(run, Run)
    period = SettlementPeriod.parse(run.settlement_period)
    verify_by_deliveries(
        warehouse=warehouse,
        as_of=run.as_of,
        run_id=run.run_id,
        tariffs=applied_tariffs(run).book.for_period(period),
    )


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    with _verification_given():
        return play(tmp_path_factory.mktemp("history"))


@pytest.fixture(scope="session")
def rebuilt(history: History, tmp_path_factory: pytest.TempPathFactory) -> Rebuilt:
    """The history's warehouse, lost and made anew beside its store."""
    folder = tmp_path_factory.mktemp("rebuilt")
    lost = folder / "vgi.duckdb"
    shutil.copytree(store_of(history.warehouse), store_of(lost))
    with _verification_given():
        return rebuild(warehouse=lost, out=folder / "out")


@pytest.fixture
def store(history: History, given_verification: None, tmp_path: Path) -> Path:
    """A copy of the store, beside which the warehouse was lost; `lost` is its name."""
    return Path(shutil.copytree(store_of(history.warehouse), store_of(tmp_path / "vgi.duckdb")))


@pytest.fixture
def lost(store: Path) -> Path:
    return store.with_name("vgi.duckdb")
