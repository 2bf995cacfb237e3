select
    dr_event_id,
    vehicle_id,
    requested,
    achieved,
from {{ ref('performances') }}
where unit = 'interval' and achieved > requested
