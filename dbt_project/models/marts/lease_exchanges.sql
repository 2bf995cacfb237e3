with

leases as (
    select * from {{ ref('int_leases') }}
    where evse_is_known and vehicle_is_known
),

lines as (
    select distinct lease_id
    from {{ ref('lines') }}
    where lease_id != ''
),

specific_periods as (
    select * from {{ ref('int_specific_periods') }}
),

segments as (
    select * from {{ ref('int_segment_energy') }}
),

visit_leases as (
    select distinct
        lease_id,
        session_id,
        cover_from,
        cover_to,
    from {{ ref('int_visit_leases') }}
),

pieces as (
    select * from {{ ref('int_pieces') }}
    where is_eligible
),

events as (
    select * from {{ ref('stg_dr_events') }}
),

power_limit_intervals as (
    select * from {{ ref('int_power_limit_intervals') }}
    where is_compliant
),

open_sessions as (
    select * from {{ ref('int_sessions') }}
    where is_open
),

concerned as (
    select
        leases.*,
        {{ touches_period('leases.valid_from', 'leases.valid_to') }} as overlaps_period,
    from leases
    left join lines on leases.lease_id = lines.lease_id
    where {{ touches_period('leases.valid_from', 'leases.valid_to') }} or lines.lease_id is not null
),

specific_at_start as (
    select distinct concerned.lease_id
    from concerned
    inner join specific_periods
        on
            concerned.evse_id = specific_periods.evse_id
            and concerned.vehicle_id = specific_periods.vehicle_id
            and concerned.valid_from >= specific_periods.specific_from
            and concerned.valid_from < specific_periods.specific_to
),

eligible_in_cover as (
    select distinct visit_leases.lease_id
    from visit_leases
    inner join pieces
        on
            visit_leases.session_id = pieces.session_id
            and pieces.piece_from >= visit_leases.cover_from
            and pieces.piece_to <= visit_leases.cover_to
),

exchanged as (
    select
        segments.lease_id,
        sum(segments.capable_backfeed_wh) as backfeed_wh,
        sum(
            case
                when events.direction = 'increase' or power_limit_intervals.interval_start is not null
                    then segments.import_wh
            end
        ) as dr_import_wh,
        bool_or(segments.import_wh is null or segments.capable_backfeed_wh is null) as lacks_read,
    from segments
    left join events on segments.dr_event_id = events.dr_event_id
    left join power_limit_intervals
        on
            segments.dr_event_id = power_limit_intervals.dr_event_id
            and segments.vehicle_id = power_limit_intervals.vehicle_id
            and segments.interval_start = power_limit_intervals.interval_start
    where segments.lease_id != ''
    group by segments.lease_id
),

still_connected as (
    select distinct concerned.lease_id
    from concerned
    inner join open_sessions
        on
            concerned.evse_id = open_sessions.evse_id
            and concerned.vehicle_id = open_sessions.vehicle_id
            and open_sessions.started_at < concerned.ends_at
            and open_sessions.lasts_to > concerned.valid_from
)

select
    concerned.lease_id,
    concerned.evse_id,
    concerned.vehicle_id,
    concerned.overlaps_period,
    concerned.ends_at,
    concerned.cover_from is null as cover_is_empty,
    exchanged.lease_id is not null as has_leased_segment,
    concerned.public_at_start,
    specific_at_start.lease_id is not null as specific_at_start,
    eligible_in_cover.lease_id is not null as eligible_in_cover,
    cast(coalesce(exchanged.backfeed_wh, 0) as bigint) as backfeed_wh,
    cast(coalesce(exchanged.dr_import_wh, 0) as bigint) as dr_import_wh,
    coalesce(exchanged.lacks_read, false) as lacks_read,
    still_connected.lease_id is not null as open_session,
from concerned
left join specific_at_start on concerned.lease_id = specific_at_start.lease_id
left join eligible_in_cover on concerned.lease_id = eligible_in_cover.lease_id
left join exchanged on concerned.lease_id = exchanged.lease_id
left join still_connected on concerned.lease_id = still_connected.lease_id
