with

signals as (
    select * from {{ ref('int_settled_signals') }}
),

segments as (
    select * from {{ ref('int_segment_energy') }}
    where dr_event_id != ''
),

needed as (
    select
        signals.dr_event_id,
        signals.vehicle_id,
        signals.event_local_date,
        segments.evse_id,
        segments.metering_point_id,
        segments.interval_start,
        segments.is_eligible,
        unnest(
            case
                when signals.unit = 'interval' or not segments.backfeed_capable
                    then [{ 'direction': 'import', 'quality': segments.import_quality }]
                else [
                    { 'direction': 'import', 'quality': segments.import_quality },
                    { 'direction': 'backfeed', 'quality': segments.backfeed_quality }
                ]
            end
        ) as needed_read,
    from signals
    inner join segments
        on signals.dr_event_id = segments.dr_event_id and signals.vehicle_id = segments.vehicle_id
    where signals.unit = 'Wh' or segments.is_eligible
)

-- R15: the reads without which a performance cannot be final.
select
    dr_event_id,
    vehicle_id,
    event_local_date,
    evse_id,
    metering_point_id,
    interval_start,
    needed_read.direction,
    needed_read.quality,
    bool_or(is_eligible) as has_eligible_segment,
from needed
group by all
