"""The journal's entries, done again: each by the code that did it first, at the instant and by whom it tells.

The first entry of a transaction tells all that its other entries follow from, so that doing it again writes
them too; receipts of one instant that follow one another are done in one transaction, as an ingest does.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from typing import Any

import duckdb

from pipelines import runs
from pipelines.approval import book_run
from pipelines.books import open_books, transaction
from pipelines.closing import close
from pipelines.deliveries import Delivery
from pipelines.errors import DamageFound
from pipelines.export import export_run
from pipelines.gates import pass_landing
from pipelines.instants import instant_text
from pipelines.intake import take_in
from pipelines.journal import Entry, Event
from pipelines.meter_settings import MeterSettings, note_change
from pipelines.runs import State
from pipelines.settle import compute_again
from pipelines.sources import MeterSource
from pipelines.store import NotReadable, receive
from pipelines.tariff_files import read_documents
from pipelines.warehouse import open_warehouse
from pipelines.withdraw import withdraw
from settlement import SettlementPeriod

Progress = Callable[[str], None]

_RECEIPT = frozenset({Event.RECEIVED, Event.NOTED})


@dataclass(frozen=True, kw_only=True)
class Site:
    """Where a warehouse is rebuilt, from which store, and where exports are written to be compared.

    `store_stays`: the new warehouse takes the store over, which needs no second copy of its files.
    """

    warehouse: Path
    store: Path
    store_stays: bool
    exports: Path
    progress: Progress
    detail: Progress


def step_of(entries: Sequence[Entry]) -> Sequence[Entry]:
    """The entries at the beginning that are done again together."""
    first = entries[0]
    if first.event not in _RECEIPT:
        return entries[:1]
    return list(takewhile(lambda entry: entry.event in _RECEIPT and entry.at == first.at, entries))


def do_again(step: Sequence[Entry], *, site: Site) -> None:
    """Do again what the entries of a step tell. Raises DamageFound where that cannot be done."""
    entry = step[0]
    if entry.event in _RECEIPT:
        _receive(step, site=site)
    elif entry.event is Event.RUN:
        _compute(entry, site=site)
    elif entry.event is Event.EXPORTED:
        _export(entry, site=site)
    elif entry.event is Event.WITHDRAWN:
        _withdraw(entry, site=site)
    elif entry.event is Event.CLOSED:
        _close(entry, site=site)
    elif entry.event is Event.STATE and entry.told["state"] in _DECISIONS:
        _DECISIONS[entry.told["state"]](entry, site)
    else:
        raise DamageFound(
            f"Entry {entry.seq} of the journal ({entry.event}) does not begin anything that this version of"
            " the program does; use the version that wrote it."
        )


def delivery_name(told: Mapping[str, Any]) -> str:
    """How a delivery is called in sentences."""
    return f"delivery {told['delivery_no']} ({told['feed']}/{told['file_name']})"


def _receive(step: Sequence[Entry], *, site: Site) -> None:
    received_at = step[0].at
    with open_warehouse(site.warehouse) as connection:
        connection.execute("begin")
        deliveries = []
        for entry in step:
            if entry.event is Event.RECEIVED:
                deliveries.append(_take_in(connection, entry, site=site))
            else:
                _note(connection, entry)
        if deliveries:
            pass_landing(connection, deliveries=deliveries, received_at=received_at, at=received_at)
        connection.execute("commit")


def _take_in(connection: duckdb.DuckDBPyConnection, entry: Entry, *, site: Site) -> Delivery:
    told = entry.told
    site.detail(delivery_name(told))
    kept = site.store / told["feed"] / told["sha256"]
    try:
        received = receive(kept, warehouse=site.warehouse, feed=told["feed"])
    except NotReadable as error:
        raise DamageFound(
            f"The stored file of {delivery_name(told)}, {kept}, {error}: put it back from a backup, or the"
            " file that was delivered under this name, and rebuild again."
        ) from error
    try:
        if received.sha256 != told["sha256"]:
            raise DamageFound(
                f"The stored file of {delivery_name(told)}, {kept}, does not hold the bytes that were"
                " delivered: put it back from a backup, or the delivered file under this name, and rebuild"
                " again."
            )
        delivery = take_in(
            connection,
            delivery=Delivery(
                delivery_no=told["delivery_no"],
                feed=told["feed"],
                sha256=told["sha256"],
                file_name=told["file_name"],
                format=told["format"],
                received_at=entry.at,
                bytes=received.scan.size_bytes,
            ),
            received=received,
            source=MeterSource(**told.get("source", {})),
        )
        assert delivery is not None
        if site.store_stays:
            with suppress(FileExistsError):  # refused once, and taken in later
                os.link(kept, received.kept_path)
        else:
            received.keep()
    finally:
        received.discard()
    return delivery


def _note(connection: duckdb.DuckDBPyConnection, entry: Entry) -> None:
    note_change(
        connection,
        delivery_no=entry.told["delivery_no"],
        settings=MeterSettings(**entry.told["settings"]),
        noted_at=entry.at,
    )


def _withdraw(entry: Entry, *, site: Site) -> None:
    told = entry.told
    withdraw(
        warehouse=site.warehouse,
        delivery=str(told["delivery_no"]),
        reason=told["reason"],
        by=told["by"],
        now=entry.at,
        withdrawn_at=entry.at,
    )


def _close(entry: Entry, *, site: Site) -> None:
    period = SettlementPeriod.parse(entry.told["settlement_period"])
    close(warehouse=site.warehouse, period=period, by=entry.told["by"], now=entry.at)


def _compute(entry: Entry, *, site: Site) -> None:
    told = entry.told
    documents = {tariff["version"]: tariff["document"].encode() for tariff in told["tariffs"]}
    compute_again(
        warehouse=site.warehouse,
        run_id=told["run_id"],
        period=SettlementPeriod.parse(told["settlement_period"]),
        tariffs=read_documents(documents),
        as_of=datetime.fromisoformat(told["as_of"]).replace(tzinfo=None),
        now=entry.at,
        by=told["by"],
        held=told["held"],
        detail=site.detail,
    )


def _approve(entry: Entry, site: Site) -> None:
    with open_books(site.warehouse) as connection:
        run = runs.get_run(connection, entry.told["run_id"])
        book_run(connection, run, now=entry.at, by=entry.told["by"])


def _record_state(entry: Entry, site: Site) -> None:
    told = entry.told
    with open_books(site.warehouse) as connection, transaction(connection):
        runs.record_state(
            connection,
            run_id=told["run_id"],
            state=State(told["state"]),
            at=entry.at,
            by=told["by"],
            reason=told["reason"],
        )


_DECISIONS: Mapping[str, Callable[[Entry, Site], None]] = {
    State.APPROVED: _approve,
    State.REJECTED: _record_state,
    # A run that waited audited, and was held only later.
    State.AUDITED: _record_state,
}


def _export(entry: Entry, *, site: Site) -> None:
    told = entry.told
    export_run(warehouse=site.warehouse, run_id=told["run_id"], out=site.exports, now=entry.at, by=told["by"])


def sentence_of(step: Sequence[Entry]) -> str:
    """What is done again, for a person who waits."""
    first, told = step[0], step[0].told
    if first.event in _RECEIPT:
        return f"Taking in what was received at {instant_text(first.at)}."
    if first.event is Event.RUN:
        return f"Settling {told['settlement_period']} as of {told['as_of']} again: run {told['run_id']}."
    if first.event is Event.EXPORTED:
        return f"Exporting run {told['run_id']} again."
    if first.event is Event.WITHDRAWN:
        return f"Withdrawing {delivery_name(told)}."
    if first.event is Event.CLOSED:
        return f"Closing {told['settlement_period']}."
    return f"Run {told['run_id']}: {told['state']}."
