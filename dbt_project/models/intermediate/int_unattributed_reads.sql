with

reads as (
    select * from {{ ref('stg_meter_intervals') }}
),

metering_points as (
    select * from {{ ref('int_metering_points') }}
),

segments as (
    select * from {{ ref('int_segments') }}
)

-- R9: energy of the period's half hours that no segment overlaps.
select
    reads.metering_point_id,
    reads.interval_start,
    {{ local_date('reads.interval_start') }} as local_date,
    reads.import_wh,
    reads.backfeed_wh,
from reads
inner join metering_points
    on
        reads.metering_point_id = metering_points.metering_point_id
        and reads.interval_start >= metering_points.governs_from
        and reads.interval_start < metering_points.governs_to
where
    {{ in_period('reads.interval_start') }}
    and not exists (
        select 1
        from segments
        where
            segments.metering_point_id = reads.metering_point_id
            and segments.interval_start = reads.interval_start
    )
