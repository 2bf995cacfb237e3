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
    from segments
    where import_wh is null or capable_backfeed_wh is null
    group by metering_point_id, local_date
),

unattributed_backfeed as (
    select
        metering_point_id,
        local_date,
        sum(backfeed_wh) as energy_wh,
    from unattributed_reads
    group by metering_point_id, local_date
    having sum(backfeed_wh) > 0
),

incapable_backfeed as (
    select
        evse_id,
        local_date,
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
        'Half hours with a vehicle in session and no read: {}. Ask the meter operator for the reads of this day.',
        half_hours
    ) as detail,
from missing_read

union all

select
    'unattributed_backfeed' as code,
    metering_point_id,
    '' as evse_id,
    local_date,
    energy_wh,
    'Energy was fed back in half hours that no ended session overlaps: is a session missing or still open, '
    || 'or has the house a source of its own?' as detail,
from unattributed_backfeed

union all

select
    'backfeed_from_incapable_evse' as code,
    '' as metering_point_id,
    evse_id,
    local_date,
    energy_wh,
    'Backfeed was metered at an EVSE registered as unable to: correct the registry, or find the other source.'
        as detail,
from incapable_backfeed
