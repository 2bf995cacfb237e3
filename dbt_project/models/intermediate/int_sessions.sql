with

sessions as (
    select
        session_id,
        evse_id,
        coalesce(vehicle_id, '') as vehicle_id,
        started_at,
        ended_at,
        charged_wh,
        discharged_wh,
    from {{ ref('stg_charger_sessions') }}
),

vehicles as (
    select * from {{ ref('int_vehicles_in_force') }}
),

-- R9: an open session lasts until the next session at its EVSE or of its vehicle that starts after it did.
followed as (
    select
        opened.session_id,
        min(later.started_at) as next_started_at,
    from sessions as opened
    inner join sessions as later
        on opened.evse_id = later.evse_id and opened.started_at < later.started_at
    where opened.ended_at is null
    group by opened.session_id

    union all

    select
        opened.session_id,
        min(later.started_at) as next_started_at,
    from sessions as opened
    inner join sessions as later
        on opened.vehicle_id = later.vehicle_id and opened.started_at < later.started_at
    where opened.ended_at is null and opened.vehicle_id != ''
    group by opened.session_id
),

closed_by_next as (
    select
        session_id,
        min(next_started_at) as next_started_at,
    from followed
    group by session_id
),

lasting as (
    select
        sessions.*,
        sessions.ended_at is null as is_open,
        closed_by_next.next_started_at,
        coalesce(sessions.ended_at, closed_by_next.next_started_at, {{ never() }}) as lasts_to,
    from sessions
    left join closed_by_next on sessions.session_id = closed_by_next.session_id
)

select
    lasting.session_id,
    lasting.evse_id,
    lasting.vehicle_id,
    vehicles.vehicle_id is not null as vehicle_is_known,
    lasting.started_at,
    lasting.ended_at,
    lasting.lasts_to,
    lasting.is_open,
    lasting.next_started_at,
    lasting.charged_wh,
    lasting.discharged_wh,
    case
        when not lasting.is_open then {{ seconds_between('lasting.started_at', 'lasting.ended_at') }}
    end as session_seconds,
from lasting
left join vehicles
    on
        lasting.vehicle_id = vehicles.vehicle_id
        and lasting.started_at >= vehicles.in_force_from
        and lasting.started_at < vehicles.in_force_to
where
    lasting.started_at < {{ instant_of('reads_to') }}
    and lasting.lasts_to > {{ instant_of('reads_from') }}
