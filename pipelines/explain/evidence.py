"""The delivered rows that an amount rests on by the rules: no fewer, so that they alone give it again.

Whatever is found is closed: a session comes with all that cuts and classifies it (R8, R10, R12), a half hour
with every session that shares it (R9), an open session with the one that ends it, a lease with all it was
exchanged for (R22). Reads the schemas `staging`, `intermediate` and `verified` of a verification that stands,
and leaves temporary tables on the connection, which the arithmetic reads too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

import duckdb
import polars as pl

from pipelines.books import frame_of
from pipelines.feeds import FEEDS, METER_INTERVALS, Feed
from pipelines.verify import verified_for
from pipelines.versions import in_force

Key = tuple[object, ...]
Span = tuple[datetime, datetime]
HalfHour = tuple[str, datetime]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is to be explained. A settled performance is one whose payable is asked for; of the others only
    what was achieved is (R12).
    """

    settled: Sequence[tuple[str, str]] = ()
    achieved: Sequence[tuple[str, str]] = ()
    leases: Sequence[str] = ()
    contracts: Sequence[str] = ()
    instructions: Sequence[tuple[str, str]] = ()
    aggregators: Sequence[str] = ()
    cancelled: Sequence[tuple[str, str, str, str]] = ()
    """Event, vehicle, EVSE and lease of lines of whose facts the cancelled ones are asked for as well."""


@dataclass(frozen=True, kw_only=True)
class Replaced:
    """An earlier version of a delivered row, which no longer counts (R6)."""

    delivery_no: int
    file_name: str
    line: int
    received_at: datetime


@dataclass(frozen=True, kw_only=True)
class Withdrawn:
    """A withdrawn delivery that had superseded a row, which counts again since (R6)."""

    delivery_no: int
    file_name: str
    withdrawn_at: datetime
    by: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class DeliveredRow:
    """One row of a delivered file, with where it stands; `row` numbers it within the explanation.

    A half hour of a NEM12 file stands on the meter's records of its day; `line` is that of the first one.
    """

    row: int
    feed: str
    file_name: str
    line: int
    delivery_no: int
    received_at: datetime
    sha256: str
    format: str
    row_status: str
    values: Mapping[str, object]
    supersedes: tuple[Replaced, ...] = ()
    counts_again: tuple[Withdrawn, ...] = ()


@dataclass(frozen=True)
class MissingRead:
    """A half hour that is needed and for which no row was delivered (R5)."""

    metering_point_id: str
    interval_start: datetime


@dataclass(frozen=True, eq=False)
class Evidence:
    """All rows of an explanation in order of feed and key, and the reads that are not there."""

    rows: tuple[DeliveredRow, ...]
    missing_reads: tuple[MissingRead, ...]
    _numbers: Mapping[tuple[str, Key], int] = field(repr=False)

    def numbers(self, feed: str, keys: Iterable[Key]) -> tuple[int, ...]:
        """The numbers of the rows of a feed with these keys; of keys without a row, none."""
        found = (self._numbers.get((feed, key)) for key in keys)
        return tuple(sorted({number for number in found if number is not None}))

    def naming(self, feed: str, column: str, value: object) -> tuple[int, ...]:
        """The numbers of the rows of a feed with a value in a column."""
        return self._by_column(feed, column).get(value, ())

    @cache  # noqa: B019 -- an explanation is one command long
    def _by_column(self, feed: str, column: str) -> Mapping[object, tuple[int, ...]]:
        numbers: dict[object, list[int]] = {}
        for row in self.rows:
            if row.feed == feed:
                numbers.setdefault(row.values[column], []).append(row.row)
        return {value: tuple(found) for value, found in numbers.items()}


def gather(connection: duckdb.DuckDBPyConnection, asked: Asked, *, touching: Span) -> Evidence:
    """The delivered rows behind what is asked for, as the verification that stands saw them; of offers, those
    that touch the settlement period, given as instants.
    """
    _take(connection, asked)
    _find_leases(connection)
    _find_near_segments(connection)
    _find_half_hours(connection)
    _find_offers(connection, touching)
    _find_sessions(connection)
    _find_rules_of_sessions(connection)
    rows: list[DeliveredRow] = []
    numbers: dict[tuple[str, Key], int] = {}
    for feed in FEEDS.values():
        for row in _rows_of(connection, feed, first=len(rows) + 1):
            rows.append(row)
            numbers[feed.name, tuple(row.values[name] for name in feed.key)] = row.row
    missing = (key for key in _half_hours(connection) if (METER_INTERVALS, key) not in numbers)
    return Evidence(tuple(rows), tuple(MissingRead(*key) for key in missing), numbers)


