with

reads as (
    select * from {{ ref('stg_meter_intervals') }}
    where {{ in_period('interval_start') }}
),

metering_points as (
    select * from {{ ref('int_metering_points') }}
),

segments as (
    select * from {{ ref('int_segment_energy') }}
    where {{ in_period('interval_start') }}
),

unattributed as (
    select * from {{ ref('int_unattributed_reads') }}
),

metered as (
    select
        sum(reads.import_wh) as import_wh,
        sum(reads.backfeed_wh) as backfeed_wh,
    from reads
    inner join metering_points
        on
            reads.metering_point_id = metering_points.metering_point_id
            and reads.interval_start >= metering_points.governs_from
            and reads.interval_start < metering_points.governs_to
),

attributed as (
    select
        sum(import_wh) as import_wh,
        sum(backfeed_wh) as backfeed_wh,
    from segments
),

not_attributed as (
    select
        sum(import_wh) as import_wh,
        sum(backfeed_wh) as backfeed_wh,
    from unattributed
)

-- R26: what was metered is what was attributed and what was not.
select
    'import' as direction,
    cast(coalesce(metered.import_wh, 0) as bigint) as metered_wh,
    cast(coalesce(attributed.import_wh, 0) as bigint) as attributed_wh,
    cast(coalesce(not_attributed.import_wh, 0) as bigint) as unattributed_wh,
from metered, attributed, not_attributed

union all

select
    'backfeed' as direction,
    cast(coalesce(metered.backfeed_wh, 0) as bigint) as metered_wh,
    cast(coalesce(attributed.backfeed_wh, 0) as bigint) as attributed_wh,
    cast(coalesce(not_attributed.backfeed_wh, 0) as bigint) as unattributed_wh,
from metered, attributed, not_attributed
