with

contracts as (
    select * from {{ ref('int_contracts_in_force') }}
    where {{ touches_period('in_force_from', 'in_force_to') }}
),

evses as (
    select distinct contract_id
    from {{ ref('int_evses_in_force') }}
    where {{ touches_period('in_force_from', 'in_force_to') }}
)

-- R7: who manages the contract at the first instant of the period at which it is in force has the month.
select
    contracts.contract_id,
    arg_min(contracts.manager_id, contracts.in_force_from) as manager_id,
    arg_min(contracts.monthly_fee_minor, contracts.in_force_from) as monthly_fee_minor,
from contracts
inner join evses on contracts.contract_id = evses.contract_id
group by contracts.contract_id