# ---- what is asked for


def _take(connection: duckdb.DuckDBPyConnection, asked: Asked) -> None:
    performances = [(*key, True) for key in asked.settled] + [(*key, False) for key in asked.achieved]
    pair = {"dr_event_id": pl.String, "vehicle_id": pl.String}
    _table(connection, "named_performances", performances, {**pair, "is_settled": pl.Boolean})
    _table(connection, "named_leases", [(each,) for each in asked.leases], {"lease_id": pl.String})
    _table(connection, "asked_contracts", [(each,) for each in asked.contracts], {"contract_id": pl.String})
    _table(
        connection, "asked_aggregators", [(each,) for each in asked.aggregators], {"aggregator_id": pl.String}
    )
    _table(
        connection,
        "asked_instructions",
        asked.instructions,
        {"dr_event_id": pl.String, "aggregator_id": pl.String},
    )
    _take_cancelled(connection, asked)
    # A manager's lines are few: what they rest on is what their performances rest on.
    connection.execute(
        """
        create or replace temp table asked_performances as
        with
        named as (
            select * from named_performances
            union
            select lines.dr_event_id, lines.vehicle_id, true
            from verified.lines
            inner join asked_contracts using (contract_id)
            where lines.access_class = 'leased' and lines.unit = 'Wh'
        )
        select named.dr_event_id, named.vehicle_id, bool_or(is_settled) as is_settled,
            any_value(starts_at) as starts_at, any_value(ends_at) as ends_at
        from named
        left join staging.stg_dr_events as events on events.dr_event_id = named.dr_event_id
        group by all
        """
    )


def _take_cancelled(connection: duckdb.DuckDBPyConnection, asked: Asked) -> None:
    """The lines whose cancelled facts are asked for; the event may be cancelled, and its times with it."""
    names = ("dr_event_id", "vehicle_id", "evse_id", "lease_id")
    _table(connection, "named_lines", asked.cancelled, dict.fromkeys(names, pl.String))
    connection.execute(
        """
        create or replace temp table asked_lines as
        select named_lines.*, min(starts_at) as starts_at, max(ends_at) as ends_at
        from named_lines
        inner join raw.dr_events using (dr_event_id)
        group by all
        """
    )


def _table(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    rows: Sequence[tuple[object, ...]],
    schema: Mapping[str, Any],
) -> None:
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    connection.complete()  # else a result that was fetched in part stands in the way
    connection.register("named", frame.to_arrow())
    connection.execute(f"create or replace temp table {name} as select distinct * from named")
    connection.unregister("named")


# ---- the closure


def _find_leases(connection: duckdb.DuckDBPyConnection) -> None:
    """The leases whose exchange decides (R18, R22)."""
    connection.execute(
        """
        create or replace temp table asked_leases as
        with
        named as (
            select lease_id from named_leases
            union
            select lines.lease_id
            from intermediate.int_lines as lines
            inner join asked_performances as asked
                on asked.dr_event_id = lines.dr_event_id and asked.vehicle_id = lines.vehicle_id
            where asked.is_settled and lines.lease_id != ''
        )
        select leases.lease_id, leases.evse_id, leases.vehicle_id, leases.valid_from, leases.valid_to,
            leases.ends_at
        from intermediate.int_leases as leases
        inner join named using (lease_id)
        """
    )


