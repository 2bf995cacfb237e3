with

reads as (
    select * from {{ ref('stg_meter_intervals') }}
),

apportioned as (
    select
        metering_point_id,
        interval_start,
        count(*) as segment_count,
        count(import_wh) as import_count,
        count(backfeed_wh) as backfeed_count,
        sum(import_wh) as import_wh,
        sum(backfeed_wh) as backfeed_wh,
    from {{ ref('int_segment_energy') }}
    group by metering_point_id, interval_start
),

unattributed as (
    select * from {{ ref('int_unattributed_reads') }}
)

select
    apportioned.*,
    reads.import_wh as metered_import_wh,
    reads.backfeed_wh as metered_backfeed_wh,
from apportioned
left join reads
    on
        apportioned.metering_point_id = reads.metering_point_id
        and apportioned.interval_start = reads.interval_start
left join unattributed
    on
        apportioned.metering_point_id = unattributed.metering_point_id
        and apportioned.interval_start = unattributed.interval_start
where
    apportioned.import_wh is distinct from reads.import_wh
    or apportioned.backfeed_wh is distinct from reads.backfeed_wh
    or apportioned.import_count not in (0, apportioned.segment_count)
    or apportioned.backfeed_count not in (0, apportioned.segment_count)
    or unattributed.metering_point_id is not null
