-- Guards R12: of a guard value, no more intervals comply than overlap the event.
-- At stake: each interval too many earns the rate per compliant interval once more.
select
    dr_event_id,
    vehicle_id,
    requested,
    achieved,
from {{ ref('performances') }}
where unit = 'interval' and achieved > requested
