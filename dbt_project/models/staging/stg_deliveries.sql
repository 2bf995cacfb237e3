select
    delivery_no,
    feed,
    sha256,
    file_name,
    received_at,
from {{ source('raw', 'deliveries') }}
where
    outcome = 'loaded'
    and received_at <= {{ instant_of('as_of') }}
