with

offers as (
    select * from {{ ref('stg_evse_offers') }}
),

evses as (
    select * from {{ ref('int_evses_in_force') }}
    where access = 'specific' and backfeed_capable
),

contracts as (
    select * from {{ ref('int_contracts_in_force') }}
),

sessions as (
    select * from {{ ref('int_sessions') }}
),

specific_periods as (
    select * from {{ ref('int_specific_periods') }}
),

offered as (
    select
        evses.evse_id,
        evses.contract_id,
        evses.rated_discharge_w,
        greatest(
            {{ half_hour_from('greatest(offers.offered_from, offers.published_at)') }},
            evses.governs_from,
            {{ instant_of('period_from') }}
        ) as offered_from,
        least(
            {{ half_hour_of('offers.offered_to') }},
            evses.governs_to,
            {{ instant_of('period_to') }}
        ) as offered_to,
    from offers
    inner join evses
        on
            offers.evse_id = evses.evse_id
            and offers.offered_from < evses.governs_to
            and offers.offered_to > evses.governs_from
),

offered_half_hours as (
    select distinct
        evse_id,
        contract_id,
        rated_discharge_w,
        {{ half_hours_between('offered_from', 'offered_to') }} as interval_start,
    from offered
    where offered_from < offered_to
),

occupied as (
    select
        sessions.evse_id,
        greatest(sessions.started_at, specific_periods.specific_from, {{ instant_of('period_from') }}) as occupied_from,
        least(sessions.lasts_to, specific_periods.specific_to, {{ instant_of('period_to') }}) as occupied_to,
    from sessions
    inner join specific_periods
        on sessions.evse_id = specific_periods.evse_id and sessions.vehicle_id = specific_periods.vehicle_id
),

occupied_half_hours as (
    select distinct
        evse_id,
        {{ half_hours_between(half_hour_of('occupied_from'), 'occupied_to') }} as interval_start,
    from occupied
    where occupied_from < occupied_to
)

-- R20, offering: half hours of the period offered whole, at which no specific vehicle is in session.
select
    offered_half_hours.evse_id,
    offered_half_hours.interval_start,
    offered_half_hours.contract_id,
    offered_half_hours.rated_discharge_w,
from offered_half_hours
inner join contracts
    on
        offered_half_hours.contract_id = contracts.contract_id
        and offered_half_hours.interval_start >= contracts.in_force_from
        and offered_half_hours.interval_start < contracts.in_force_to
left join occupied_half_hours
    on
        offered_half_hours.evse_id = occupied_half_hours.evse_id
        and offered_half_hours.interval_start = occupied_half_hours.interval_start
where occupied_half_hours.evse_id is null
