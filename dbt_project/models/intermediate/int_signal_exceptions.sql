with

signals as (
    select * from {{ ref('int_signals') }}
    where event_is_known and {{ in_period('starts_at') }}
),

settled as (
    select * from {{ ref('int_settled_signals') }}
),

segments as (
    select * from {{ ref('int_segments') }}
    where dr_event_id != ''
),

double_dispatch as (
    select
        one.dr_event_id,
        one.vehicle_id,
        other.dr_event_id as other_dr_event_id,
    from settled as one
    inner join settled as other
        on
            one.vehicle_id = other.vehicle_id
            and one.region = other.region
            and one.dr_event_id < other.dr_event_id
            and one.starts_at < other.ends_at
            and other.starts_at < one.ends_at
    where {{ in_period('one.starts_at') }} or {{ in_period('other.starts_at') }}
),

without_session as (
    select
        settled.dr_event_id,
        settled.vehicle_id,
    from settled
    where
        {{ in_period('settled.starts_at') }}
        and not exists (
            select 1
            from segments
            where
                segments.dr_event_id = settled.dr_event_id
                and segments.vehicle_id = settled.vehicle_id
        )
)

select
    'double_dispatch' as code,
    dr_event_id,
    vehicle_id,
    format(
        'Event {} asks the vehicle at the same time in the same region: ask the aggregator to withdraw one of the two '
        || 'signals. Until then energy counts for the earlier event only.',
        other_dr_event_id
    ) as detail,
from double_dispatch

union all

select
    'late_signal' as code,
    dr_event_id,
    vehicle_id,
    format(
        'The signal issued at {} came at or after the start of its event, {}, and is not settled: ask the aggregator '
        || 'why, and for a corrected row if the instant is wrong.',
        {{ utc_text('issued_at') }}, {{ utc_text('starts_at') }}
    ) as detail,
from signals
where is_late

union all

select
    'signal_direction_mismatch' as code,
    dr_event_id,
    vehicle_id,
    format(
        'The signal issued at {} asks for {} in an event of {}, which does not fit, and is not settled: ask the '
        || 'aggregator why, and for a corrected row if the kind is wrong.',
        {{ utc_text('issued_at') }}, amount_kind, direction
    ) as detail,
from signals
where is_mismatch

union all

select
    'signal_without_session' as code,
    dr_event_id,
    vehicle_id,
    'No ended session of the vehicle counts for the event: ask the charger operator for a session that is missing or '
    || 'still open. If the vehicle did not come, leave it.' as detail,
from without_session
