-- Guards R26: over the period, metered = attributed + unattributed, in both directions.
-- At stake: energy counted by a meter that no vehicle and no list of exceptions accounts for, or the reverse.
select *
from {{ ref('energy_balance') }}
where metered_wh != attributed_wh + unattributed_wh
