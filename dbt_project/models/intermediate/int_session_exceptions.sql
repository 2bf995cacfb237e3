with

sessions as (
    select * from {{ ref('int_sessions') }}
    where {{ touches_period('started_at', 'lasts_to') }}
),

segments as (
    select * from {{ ref('int_segment_energy') }}
    where access_class = 'unpermitted'
),

session_checks as (
    select * from {{ ref('int_session_checks') }}
),

unpermitted_use as (
    select
        session_id,
        coalesce(sum(import_wh), 0) + coalesce(sum(backfeed_wh), 0) as energy_wh,
    from segments
    group by session_id
),

mismatches as (
    select
        session_id,
        max(difference_wh) as energy_wh,
        string_agg(
            format('{} metered {} Wh, logged {} Wh', direction, apportioned_wh, logged_wh), '; ' order by direction desc
        ) as comparison,
    from session_checks
    group by session_id
    having bool_or(is_mismatch)
),

overlapping as (
    select
        one.session_id,
        other.session_id as other_session_id,
        one.evse_id,
        greatest(one.started_at, other.started_at) as overlap_from,
    from sessions as one
    inner join sessions as other
        on
            one.evse_id = other.evse_id
            and one.session_id < other.session_id
            and one.started_at < other.lasts_to
            and other.started_at < one.lasts_to
    where
        {{ touches_period(
            'greatest(one.started_at, other.started_at)', 'least(one.lasts_to, other.lasts_to)'
        ) }}
),

in_two_places as (
    select
        one.session_id,
        other.session_id as other_session_id,
        one.evse_id,
        other.evse_id as other_evse_id,
        one.vehicle_id,
        greatest(one.started_at, other.started_at) as overlap_from,
        least(one.ended_at, other.ended_at) as overlap_to,
    from sessions as one
    inner join sessions as other
        on
            one.vehicle_id = other.vehicle_id
            and one.session_id < other.session_id
            and one.evse_id != other.evse_id
            and one.started_at < other.ended_at
            and other.started_at < one.ended_at
    where
        one.vehicle_id != ''
        and {{ touches_period(
            'greatest(one.started_at, other.started_at)', 'least(one.ended_at, other.ended_at)'
        ) }}
)

select
    'unpermitted_use' as code,
    sessions.session_id,
    sessions.evse_id,
    sessions.vehicle_id,
    unpermitted_use.energy_wh,
    case
        when sessions.vehicle_id = ''
            then
                'The charger did not identify the vehicle: ask the charger operator which it was, or tell the manager '
                || 'of the EVSE that it was used without permission.'
        when not sessions.vehicle_is_known
            then
                'The vehicle has no registry row at the start of the session: ask the aggregator for it, or tell the '
                || 'manager of the EVSE that it was used without permission.'
        else
            'Neither a lease nor a specific-vehicle period covers the use: tell the manager of the EVSE, and ask for '
            || 'the lease or the specific vehicle if one was not delivered.'
    end as detail,
from sessions
inner join unpermitted_use on sessions.session_id = unpermitted_use.session_id

union all

select
    'meter_charger_mismatch' as code,
    sessions.session_id,
    sessions.evse_id,
    sessions.vehicle_id,
    mismatches.energy_wh,
    format(
        'Meter and charger disagree ({}): have both checked, and ask for corrected reads or a corrected session. '
        || 'Performances in this session are held until they agree.',
        mismatches.comparison
    ) as detail,
from sessions
inner join mismatches on sessions.session_id = mismatches.session_id

union all

select
    'overlapping_sessions' as code,
    session_id,
    evse_id,
    '' as vehicle_id,
    null as energy_wh,
    format(
        'Session {} overlaps this one at the same EVSE from {} on: ask the charger operator which times are right.',
        other_session_id, {{ utc_text('overlap_from') }}
    ) as detail,
from overlapping

union all

select
    'vehicle_in_two_places' as code,
    session_id,
    '' as evse_id,
    vehicle_id,
    null as energy_wh,
    format(
        'The vehicle is at EVSE {} and, in session {}, at EVSE {} from {} to {}: ask the charger operator which of '
        || 'the two was another vehicle. What it performed in both at once is held.',
        evse_id, other_session_id, other_evse_id, {{ utc_text('overlap_from') }}, {{ utc_text('overlap_to') }}
    ) as detail,
from in_two_places

union all

select
    'unclosed_session' as code,
    session_id,
    evse_id,
    vehicle_id,
    null as energy_wh,
    format(
        'Another session began at {} and this one was never ended: ask the charger operator for its end and energies.',
        {{ utc_text('next_started_at') }}
    ) as detail,
from sessions
where is_open and next_started_at is not null
