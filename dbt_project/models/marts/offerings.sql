with

offered_half_hours as (
    select * from {{ ref('int_offered_half_hours') }}
)

select
    contract_id,
    cast(sum(rated_discharge_w) as bigint) as offered_w_half_hours,
from offered_half_hours
group by contract_id
having sum(rated_discharge_w) > 0
