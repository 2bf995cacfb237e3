"""Whatever is delivered when, and killed where: nothing is lost, booked twice, or past making again."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.histories.history import Figures, History
from tests.histories.laws import LawBroken
from tests.histories.play import working
from tests.histories.worker import Worker

SEED = os.environ.get("HISTORY_SEED")
IN_CI, AT_NIGHT = 20, 200


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with working() as worker:
        yield worker


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(IN_CI))
def test_half_a_year(seed: int, worker: Worker, tmp_path: Path, record_property: object) -> None:
    _play(seed, worker, tmp_path, record_property)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(IN_CI, IN_CI + AT_NIGHT))
def test_half_a_year_by_night(seed: int, worker: Worker, tmp_path: Path, record_property: object) -> None:
    _play(seed, worker, tmp_path, record_property)


@pytest.mark.slow
@pytest.mark.skipif(SEED is None, reason="HISTORY_SEED names the history to play again")
def test_one(worker: Worker, tmp_path: Path, record_property: object) -> None:
    _play(int(SEED or 0), worker, tmp_path, record_property)


def _play(seed: int, worker: Worker, folder: Path, record_property: object) -> None:
    figures = Figures()
    try:
        History(seed, folder=folder, worker=worker, figures=figures).play()
    except LawBroken as broken:
        pytest.fail(f"{broken}\nAgain: HISTORY_SEED={seed} pytest tests/histories -k one", pytrace=False)
    assert callable(record_property)
    record_property("figures", ("histories", figures.told))
