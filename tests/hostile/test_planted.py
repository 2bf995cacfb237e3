"""The catalogue and the fuzzer are not blind: with a fault planted in a reader, the fuzzer finds it."""

from collections.abc import Callable
from typing import Any

import pytest

from pipelines import deliveries, intake
from pipelines.feeds import Column, Kind
from pipelines.formats import ReadRows, canonical_csv, nem12
from tests.hostile.fuzz import fuzz

_typed = canonical_csv._typed
_faults = canonical_csv._faults
_read_nem12 = nem12.read_nem12


def _rounds(column: Column) -> str:
    return f"try_cast(text_{column.name} as bigint)" if column.kind is Kind.INTEGER else _typed(column)


def _drops_the_offset(column: Column) -> str:
    return f"try_cast(text_{column.name} as timestamp)" if column.kind is Kind.INSTANT else _typed(column)


def _trims(column: Column) -> str:
    return _typed(column).replace(f"text_{column.name}", f"trim(text_{column.name})")


def _knows_no_row_rule(feed: Any) -> list[Any]:
    return [fault for fault in _faults(feed) if fault.reason not in {rule.reason for rule in feed.row_rules}]


def _never_repeated(*_: Any, **__: Any) -> tuple[int, int]:
    return 0, 0


def _loses_a_row(*arguments: Any, **named: Any) -> ReadRows:
    read = _read_nem12(*arguments, **named)
    return ReadRows(
        max(0, read.rows_in - 1), read.rows_duplicate, read.rows_quarantined, read.notes, read.nmis
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "name", "fault"),
    [
        (canonical_csv, "_typed", _rounds),
        (canonical_csv, "_typed", _drops_the_offset),
        (canonical_csv, "_typed", _trims),
        (canonical_csv, "_faults", _knows_no_row_rule),
        (canonical_csv, "_check_last", lambda *_, **__: None),
        (canonical_csv, "_broken_quoting", ValueError),
        (deliveries, "_set_repeated_aside", _never_repeated),
        (
            nem12,
            "_made_whole",
            lambda energies: [None if energy is None else int(energy) for energy in energies],
        ),
        (nem12, "_set_repeated_aside", lambda meter_file: None),
        (intake, "read_nem12", _loses_a_row),
        (intake, "_countable_rows", lambda *_: -1),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)).rpartition(".")[2],
)
def test_the_fuzzer_notices_a_planted_fault(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str, fault: Callable[..., Any]
) -> None:
    monkeypatch.setenv("VGI_THREADS", "1")
    monkeypatch.setattr(module, name, fault)
    with pytest.raises(Exception):  # noqa: B017 -- a failed property, or whatever the fault makes the reader raise
        fuzz(2_000, seed_number=0, shrink=False)
