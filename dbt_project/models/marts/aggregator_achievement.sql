with

performances as (
    select * from {{ ref('performances') }}
    where unit = 'Wh'
),

aggregators as (
    select * from {{ ref('int_aggregators_in_force') }}
),

instructions as (
    select
        dr_event_id,
        aggregator_id,
        level,
        amount_wh,
    from {{ ref('int_instructions') }}
    where is_counted and {{ in_period('starts_at') }}
),

-- R25: whose child or parent aggregator is unknown, or of another level, counts above it directly.
counted as (
    select
        performances.dr_event_id,
        performances.vehicle_id,
        performances.achieved,
        coalesce(child.aggregator_id, '') as child_id,
        coalesce(parent.aggregator_id, '') as parent_id,
    from performances
    left join aggregators as child
        on
            performances.child_aggregator_id = child.aggregator_id
            and performances.starts_at >= child.in_force_from
            and performances.starts_at < child.in_force_to
            and child.level = 'child'
    left join aggregators as parent
        on
            child.parent_aggregator_id = parent.aggregator_id
            and performances.starts_at >= parent.in_force_from
            and performances.starts_at < parent.in_force_to
            and parent.level = 'parent'
),

achieved as (
    select
        dr_event_id,
        'child' as level,
        child_id as aggregator_id,
        parent_id as parent_aggregator_id,
        sum(achieved) as achieved_wh,
    from counted
    where child_id != ''
    group by dr_event_id, child_id, parent_id

    union all

    select
        dr_event_id,
        'parent' as level,
        parent_id as aggregator_id,
        '' as parent_aggregator_id,
        sum(achieved) as achieved_wh,
    from counted
    where parent_id != ''
    group by dr_event_id, parent_id

    union all

    select
        dr_event_id,
        'utility' as level,
        '' as aggregator_id,
        '' as parent_aggregator_id,
        sum(achieved) as achieved_wh,
    from counted
    group by dr_event_id
),

instructed as (
    select
        dr_event_id,
        level,
        aggregator_id,
        amount_wh as instructed_wh,
    from instructions

    union all

    select
        dr_event_id,
        'utility' as level,
        '' as aggregator_id,
        sum(case when level = 'parent' then amount_wh end) as instructed_wh,
    from instructions
    group by dr_event_id
)

select
    coalesce(achieved.dr_event_id, instructed.dr_event_id) as dr_event_id,
    coalesce(achieved.level, instructed.level) as level,
    coalesce(achieved.aggregator_id, instructed.aggregator_id) as aggregator_id,
    coalesce(achieved.parent_aggregator_id, '') as parent_aggregator_id,
    cast(instructed.instructed_wh as bigint) as instructed_wh,
    cast(coalesce(achieved.achieved_wh, 0) as bigint) as achieved_wh,
from achieved
full outer join instructed
    on
        achieved.dr_event_id = instructed.dr_event_id
        and achieved.level = instructed.level
        and achieved.aggregator_id = instructed.aggregator_id