def _find_near_segments(connection: duckdb.DuckDBPyConnection) -> None:
    """Every segment of a half hour of a meter that a vehicle asked about was in session behind.

    The energies of all segments are by far the largest table: it is read this once, and the rest is found in
    what is left.
    """
    # Sessions are compared whole (R16); else a half hour counts whole that an event or a lease touches.
    connection.execute(
        """
        create or replace temp table near_half_hours as
        with
        asked as (
            select vehicle_id, starts_at, ends_at, is_settled from asked_performances
            union all
            select vehicle_id, valid_from, valid_to, false from asked_leases
        ),
        wholes as (
            select vehicle_id, is_settled, time_bucket(interval 30 minutes, starts_at) as starts_at,
                time_bucket(interval 30 minutes, ends_at + interval 30 minutes) as ends_at
            from asked
        ),
        stays as (
            select sessions.evse_id,
                case when is_settled then started_at else greatest(started_at, starts_at) end as stays_from,
                case when is_settled then ended_at else least(ended_at, ends_at) end as stays_to
            from intermediate.int_sessions as sessions
            inner join wholes
                on wholes.vehicle_id = sessions.vehicle_id
                and wholes.starts_at < sessions.ended_at and wholes.ends_at > sessions.started_at
        ),
        half_hours_of_evses as (
            select distinct evse_id,
                unnest(generate_series(
                    time_bucket(interval 30 minutes, stays_from), stays_to, interval 30 minutes
                )) as interval_start
            from stays
        )
        select distinct evses.metering_point_id, half_hours_of_evses.interval_start
        from half_hours_of_evses
        inner join staging.stg_evses as evses using (evse_id)
        """
    )
    during = _between(connection, "near_half_hours", "interval_start", "interval_start")
    connection.execute(
        f"""
        create or replace temp table near_rows as
        select segments.row_id
        from (
            select rowid as row_id, metering_point_id, interval_start
            from intermediate.int_segment_energy as segments
            semi join near_half_hours using (metering_point_id)
            where {during}
        ) as segments
        semi join near_half_hours using (metering_point_id, interval_start)
        """
    )
    # Few of the rows are near: to find them by two columns first costs half of reading all columns at once.
    connection.execute(
        """
        create or replace temp table near_segments as
        select * from intermediate.int_segment_energy where rowid in (select row_id from near_rows)
        """
    )


def _find_half_hours(connection: duckdb.DuckDBPyConnection) -> None:
    """The half hours of meters that count, and every segment that shares them (R9)."""
    connection.execute(
        """
        create or replace temp table own_segments as
        select segments.*, asked.is_settled
        from near_segments as segments
        inner join asked_performances as asked
            on asked.dr_event_id = segments.dr_event_id and asked.vehicle_id = segments.vehicle_id
        """
    )
    connection.execute(
        """
        create or replace temp table leased_segments as
        select segments.*
        from near_segments as segments
        inner join asked_leases using (lease_id)
        """
    )
    # R22: whether an import under a power limit is exchange, all segments of its interval decide.
    connection.execute(
        """
        create or replace temp table compliance_segments as
        with
        intervals as (
            select distinct dr_event_id, vehicle_id, interval_start
            from leased_segments
            inner join intermediate.int_settled_signals as signals using (dr_event_id, vehicle_id)
            where signals.amount_kind = 'charging_power_limit'
        )
        select segments.metering_point_id, segments.interval_start
        from near_segments as segments
        inner join intervals
            on intervals.interval_start = segments.interval_start
            and intervals.dr_event_id = segments.dr_event_id
            and intervals.vehicle_id = segments.vehicle_id
        where segments.is_eligible
        """
    )
    # R16 compares whole sessions.
    connection.execute(
        """
        create or replace temp table compared_sessions as
        select distinct session_id from own_segments where is_eligible and is_settled
        """
    )
    connection.execute(
        """
        create or replace temp table half_hours as
        select metering_point_id, interval_start from own_segments where is_eligible or is_settled
        union
        select metering_point_id, interval_start from leased_segments
        union
        select metering_point_id, interval_start from compliance_segments
        union
        select segments.metering_point_id, segments.interval_start
        from near_segments as segments
        inner join compared_sessions using (session_id)
        """
    )
    connection.execute(
        """
        create or replace temp table segments as
        select * from near_segments semi join half_hours using (metering_point_id, interval_start)
        """
    )


def _find_offers(connection: duckdb.DuckDBPyConnection, touching: Span) -> None:
    """The offers of a contract's EVSEs, whole, and when in the period they hold (R20)."""
    connection.execute(
        """
        create or replace temp table offers as
        select offers.offer_id, offers.evse_id,
            greatest(offers.offered_from, $from) as offered_from, least(offers.offered_to, $to) as offered_to
        from staging.stg_evse_offers as offers
        semi join (
            select evses.evse_id
            from staging.stg_evses as evses
            inner join asked_contracts using (contract_id)
        ) as managed on managed.evse_id = offers.evse_id
        where offers.offered_from < $to and offers.offered_to > $from
        """,
        {"from": touching[0], "to": touching[1]},
    )


