with

evses as (
    select
        metering_point_id,
        governs_from,
        governs_to,
    from {{ ref('int_evses_in_force') }}
    where governs_from < governs_to
)

{{ union_of_periods('evses', ['metering_point_id'], 'governs_from', 'governs_to') }}
