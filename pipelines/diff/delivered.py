"""Which delivered rows two runs see differently: of each key that a delivery of only one of them touches, the
version that either run sees (R6), where their contents differ.

Leaves temporary tables: `side_deliveries` (the deliveries of either run in R6's order), `seen_<feed>` (one
row per key seen differently, with both versions as structs) and `footprints` (where and when such a row
says anything, in either version).
"""

from dataclasses import dataclass

import duckdb

from pipelines.diff.found import moved_of, struct_of
from pipelines.feeds import FEEDS, METER_INTERVALS, ROW_STATUS, Feed

# Columns that are kept and no settlement reads: a row that differs in these alone changes nothing.
_NOT_READ = {
    "vehicles": {"ownership", "powertrain"},
    "contracts": {"manager_kind"},
    "evses": {"parking_lot_id", "supply"},
}
_FOREVER = "timestamp 'infinity'"
# From when until when a row of a feed says something. An open session lasts as `known.py` finds.
_SPANS = {
    "aggregators": ("valid_from", f"coalesce(valid_to, {_FOREVER})"),
    "vehicles": ("valid_from", f"coalesce(valid_to, {_FOREVER})"),
    "contracts": ("valid_from", f"coalesce(valid_to, {_FOREVER})"),
    "evses": ("valid_from", f"coalesce(valid_to, {_FOREVER})"),
    "specific_vehicles": ("valid_from", f"coalesce(valid_to, {_FOREVER})"),
    "evse_offers": ("offered_from", "offered_to"),
    "permission_leases": ("valid_from", "valid_to"),
    "meter_intervals": ("interval_start", "interval_start + interval 30 minutes"),
    "charger_sessions": ("started_at", f"coalesce(ended_at, {_FOREVER})"),
    "dr_events": ("starts_at", "ends_at"),
    "dr_instructions": ("issued_at", "issued_at"),
    "dr_signals": ("issued_at", "issued_at"),
}
_IDS = (
    "session_id", "evse_id", "vehicle_id", "metering_point_id", "dr_event_id", "lease_id", "contract_id",
    "aggregator_id", "parent_aggregator_id", "offer_id", "region",
)  # fmt: skip


@dataclass(frozen=True)
class Sides:
    """The deliveries of which the rows count, of one run and not of the other."""

    only_a: tuple[int, ...]
    only_b: tuple[int, ...]


def columns_read(feed: Feed) -> tuple[str, ...]:
    """The columns of a feed beside its key that a settlement reads."""
    return tuple(
        name
        for name in feed.column_names
        if name not in feed.key and name not in _NOT_READ.get(feed.name, set())
    )


def compare_deliveries(
    connection: duckdb.DuckDBPyConnection, *, run_a: str, run_b: str, causes_before: int
) -> Sides:
    """Make the temporary tables. A row seen differently is a cause, numbered on from `causes_before`."""
    sides = _sides(connection, run_a=run_a, run_b=run_b)
    deliveries = (*sides.only_a, *sides.only_b)
    for feed in FEEDS.values():
        range_of_keys = _range_of_keys(connection, feed, deliveries=deliveries)
        connection.execute(
            _seen(feed, deliveries=deliveries, range_of_keys=range_of_keys, first=causes_before)
        )
        row = connection.execute(f"select count(*) from seen_{feed.name}").fetchone()
        causes_before += row[0] if row else 0
    footprints = " union all by name ".join(_footprints(feed) for feed in FEEDS.values())
    connection.execute(f"create or replace temp table footprints as {footprints}")
    return sides


def _sides(connection: duckdb.DuckDBPyConnection, *, run_a: str, run_b: str) -> Sides:
    connection.execute(
        """
        create or replace temp table side_deliveries as
        select
            if(run_id = $run_a, 'a', 'b') as side,
            delivery_no,
            dense_rank() over (order by received_at, feed, file_name, delivery_no) as place,
        from books.run_deliveries
        where run_id in ($run_a, $run_b) and outcome = 'loaded'
        """,
        {"run_a": run_a, "run_b": run_b},
    )
    rows = connection.execute(
        """
        select delivery_no, any_value(side)
        from side_deliveries
        group by delivery_no
        having count(*) = 1
        order by delivery_no
        """
    ).fetchall()
    return Sides(
        only_a=tuple(delivery_no for delivery_no, side in rows if side == "a"),
        only_b=tuple(delivery_no for delivery_no, side in rows if side == "b"),
    )


def _of_deliveries(deliveries: tuple[int, ...]) -> str:
    """A literal list, so that the scan of a large feed is pruned to where these deliveries were appended."""
    return f"delivery_no in ({', '.join(map(str, deliveries))})" if deliveries else "false"


def _range_of_keys(connection: duckdb.DuckDBPyConnection, feed: Feed, *, deliveries: tuple[int, ...]) -> str:
    """Of the reads, a literal range of instants in which all versions of the keys concerned lie."""
    if feed.name != METER_INTERVALS:
        return "true"
    row = connection.execute(
        f"""
        select min(interval_start), max(interval_start) from raw.{feed.name}
        where {_of_deliveries(deliveries)}
        """
    ).fetchone()
    if row is None or row[0] is None:
        return "false"
    return f"interval_start between timestamp '{row[0]}' and timestamp '{row[1]}'"


def _seen(feed: Feed, *, deliveries: tuple[int, ...], range_of_keys: str, first: int) -> str:
    key, values = ", ".join(feed.key), columns_read(feed)
    shown = tuple(name for name in feed.column_names if name not in feed.key)
    version = struct_of(("delivery_no", "line", ROW_STATUS, *shown), table="rows")
    return f"""
        create or replace temp table seen_{feed.name} as
        with
        touched as (
            select distinct {key} from raw.{feed.name}
            where {_of_deliveries(deliveries)} and {range_of_keys}
        ),
        seen as (
            select
                {key},
                arg_max({version}, place) filter (where side = 'a') as a,
                arg_max({version}, place) filter (where side = 'b') as b,
            from raw.{feed.name} as rows
            inner join touched using ({key})
            inner join side_deliveries using (delivery_no)
            where {range_of_keys}
            group by {key}
        ),
        compared as (
            select
                *,
                coalesce(a.{ROW_STATUS} = 'active', false) as exists_a,
                coalesce(b.{ROW_STATUS} = 'active', false) as exists_b,
                {moved_of(values, one="a", other="b") if values else "[]::varchar[]"} as moved,
            from seen
        )
        select
            {first} + row_number() over (order by {key}) as cause_no,
            * exclude (moved),
            case when exists_a and exists_b then moved end as moved,
        from compared
        where (exists_a or exists_b) and (exists_a != exists_b or len(moved) > 0)
    """


def _footprints(feed: Feed) -> str:
    key = ", ".join(feed.key)
    begins, ends = _SPANS[feed.name]
    ids = ", ".join(name for name in feed.column_names if name in _IDS)
    return f"""
        select cause_no, side, '{feed.name}' as feed, moved, {ids}, {begins} as from_at, {ends} as to_at
        from (
            select cause_no, 'a' as side, moved, {key}, unnest(a) from seen_{feed.name} where exists_a
            union all
            select cause_no, 'b' as side, moved, {key}, unnest(b) from seen_{feed.name} where exists_b
        )
    """
