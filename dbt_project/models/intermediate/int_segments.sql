with

pieces as (
    select * from {{ ref('int_pieces') }}
),

per_half_hour as (
    select
        *,
        {{ half_hours_between(half_hour_of('piece_from'), 'piece_to') }} as interval_start,
    from pieces
),

segments as (
    select
        *,
        greatest(piece_from, interval_start) as segment_from,
        least(piece_to, interval_start + interval 30 minutes) as segment_to,
    from per_half_hour
    where
        interval_start >= {{ instant_of('reads_from') }}
        and interval_start < {{ instant_of('reads_to') }}
),

timed as (
    select
        *,
        {{ seconds_between('segment_from', 'segment_to') }} as segment_seconds,
    from segments
)

select
    session_id,
    vehicle_id,
    evse_id,
    metering_point_id,
    interval_start,
    segment_from,
    segment_to,
    segment_seconds,
    session_seconds,
    charged_wh,
    discharged_wh,
    {{ segment_weight('charged_wh', 'segment_seconds', 'session_seconds') }} as import_weight_mwh,
    {{ segment_weight('discharged_wh', 'segment_seconds', 'session_seconds') }} as backfeed_weight_mwh,
    region,
    backfeed_capable,
    dr_event_id,
    access_class,
    is_eligible,
    lease_id,
from timed
