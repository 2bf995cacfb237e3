"""Whatever keeps a rebuild from being what was lost is named, and nothing is put in place."""

import dataclasses
import json
from pathlib import Path

import pytest

from pipelines import journal
from pipelines.errors import DamageFound
from pipelines.feeds import FEEDS
from pipelines.journal import Entry, Event
from pipelines.rebuild.warehouse import rebuild
from tests.rebuild.contents import file_bytes

pytestmark = pytest.mark.slow


def _entries(store: Path) -> list[Entry]:
    return list(journal.read_file(store / journal.FILE_NAME))


def _refused(lost: Path, *, match: str) -> None:
    before = file_bytes(lost.parent)
    with pytest.raises(DamageFound, match=match):
        rebuild(warehouse=lost)
    after = file_bytes(lost.parent)
    after.pop("vgi.duckdb.settling", None)
    assert after == before


def _stored(store: Path, name: str) -> Path:
    told = next(
        entry.told
        for entry in _entries(store)
        if entry.event is Event.RECEIVED and entry.told["file_name"] == name
    )
    return Path(store / told["feed"] / told["sha256"])


def test_a_flipped_byte_of_a_stored_file(store: Path, lost: Path) -> None:
    path = _stored(store, "12.csv")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    _refused(lost, match=r"delivery \d+ \(meter_intervals/12\.csv\).*does not hold the bytes")


def test_a_missing_stored_file(store: Path, lost: Path) -> None:
    _stored(store, "bad.csv").unlink()
    _refused(lost, match=r"delivery \d+ \(aggregators/bad\.csv\).*cannot be read \(No such file")


def test_a_dropped_line_of_the_journal(store: Path, lost: Path) -> None:
    path = store / journal.FILE_NAME
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:5] + lines[6:]))
    _refused(lost, match="line 6: the entry does not follow")


def _retell(store: Path, *, event: Event, change: tuple[str, str]) -> None:
    """Change an entry, and chain the journal anew, as somebody would who knows how."""
    before, previous_hash, lines = _entries(store), journal.START, []
    done = False
    for entry in before:
        document = entry.document
        if entry.event is event and not done and change[0] in document:
            document, done = document.replace(*change), True
            json.loads(document)
        told = journal.told_text(seq=entry.seq, event=entry.event, at=entry.at, document=document)
        previous_hash = journal.chained(previous_hash, told)
        lines.append(dataclasses.replace(entry, document=document, chain_hash=previous_hash).line)
    assert done
    (store / journal.FILE_NAME).write_text("".join(lines), encoding="utf-8")


def test_an_altered_tariff(store: Path, lost: Path) -> None:
    path = store / journal.FILE_NAME
    path.write_bytes(path.read_bytes().replace(b'per_kwh: \\"40\\"', b'per_kwh: \\"41\\"', 1))
    _refused(lost, match="the entry does not follow")


def test_an_altered_tariff_in_a_journal_that_was_chained_anew(store: Path, lost: Path) -> None:
    _retell(store, event=Event.RUN, change=(r"per_kwh: \"40\"", r"per_kwh: \"41\""))
    _refused(lost, match=r"Run 2023-12-\w+ cannot be made again.*it is 2023-12-")


def test_a_run_of_other_rules(store: Path, lost: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("settlement.RULES_VERSION", "another")
    _refused(lost, match=r"was made by rules version .* this program has another")


def test_an_export_that_is_not_the_one_that_was_issued(store: Path, lost: Path) -> None:
    told = next(entry.told for entry in _entries(store) if entry.event is Event.EXPORTED)
    issued = told["datapackage_sha256"]
    _retell(store, event=Event.EXPORTED, change=(issued, "0" * 64))
    _refused(lost, match=f"export of run {told['run_id']} is not the one that was issued")


def test_another_ledger(store: Path, lost: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.books.CHAIN_START", "1" * 64)
    _refused(lost, match=r"Run 2023-12-\w+ comes out otherwise .*chain_hash was 0")


def test_a_reader_that_accepts_one_row_more(store: Path, lost: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vehicles = FEEDS["vehicles"]
    columns = tuple(
        dataclasses.replace(column, values=(*column.values, "steam"))
        if column.name == "powertrain"
        else column
        for column in vehicles.columns
    )
    monkeypatch.setitem(FEEDS, "vehicles", dataclasses.replace(vehicles, columns=columns))  # type: ignore[arg-type]
    _refused(
        lost,
        match=r"reads delivery \d+ \(vehicles/1\.csv\) otherwise: rows_accepted was 2 and is 3;"
        " rows_quarantined was 1 and is 0",
    )
