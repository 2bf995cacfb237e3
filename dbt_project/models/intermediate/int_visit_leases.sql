with

visits as (
    select * from {{ ref('int_visits') }}
),

leases as (
    select * from {{ ref('int_leases') }}
    where cover_from is not null
)

select
    visits.session_id,
    visits.visit_from,
    visits.visit_to,
    leases.lease_id,
    leases.valid_from,
    leases.cover_from,
    leases.cover_to,
from visits
inner join leases
    on
        visits.evse_id = leases.evse_id
        and visits.vehicle_id = leases.vehicle_id
        and visits.visit_from < leases.cover_to
        and visits.visit_to > leases.cover_from
