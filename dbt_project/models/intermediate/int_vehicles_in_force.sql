with

vehicles as (
    {{ rows_in_force(ref('stg_vehicles'), 'vehicle_id') }}
)

select
    vehicle_id,
    in_force_from,
    in_force_to,
    user_id,
    child_aggregator_id,
    ownership,
    powertrain,
from vehicles
