with

signals as (
    select * from {{ ref('int_settled_signals') }}
    where {{ in_period('starts_at') }}
),

segments as (
    select * from {{ ref('int_segment_energy') }}
    where dr_event_id != ''
),

power_limit_intervals as (
    select * from {{ ref('int_power_limit_intervals') }}
    where is_compliant
),

needed_reads as (
    select * from {{ ref('int_needed_reads') }}
),

holds as (
    select * from {{ ref('int_performance_holds') }}
),

energy as (
    select
        dr_event_id,
        vehicle_id,
        sum(case when is_eligible then capable_backfeed_wh end) as eligible_backfeed_wh,
        sum(case when is_eligible then import_wh end) as eligible_import_wh,
        sum(capable_backfeed_wh) as backfeed_wh,
        sum(import_wh) as import_wh,
    from segments
    group by dr_event_id, vehicle_id
),

compliance as (
    select
        dr_event_id,
        vehicle_id,
        count(*) as intervals,
    from power_limit_intervals
    group by dr_event_id, vehicle_id
),

qualities as (
    select
        dr_event_id,
        vehicle_id,
        string_agg(distinct quality, '+' order by quality) as qualities,
        bool_or(quality in ('E', 'S')) as has_provisional_read,
    from needed_reads
    group by dr_event_id, vehicle_id
),

held as (
    select
        dr_event_id,
        vehicle_id,
        string_agg(reason, '+' order by reason) as hold_reasons,
    from holds
    group by dr_event_id, vehicle_id
)

select
    signals.dr_event_id,
    signals.vehicle_id,
    signals.user_id,
    signals.child_aggregator_id,
    signals.direction,
    signals.amount_kind,
    signals.unit,
    signals.starts_at,
    signals.ends_at,
    signals.event_local_date,
    cast(
        case signals.amount_kind
            when 'charging_power_limit'
                then
                    ({{ seconds_between(half_hour_of('signals.starts_at'), 'signals.ends_at') }} + 1799) // 1800
            when 'charging_power'
                then greatest(
                    1,
                    cast(signals.amount as hugeint)
                    * {{ seconds_between('signals.starts_at', 'signals.ends_at') }} // 3600
                )
            else signals.amount
        end as bigint
    ) as requested,
    cast(
        coalesce(
            case signals.amount_kind
                when 'discharge_energy' then energy.eligible_backfeed_wh
                when 'charging_power_limit' then compliance.intervals
                else energy.eligible_import_wh
            end,
            0
        ) as bigint
    ) as achieved,
    cast(
        coalesce(
            case signals.amount_kind
                when 'discharge_energy' then energy.import_wh
                when 'charging_power_limit' then 0
                else energy.backfeed_wh
            end,
            0
        ) as bigint
    ) as circular_wh,
    case
        when held.hold_reasons is not null then 'held'
        when qualities.has_provisional_read then 'provisional'
        else 'final'
    end as status,
    coalesce(held.hold_reasons, '') as hold_reasons,
    coalesce(qualities.qualities, '') as qualities,
from signals
left join energy
    on signals.dr_event_id = energy.dr_event_id and signals.vehicle_id = energy.vehicle_id
left join compliance
    on signals.dr_event_id = compliance.dr_event_id and signals.vehicle_id = compliance.vehicle_id
left join qualities
    on signals.dr_event_id = qualities.dr_event_id and signals.vehicle_id = qualities.vehicle_id
left join held
    on signals.dr_event_id = held.dr_event_id and signals.vehicle_id = held.vehicle_id
