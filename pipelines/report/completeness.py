"""How complete the reads of a run's period are: per metering point and local day, and by quality.

A half hour of a metering point is asked for while an EVSE behind it is registered (R7), and is usable if the
import was read and, at an EVSE able to feed back, the backfeed too (R5, R11).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb

from pipelines.report.rows import Rows, known_rows, rows_of
from pipelines.verify import HALF_HOUR
from settlement import SettlementPeriod

MOST_METERING_POINTS = 60


@dataclass(frozen=True, kw_only=True)
class Completeness:
    """Half hours asked for and usable.

    `days`: one row per shown metering point (the least complete ones; None: all the others) and local date.
    `qualities`: one row per local date and quality letter of the import, N where it is missing.
    """

    metering_points: int
    incomplete_points: int
    asked: int
    usable: int
    days: Rows
    qualities: Rows

    @property
    def others(self) -> int:
        """How many metering points the row of all the others stands for."""
        return max(0, self.metering_points - MOST_METERING_POINTS)


def completeness_of(
    connection: duckdb.DuckDBPyConnection, *, run_id: str, period: SettlementPeriod, time_zone: str
) -> Completeness:
    """Compare, per metering point and day, the half hours asked for with those that were read."""
    first, last = (_half_hour_from(instant) for instant in period.instants(time_zone))
    connection.execute(
        _meter_days(first, last),
        {"run_id": run_id, "from": first, "to": last, "time_zone": time_zone},
    )
    try:
        return _summed(connection)
    finally:
        connection.execute("drop table temp.meter_days")


def _half_hour_from(instant: datetime) -> datetime:
    """The first half hour that starts at or after the instant: that of a day need not, 45 minutes off UTC."""
    past = timedelta(minutes=instant.minute % 30, seconds=instant.second)
    return instant + HALF_HOUR - past if past else instant


def _summed(connection: duckdb.DuckDBPyConnection) -> Completeness:
    totals = connection.execute(
        """
        select count(*), count(*) filter (where usable < asked), sum(asked)::bigint, sum(usable)::bigint
        from (
            select sum(bit_count(asked)) as asked, sum(bit_count(usable)) as usable
            from temp.meter_days group by metering_point_id
        )
        """
    ).fetchone()
    assert totals is not None
    points, incomplete, asked, usable = totals
    return Completeness(
        metering_points=points,
        incomplete_points=incomplete,
        asked=asked or 0,
        usable=usable or 0,
        days=rows_of(connection, _DAYS, most=MOST_METERING_POINTS),
        qualities=rows_of(connection, _QUALITIES),
    )


def _meter_days(first: datetime, last: datetime) -> str:
    """The bits of a day's half hours, per metering point: asked for, usable, and of each quality."""
    # Literal bounds: the interval table is large, and only a literal range prunes its row groups.
    in_period = (
        f"version.interval_start >= timestamp '{first:%Y-%m-%d %H:%M:%S}'"
        f" and version.interval_start < timestamp '{last:%Y-%m-%d %H:%M:%S}'"
    )
    return f"""
        create temp table meter_days as
        with
        half_hours as materialized (
            select
                interval_start,
                local_date,
                (row_number() over (partition by local_date order by interval_start) - 1)::integer as slot
            from (
                select
                    interval_start,
                    cast(timezone($time_zone, timezone('UTC', interval_start)) as date) as local_date
                from unnest(range($from::timestamp, $to::timestamp, interval 30 minutes))
                    as starts (interval_start)
            )
        ),
        days as (
            select local_date, min(interval_start) as begins, count(*) as half_hours
            from half_hours group by local_date
        ),
        in_force as (
            select
                metering_point_id,
                backfeed_capable,
                valid_from as in_force_from,
                least(
                    coalesce(valid_to, timestamp 'infinity'),
                    lead(valid_from, 1, timestamp 'infinity') over (partition by evse_id order by valid_from)
                ) as in_force_to
            from ({known_rows("evses")})
        ),
        -- By its start a half hour belongs to what is in force then: the first slot at or after either end.
        covered as (
            select
                in_force.metering_point_id,
                in_force.backfeed_capable,
                days.local_date,
                (greatest(0, date_diff('second', begins, in_force_from)) + 1799) // 1800 as from_slot,
                case
                    when in_force_to >= begins + days.half_hours * interval 30 minutes then days.half_hours
                    else (date_diff('second', begins, in_force_to) + 1799) // 1800
                end as to_slot
            from in_force
            inner join days
                on in_force_to > begins and in_force_from < begins + days.half_hours * interval 30 minutes
        ),
        asked as (
            select
                metering_point_id,
                local_date,
                bit_or(half_hours) as asked,
                bit_or(case when backfeed_capable then half_hours else 0 end) as asked_backfeed
            from (
                select *, (1::bigint << to_slot) - (1::bigint << from_slot) as half_hours
                from covered
                where to_slot > from_slot
            )
            group by metering_point_id, local_date
        ),
        read as (
            select
                metering_point_id,
                local_date,
                bit_or(case when import_wh is not null then half_hour else 0 end) as import,
                bit_or(case when backfeed_wh is not null then half_hour else 0 end) as backfeed,
                bit_or(case when import_wh is not null and quality = 'A' then half_hour else 0 end) as a,
                bit_or(case when import_wh is not null and quality = 'S' then half_hour else 0 end) as s,
                bit_or(case when import_wh is not null and quality = 'E' then half_hour else 0 end) as e
            from (
                select reads.*, half_hours.local_date, 1::bigint << half_hours.slot as half_hour
                from ({known_rows("meter_intervals", where=in_period)}) as reads
                inner join half_hours on half_hours.interval_start = reads.interval_start
            )
            group by metering_point_id, local_date
        )
        select
            asked.metering_point_id,
            asked.local_date,
            asked.asked,
            asked.asked & coalesce(read.import, 0)
            & (coalesce(read.backfeed, 0) | ~asked.asked_backfeed) as usable,
            asked.asked & coalesce(read.a, 0) as a,
            asked.asked & coalesce(read.s, 0) as s,
            asked.asked & coalesce(read.e, 0) as e,
            asked.asked & ~coalesce(read.import, 0) as n
        from asked
        left join read
            on read.metering_point_id = asked.metering_point_id and read.local_date = asked.local_date
    """


_DAYS = """
    with points as (
        select
            metering_point_id,
            row_number() over (
                order by sum(bit_count(usable)) * 1000000 // sum(bit_count(asked)), metering_point_id
            ) as place
        from temp.meter_days
        group by metering_point_id
    )
    select
        case when place <= $most then meter_days.metering_point_id end as metering_point_id,
        local_date,
        sum(bit_count(usable))::bigint as usable,
        sum(bit_count(asked))::bigint as asked
    from temp.meter_days
    inner join points on points.metering_point_id = meter_days.metering_point_id
    group by all
    order by min(place), local_date
"""
_QUALITIES = """
    unpivot (
        select
            local_date,
            sum(bit_count(a))::bigint as "A",
            sum(bit_count(s))::bigint as "S",
            sum(bit_count(e))::bigint as "E",
            sum(bit_count(n))::bigint as "N"
        from temp.meter_days
        group by local_date
    )
    on "A", "S", "E", "N" into name quality value half_hours
    order by local_date, quality
"""
