with

signals as (
    select * from {{ ref('int_settled_signals') }}
    where amount_kind = 'charging_power_limit'
),

segments as (
    select * from {{ ref('int_segment_energy') }}
    where is_eligible and dr_event_id != ''
),

per_interval as (
    select
        signals.dr_event_id,
        signals.vehicle_id,
        segments.interval_start,
        signals.amount as limit_w,
        {{ seconds_between(
            'greatest(signals.starts_at, segments.interval_start)',
            'least(signals.ends_at, segments.interval_start + interval 30 minutes)'
        ) }} as event_seconds,
        sum(segments.segment_seconds) as segment_seconds,
        sum(segments.import_wh) as import_wh,
        count(*) filter (where segments.import_wh is null) as missing_reads,
        bool_or(segments.charged_wh > 0) as has_charging_session,
        min({
            'segment_from': segments.segment_from,
            'session_id': segments.session_id,
            'evse_id': segments.evse_id,
            'lease_id': segments.lease_id,
            'access_class': segments.access_class
        }) as earliest,
    from signals
    inner join segments
        on signals.dr_event_id = segments.dr_event_id and signals.vehicle_id = segments.vehicle_id
    group by all
)

-- R12, guard value. A 30-minute read proves the mean power of the half hour, not its peak.
select
    dr_event_id,
    vehicle_id,
    interval_start,
    limit_w,
    cast(event_seconds as bigint) as event_seconds,
    cast(segment_seconds as bigint) as segment_seconds,
    cast(import_wh as bigint) as import_wh,
    cast(missing_reads as bigint) as missing_reads,
    has_charging_session,
    has_charging_session
    and segment_seconds * 2 >= event_seconds
    and missing_reads = 0
    and import_wh <= cast(limit_w as hugeint) * segment_seconds // 3600 as is_compliant,
    earliest.evse_id as line_evse_id,
    earliest.lease_id as line_lease_id,
    earliest.access_class as line_access_class,
from per_interval
