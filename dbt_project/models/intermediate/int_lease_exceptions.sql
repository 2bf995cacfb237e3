with

leases as (
    select * from {{ ref('int_leases') }}
    where cover_from is not null
),

sessions as (
    select * from {{ ref('int_sessions') }}
),

specific_periods as (
    select * from {{ ref('int_specific_periods') }}
),

overlapping_leases as (
    select
        one.lease_id,
        other.lease_id as other_lease_id,
        one.evse_id,
        greatest(one.cover_from, other.cover_from) as overlap_from,
        least(one.cover_to, other.cover_to) as overlap_to,
    from leases as one
    inner join leases as other
        on
            one.evse_id = other.evse_id
            and one.lease_id < other.lease_id
            and one.cover_from < other.cover_to
            and other.cover_from < one.cover_to
    where
        {{ touches_period(
            'greatest(one.cover_from, other.cover_from)', 'least(one.cover_to, other.cover_to)'
        ) }}
),

during_specific_use as (
    select
        leases.lease_id,
        leases.evse_id,
        sessions.vehicle_id,
        sessions.session_id,
        min(greatest(sessions.started_at, leases.cover_from, specific_periods.specific_from)) as overlap_from,
    from leases
    inner join sessions
        on
            leases.evse_id = sessions.evse_id
            and leases.cover_from < sessions.lasts_to
            and leases.cover_to > sessions.started_at
    inner join specific_periods
        on
            sessions.evse_id = specific_periods.evse_id
            and sessions.vehicle_id = specific_periods.vehicle_id
            and greatest(sessions.started_at, leases.cover_from) < specific_periods.specific_to
            and least(sessions.lasts_to, leases.cover_to) > specific_periods.specific_from
    where
        {{ touches_period(
            'greatest(sessions.started_at, leases.cover_from, specific_periods.specific_from)',
            'least(sessions.lasts_to, leases.cover_to, specific_periods.specific_to)'
        ) }}
    group by leases.lease_id, leases.evse_id, sessions.vehicle_id, sessions.session_id
)

select
    'overlapping_leases' as code,
    lease_id,
    evse_id,
    '' as vehicle_id,
    '' as session_id,
    format(
        'The EVSE is let twice from {} to {}, also under lease {}: have one of the two leases revoked.',
        {{ utc_text('overlap_from') }}, {{ utc_text('overlap_to') }}, other_lease_id
    ) as detail,
from overlapping_leases

union all

select
    'lease_during_specific_use' as code,
    lease_id,
    evse_id,
    vehicle_id,
    session_id,
    format(
        'A specific vehicle used the EVSE from {} on, while it was let: ask the manager to have only free times let.',
        {{ utc_text('overlap_from') }}
    ) as detail,
from during_specific_use
