-- Guards R15: what is not held and achieved something has every needed read, and is final only if all of
-- them are actual.
-- At stake: points for energy that no meter has proved, and estimates that are never trued up.
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
