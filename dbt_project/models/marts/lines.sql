with

lines as (
    select * from {{ ref('int_lines') }}
    where {{ in_period('starts_at') }}
),

evses as (
    select * from {{ ref('int_evses_in_force') }}
),

contracts as (
    select * from {{ ref('int_contracts_in_force') }}
)

-- For a line's tier and contract the EVSE's row at the event's start counts (R7).
select
    lines.dr_event_id,
    lines.vehicle_id,
    lines.evse_id,
    lines.lease_id,
    lines.access_class,
    lines.unit,
    lines.amount_kind,
    lines.direction,
    lines.user_id,
    lines.event_local_date,
    lines.achieved,
    coalesce(evses.contract_id, '') as contract_id,
    contracts.contract_id is not null as contract_in_force,
    coalesce(
        case lines.direction when 'suppression' then evses.rated_discharge_w else evses.rated_charge_w end,
        0
    ) as rated_w,
from lines
left join evses
    on
        lines.evse_id = evses.evse_id
        and lines.starts_at >= evses.in_force_from
        and lines.starts_at < evses.in_force_to
left join contracts
    on
        evses.contract_id = contracts.contract_id
        and lines.starts_at >= contracts.in_force_from
        and lines.starts_at < contracts.in_force_to
