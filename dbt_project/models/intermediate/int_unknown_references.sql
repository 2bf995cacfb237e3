with

sessions as (
    select * from {{ ref('int_sessions') }}
    where {{ touches_period('started_at', 'lasts_to') }}
),

visits as (
    select * from {{ ref('int_visits') }}
),

evses as (
    select * from {{ ref('int_evses_in_force') }}
),

contracts as (
    select * from {{ ref('int_contracts_in_force') }}
    where {{ touches_period('in_force_from', 'in_force_to') }}
),

aggregators as (
    select * from {{ ref('int_aggregators_in_force') }}
),

signals as (
    select * from {{ ref('int_signals') }}
),

instructions as (
    select * from {{ ref('int_instructions') }}
),

leases as (
    select * from {{ ref('int_leases') }}
    where {{ touches_period('valid_from', 'valid_to') }}
),

offers as (
    select * from {{ ref('stg_evse_offers') }}
),

settled_signals as (
    select * from {{ ref('int_settled_signals') }}
    where {{ in_period('starts_at') }}
),

visited as (
    select
        session_id,
        sum({{ seconds_between('visit_from', 'visit_to') }}) as visited_seconds,
    from visits
    group by session_id
),

-- An EVSE is judged half hour by half hour; of an open session, at its start.
session_evses as (
    select
        'session ' || sessions.session_id as fact,
        'EVSE ' || sessions.evse_id as missing,
        sessions.session_id,
        sessions.evse_id,
        sessions.vehicle_id,
    from sessions
    left join visited on sessions.session_id = visited.session_id
    left join evses
        on
            sessions.is_open
            and sessions.evse_id = evses.evse_id
            and {{ half_hour_of('sessions.started_at') }} >= evses.governs_from
            and {{ half_hour_of('sessions.started_at') }} < evses.governs_to
    where
        case
            when sessions.is_open then evses.evse_id is null
            else coalesce(visited.visited_seconds, 0) < sessions.session_seconds
        end
),

session_vehicles as (
    select
        'session ' || session_id as fact,
        'vehicle ' || vehicle_id as missing,
        session_id,
        evse_id,
        vehicle_id,
    from sessions
    where vehicle_id != '' and not vehicle_is_known
),

signal_events as (
    select
        format('signal to vehicle {} issued at {}', vehicle_id, strftime(issued_at, '%Y-%m-%dT%H:%M:%SZ')) as fact,
        'DR event ' || dr_event_id as missing,
        dr_event_id,
        vehicle_id,
    from signals
    where not event_is_known and {{ in_period('issued_at') }}
),

signal_vehicles as (
    select
        format('signal of event {} issued at {}', dr_event_id, strftime(issued_at, '%Y-%m-%dT%H:%M:%SZ')) as fact,
        'vehicle ' || vehicle_id as missing,
        dr_event_id,
        vehicle_id,
    from signals
    where event_is_known and not vehicle_is_known and {{ in_period('starts_at') }}
),

instruction_events as (
    select
        format('instruction to aggregator {} issued at {}', aggregator_id, strftime(issued_at, '%Y-%m-%dT%H:%M:%SZ'))
            as fact,
        'DR event ' || dr_event_id as missing,
        dr_event_id,
    from instructions
    where not event_is_known and {{ in_period('issued_at') }}
),

instruction_aggregators as (
    select
        format('instruction of event {} issued at {}', dr_event_id, strftime(issued_at, '%Y-%m-%dT%H:%M:%SZ')) as fact,
        'aggregator ' || aggregator_id as missing,
        dr_event_id,
    from instructions
    where event_is_known and not aggregator_is_known and {{ in_period('starts_at') }}
),

lease_evses as (
    select
        'lease ' || lease_id as fact,
        'EVSE ' || evse_id as missing,
        lease_id,
        evse_id,
        vehicle_id,
    from leases
    where not evse_is_known
),

lease_vehicles as (
    select
        'lease ' || lease_id as fact,
        'vehicle ' || vehicle_id as missing,
        lease_id,
        evse_id,
        vehicle_id,
    from leases
    where not vehicle_is_known
),

offered_half_hours as (
    select
        offer_id,
        evse_id,
        {{ half_hours_between(
            'greatest(' ~ half_hour_from('offered_from') ~ ', ' ~ instant_of('period_from') ~ ')',
            'least(' ~ half_hour_of('offered_to') ~ ', ' ~ instant_of('period_to') ~ ')'
        ) }} as interval_start,
    from offers
    where {{ touches_period('offered_from', 'offered_to') }}
),

offer_evses as (
    select distinct
        'offer ' || offered_half_hours.offer_id as fact,
        'EVSE ' || offered_half_hours.evse_id as missing,
        offered_half_hours.evse_id,
    from offered_half_hours
    left join evses
        on
            offered_half_hours.evse_id = evses.evse_id
            and offered_half_hours.interval_start >= evses.governs_from
            and offered_half_hours.interval_start < evses.governs_to
    where evses.evse_id is null
),

evse_contracts as (
    select distinct
        'EVSE ' || evses.evse_id as fact,
        'contract ' || evses.contract_id as missing,
        evses.evse_id,
    from evses
    left join contracts on evses.contract_id = contracts.contract_id
    where
        contracts.contract_id is null
        and {{ touches_period('evses.in_force_from', 'evses.in_force_to') }}
),

vehicle_children as (
    select distinct
        settled_signals.vehicle_id,
        settled_signals.child_aggregator_id,
        child.level,
        child.parent_aggregator_id,
        settled_signals.starts_at,
    from settled_signals
    left join aggregators as child
        on
            settled_signals.child_aggregator_id = child.aggregator_id
            and settled_signals.starts_at >= child.in_force_from
            and settled_signals.starts_at < child.in_force_to
),

unknown_children as (
    select distinct
        'vehicle ' || vehicle_id as fact,
        'child aggregator ' || child_aggregator_id as missing,
        vehicle_id,
    from vehicle_children
    where level is distinct from 'child'
),

unknown_parents as (
    select distinct
        'child aggregator ' || vehicle_children.child_aggregator_id as fact,
        'parent aggregator ' || vehicle_children.parent_aggregator_id as missing,
    from vehicle_children
    left join aggregators as parent
        on
            vehicle_children.parent_aggregator_id = parent.aggregator_id
            and vehicle_children.starts_at >= parent.in_force_from
            and vehicle_children.starts_at < parent.in_force_to
    where
        vehicle_children.level = 'child'
        and vehicle_children.parent_aggregator_id is not null
        and parent.level is distinct from 'parent'
),

-- R25: one row per fact and missing id.
unknown_references as (
    select * from session_evses
    union all by name
    select * from session_vehicles
    union all by name
    select * from signal_events
    union all by name
    select * from signal_vehicles
    union all by name
    select * from instruction_events
    union all by name
    select * from instruction_aggregators
    union all by name
    select * from lease_evses
    union all by name
    select * from lease_vehicles
    union all by name
    select * from offer_evses
    union all by name
    select * from evse_contracts
    union all by name
    select * from unknown_children
    union all by name
    select * from unknown_parents
)

select
    'unknown_reference' as code,
    coalesce(evse_id, '') as evse_id,
    coalesce(vehicle_id, '') as vehicle_id,
    coalesce(dr_event_id, '') as dr_event_id,
    coalesce(lease_id, '') as lease_id,
    coalesce(session_id, '') as session_id,
    format('The {} names {}, of which no row is in force then: ask for the registry row, or for the right id.', fact, missing)
        as detail,
from unknown_references
