with

lines as (
    select
        dr_event_id,
        vehicle_id,
        sum(achieved) as achieved,
    from {{ ref('lines') }}
    group by dr_event_id, vehicle_id
),

performances as (
    select * from {{ ref('performances') }}
)

select
    coalesce(performances.dr_event_id, lines.dr_event_id) as dr_event_id,
    coalesce(performances.vehicle_id, lines.vehicle_id) as vehicle_id,
    performances.achieved,
    lines.achieved as achieved_of_lines,
from performances
full outer join lines
    on performances.dr_event_id = lines.dr_event_id and performances.vehicle_id = lines.vehicle_id
where coalesce(lines.achieved, 0) is distinct from performances.achieved
