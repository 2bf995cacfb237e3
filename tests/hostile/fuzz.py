"""The fuzzer: so many inputs of each kind, tried against the properties; the same ones for the same seed."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.hostile import mutations, properties

# Files are delivered together: opening a warehouse costs more than reading any of them.
BATCH = 40


@dataclass(frozen=True)
class Figures:
    """What a fuzz tried."""

    files: int
    documents: int
    seconds: float

    @property
    def inputs(self) -> int:
        """Inputs of all kinds."""
        return self.files + self.documents


def fuzz(inputs: int, *, seed_number: int, shrink: bool = True) -> Figures:
    """Try at least so many inputs; AssertionError, with the smallest input found, where a property fails."""
    started = time.monotonic()
    documents = inputs // 10
    batches = -(-(inputs - 2 * documents) // BATCH)
    _try(
        properties.check_deliveries,
        batch_of_files(),
        examples=batches,
        seed_number=seed_number,
        shrink=shrink,
    )
    _try(
        properties.check_sources,
        mutations.spoilt_yaml(mutations.SOURCES),
        examples=documents,
        seed_number=seed_number,
        shrink=shrink,
    )
    tariffs = st.one_of([mutations.spoilt_yaml(document) for document in mutations.tariff_documents()])
    _try(properties.check_tariff, tariffs, examples=documents, seed_number=seed_number, shrink=shrink)
    return Figures(batches * BATCH, 2 * documents, time.monotonic() - started)


def batch_of_files() -> st.SearchStrategy[list[mutations.Input]]:
    """As many files as are delivered together."""
    return st.lists(mutations.deliveries(), min_size=BATCH, max_size=BATCH, unique=True)


def _try(
    check: Callable[[Any], None],
    inputs: st.SearchStrategy[Any],
    *,
    examples: int,
    seed_number: int,
    shrink: bool,
) -> None:
    @seed(seed_number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(inputs)
    def holds(example: Any) -> None:
        check(example)

    holds()
