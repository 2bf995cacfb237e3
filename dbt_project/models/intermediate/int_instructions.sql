with

instructions as (
    select * from {{ ref('stg_dr_instructions') }}
),

events as (
    select * from {{ ref('stg_dr_events') }}
),

aggregators as (
    select * from {{ ref('int_aggregators_in_force') }}
),

addressed as (
    select
        instructions.dr_event_id,
        instructions.aggregator_id,
        instructions.issued_at,
        instructions.amount_wh,
        events.starts_at,
        aggregators.level,
        events.dr_event_id is not null as event_is_known,
        aggregators.aggregator_id is not null as aggregator_is_known,
        coalesce(instructions.issued_at < events.starts_at, false) as is_in_time,
    from instructions
    left join events on instructions.dr_event_id = events.dr_event_id
    left join aggregators
        on
            instructions.aggregator_id = aggregators.aggregator_id
            and events.starts_at >= aggregators.in_force_from
            and events.starts_at < aggregators.in_force_to
)

-- R13: the one issued last before the event's start counts.
select
    *,
    aggregator_is_known
    and is_in_time
    and issued_at = max(case when is_in_time then issued_at end)
        over (partition by dr_event_id, aggregator_id) as is_counted,
from addressed
