with

versions as (
    {{ versions_as_of('meter_intervals') }}
)

-- Literal bounds: the interval table is large, and only a literal range prunes its row groups.
select * from versions
where
    interval_start >= {{ instant_of('reads_from') }}
    and interval_start < {{ instant_of('reads_to') }}
