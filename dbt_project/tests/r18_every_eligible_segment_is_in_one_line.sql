with

segments as (
    select distinct
        dr_event_id,
        vehicle_id,
        evse_id,
        lease_id,
        access_class,
    from {{ ref('int_segment_energy') }}
    where is_eligible and dr_event_id != ''
),

lines as (
    select
        dr_event_id,
        vehicle_id,
        evse_id,
        lease_id,
        access_class,
    from {{ ref('int_lines') }}
)

select
    'segment without line' as fault,
    segments.*,
from segments
anti join lines using (dr_event_id, vehicle_id, evse_id, lease_id, access_class)

union all

select
    'line without segment' as fault,
    lines.*,
from lines
anti join segments using (dr_event_id, vehicle_id, evse_id, lease_id, access_class)
