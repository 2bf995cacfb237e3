select *
from {{ ref('energy_balance') }}
where metered_wh != attributed_wh + unattributed_wh
