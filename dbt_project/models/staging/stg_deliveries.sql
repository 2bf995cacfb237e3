with
deliveries as (
    select * from {{ source('raw', 'deliveries') }}
),

withdrawals as (
    select * from {{ source('raw', 'withdrawals') }}
)

select
    delivery_no,
    feed,
    sha256,
    file_name,
    received_at,
from deliveries
where
    outcome = 'loaded'
    and received_at <= {{ instant_of('as_of') }}
    and not exists (
        select 1
        from withdrawals
        where
            withdrawals.delivery_no = deliveries.delivery_no
            and withdrawals.withdrawn_at <= {{ instant_of('as_of') }}
    )
