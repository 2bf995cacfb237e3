with

leases as (
    select
        *,
        least(valid_to, revoked_at) as ends_at,
        case
            when kind = 'direct' then greatest(valid_from, granted_at)
            when consent_at is not null then greatest(valid_from, granted_at, consent_at)
        end as permitted_from,
    from {{ ref('stg_permission_leases') }}
),

evses as (
    select * from {{ ref('int_evses_in_force') }}
),

vehicles as (
    select * from {{ ref('int_vehicles_in_force') }}
),

known as (
    select
        leases.*,
        evses.evse_id is not null as evse_is_known,
        vehicles.vehicle_id is not null as vehicle_is_known,
        coalesce(evses.access = 'public', false) as public_at_start,
    from leases
    left join evses
        on
            leases.evse_id = evses.evse_id
            and leases.valid_from >= evses.in_force_from
            and leases.valid_from < evses.in_force_to
    left join vehicles
        on
            leases.vehicle_id = vehicles.vehicle_id
            and leases.valid_from >= vehicles.in_force_from
            and leases.valid_from < vehicles.in_force_to
)

-- R10: nobody is permitted backwards; a cover that would be empty is null.
select
    lease_id,
    evse_id,
    vehicle_id,
    kind,
    granted_at,
    consent_at,
    valid_from,
    valid_to,
    revoked_at,
    ends_at,
    evse_is_known,
    vehicle_is_known,
    public_at_start,
    case when evse_is_known and vehicle_is_known and permitted_from < ends_at then permitted_from end as cover_from,
    case when evse_is_known and vehicle_is_known and permitted_from < ends_at then ends_at end as cover_to,
from known
