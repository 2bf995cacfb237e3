"""Runs: what identifies one, which states it goes through, and whether it is a replay (R23)."""

import hashlib
import json
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

import duckdb

from pipelines.books import ChainHead, chain_head
from pipelines.errors import BadInput, JobFailed
from pipelines.instants import instant_text
from pipelines.journal import Event, record

# Why an audited run is not approved by itself: kept with its state, so that only a person may approve it.
HELD = "held for approval by a person"


class State(StrEnum):
    """The states of a run; the current one is the last of its events."""

    COMPUTED = "computed"
    AUDITED = "audited"
    APPROVED = "approved"
    REJECTED = "rejected"
    ISSUED = "issued"
    SUPERSEDED = "superseded"


# Where a run may stand once it was approved: it is booked, and may be exported.
AFTER_APPROVAL = frozenset({State.APPROVED, State.ISSUED, State.SUPERSEDED})


class Kind(StrEnum):
    """What a run is to its period: the first that was approved (or may be), a later one, or a look back."""

    INITIAL = "initial"
    CORRECTION = "correction"
    REPLAY = "replay"


_NEXT_STATES: dict[State | None, frozenset[State]] = {
    None: frozenset({State.COMPUTED}),
    State.COMPUTED: frozenset({State.AUDITED}),
    State.AUDITED: frozenset({State.AUDITED, State.APPROVED, State.REJECTED}),
    State.APPROVED: frozenset({State.ISSUED, State.SUPERSEDED}),
    State.ISSUED: frozenset({State.SUPERSEDED}),
    State.REJECTED: frozenset(),
    State.SUPERSEDED: frozenset(),
}


@dataclass(frozen=True, kw_only=True)
class RunDelivery:
    """A delivery that a run rests on."""

    delivery_no: int
    feed: str
    sha256: str
    file_name: str
    received_at: datetime
    outcome: str


@dataclass(frozen=True, kw_only=True)
class RunTariff:
    """A tariff version that a run applies, with its document as it stood in the file."""

    version: str
    content_hash: str
    effective_from: date
    document: str


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run and all that identifies it."""

    run_id: str
    settlement_period: str
    as_of: datetime
    rules_version: str
    deliveries: tuple[RunDelivery, ...]
    tariffs: tuple[RunTariff, ...]


@dataclass(frozen=True, kw_only=True)
class RunEvent:
    """A state that a run reached, and the head of the ledger's hash chain from then on."""

    state: State
    at: datetime
    by: str
    reason: str | None
    head: ChainHead


