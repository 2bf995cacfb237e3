with

sessions as (
    select * from {{ ref('int_sessions') }}
),

evses as (
    select * from {{ ref('int_evses_in_force') }}
)

-- The part of an ended session that one row of its EVSE governs. Where no row does, nothing is settled (R25).
select
    sessions.session_id,
    sessions.vehicle_id,
    sessions.vehicle_is_known,
    sessions.evse_id,
    greatest(sessions.started_at, evses.governs_from) as visit_from,
    least(sessions.ended_at, evses.governs_to) as visit_to,
    sessions.session_seconds,
    sessions.charged_wh,
    sessions.discharged_wh,
    evses.metering_point_id,
    evses.region,
    evses.access,
    evses.backfeed_capable,
from sessions
inner join evses
    on
        sessions.evse_id = evses.evse_id
        and sessions.started_at < evses.governs_to
        and sessions.ended_at > evses.governs_from
where not sessions.is_open and evses.governs_from < evses.governs_to
