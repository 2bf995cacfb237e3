with

visits as (
    select * from {{ ref('int_visits') }}
),

signals as (
    select * from {{ ref('int_settled_signals') }}
)

-- Which DR events a visit could answer: in the EVSE's region, with a signal to settle for the vehicle (R8).
select
    visits.session_id,
    visits.visit_from,
    visits.visit_to,
    signals.dr_event_id,
    signals.starts_at,
    signals.ends_at,
from visits
inner join signals
    on
        visits.vehicle_id = signals.vehicle_id
        and visits.region = signals.region
        and visits.visit_from < signals.ends_at
        and visits.visit_to > signals.starts_at
