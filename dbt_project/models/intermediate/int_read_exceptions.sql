with

segments as (
    select
        *,
        {{ local_date('interval_start') }} as local_date,
    from {{ ref('int_segment_energy') }}
    where {{ in_period('interval_start') }}
),

unattributed_reads as (
    select * from {{ ref('int_unattributed_reads') }}
),

missing_read as (
    select
        metering_point_id,
        local_date,
        count(distinct interval_start) as half_hours,
        min(interval_start) as first_half_hour,
    from segments
    where import_wh is null or capable_backfeed_wh is null
    group by metering_point_id, local_date
),

unattributed_backfeed as (
    select
        metering_point_id,
        local_date,
        count(*) filter (where backfeed_wh > 0) as half_hours,
        min(interval_start) filter (where backfeed_wh > 0) as first_half_hour,
        sum(backfeed_wh) as energy_wh,
    from unattributed_reads
    group by metering_point_id, local_date
    having sum(backfeed_wh) > 0
),

incapable_backfeed as (
    select
        evse_id,
        local_date,
        count(distinct interval_start) filter (where backfeed_wh > 0) as half_hours,
        min(interval_start) filter (where backfeed_wh > 0) as first_half_hour,
        sum(backfeed_wh) as energy_wh,
    from segments
    where not backfeed_capable
    group by evse_id, local_date
    having sum(backfeed_wh) > 0
)

select
    'missing_read' as code,
    metering_point_id,
    '' as evse_id,
    local_date,
    null as energy_wh,
    format(
        'Ask the meter operator for the reads of this day: missing in {} with a vehicle in session, the first at {}. '
        || 'What needs them is held until they come.',
        {{ counted_half_hours('half_hours') }}, {{ utc_text('first_half_hour') }}
    ) as detail,
from missing_read

union all

select
    'unattributed_backfeed' as code,
    metering_point_id,
    '' as evse_id,
    local_date,
    energy_wh,
    format(
        'No ended session explains the backfeed of {}, the first at {}: ask the charger operator for a session that '
        || 'is missing or still open. If the place has a source of its own, leave it.',
        {{ counted_half_hours('half_hours') }}, {{ utc_text('first_half_hour') }}
    ) as detail,
from unattributed_backfeed

union all

select
    'backfeed_from_incapable_evse' as code,
    '' as metering_point_id,
    evse_id,
    local_date,
    energy_wh,
    format(
        'Backfeed was metered in {}, the first at {}, at an EVSE registered as unable to feed back, and counts for '
        || 'nothing: have the registry row corrected, or find the other source behind the meter.',
        {{ counted_half_hours('half_hours') }}, {{ utc_text('first_half_hour') }}
    ) as detail,
from incapable_backfeed
