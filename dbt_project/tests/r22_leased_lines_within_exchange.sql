with

lines as (
    select
        lease_id,
        sum(case when direction = 'suppression' then achieved end) as achieved_backfeed_wh,
        sum(case when direction = 'increase' then achieved end) as achieved_import_wh,
    from {{ ref('lines') }}
    where lease_id != '' and unit = 'Wh'
    group by lease_id
),

lease_exchanges as (
    select * from {{ ref('lease_exchanges') }}
)

select
    lines.*,
    lease_exchanges.backfeed_wh,
    lease_exchanges.dr_import_wh,
from lines
inner join lease_exchanges on lines.lease_id = lease_exchanges.lease_id
where
    lines.achieved_backfeed_wh > lease_exchanges.backfeed_wh
    or lines.achieved_import_wh > lease_exchanges.dr_import_wh
    or not lease_exchanges.has_leased_segment
