with

found as (
    select * from {{ ref('int_read_exceptions') }}
    union all by name
    select * from {{ ref('int_session_exceptions') }}
    union all by name
    select * from {{ ref('int_lease_exceptions') }}
    union all by name
    select * from {{ ref('int_signal_exceptions') }}
    union all by name
    select * from {{ ref('int_unknown_references') }}
)

-- R27, but for lapsed leases, whose minimum exchange is a matter of tariff.
select
    code,
    coalesce(metering_point_id, '') as metering_point_id,
    coalesce(evse_id, '') as evse_id,
    coalesce(vehicle_id, '') as vehicle_id,
    coalesce(dr_event_id, '') as dr_event_id,
    coalesce(lease_id, '') as lease_id,
    coalesce(session_id, '') as session_id,
    local_date,
    cast(energy_wh as bigint) as energy_wh,
    detail,
from found