def _find_sessions(connection: duckdb.DuckDBPyConnection) -> None:
    """The sessions that share, hold, exchange or occupy, and those that end the open ones of them (R9)."""
    connection.execute(
        """
        create or replace temp table sessions as
        with
        named as (
            select session_id from segments
            union
            -- R15
            select open_sessions.session_id
            from intermediate.int_open_sessions as open_sessions
            inner join asked_performances as asked
                on asked.dr_event_id = open_sessions.dr_event_id
                and asked.vehicle_id = open_sessions.vehicle_id
            where asked.is_settled and open_sessions.is_in_region
            union
            select open_sessions.session_id
            from intermediate.int_open_sessions as open_sessions
            inner join own_segments
                on own_segments.dr_event_id = open_sessions.dr_event_id
                and own_segments.metering_point_id = open_sessions.metering_point_id
            where own_segments.is_settled and own_segments.is_eligible
            union
            -- R22
            select visits.session_id
            from intermediate.int_visit_leases as visits
            inner join asked_leases using (lease_id)
            union
            select open_sessions.session_id
            from intermediate.int_sessions as open_sessions
            inner join asked_leases as leases
                on leases.evse_id = open_sessions.evse_id and leases.vehicle_id = open_sessions.vehicle_id
                and open_sessions.started_at < leases.ends_at
                and open_sessions.lasts_to > leases.valid_from
            where open_sessions.is_open
            union
            -- R20
            select occupying.session_id
            from intermediate.int_sessions as occupying
            inner join intermediate.int_specific_periods as periods
                on periods.evse_id = occupying.evse_id and periods.vehicle_id = occupying.vehicle_id
                and occupying.started_at < periods.specific_to
                and occupying.lasts_to > periods.specific_from
            inner join offers
                on offers.evse_id = occupying.evse_id
                and occupying.started_at < offers.offered_to
                and occupying.lasts_to > offers.offered_from
        )
        select sessions.session_id, sessions.evse_id, coalesce(sessions.vehicle_id, '') as vehicle_id,
            sessions.started_at, sessions.ended_at
        from staging.stg_charger_sessions as sessions
        inner join named using (session_id)
        """
    )
    while _add_sessions_that_end_open_ones(connection):
        pass


def _add_sessions_that_end_open_ones(connection: duckdb.DuckDBPyConnection) -> int:
    added = connection.execute(
        """
        insert into sessions
        with
        open_sessions as (select * from sessions where ended_at is null),
        later as (
            select opened.session_id as opened_id, closing.*
            from open_sessions as opened
            inner join staging.stg_charger_sessions as closing on closing.evse_id = opened.evse_id
            where closing.started_at > opened.started_at
            union
            select opened.session_id as opened_id, closing.*
            from open_sessions as opened
            inner join staging.stg_charger_sessions as closing on closing.vehicle_id = opened.vehicle_id
            where closing.started_at > opened.started_at and opened.vehicle_id != ''
        ),
        closing as (
            select * from later
            qualify started_at = min(started_at) over (partition by opened_id)
        )
        select distinct session_id, evse_id, coalesce(vehicle_id, ''), started_at, ended_at
        from closing
        where session_id not in (select session_id from sessions)
        """
    ).fetchall()
    return int(added[0][0])


def _find_rules_of_sessions(connection: duckdb.DuckDBPyConnection) -> None:
    """What cuts and classifies the sessions, whoever's they are: leases, specific periods, signals (R8)."""
    connection.execute(
        """
        create or replace temp table leases as
        select lease_id, evse_id, vehicle_id from asked_leases
        union
        select leases.lease_id, leases.evse_id, leases.vehicle_id
        from staging.stg_permission_leases as leases
        inner join sessions
            on sessions.evse_id = leases.evse_id and sessions.vehicle_id = leases.vehicle_id
            and sessions.started_at < leases.valid_to
            and coalesce(sessions.ended_at, 'infinity'::timestamp) > leases.valid_from
        """
    )
    connection.execute(
        """
        create or replace temp table pairs as
        select evse_id, vehicle_id from sessions
        union
        select evse_id, vehicle_id from asked_leases
        """
    )
    connection.execute(
        """
        create or replace temp table signals as
        select dr_event_id, vehicle_id from asked_performances
        union
        select signals.dr_event_id, signals.vehicle_id
        from intermediate.int_signals as signals
        inner join sessions
            on sessions.vehicle_id = signals.vehicle_id
            and sessions.started_at < signals.ends_at
            and sessions.ended_at > signals.starts_at
        where signals.is_settled
        """
    )
    connection.execute(
        """
        create or replace temp table evses as
        select evse_id from sessions
        union
        select evse_id from leases
        union
        select evses.evse_id from staging.stg_evses as evses inner join asked_contracts using (contract_id)
        """
    )
    connection.execute(
        """
        create or replace temp table vehicles as
        select vehicle_id from sessions
        union
        select vehicle_id from leases
        union
        select vehicle_id from signals
        """
    )


