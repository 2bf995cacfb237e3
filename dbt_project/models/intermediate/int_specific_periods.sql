with

specific_vehicles as (
    select
        evse_id,
        vehicle_id,
        valid_from as specific_from,
        coalesce(valid_to, {{ never() }}) as specific_to,
    from {{ ref('stg_specific_vehicles') }}
)

{{ union_of_periods('specific_vehicles', ['evse_id', 'vehicle_id'], 'specific_from', 'specific_to') }}
