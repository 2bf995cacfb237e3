select
    dr_event_id,
    vehicle_id,
    achieved,
    status,
    qualities,
from {{ ref('performances') }}
where
    achieved > 0
    and (
        (status != 'held' and (qualities = '' or contains(qualities, 'N')))
        or (status = 'final' and qualities != 'A')
    )
