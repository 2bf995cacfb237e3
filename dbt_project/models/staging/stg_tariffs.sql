-- R21: a tariff is in force from its effective_from until the next one's.
select
    version as tariff_version,
    effective_from,
    coalesce(lead(effective_from) over (order by effective_from), date 'infinity') as effective_to,
    payable_qualities,
    mismatch_wh,
    mismatch_bp,
from {{ source('control', 'run_tariffs') }}
