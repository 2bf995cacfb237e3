"""What can be explained, and the run that counts for it unless another is named."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import duckdb

from pipelines import runs
from pipelines.books import frame_of
from pipelines.errors import BadInput
from pipelines.explain.facts import Row
from pipelines.runs import Run


class Kind(StrEnum):
    """What an amount is of."""

    USER = "user"
    MANAGER = "manager"
    CONTRACT = "contract"
    LINE = "line"
    PERFORMANCE = "performance"
    LEASE = "lease"
    BOOKING = "booking"
    AGGREGATOR = "aggregator"


# The table of schema `results` that has the amount, and the columns that name the subject in it.
_TABLES: dict[Kind, tuple[str, tuple[str, ...]]] = {
    Kind.USER: ("dr_achievement", ("user_id",)),
    Kind.MANAGER: ("fee_reductions", ("manager_id",)),
    Kind.CONTRACT: ("fee_reductions", ("contract_id",)),
    Kind.LINE: ("settlement_lines", ("dr_event_id", "vehicle_id", "evse_id", "lease_id", "access_class")),
    Kind.PERFORMANCE: ("dr_achievement", ("dr_event_id", "vehicle_id")),
    Kind.LEASE: ("lease_outcomes", ("lease_id",)),
    Kind.BOOKING: ("bookings", ("booking_id",)),
    Kind.AGGREGATOR: ("aggregator_achievement", ("dr_event_id", "aggregator_id", "level")),
}


@dataclass(frozen=True)
class Subject:
    """One thing that a run found an amount for: its kind and the columns that name it. A line may be named by
    fewer of them, as long as there is only one.
    """

    kind: Kind
    keys: dict[str, str]

    @property
    def shown(self) -> str:
        """The subject in words."""
        return " ".join((self.kind.value, *(each for each in self.keys.values() if each))) or self.kind.value


# How many ids each kind takes; an aggregator's own id is left out for the utility.
_IDS = {Kind.LINE: 3, Kind.PERFORMANCE: 2, Kind.AGGREGATOR: 2}


def subject_of(
    what: str, ids: list[str], *, lease_id: str | None, access_class: str | None, level: str | None
) -> Subject:
    """The subject that a person names. BadInput for a kind that there is not, and for ids too many or few."""
    if what not in set(Kind):
        kinds = ", ".join(Kind)
        raise BadInput(f"'{what}' cannot be explained; give one of {kinds} (see vgi explain --help).")
    kind = Kind(what)
    _, names = _TABLES[kind]
    names = names[: _IDS.get(kind, 1)]
    if kind is Kind.AGGREGATOR and len(ids) == 1:
        ids, level = [*ids, ""], level or "utility"
    if len(ids) != len(names):
        wanted = " ".join(name.upper() for name in names)
        raise BadInput(f"Name the {what} by {len(names)}: vgi explain {what} {wanted}.")
    options = {"lease_id": lease_id, "access_class": access_class, "level": level}
    chosen = {name: value for name, value in options.items() if value is not None}
    misplaced = [name for name in chosen if name not in _TABLES[kind][1] or name in names]
    if misplaced:
        raise BadInput(f"A {what} is not chosen by --{misplaced[0].removesuffix('_id').replace('_', '-')}.")
    return Subject(kind, {**dict(zip(names, ids, strict=True)), **chosen})


@dataclass(frozen=True)
class Found:
    """A subject in a run: the rows of the result table that it names."""

    subject: Subject
    run: Run
    rows: tuple[Row, ...]


def find(
    connection: duckdb.DuckDBPyConnection, subject: Subject, *, run_id: str | None, period: str | None
) -> Found:
    """The subject in the run named, or else in the run approved last of those that count and have it.

    BadInput, with the nearest thing to try, if there is no such run, if it has no such subject, or if it has
    several.
    """
    for candidate in _candidates(connection, subject, run_id=run_id, period=period):
        if rows := _rows(connection, subject, candidate):
            found = Found(subject, runs.get_run(connection, candidate), rows)
            _refuse_several(found)
            return found
    raise BadInput(_nothing(connection, subject, run_id=run_id, period=period))


def _candidates(
    connection: duckdb.DuckDBPyConnection, subject: Subject, *, run_id: str | None, period: str | None
) -> list[str]:
    """Run ids to look in, the likeliest first."""
    if run_id is not None:
        return [runs.get_run(connection, run_id).run_id]
    if subject.kind is Kind.BOOKING:
        query, parameters = (
            "select run_id from results.bookings where booking_id = ?",
            [subject.keys["booking_id"]],
        )
    else:
        query = """
            select current_runs.run_id
            from books.current_runs
            inner join books.run_events
                on run_events.run_id = current_runs.run_id and run_events.state = 'approved'
            where settlement_period = coalesce(?, settlement_period)
            group by current_runs.run_id
            order by max(seq) desc
        """
        parameters = [period]  # type: ignore[list-item]
    candidates = [row[0] for row in connection.execute(query, parameters).fetchall()]
    if not candidates and subject.kind is not Kind.BOOKING:
        of_period = f" of {period}" if period else ""
        raise BadInput(f"No run{of_period} is approved yet; name one with --run (vgi status lists them).")
    return candidates


def _rows(connection: duckdb.DuckDBPyConnection, subject: Subject, run_id: str) -> tuple[Row, ...]:
    table, _ = _TABLES[subject.kind]
    conditions = " and ".join(f"{name} = ?" for name in subject.keys)
    rows = _select(
        connection,
        f"select * exclude (run_id) from results.{table} where run_id = ? and {conditions} order by all",
        [run_id, *subject.keys.values()],
    )
    if not rows and subject.kind is Kind.USER:
        # A user all of whose points were booked back has no performance left.
        rows = _select(
            connection,
            "select distinct settlement_period, payee_id as user_id from results.bookings"
            " where run_id = ? and payee_kind = 'user' and payee_id = ?",
            [run_id, subject.keys["user_id"]],
        )
    return rows


def _select(connection: duckdb.DuckDBPyConnection, query: str, parameters: list[Any]) -> tuple[Row, ...]:
    return tuple(frame_of(connection, query, parameters).rows(named=True))


def _refuse_several(found: Found) -> None:
    """A line or an aggregator has to be named in full where there are several."""
    if len(found.rows) == 1 or found.subject.kind not in (Kind.LINE, Kind.AGGREGATOR):
        return
    _, names = _TABLES[found.subject.kind]
    options = {"lease_id": "--lease", "access_class": "--access-class", "level": "--level"}
    choices = "; ".join(
        " ".join(f"{options[name]} {row[name]}" for name in names if name in options and row[name])
        for row in found.rows
    )
    raise BadInput(f"There are {len(found.rows)} of {found.subject.shown}; say which: {choices}.")


def _nothing(
    connection: duckdb.DuckDBPyConnection, subject: Subject, *, run_id: str | None, period: str | None
) -> str:
    """That there is nothing to explain, and what comes nearest."""
    where = f"Run {run_id}" if run_id else f"No approved run{f' of {period}' if period else ''}"
    verb = "has no" if run_id else "has a"
    table, names = _TABLES[subject.kind]
    named = [name for name in names if subject.keys.get(name)]
    sentence = f"{where} {verb} {subject.shown}"
    nearest = _nearest(connection, table, [str(subject.keys[name]) for name in named], named)
    advice = f"; did you mean {nearest}?" if nearest else "; vgi status lists the runs."
    return sentence + advice


def _nearest(
    connection: duckdb.DuckDBPyConnection, table: str, wanted: list[str], names: list[str]
) -> str | None:
    """The subject of any run that is spelled most like the one wanted."""
    columns = ", ".join(names)
    known = connection.execute(
        f"select distinct {columns} from results.{table} order by {columns}"
    ).fetchall()
    texts = {" ".join(str(value) for value in row): row for row in known}
    close = difflib.get_close_matches(" ".join(wanted), texts, n=1, cutoff=0.5)
    return close[0] if close else None
