with

signals as (
    select * from {{ ref('stg_dr_signals') }}
),

events as (
    select * from {{ ref('stg_dr_events') }}
),

vehicles as (
    select * from {{ ref('int_vehicles_in_force') }}
),

addressed as (
    select
        signals.dr_event_id,
        signals.vehicle_id,
        signals.issued_at,
        signals.amount_kind,
        signals.amount,
        events.region,
        events.direction,
        events.starts_at,
        events.ends_at,
        vehicles.user_id,
        vehicles.child_aggregator_id,
        events.dr_event_id is not null as event_is_known,
        vehicles.vehicle_id is not null as vehicle_is_known,
        coalesce(signals.issued_at >= events.starts_at, false) as is_late,
        case signals.amount_kind
            when 'discharge_energy' then 'suppression'
            when 'charging_power_limit' then 'suppression'
            when 'charge_energy' then 'increase'
            when 'charging_power' then 'increase'
        end as direction_of_kind,
    from signals
    left join events on signals.dr_event_id = events.dr_event_id
    left join vehicles
        on
            signals.vehicle_id = vehicles.vehicle_id
            and events.starts_at >= vehicles.in_force_from
            and events.starts_at < vehicles.in_force_to
),

ranked as (
    select
        *,
        event_is_known
        and vehicle_is_known
        and not is_late
        and issued_at = max(case when not is_late then issued_at end)
            over (partition by dr_event_id, vehicle_id) as is_last_before_start,
    from addressed
)

-- R13: the signal issued last before the event's start is settled, if its kind fits the event's direction.
select
    dr_event_id,
    vehicle_id,
    issued_at,
    amount_kind,
    amount,
    region,
    direction,
    starts_at,
    ends_at,
    user_id,
    child_aggregator_id,
    event_is_known,
    vehicle_is_known,
    is_late,
    is_last_before_start and direction_of_kind != direction as is_mismatch,
    is_last_before_start and direction_of_kind = direction as is_settled,
from ranked
