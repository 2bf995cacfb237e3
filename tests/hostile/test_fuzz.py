"""The fuzzer over all readers: two hundred inputs here, 5,000 in the slow tests, 100,000 by night.

The same inputs every time, but by night: `make test-nightly` takes the seed of FUZZ_SEED, or one of the day.
"""

import os
import time
from collections.abc import Callable

import pytest

from tests.hostile.fuzz import fuzz

SLOW_PARTS, SLOW_INPUTS = 4, 5_000
NIGHTLY_PARTS, NIGHTLY_INPUTS = 20, 100_000


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VGI_THREADS", "1")


def test_two_hundred_broken_inputs_break_nothing() -> None:
    assert fuzz(200, seed_number=0).inputs >= 200


@pytest.mark.slow
@pytest.mark.parametrize("part", range(SLOW_PARTS))
def test_five_thousand_broken_inputs_break_nothing(part: int) -> None:
    inputs = SLOW_INPUTS // SLOW_PARTS
    assert fuzz(inputs, seed_number=100 + part).inputs >= inputs


@pytest.mark.nightly
@pytest.mark.parametrize("part", range(NIGHTLY_PARTS))
def test_a_hundred_thousand_broken_inputs_break_nothing(
    part: int, record_property: Callable[[str, object], None]
) -> None:
    inputs = NIGHTLY_INPUTS // NIGHTLY_PARTS
    seed_number = 1000 * int(os.environ.get("FUZZ_SEED") or time.time() // 86_400) + part
    figures = fuzz(inputs, seed_number=seed_number)
    assert figures.inputs >= inputs
    record_property(
        "figures",
        (
            f"broken input, seeds from {seed_number - part}",
            {
                "inputs": figures.inputs,
                "files": figures.files,
                "documents": figures.documents,
                "faults": 0,
            },
        ),
    )
