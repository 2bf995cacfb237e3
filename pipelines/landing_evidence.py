"""Evidence for the gate `landing`: what became of the deliveries of one ingest, still inside its transaction.

Only rows of these deliveries are looked at and, of meters, the days that they touch.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

import duckdb
import pyarrow as pa

from pipelines.deliveries import Delivery
from pipelines.evidence import MOST_KEYS, Evidence, counts_of, table_of
from pipelines.feeds import (
    FEEDS,
    FIRST_YEAR,
    ID_PATTERN,
    LARGEST_INTEGER,
    LAST_YEAR,
    METER_INTERVALS,
    Column,
    Feed,
    Kind,
)
from pipelines.versions import SEEN_NOW, in_force

_SESSIONS = "charger_sessions"
# Of the feeds that tell what happened: when a row of them begins, and up to when it reaches.
_FACTS = {
    METER_INTERVALS: ("interval_start", "interval_start"),
    _SESSIONS: ("started_at", "coalesce(ended_at, started_at)"),
}
_DAY = timedelta(days=1)
_SLOT = "(epoch_us(interval_start) // 1800000000 % 48)::integer"


def landing_evidence(
    connection: duckdb.DuckDBPyConnection, *, deliveries: Sequence[Delivery], received_at: datetime
) -> Evidence:
    """The evidence by its name; the feeds `meter_intervals` and `charger_sessions` where any of them came."""
    first, last = deliveries[0].delivery_no, deliveries[-1].delivery_no
    # Literal numbers: only then are the row groups of earlier deliveries skipped.
    ours = f"delivery_no between {first} and {last}"
    feeds = sorted({delivery.feed for delivery in deliveries})
    if METER_INTERVALS in feeds:
        _find_touched_meters(connection, ours=ours)
    evidence = {
        "deliveries": _deliveries(connection, feeds=feeds, ours=ours),
        "feeds": pa.concat_tables(
            _feed(connection, feed=FEEDS[feed], ours=ours, received_at=received_at) for feed in feeds
        ),
    }
    if METER_INTERVALS in feeds:
        evidence[METER_INTERVALS] = _meter_days(connection)
        connection.execute("drop table touched_meters")
    if _SESSIONS in feeds:
        evidence[_SESSIONS] = _sessions(connection, ours=ours)
    return evidence


def _deliveries(connection: duckdb.DuckDBPyConnection, *, feeds: Sequence[str], ours: str) -> pa.Table:
    loaded = " union all ".join(
        f"select delivery_no, count(*) as rows_loaded from raw.{feed} where {ours} group by delivery_no"
        for feed in feeds
    )
    return table_of(
        connection,
        f"""
        with loaded as ({loaded}),
        reasons as (select distinct delivery_no from raw.quarantine where {ours})
        select
            feed || '/' || file_name as key,
            rows_in,
            rows_accepted + rows_duplicate + rows_quarantined as rows_accounted_for,
            rows_accepted,
            coalesce(rows_loaded, 0) as rows_loaded,
            (rows_quarantined > 0 and reasons.delivery_no is null)::bigint as quarantined_without_reason,
            feed || '/' || file_name as quarantined_without_reason_keys,
            outcome,
            case when outcome = 'loaded' and rows_in > 0 then rows_quarantined * 10000 // rows_in else 0 end
                as quarantined_bp
        from raw.deliveries
        left join loaded using (delivery_no)
        left join reasons using (delivery_no)
        where {ours}
        order by deliveries.delivery_no
        """,
    )


def _feed(connection: duckdb.DuckDBPyConnection, *, feed: Feed, ours: str, received_at: datetime) -> pa.Table:
    columns = feed.file_columns
    if feed.name == METER_INTERVALS and _meters_are_well_named(connection):
        # The pattern of an id is dear, and a meter has thousands of rows: its ids are looked at once each.
        columns = tuple(column for column in columns if column.kind is not Kind.ID)
    outside = _any(_outside_domain(column) for column in columns)
    broken = _any(rule.broken_when for rule in feed.row_rules)
    begins, reaches = _FACTS.get(feed.name, ("null::timestamp", "null::timestamp"))
    # One condition of a `where` costs half of what the same costs as filters of counts.
    at_fault = f"select 1 from raw.{feed.name} where {ours} and ({outside} or {broken}) limit 1"
    any_at_fault = bool(connection.execute(at_fault).fetchall())
    query = f"""
        select
            count(*) filter (where {outside if any_at_fault else "false"}),
            count(*) filter (where {broken if any_at_fault else "false"}),
            count(*) filter (where {reaches} > $received_at),
            date_diff('day', max({begins}), $received_at::timestamp)
        from raw.{feed.name} where {ours}
    """
    row = connection.execute(query, {"received_at": received_at}).fetchone()
    assert row is not None
    rows_outside, rows_broken, ahead, days_behind = row
    # The reads of a meter's half hour are counted with its days: their key is by far the dearest here.
    doubled = "" if feed.name == METER_INTERVALS else _doubled_keys(feed, ours=ours)
    counted = counts_of(connection, {"keys_doubled": doubled}) if doubled else None

    def keys(condition: str, count: int) -> str:
        return _first_keys(connection, feed=feed, where=f"{ours} and {condition}") if count else ""

    ahead_of_receipt = f"{reaches} > timestamp '{received_at}'"
    return pa.table(
        {
            "key": [feed.name],
            "rows_outside_domain": [rows_outside],
            "rows_outside_domain_keys": [keys(outside, rows_outside)],
            "rows_breaking_rules": [rows_broken],
            "rows_breaking_rules_keys": [keys(broken, rows_broken)],
            "keys_doubled": counted["keys_doubled"].to_pylist() if counted else [0],
            "keys_doubled_keys": counted["keys_doubled_keys"].to_pylist() if counted else [""],
            "facts_ahead": [ahead],
            "facts_ahead_keys": [keys(ahead_of_receipt, ahead)],
            "days_behind": pa.array([days_behind], type=pa.int64()),
        }
    )


def _meters_are_well_named(connection: duckdb.DuckDBPyConnection) -> bool:
    query = f"""
        select 1 from touched_meters where not regexp_full_match(metering_point_id, '{ID_PATTERN}') limit 1
    """
    return not connection.execute(query).fetchall()


def _any(conditions: Iterable[str]) -> str:
    """SQL: whether one of the conditions is true; one that is null is not."""
    return f"({' or '.join(f'({condition})' for condition in conditions) or 'false'})"


def _outside_domain(column: Column) -> str:
    """SQL: whether a value is outside its column's domain; null for an empty one."""
    name = column.name
    if column.kind is Kind.ENUM:
        return f"{name} not in ({', '.join(repr(value) for value in column.values)})"
    if column.kind is Kind.INTEGER:
        return f"{name} not between {column.minimum} and {LARGEST_INTEGER}"
    if column.kind is Kind.INSTANT:
        return f"{name} < timestamp '{FIRST_YEAR}-01-01' or {name} >= timestamp '{LAST_YEAR + 1}-01-01'"
    if column.kind is Kind.ID:
        return f"not regexp_full_match({name}, '{ID_PATTERN}')"
    return "false"


