with

performances as (
    select
        dr_event_id,
        sum(achieved) as achieved_wh,
    from {{ ref('performances') }}
    where unit = 'Wh'
    group by dr_event_id
),

levels as (
    select
        dr_event_id,
        sum(achieved_wh) filter (where level = 'utility') as utility_wh,
        coalesce(sum(achieved_wh) filter (where level = 'parent'), 0) as parents_wh,
        coalesce(sum(achieved_wh) filter (where level = 'child'), 0) as children_wh,
    from {{ ref('aggregator_achievement') }}
    group by dr_event_id
)

select
    coalesce(levels.dr_event_id, performances.dr_event_id) as dr_event_id,
    performances.achieved_wh,
    levels.utility_wh,
    levels.parents_wh,
    levels.children_wh,
from levels
full outer join performances on levels.dr_event_id = performances.dr_event_id
where
    levels.utility_wh is distinct from coalesce(performances.achieved_wh, 0)
    or levels.children_wh > levels.utility_wh
    or levels.parents_wh > levels.children_wh
