with

signals as (
    select * from {{ ref('int_signals') }}
)

-- One row a performance (R12). Events that touch the range of reads are enough: whatever the period's
-- events, sessions and leases need lies in it.
select
    dr_event_id,
    vehicle_id,
    issued_at,
    amount_kind,
    amount,
    {{ unit_of('amount_kind') }} as unit,
    region,
    direction,
    starts_at,
    ends_at,
    {{ local_date('starts_at') }} as event_local_date,
    user_id,
    child_aggregator_id,
from signals
where
    is_settled
    and starts_at < {{ instant_of('reads_to') }}
    and ends_at > {{ instant_of('reads_from') }}