def identify(
    *,
    period: str,
    as_of: datetime,
    deliveries: tuple[RunDelivery, ...],
    tariffs: tuple[RunTariff, ...],
    rules_version: str,
) -> Run:
    """The run of these inputs. Its id depends on nothing else: not on file names, instants of receipt or the
    clock.
    """
    identity = {
        "as_of": instant_text(as_of),
        "deliveries": sorted([delivery.feed, delivery.sha256] for delivery in deliveries),
        "period": period,
        "rules_version": rules_version,
        "tariffs": sorted([tariff.version, tariff.content_hash] for tariff in tariffs),
    }
    canonical = json.dumps(identity, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    return Run(
        run_id=f"{period}-{digest[:16]}",
        settlement_period=period,
        as_of=as_of,
        rules_version=rules_version,
        deliveries=deliveries,
        tariffs=tariffs,
    )


def deliveries_received_by(connection: duckdb.DuckDBPyConnection, as_of: datetime) -> tuple[RunDelivery, ...]:
    """The deliveries received at or before an instant, in their order (R6)."""
    rows = connection.execute(
        """
        select delivery_no, feed, sha256, file_name, received_at, outcome
        from raw.deliveries
        where received_at <= ?
        order by received_at, feed, file_name, delivery_no
        """,
        [as_of],
    ).fetchall()
    return tuple(_delivery(row) for row in rows)


def _delivery(row: tuple[object, ...]) -> RunDelivery:
    delivery_no, feed, sha256, file_name, received_at, outcome = row
    assert isinstance(delivery_no, int)
    assert isinstance(received_at, datetime)
    return RunDelivery(
        delivery_no=delivery_no,
        feed=str(feed),
        sha256=str(sha256),
        file_name=str(file_name),
        received_at=received_at,
        outcome=str(outcome),
    )


def resolve_as_of(
    connection: duckdb.DuckDBPyConnection, *, as_of: datetime | None, now: datetime
) -> datetime:
    """The as-of asked for, or else the instant at which the last delivery was received.

    Raises BadInput if it lies in the future, or if nothing had been delivered by then.
    """
    row = connection.execute("select min(received_at), max(received_at) from raw.deliveries").fetchone()
    first, last = row if row else (None, None)
    if last is None:
        raise BadInput(
            "Nothing has been delivered yet; ingest a landing folder first (vgi ingest LANDING_DIR)."
        )
    # The default is an instant that has passed, whatever `now` was read: something came in then.
    chosen = as_of if as_of is not None else last
    if as_of is not None:
        refuse_future(as_of, now=now)
    if chosen < first:
        raise BadInput(
            f"Nothing had been received by {instant_text(chosen)}; the first delivery came at"
            f" {instant_text(first)}."
        )
    assert isinstance(chosen, datetime)
    return chosen


def refuse_future(as_of: datetime, *, now: datetime) -> None:
    """BadInput if the as-of lies in the future (R23)."""
    if as_of > now:
        raise BadInput(
            f"As-of {instant_text(as_of)} lies in the future (it is {instant_text(now)} now); give an instant"
            " that has passed."
        )


def store_run(connection: duckdb.DuckDBPyConnection, *, run: Run, at: datetime) -> None:
    """Write down a run with the deliveries and tariff versions that it rests on. No state yet: see
    `record_state`.
    """
    connection.execute(
        "insert into books.runs values (?, ?, ?, ?, ?)",
        [run.run_id, run.settlement_period, run.as_of, run.rules_version, at],
    )
    for delivery in run.deliveries:
        connection.execute(
            "insert into books.run_deliveries values (?, ?, ?, ?, ?, ?, ?)",
            [
                run.run_id,
                delivery.delivery_no,
                delivery.feed,
                delivery.sha256,
                delivery.file_name,
                delivery.received_at,
                delivery.outcome,
            ],
        )
    for tariff in run.tariffs:
        connection.execute(
            "insert into books.run_tariffs values (?, ?, ?, ?, ?)",
            [run.run_id, tariff.version, tariff.content_hash, tariff.effective_from, tariff.document],
        )
    record(connection, event=Event.RUN, at=at, document=_told(run))


def _told(run: Run) -> dict[str, object]:
    """What the journal keeps of a run: all that it takes to compute it again, besides the deliveries."""
    return {
        "run_id": run.run_id,
        "settlement_period": run.settlement_period,
        "as_of": instant_text(run.as_of),
        "rules_version": run.rules_version,
        "tariffs": [
            {
                "version": tariff.version,
                "content_hash": tariff.content_hash,
                "effective_from": tariff.effective_from.isoformat(),
                "document": tariff.document,
            }
            for tariff in run.tariffs
        ],
    }


def find_run(connection: duckdb.DuckDBPyConnection, run_id: str) -> Run | None:
    """The run of an id, or None."""
    row = connection.execute(
        "select settlement_period, as_of, rules_version from books.runs where run_id = ?", [run_id]
    ).fetchone()
    if row is None:
        return None
    period, as_of, rules_version = row
    return Run(
        run_id=run_id,
        settlement_period=period,
        as_of=as_of,
        rules_version=rules_version,
        deliveries=_deliveries_of(connection, run_id),
        tariffs=_tariffs_of(connection, run_id),
    )


def get_run(connection: duckdb.DuckDBPyConnection, run_id: str) -> Run:
    """The run of an id; BadInput if there is none."""
    run = find_run(connection, run_id)
    if run is None:
        raise BadInput(f"There is no run {run_id}; `vgi status` lists the runs.")
    return run


def _deliveries_of(connection: duckdb.DuckDBPyConnection, run_id: str) -> tuple[RunDelivery, ...]:
    rows = connection.execute(
        """
        select delivery_no, feed, sha256, file_name, received_at, outcome
        from books.run_deliveries
        where run_id = ?
        order by received_at, feed, file_name, delivery_no
        """,
        [run_id],
    ).fetchall()
    return tuple(_delivery(row) for row in rows)


def _tariffs_of(connection: duckdb.DuckDBPyConnection, run_id: str) -> tuple[RunTariff, ...]:
    rows = connection.execute(
        """
        select version, content_hash, effective_from, document
        from books.run_tariffs
        where run_id = ?
        order by effective_from
        """,
        [run_id],
    ).fetchall()
    return tuple(
        RunTariff(
            version=version, content_hash=content_hash, effective_from=effective_from, document=document
        )
        for version, content_hash, effective_from, document in rows
    )


def events_of(connection: duckdb.DuckDBPyConnection, run_id: str) -> tuple[RunEvent, ...]:
    """The states that a run went through, first to last."""
    rows = connection.execute(
        """
        select state, "at", "by", reason, booking_no, chain_hash
        from books.run_events
        where run_id = ?
        order by seq
        """,
        [run_id],
    ).fetchall()
    return tuple(
        RunEvent(state=State(state), at=at, by=by, reason=reason, head=ChainHead(booking_no, chain_hash))
        for state, at, by, reason, booking_no, chain_hash in rows
    )


def state_of(connection: duckdb.DuckDBPyConnection, run_id: str) -> State | None:
    """The state in which a run stands."""
    events = events_of(connection, run_id)
    return events[-1].state if events else None


def record_state(  # noqa: PLR0913 -- all keyword-only
    connection: duckdb.DuckDBPyConnection,
    *,
    run_id: str,
    state: State,
    at: datetime,
    by: str,
    reason: str | None = None,
) -> None:
    """Append a state to a run's events. JobFailed if no run may go from where it stands to that state."""
    current = state_of(connection, run_id)
    if state not in _NEXT_STATES[current]:
        raise JobFailed(f"Run {run_id} is {current or 'unknown'} and cannot become {state}.")
    head = chain_head(connection)
    connection.execute(
        """
        insert into books.run_events
        select coalesce(max(seq), 0) + 1, ?, ?, ?, ?, ?, ?, ? from books.run_events
        """,
        [run_id, state.value, at, by, reason, head.booking_no, head.chain_hash],
    )
    document = {
        "run_id": run_id,
        "state": state.value,
        "by": by,
        "reason": reason,
        "booking_no": head.booking_no,
        "chain_hash": head.chain_hash,
    }
    record(connection, event=Event.STATE, at=at, document=document)


def is_held(connection: duckdb.DuckDBPyConnection, run_id: str) -> bool:
    """Whether a run was ever asked for with approval by a person switched on (R23)."""
    return any(event.reason == HELD for event in events_of(connection, run_id))


def rests_on_all_deliveries(connection: duckdb.DuckDBPyConnection, run: Run) -> bool:
    """Whether nothing came in since with an instant of receipt at or before the run's as-of (R6)."""
    return deliveries_received_by(connection, run.as_of) == run.deliveries


def other_contents(connection: duckdb.DuckDBPyConnection, run: Run) -> tuple[tuple[str, str], ...]:
    """The tariff versions of a run that another, approved run applied with other contents: version and that
    run's id.
    """
    rows = connection.execute(
        """
        select this.version, min(other.run_id)
        from books.run_tariffs as this
        inner join books.run_tariffs as other on other.version = this.version
        inner join books.run_events on run_events.run_id = other.run_id and run_events.state = 'approved'
        where this.run_id = ? and other.content_hash != this.content_hash
        group by this.version
        order by this.version
        """,
        [run.run_id],
    ).fetchall()
    return tuple((version, run_id) for version, run_id in rows)


def approved_runs(connection: duckdb.DuckDBPyConnection, period: str) -> tuple[str, ...]:
    """The ids of the runs of a period that were ever approved, in the order of their approval."""
    rows = connection.execute(
        """
        select runs.run_id
        from books.runs
        inner join books.run_events on run_events.run_id = runs.run_id
        where runs.settlement_period = ? and run_events.state = 'approved'
        order by run_events.seq
        """,
        [period],
    ).fetchall()
    return tuple(run_id for (run_id,) in rows)


def overtaken_by(connection: duckdb.DuckDBPyConnection, run: Run) -> Run | None:
    """The last approved run of the period if its as-of is later than that of this run, which was never
    approved: then this run is a replay, and remains one.
    """
    approved = approved_runs(connection, run.settlement_period)
    if not approved or run.run_id in approved:
        return None
    last = get_run(connection, approved[-1])
    return last if run.as_of < last.as_of else None


def kind_of(connection: duckdb.DuckDBPyConnection, run: Run) -> Kind:
    """Whether a run is the initial one of its period, a correction, or a replay; of a run not yet approved,
    what it would be if it were approved now.
    """
    if overtaken_by(connection, run) is not None:
        return Kind.REPLAY
    approved = approved_runs(connection, run.settlement_period)
    return Kind.INITIAL if not approved or approved[0] == run.run_id else Kind.CORRECTION
