with

evses as (
    {{ rows_in_force(ref('stg_evses'), 'evse_id') }}
)

-- Of an EVSE the row at a half hour's start counts (R7), so each row governs whole half hours.
select
    evse_id,
    in_force_from,
    in_force_to,
    {{ half_hour_from('in_force_from') }} as governs_from,
    {{ half_hour_from('in_force_to') }} as governs_to,
    contract_id,
    parking_lot_id,
    region,
    metering_point_id,
    access,
    supply,
    backfeed_capable,
    rated_charge_w,
    rated_discharge_w,
from evses
