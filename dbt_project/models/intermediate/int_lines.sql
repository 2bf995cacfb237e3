with

signals as (
    select * from {{ ref('int_settled_signals') }}
),

segments as (
    select * from {{ ref('int_segment_energy') }}
    where is_eligible and dr_event_id != ''
),

power_limit_intervals as (
    select * from {{ ref('int_power_limit_intervals') }}
),

energy as (
    select
        segments.dr_event_id,
        segments.vehicle_id,
        segments.evse_id,
        segments.lease_id,
        segments.access_class,
        signals.amount_kind,
        signals.direction,
        signals.unit,
        signals.starts_at,
        signals.event_local_date,
        signals.user_id,
        sum(segments.import_wh) as import_wh,
        sum(segments.capable_backfeed_wh) as backfeed_wh,
    from segments
    inner join signals
        on segments.dr_event_id = signals.dr_event_id and segments.vehicle_id = signals.vehicle_id
    group by all
),

compliant_intervals as (
    select
        dr_event_id,
        vehicle_id,
        line_evse_id as evse_id,
        line_lease_id as lease_id,
        line_access_class as access_class,
        count(*) as intervals,
    from power_limit_intervals
    where is_compliant
    group by all
)

-- R18 up to achieved, by R12's table.
select
    energy.dr_event_id,
    energy.vehicle_id,
    energy.evse_id,
    energy.lease_id,
    energy.access_class,
    energy.amount_kind,
    energy.direction,
    energy.unit,
    energy.starts_at,
    energy.event_local_date,
    energy.user_id,
    cast(
        coalesce(
            case energy.amount_kind
                when 'discharge_energy' then energy.backfeed_wh
                when 'charging_power_limit' then compliant_intervals.intervals
                else energy.import_wh
            end,
            0
        ) as bigint
    ) as achieved,
from energy
left join compliant_intervals
    on
        energy.dr_event_id = compliant_intervals.dr_event_id
        and energy.vehicle_id = compliant_intervals.vehicle_id
        and energy.evse_id = compliant_intervals.evse_id
        and energy.lease_id = compliant_intervals.lease_id
        and energy.access_class = compliant_intervals.access_class