def _between(connection: duckdb.DuckDBPyConnection, table: str, starts: str, ends: str) -> str:
    """Half hours that the rows of a table can touch, as literals: only these prune the scan of reads."""
    row = connection.execute(
        f"select time_bucket(interval 30 minutes, min({starts})), max({ends}) from {table}"
    ).fetchone()
    first, last = row if row else (None, None)
    if first is None:
        return "false"
    return f"segments.interval_start >= timestamp '{first}' and segments.interval_start <= timestamp '{last}'"


# ---- the rows

_CHOICE = {
    "aggregators": "semi join asked_aggregators using (aggregator_id)",
    "vehicles": "semi join vehicles using (vehicle_id)",
    "contracts": "semi join asked_contracts using (contract_id)",
    "evses": "semi join evses using (evse_id)",
    "specific_vehicles": "semi join pairs using (evse_id, vehicle_id)",
    "evse_offers": "semi join offers using (offer_id)",
    "permission_leases": "semi join leases using (lease_id)",
    "meter_intervals": "semi join (select distinct metering_point_id from half_hours) as points"
    " using (metering_point_id) semi join half_hours using (metering_point_id, interval_start)",
    "charger_sessions": "semi join sessions using (session_id)",
    "dr_events": "semi join events using (dr_event_id)",
    "dr_instructions": "semi join asked_instructions using (dr_event_id, aggregator_id)",
    "dr_signals": "semi join signals using (dr_event_id, vehicle_id)",
}


# R6: a version that says `cancelled` is delivered as well; of these feeds it takes a line away.
_CANCELLED = {
    "dr_events": "select dr_event_id from asked_lines",
    "dr_signals": "select dr_event_id, vehicle_id from asked_lines",
    "permission_leases": "select lease_id from asked_lines where lease_id != ''",
    "charger_sessions": """
        select sessions.session_id
        from raw.charger_sessions as sessions
        inner join asked_lines
            on asked_lines.evse_id = sessions.evse_id and asked_lines.vehicle_id = sessions.vehicle_id
            and sessions.started_at < asked_lines.ends_at
            and coalesce(sessions.ended_at, 'infinity'::timestamp) > asked_lines.starts_at
    """,
}
_KEYS_OF_CANCELLED = {
    "dr_events": "dr_event_id",
    "dr_signals": "dr_event_id, vehicle_id",
    "permission_leases": "lease_id",
    "charger_sessions": "session_id",
}


def _find_rows(connection: duckdb.DuckDBPyConnection, feed: Feed, *, within: str) -> None:
    names = ", ".join(feed.column_names)
    connection.execute(
        f"""
        create or replace temp table found as
        select delivery_no, row_no, line, 'active' as row_status, {names}
        from staging.stg_{feed.name} as segments
        {_CHOICE[feed.name]}
        where {within}
        """
    )
    if feed.name in _CANCELLED:
        connection.execute(
            f"""
            insert into found
            select delivery_no, row_no, line, row_status, {names}
            from raw.{feed.name} as versions
            semi join ({_CANCELLED[feed.name]}) as named using ({_KEYS_OF_CANCELLED[feed.name]})
            where row_status = 'cancelled'
                and {in_force("versions", deliveries="select delivery_no from staging.stg_deliveries")}
            """
        )


