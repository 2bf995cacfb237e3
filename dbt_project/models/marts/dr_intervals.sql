with

signals as (
    select * from {{ ref('int_settled_signals') }}
    where {{ in_period('starts_at') }}
),

segments as (
    select * from {{ ref('int_segment_energy') }}
    where is_eligible and dr_event_id != ''
),

needed_reads as (
    select * from {{ ref('int_needed_reads') }}
    where has_eligible_segment
),

qualities as (
    select
        dr_event_id,
        vehicle_id,
        evse_id,
        interval_start,
        string_agg(distinct quality, '+' order by quality) as qualities,
    from needed_reads
    group by all
),

energy as (
    select
        segments.dr_event_id,
        segments.vehicle_id,
        segments.evse_id,
        segments.interval_start,
        case when count(segments.import_wh) = count(*) then sum(segments.import_wh) end as import_wh,
        case when count(segments.capable_backfeed_wh) = count(*) then sum(segments.capable_backfeed_wh) end
            as backfeed_wh,
    from segments
    inner join signals
        on segments.dr_event_id = signals.dr_event_id and segments.vehicle_id = signals.vehicle_id
    group by all
)

select
    energy.dr_event_id,
    energy.vehicle_id,
    energy.evse_id,
    energy.interval_start,
    cast(energy.import_wh as bigint) as import_wh,
    cast(energy.backfeed_wh as bigint) as backfeed_wh,
    coalesce(qualities.qualities, '') as qualities,
from energy
left join qualities
    on
        energy.dr_event_id = qualities.dr_event_id
        and energy.vehicle_id = qualities.vehicle_id
        and energy.evse_id = qualities.evse_id
        and energy.interval_start = qualities.interval_start
