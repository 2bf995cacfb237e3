select
    session_id,
    interval_start,
    segment_from,
    segment_to,
    segment_seconds,
from {{ ref('int_segments') }}
where
    interval_start != {{ half_hour_of('interval_start') }}
    or segment_from < interval_start
    or segment_to > interval_start + interval 30 minutes
    or segment_from >= segment_to
    or segment_seconds != {{ seconds_between('segment_from', 'segment_to') }}