def _rows_of(connection: duckdb.DuckDBPyConnection, feed: Feed, *, first: int) -> Iterable[DeliveredRow]:
    """The rows of one feed in order of their key, numbered from `first`."""
    if feed.name == "dr_events":
        connection.execute(
            "create or replace temp table events as select distinct dr_event_id from signals "
            "union select dr_event_id from asked_instructions"
        )
    within = "true"
    if feed.name == METER_INTERVALS:
        within = _between(connection, "half_hours", "interval_start", "interval_start")
    _find_rows(connection, feed, within=within)
    names = ", ".join(feed.column_names)
    frame = frame_of(
        connection,
        f"""
        select deliveries.file_name, line, delivery_no, row_no, received_at, sha256, format, row_status,
            {names}
        from found
        inner join raw.deliveries using (delivery_no)
        order by {", ".join(feed.key)}
        """,
    )
    replaced = _replaced_by_found(connection, feed, within=within)
    withdrawn = _withdrawn_over_found(connection)
    for number, row in enumerate(frame.iter_rows(named=True), start=first):
        values = {name: row.pop(name) for name in feed.column_names}
        key = tuple(values[name] for name in feed.key)
        again = withdrawn.get((row["delivery_no"], row.pop("row_no")), ())
        yield DeliveredRow(
            row=number,
            feed=feed.name,
            values=values,
            supersedes=tuple(replaced.get(key, ())),
            counts_again=tuple(again),
            **row,
        )


def _withdrawn_over_found(
    connection: duckdb.DuckDBPyConnection,
) -> Mapping[tuple[int, int], list[Withdrawn]]:
    """The deliveries, withdrawn for the run, that had superseded the rows found, by delivery and row."""
    rows = connection.execute(
        """
        select
            found.delivery_no, found.row_no,
            run_deliveries.delivery_no, run_deliveries.file_name, withdrawn_at, "by", reason
        from found
        inner join raw.supersessions
            on supersessions.delivery_no = found.delivery_no and supersessions.row_no = found.row_no
        inner join books.run_deliveries
            on run_deliveries.delivery_no = superseded_by_delivery_no
            and run_deliveries.run_id = ? and run_deliveries.outcome = 'withdrawn'
        inner join raw.withdrawals on withdrawals.delivery_no = run_deliveries.delivery_no
        order by run_deliveries.delivery_no
        """,
        [verified_for(connection)],
    ).fetchall()
    again: dict[tuple[int, int], list[Withdrawn]] = {}
    for delivery_no, row_no, by_delivery_no, file_name, withdrawn_at, by, reason in rows:
        withdrawal = Withdrawn(
            delivery_no=by_delivery_no, file_name=file_name, withdrawn_at=withdrawn_at, by=by, reason=reason
        )
        again.setdefault((delivery_no, row_no), []).append(withdrawal)
    return again


def _replaced_by_found(
    connection: duckdb.DuckDBPyConnection, feed: Feed, *, within: str
) -> Mapping[Key, list[Replaced]]:
    """The versions that the rows found replaced, by key, the last one first."""
    connection.execute(
        """
        create or replace temp table replaced as
        select delivery_no, row_no, superseded_by_delivery_no
        from raw.supersessions
        semi join found on found.delivery_no = superseded_by_delivery_no
        """
    )
    if not connection.execute("select 1 from replaced limit 1").fetchall():
        return {}
    equal_keys = " and ".join(f"found.{name} = segments.{name}" for name in feed.key)
    shown = ", ".join(f"found.{name}" for name in feed.key)
    rows = connection.execute(
        f"""
        select distinct {shown}, deliveries.delivery_no, file_name, segments.line, received_at
        from (
            select * from raw.{feed.name} as segments
            semi join (select distinct {feed.key[0]} from found) as keys using ({feed.key[0]})
            where {within}
        ) as segments
        inner join replaced
            on replaced.delivery_no = segments.delivery_no and replaced.row_no = segments.row_no
        inner join found on found.delivery_no = replaced.superseded_by_delivery_no and {equal_keys}
        inner join raw.deliveries on deliveries.delivery_no = segments.delivery_no
        order by {shown}, received_at desc, file_name desc
        """
    ).fetchall()
    replaced: dict[Key, list[Replaced]] = {}
    for *values, delivery_no, file_name, line, received_at in rows:
        earlier = Replaced(delivery_no=delivery_no, file_name=file_name, line=line, received_at=received_at)
        replaced.setdefault(tuple(values), []).append(earlier)
    return replaced


def _half_hours(connection: duckdb.DuckDBPyConnection) -> list[HalfHour]:
    return connection.execute(
        "select metering_point_id, interval_start from half_hours order by all"
    ).fetchall()
