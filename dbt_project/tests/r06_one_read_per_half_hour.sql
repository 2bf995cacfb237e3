-- Guards R6: of each metering point and half hour the run sees one read at most, so the key of
-- stg_meter_intervals. Counted per day by a bit per half hour, which costs an eighth of grouping by half hour.
-- At stake: a half hour that counts twice is paid twice, to everybody behind the meter.
select
    metering_point_id,
    cast(interval_start as date) as day,
    count(*) as reads,
from {{ ref('stg_meter_intervals') }}
group by all
having
    count(*) != bit_count(
        bit_or(cast(1 as bigint) << cast(hour(interval_start) * 2 + minute(interval_start) // 30 as integer))
    )
