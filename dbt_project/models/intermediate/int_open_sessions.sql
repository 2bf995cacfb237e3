with

sessions as (
    select * from {{ ref('int_sessions') }}
    where is_open
),

events as (
    select * from {{ ref('stg_dr_events') }}
),

evses as (
    select * from {{ ref('int_evses_in_force') }}
)

-- Of an open session the EVSE's row at the event's start tells region and metering point (R7).
select
    sessions.session_id,
    sessions.evse_id,
    sessions.vehicle_id,
    events.dr_event_id,
    evses.region = events.region as is_in_region,
    evses.metering_point_id,
from sessions
inner join events
    on sessions.started_at < events.ends_at and sessions.lasts_to > events.starts_at
inner join evses
    on
        sessions.evse_id = evses.evse_id
        and events.starts_at >= evses.in_force_from
        and events.starts_at < evses.in_force_to
