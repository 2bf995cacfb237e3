with

signals as (
    select * from {{ ref('int_settled_signals') }}
),

segments as (
    select * from {{ ref('int_segment_energy') }}
    where dr_event_id != ''
),

sessions as (
    select * from {{ ref('int_sessions') }}
),

open_sessions as (
    select * from {{ ref('int_open_sessions') }}
),

needed_reads as (
    select * from {{ ref('int_needed_reads') }}
),

session_checks as (
    select * from {{ ref('int_session_checks') }}
),

tariffs as (
    select * from {{ ref('stg_tariffs') }}
),

eligible as (
    select distinct
        dr_event_id,
        vehicle_id,
        metering_point_id,
        session_id,
    from segments
    where is_eligible
),

performing as (
    select distinct
        dr_event_id,
        vehicle_id,
    from eligible
),

visited as (
    select distinct
        segments.dr_event_id,
        segments.vehicle_id,
        segments.evse_id,
        segments.session_id,
        sessions.started_at,
        sessions.ended_at,
    from segments
    inner join sessions on segments.session_id = sessions.session_id
),

event_not_over as (
    select
        dr_event_id,
        vehicle_id,
        'event_not_over' as reason,
    from signals
    where ends_at > {{ instant_of('as_of') }}
),

open_session_of_vehicle as (
    select
        signals.dr_event_id,
        signals.vehicle_id,
        'open_session_of_vehicle' as reason,
    from signals
    inner join open_sessions
        on
            signals.dr_event_id = open_sessions.dr_event_id
            and signals.vehicle_id = open_sessions.vehicle_id
    where open_sessions.is_in_region
),

open_session_at_metering_point as (
    select
        eligible.dr_event_id,
        eligible.vehicle_id,
        'open_session_at_metering_point' as reason,
    from eligible
    inner join open_sessions
        on
            eligible.dr_event_id = open_sessions.dr_event_id
            and eligible.metering_point_id = open_sessions.metering_point_id
),

vehicle_in_two_places as (
    select
        one.dr_event_id,
        one.vehicle_id,
        'vehicle_in_two_places' as reason,
    from visited as one
    inner join visited as other
        on
            one.dr_event_id = other.dr_event_id
            and one.vehicle_id = other.vehicle_id
            and one.evse_id != other.evse_id
            and one.started_at < other.ended_at
            and other.started_at < one.ended_at
    inner join performing
        on one.dr_event_id = performing.dr_event_id and one.vehicle_id = performing.vehicle_id
),

read_quality as (
    select
        needed_reads.dr_event_id,
        needed_reads.vehicle_id,
        case when needed_reads.quality = 'N' then 'missing_read' else 'quality_not_payable' end as reason,
    from needed_reads
    inner join performing
        on
            needed_reads.dr_event_id = performing.dr_event_id
            and needed_reads.vehicle_id = performing.vehicle_id
    left join tariffs
        on
            needed_reads.event_local_date >= tariffs.effective_from
            and needed_reads.event_local_date < tariffs.effective_to
    where
        needed_reads.quality = 'N'
        or not coalesce(list_contains(tariffs.payable_qualities, needed_reads.quality), true)
),

meter_charger_mismatch as (
    select
        eligible.dr_event_id,
        eligible.vehicle_id,
        'meter_charger_mismatch' as reason,
    from eligible
    inner join session_checks on eligible.session_id = session_checks.session_id
    where session_checks.is_mismatch
)

-- R15: every reason why a performance is held, one row each.
select * from event_not_over
union
select * from open_session_of_vehicle
union
select * from open_session_at_metering_point
union
select * from vehicle_in_two_places
union
select * from read_quality
union
select * from meter_charger_mismatch
