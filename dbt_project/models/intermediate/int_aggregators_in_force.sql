with

aggregators as (
    {{ rows_in_force(ref('stg_aggregators'), 'aggregator_id') }}
)

select
    aggregator_id,
    in_force_from,
    in_force_to,
    level,
    parent_aggregator_id,
from aggregators
