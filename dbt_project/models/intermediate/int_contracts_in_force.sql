with

contracts as (
    {{ rows_in_force(ref('stg_contracts'), 'contract_id') }}
)

select
    contract_id,
    in_force_from,
    in_force_to,
    manager_id,
    manager_kind,
    monthly_fee_minor,
from contracts
