with

sessions as (
    select * from {{ ref('int_sessions') }}
    where {{ touches_period('started_at', 'lasts_to') }}
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
    where {{ touches_period('offered_from', 'offered_to') }}
),

settled_signals as (
    select * from {{ ref('int_settled_signals') }}
    where {{ in_period('starts_at') }}
),

-- Half hours of the period that a session or an offer touches, as a range of whole half hours.
needing_evse as (
    select
        'session ' || session_id as fact,
        session_id,
        evse_id,
        vehicle_id,
        {{ half_hours_touched('started_at', 'lasts_to') }}
    from sessions

    union all

    select
        'offer ' || offer_id as fact,
        null as session_id,
        evse_id,
        null as vehicle_id,
        {{ half_hours_touched('offered_from', 'offered_to') }}
    from offers
),

governed as (
    select
        needing_evse.fact,
        sum(
            {{ seconds_between(
                'greatest(evses.governs_from, needing_evse.touched_from)',
                'least(evses.governs_to, needing_evse.touched_to)'
            ) }}
        ) as governed_seconds,
    from needing_evse
    inner join evses
        on
            needing_evse.evse_id = evses.evse_id
            and evses.governs_from < needing_evse.touched_to
            and evses.governs_to > needing_evse.touched_from
    where evses.governs_from < evses.governs_to
    group by needing_evse.fact
),

-- An EVSE is judged half hour by half hour: one without a row of it is enough.
missing_evses as (
    select
        needing_evse.fact,
        'EVSE ' || needing_evse.evse_id as missing,
        format(
            'lacks a row in force in a half hour from {} to {}',
            {{ utc_text('needing_evse.touched_from') }}, {{ utc_text('needing_evse.touched_to') }}
        ) as lack,
        needing_evse.session_id,
        needing_evse.evse_id,
        needing_evse.vehicle_id,
    from needing_evse
    left join governed on needing_evse.fact = governed.fact
    where
        coalesce(governed.governed_seconds, 0)
        < {{ seconds_between('needing_evse.touched_from', 'needing_evse.touched_to') }}
),

session_vehicles as (
    select
        'session ' || session_id as fact,
        'vehicle ' || vehicle_id as missing,
        'has no row in force at ' || {{ utc_text('started_at') }} as lack,
        session_id,
        evse_id,
        vehicle_id,
    from sessions
    where vehicle_id != '' and not vehicle_is_known
),

signal_events as (
    select
        format('signal to vehicle {} issued at {}', vehicle_id, {{ utc_text('issued_at') }}) as fact,
        'DR event ' || dr_event_id as missing,
        'has no row, or a cancelled one' as lack,
        dr_event_id,
        vehicle_id,
    from signals
    where not event_is_known and {{ in_period('issued_at') }}
),

signal_vehicles as (
    select
        format('signal of event {} issued at {}', dr_event_id, {{ utc_text('issued_at') }}) as fact,
        'vehicle ' || vehicle_id as missing,
        'has no row in force at ' || {{ utc_text('starts_at') }} as lack,
        dr_event_id,
        vehicle_id,
    from signals
    where event_is_known and not vehicle_is_known and {{ in_period('starts_at') }}
),

instruction_events as (
    select
        format('instruction to aggregator {} issued at {}', aggregator_id, {{ utc_text('issued_at') }})
            as fact,
        'DR event ' || dr_event_id as missing,
        'has no row, or a cancelled one' as lack,
        dr_event_id,
    from instructions
    where not event_is_known and {{ in_period('issued_at') }}
),

instruction_aggregators as (
    select
        format('instruction of event {} issued at {}', dr_event_id, {{ utc_text('issued_at') }}) as fact,
        'aggregator ' || aggregator_id as missing,
        'has no row in force at ' || {{ utc_text('starts_at') }} as lack,
        dr_event_id,
    from instructions
    where event_is_known and not aggregator_is_known and {{ in_period('starts_at') }}
),

lease_evses as (
    select
        'lease ' || lease_id as fact,
        'EVSE ' || evse_id as missing,
        'has no row in force at ' || {{ utc_text('valid_from') }} as lack,
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
        'has no row in force at ' || {{ utc_text('valid_from') }} as lack,
        lease_id,
        evse_id,
        vehicle_id,
    from leases
    where not vehicle_is_known
),

evse_contracts as (
    select distinct
        'EVSE ' || evses.evse_id as fact,
        'contract ' || evses.contract_id as missing,
        format(
            'has no row in force from {} to {}',
            {{ utc_text(instant_of('period_from')) }}, {{ utc_text(instant_of('period_to')) }}
        ) as lack,
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
        settled_signals.starts_at,
        child.level,
    from settled_signals
    left join aggregators as child
        on
            settled_signals.child_aggregator_id = child.aggregator_id
            and settled_signals.starts_at >= child.in_force_from
            and settled_signals.starts_at < child.in_force_to
),

unknown_children as (
    select
        'vehicle ' || vehicle_id as fact,
        'child aggregator ' || child_aggregator_id as missing,
        'has no row of that level in force at ' || {{ utc_text('min(starts_at)') }} as lack,
        vehicle_id,
    from vehicle_children
    where level is distinct from 'child'
    group by vehicle_id, child_aggregator_id
),

children as (
    select
        child_aggregator_id as aggregator_id,
        starts_at,
    from vehicle_children
    where level = 'child'

    union

    select
        aggregator_id,
        starts_at,
    from instructions
    where level = 'child' and is_counted and {{ in_period('starts_at') }}
),

unknown_parents as (
    select
        'child aggregator ' || children.aggregator_id as fact,
        'parent aggregator ' || child.parent_aggregator_id as missing,
        'has no row of that level in force at ' || {{ utc_text('min(children.starts_at)') }} as lack,
    from children
    inner join aggregators as child
        on
            children.aggregator_id = child.aggregator_id
            and children.starts_at >= child.in_force_from
            and children.starts_at < child.in_force_to
    left join aggregators as parent
        on
            child.parent_aggregator_id = parent.aggregator_id
            and children.starts_at >= parent.in_force_from
            and children.starts_at < parent.in_force_to
    where child.parent_aggregator_id is not null and parent.level is distinct from 'parent'
    group by children.aggregator_id, child.parent_aggregator_id
),

-- R25: one row per fact and missing id.
unknown_references as (
    select * from missing_evses
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
    fact,
    missing,
    format('The {} names {}, which {}: ask for the registry row, or for the right id.', fact, missing, lack) as detail,
from unknown_references