def _shown_key(feed: Feed) -> str:
    return f"'{feed.name}: ' || concat_ws(' ', {', '.join(f'{name}::varchar' for name in feed.key)})"


def _first_keys(connection: duckdb.DuckDBPyConnection, *, feed: Feed, where: str) -> str:
    query = f"select {_shown_key(feed)} from raw.{feed.name} where {where} order by all limit {MOST_KEYS}"
    return "\n".join(key for (key,) in connection.execute(query).fetchall())


def _doubled_keys(feed: Feed, *, ours: str) -> str:
    key = ", ".join(feed.key)
    return f"""
        with delivered as (select distinct {key} from raw.{feed.name} where {ours}),
        in_force as (
            select {key} from raw.{feed.name} as rows
            semi join delivered using ({key})
            where {in_force("rows", deliveries=SEEN_NOW)}
        )
        select {_shown_key(feed)} as key from in_force group by {key} having count(*) > 1
    """


def _find_touched_meters(connection: duckdb.DuckDBPyConnection, *, ours: str) -> None:
    """`touched_meters`: a row per meter that this ingest brought reads of, with its first and last day."""
    connection.execute(
        f"""
        create or replace temp table touched_meters as
        select
            metering_point_id,
            min(interval_start)::date as first_day,
            max(interval_start)::date as last_day
        from raw.{METER_INTERVALS}
        where {ours}
        group by metering_point_id
        """
    )


