with

visits as (
    select * from {{ ref('int_visits') }}
),

specific_periods as (
    select * from {{ ref('int_specific_periods') }}
)

select
    visits.session_id,
    visits.visit_from,
    visits.visit_to,
    specific_periods.specific_from,
    specific_periods.specific_to,
from visits
inner join specific_periods
    on
        visits.evse_id = specific_periods.evse_id
        and visits.vehicle_id = specific_periods.vehicle_id
        and visits.visit_from < specific_periods.specific_to
        and visits.visit_to > specific_periods.specific_from
