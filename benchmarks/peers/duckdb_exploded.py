"""Performances by DuckDB in the obvious way: every session in half hours, then joined to all else."""

from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from benchmarks.peers.tables import PERFORMANCES, TABLES

_SQL = """
with
known_vehicles as (
    select vehicle_id, valid_from as known_from, least(
        valid_to, lead(valid_from, 1, 'infinity') over (partition by vehicle_id order by valid_from)
    ) as known_to
    from vehicles
),
known_evses as (
    select *, valid_from as known_from, least(
        valid_to, lead(valid_from, 1, 'infinity') over (partition by evse_id order by valid_from)
    ) as known_to
    from evses
),
signals as (
    select * from (
        select signal.*, event.* exclude (dr_event_id)
        from dr_signals as signal
        join dr_events as event using (dr_event_id)
        join known_vehicles as vehicle on vehicle.vehicle_id = signal.vehicle_id
            and starts_at >= known_from and starts_at < known_to
        where issued_at < starts_at
        qualify row_number() over (partition by dr_event_id, signal.vehicle_id order by issued_at desc) = 1
    )
    where (direction = 'suppression') = (amount_kind in ('discharge_energy', 'charging_power_limit'))
),
needed as (
    select
        time_bucket(interval 30 minutes, min(starts_at)) as needed_from,
        time_bucket(interval 30 minutes, max(ends_at) + interval 1799 seconds) as needed_to
    from signals where starts_at >= $period_from and starts_at < $period_to
),
covers as (
    select
        lease.evse_id, lease.vehicle_id,
        greatest(lease.valid_from, granted_at, if(kind = 'indirect', consent_at, null)) as permitted_from,
        least(lease.valid_to, revoked_at) as permitted_to
    from permission_leases as lease
    join known_evses as evse on evse.evse_id = lease.evse_id
        and lease.valid_from >= evse.known_from and lease.valid_from < evse.known_to
    join known_vehicles as vehicle on vehicle.vehicle_id = lease.vehicle_id
        and lease.valid_from >= vehicle.known_from and lease.valid_from < vehicle.known_to
    where (kind = 'direct' or consent_at is not null) and permitted_from < permitted_to
),
ends as (
    select *, max(specific_to) over (
        partition by evse_id, vehicle_id order by valid_from rows between unbounded preceding and 1 preceding
    ) as reached
    from (select *, coalesce(valid_to, 'infinity') as specific_to from specific_vehicles)
),
islands as (
    select *, count(*) filter (where reached is null or valid_from > reached)
        over (partition by evse_id, vehicle_id order by valid_from) as island
    from ends
),
permissions as (
    from covers
    union all
    select evse_id, vehicle_id, min(valid_from), max(specific_to)
    from islands group by evse_id, vehicle_id, island
),
exploded as (
    select
        *, date_diff('second', started_at, ended_at) as session_seconds,
        unnest(range(time_bucket(interval 30 minutes, started_at), ended_at, interval 30 minutes))
            as interval_start
    from charger_sessions, needed
    where ended_at > needed_from and started_at < needed_to
),
half_hours as (
    select
        session.* exclude (evse_id), evse.* exclude (valid_from, valid_to, known_from, known_to),
        greatest(started_at, interval_start) as half_hour_from,
        least(ended_at, interval_start + interval 30 minutes) as half_hour_to,
        vehicle.vehicle_id is not null as vehicle_is_known
    from exploded as session
    join known_evses as evse on evse.evse_id = session.evse_id
        and interval_start >= evse.known_from and interval_start < evse.known_to
    left join known_vehicles as vehicle on vehicle.vehicle_id = session.vehicle_id
        and started_at >= vehicle.known_from and started_at < vehicle.known_to
    where interval_start >= needed_from and interval_start < needed_to
),
edges as (
    select session_id, interval_start, unnest([half_hour_from, half_hour_to]) as edge from half_hours
    union
    select session_id, interval_start, unnest([starts_at, ends_at])
    from half_hours as h join signals as s on s.vehicle_id = h.vehicle_id and s.region = h.region
        and starts_at < half_hour_to and ends_at > half_hour_from
    union
    select session_id, interval_start, unnest([permitted_from, permitted_to])
    from half_hours as h join permissions as p on p.evse_id = h.evse_id and p.vehicle_id = h.vehicle_id
        and permitted_from < half_hour_to and permitted_to > half_hour_from
),
segments as (
    select
        *, date_diff('second', segment_from, segment_to) as seconds,
        charged_wh::hugeint * seconds * 1000 // session_seconds as charged_mwh,
        discharged_wh::hugeint * seconds * 1000 // session_seconds as discharged_mwh
    from (
        select half_hours.*, edge as segment_from,
            lead(edge) over (partition by session_id, interval_start order by edge) as segment_to
        from half_hours join edges using (session_id, interval_start)
        where edge between half_hour_from and half_hour_to
    )
    where segment_to is not null
),
weighted as (
    select
        segment.*, read.import_wh as metered_import_wh, read.backfeed_wh as metered_backfeed_wh,
        if(sum(charged_mwh) over half_hour = 0, seconds, charged_mwh) as import_weight,
        if(sum(discharged_mwh) over half_hour = 0, seconds, discharged_mwh) as backfeed_weight
    from segments as segment
    left join meter_intervals as read using (metering_point_id, interval_start)
    window half_hour as (partition by metering_point_id, interval_start)
),
floors as (
    select
        *,
        metered_import_wh * import_weight // sum(import_weight) over half_hour as import_floor,
        metered_import_wh * import_weight % sum(import_weight) over half_hour as import_remainder,
        metered_backfeed_wh * backfeed_weight // sum(backfeed_weight) over half_hour as backfeed_floor,
        metered_backfeed_wh * backfeed_weight % sum(backfeed_weight) over half_hour as backfeed_remainder
    from weighted window half_hour as (partition by metering_point_id, interval_start)
),
shares as (
    select
        *,
        import_floor + (
            row_number() over (half_hour order by import_remainder desc, segment_from, session_id)
            <= metered_import_wh - sum(import_floor) over half_hour
        )::integer as segment_import_wh,
        backfeed_floor + (
            row_number() over (half_hour order by backfeed_remainder desc, segment_from, session_id)
            <= metered_backfeed_wh - sum(backfeed_floor) over half_hour
        )::integer as segment_backfeed_wh
    from floors window half_hour as (partition by metering_point_id, interval_start)
),
eligible as (
    select h.* from shares as h
    where vehicle_is_known and (
        access = 'public'
        or exists (
            from permissions as p where p.evse_id = h.evse_id and p.vehicle_id = h.vehicle_id
                and segment_from >= permitted_from and segment_to <= permitted_to
        )
    )
),
performed as (
    select h.*, s.* exclude (vehicle_id, region)
    from eligible as h join signals as s on s.vehicle_id = h.vehicle_id and s.region = h.region
        and segment_from >= starts_at and segment_to <= ends_at
    qualify row_number() over (partition by session_id, segment_from order by starts_at, dr_event_id) = 1
),
compliant as (
    select dr_event_id, vehicle_id, interval_start
    from performed where amount_kind = 'charging_power_limit'
    group by dr_event_id, vehicle_id, interval_start, amount, starts_at, ends_at
    having max(charged_wh) > 0 and count(*) = count(segment_import_wh)
        and sum(seconds) * 2 >= date_diff(
            'second',
            greatest(starts_at, interval_start), least(ends_at, interval_start + interval 30 minutes)
        )
        and sum(segment_import_wh) <= amount::hugeint * sum(seconds) // 3600
),
energy as (
    select
        dr_event_id, vehicle_id, sum(segment_import_wh) as import_wh,
        sum(segment_backfeed_wh) filter (where backfeed_capable) as backfeed_wh
    from performed group by dr_event_id, vehicle_id
),
intervals as (
    select dr_event_id, vehicle_id, count(*) as intervals from compliant group by dr_event_id, vehicle_id
)
select
    dr_event_id, vehicle_id,
    if(amount_kind = 'charging_power_limit', 'interval', 'Wh') as unit,
    (case amount_kind
        when 'charging_power_limit' then
            (date_diff('second', time_bucket(interval 30 minutes, starts_at), ends_at) + 1799) // 1800
        when 'charging_power' then
            greatest(1, amount::hugeint * date_diff('second', starts_at, ends_at) // 3600)
        else amount
    end)::bigint as requested,
    coalesce(case amount_kind
        when 'discharge_energy' then backfeed_wh
        when 'charging_power_limit' then intervals
        else import_wh
    end, 0)::bigint as achieved
from signals
left join energy using (dr_event_id, vehicle_id)
left join intervals using (dr_event_id, vehicle_id)
where starts_at >= $period_from and starts_at < $period_to
"""


def performances(tables: Path, period_from: datetime, period_to: datetime) -> pa.Table:
    """The performances of a period, from Parquet files."""
    with duckdb.connect() as connection:
        for table in TABLES:
            connection.read_parquet(str(tables / f"{table}.parquet")).create_view(table)
        period = {"period_from": period_from, "period_to": period_to}
        return connection.sql(_SQL, params=period).to_arrow_table().cast(PERFORMANCES)