def _meter_days(connection: duckdb.DuckDBPyConnection) -> pa.Table:
    """One row: the meter-days touched that lack reads, that have one twice, and that feed in too much.

    A meter's day lacks what is missing between the meter's first and last row of the days touched, the day
    before and the day after: so its very first and last day may be partial, and a gap between two ingests is
    found by the second.
    """
    query = "select min(first_day), max(last_day) from touched_meters"
    first, last = connection.execute(query).fetchall()[0]
    connection.execute(
        f"create or replace temp table meter_days as {_judged_days(first or date.min, last or date.min)}"
    )
    day = "metering_point_id || ' ' || day"
    counts = counts_of(
        connection,
        {
            "meter_days_incomplete": f"""
                select {day} || ' (' || half_hours_read || ' of ' || half_hours_expected || ')' as key
                from meter_days where half_hours_read < half_hours_expected
            """,
            "meter_days_doubled": f"select {day} as key from meter_days where rows_held > half_hours_held",
            "meter_days_above_rating": f"""
                select {day} || ' (' || largest_backfeed_wh || ' Wh in a half hour at '
                    || rated_w || ' W)' as key
                from meter_days where largest_backfeed_wh * 2 > rated_w
            """,
        },
    )
    connection.execute("drop table meter_days")
    return counts


def _judged_days(first: date, last: date) -> str:
    """SQL: a row per meter and day (UTC) touched, with what of it is held, read and expected."""
    # A literal range: only then are the row groups of other days skipped.
    if first == date.min:
        first = last = date(FIRST_YEAR, 1, 2)
    return f"""
        with held as (
            select
                metering_point_id,
                interval_start::date as day,
                count(*) as rows_held,
                bit_count(bit_or(1::bigint << {_SLOT})) as half_hours_held,
                coalesce(bit_count(bit_or(1::bigint << {_SLOT}) filter (where quality <> 'N')), 0)
                    as half_hours_read,
                max(backfeed_wh) as largest_backfeed_wh,
                min(interval_start) as first_start,
                max(interval_start) as last_start
            from raw.{METER_INTERVALS} as rows
            where
                {in_force("rows", deliveries=SEEN_NOW)}
                and interval_start >= timestamp '{first - _DAY}'
                and interval_start < timestamp '{last + 2 * _DAY}'
                and metering_point_id in (select metering_point_id from touched_meters)
            group by metering_point_id, interval_start::date
        ),
        reach as (
            select
                metering_point_id,
                min(first_start) as reads_from,
                max(last_start) + interval 30 minutes as reads_to
            from held
            group by metering_point_id
        ),
        calendar as (
            select
                metering_point_id,
                unnest(generate_series(first_day::timestamp, last_day::timestamp, interval 1 day))::date
                    as day
            from touched_meters
        ),
        rated as (
            select metering_point_id, sum(rated_discharge_w) as rated_w
            from (
                select metering_point_id, evse_id, max(rated_discharge_w) as rated_discharge_w
                from raw.evses
                group by metering_point_id, evse_id
            )
            group by metering_point_id
        )
        select
            metering_point_id,
            day,
            coalesce(rows_held, 0) as rows_held,
            coalesce(half_hours_held, 0) as half_hours_held,
            coalesce(half_hours_read, 0) as half_hours_read,
            epoch(
                least(reads_to, day + interval 1 day) - greatest(reads_from, day::timestamp)
            )::bigint // 1800 as half_hours_expected,
            largest_backfeed_wh,
            rated_w
        from calendar
        inner join reach using (metering_point_id)
        left join held using (metering_point_id, day)
        left join rated using (metering_point_id)
    """


def _sessions(connection: duckdb.DuckDBPyConnection, *, ours: str) -> pa.Table:
    """One row: sessions whose energy is more than the EVSE's rated power (the largest known) x their time."""

    def above(energy: str, power: str) -> str:
        return f"""
            select
                session_id || ' at ' || evse_id || ' (' || {energy} || ' Wh in '
                || date_diff('second', started_at, ended_at) || ' s at ' || rated_w || ' W)' as key
            from raw.{_SESSIONS}
            inner join (
                select evse_id, max({power}) as rated_w from raw.evses group by evse_id
            ) using (evse_id)
            where
                {ours}
                and {energy}::hugeint * 3600 > rated_w::hugeint * date_diff('second', started_at, ended_at)
        """

    return counts_of(
        connection,
        {
            "charged_above_rating": above("charged_wh", "rated_charge_w"),
            "discharged_above_rating": above("discharged_wh", "rated_discharge_w"),
        },
    )
