-- Guards R8 and R2: a segment lies within one half hour of the meter's clock, and its seconds are those
-- between its ends.
-- At stake: a segment across :00 or :30 takes energy of one half hour for use in another; wrong seconds are
-- wrong weights, so Wh of one vehicle are paid to its neighbour behind the same meter.
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
