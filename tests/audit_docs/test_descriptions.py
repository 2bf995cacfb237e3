"""Whatever an auditor reads in the docs says what it is, in words, units, grain and rules; each once."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.audit_docs import descriptions
from tests.audit_docs.descriptions import Manifest

Check = Callable[[Manifest], list[str]]


@pytest.mark.parametrize("check", descriptions.CHECKS, ids=lambda check: check.__name__)
def test_nothing_is_at_fault(check: Check, manifest: Manifest) -> None:
    assert check(manifest) == []


def test_all_kinds_of_things_are_looked_at(manifest: Manifest) -> None:
    kinds = {each.kind for each in descriptions.texts(manifest)}
    assert kinds == {
        *("model", "source", "column", "test", "unit_test", "exposure", "macro", "argument", "export column")
    }


def _said(part: str, key: str, text: str) -> Callable[[Manifest], None]:
    def spoil(manifest: Manifest) -> None:
        manifest[part][key]["description"] = text

    return spoil


def _said_of_column(name: str, text: str, *, blocks: list[str] | None = None) -> Callable[[Manifest], None]:
    def spoil(manifest: Manifest) -> None:
        column: dict[str, Any] = manifest["nodes"]["model.vgi.lines"]["columns"][name]
        column["description"] = text
        column["doc_blocks"] = column["doc_blocks"] if blocks is None else blocks

    return spoil


def _lineage_cut(manifest: Manifest) -> None:
    for exposure in manifest["exposures"].values():
        nodes = exposure["depends_on"]["nodes"]
        exposure["depends_on"]["nodes"] = [node for node in nodes if node != "model.vgi.offerings"]


def _other_words_for_a_vehicle(manifest: Manifest) -> None:
    key = "model.vgi.performances"
    text = manifest["nodes"][key]["columns"]["vehicle_id"]["description"]
    _said_of_column("evse_id", text)(manifest)


def _a_word_nobody_uses(manifest: Manifest) -> None:
    block = {**manifest["docs"]["doc.vgi.vehicle_id"], "name": "steam"}
    manifest["docs"]["doc.vgi.steam"] = block


LINES, TEST = "model.vgi.lines", "test.vgi.r26_energy_balances"
MACRO, EXPORT = "macro.vgi.never", "exposure.vgi.bookings"
PLANTED: dict[str, tuple[Check, Callable[[Manifest], None], str]] = {
    "a model without a word": (descriptions.bare, _said("nodes", LINES, " "), LINES),
    "a test without a word": (descriptions.bare, _said("nodes", TEST, ""), TEST),
    "a macro without a word": (descriptions.bare, _said("macros", MACRO, ""), MACRO),
    "an export without a word": (descriptions.bare, _said("exposures", EXPORT, ""), EXPORT),
    "a column without a word": (descriptions.bare, _said_of_column("rated_w", ""), f"{LINES}.rated_w"),
    "a column that repeats its name": (
        descriptions.echoes,
        _said_of_column("rated_w", "The rated W."),
        f"{LINES}.rated_w",
    ),
    "two columns with one text": (descriptions.repeated, _other_words_for_a_vehicle, f"{LINES}.evse_id"),
    "two tests with one text": (
        descriptions.repeated,
        lambda manifest: _said("nodes", TEST, manifest["nodes"][LINES]["description"])(manifest),
        TEST,
    ),
    "a column with words of its own": (
        descriptions.outside_the_glossary,
        _said_of_column("rated_w", "Rated power that picks the tier, W.", blocks=[]),
        f"{LINES}.rated_w",
    ),
    "a block that nobody takes": (
        descriptions.outside_the_glossary,
        _a_word_nobody_uses,
        "doc.vgi.steam",
    ),
    "a power without unit": (
        descriptions.without_unit,
        _said_of_column("rated_w", "Rated power that picks the tier."),
        f"{LINES}.rated_w",
    ),
    "a model without grain": (
        descriptions.without_grain,
        _said("nodes", LINES, "What was achieved where (R18)."),
        LINES,
    ),
    "a model without rule": (descriptions.without_rule, _said("nodes", LINES, "One row per line."), LINES),
    "a rule that there is not": (
        descriptions.without_rule,
        _said("nodes", LINES, "One row per line (R81)."),
        LINES,
    ),
    "a mart that leads nowhere": (
        descriptions.exports_out_of_the_lineage,
        _lineage_cut,
        "model.vgi.offerings",
    ),
    "an export out of the lineage": (
        descriptions.exports_out_of_the_lineage,
        lambda manifest: manifest["exposures"].pop(EXPORT),
        "bookings.csv",
    ),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_named(fault: str, manifest: Manifest) -> None:
    check, spoil, where = PLANTED[fault]
    spoiled = copy.deepcopy(manifest)
    spoil(spoiled)
    assert where in check(spoiled)
