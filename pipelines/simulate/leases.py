"""Who may stand where: the feeds `permission_leases` and `evse_offers` (R10, R20, R22)."""

import duckdb

LEASES = """
create table permission_leases as
with guests as (
    select
        *,
        a_s - 300 - draw('early', stay, 1500) as from_s,
        b_s + 15 + draw('grace', stay, 95) as to_s,
        a_s - 86400 - draw('granted', stay, 172800) as granted_s,
        a_s + (b_s - a_s) * 2 // 5 as midway_s,
        twist in ('lease_without_consent', 'lease_consented_late') or chance('indirect', stay, 3500)
            as is_indirect,
        getvariable('evses') + (stay % 100003) % getvariable('roaming') as other_v,
    from stays
),
ordinary as (
    select 'a' as letter, i, v, is_indirect, if(twist = 'lease_granted_late', midway_s, granted_s)
        as granted_s,
        case
            when not is_indirect or twist = 'lease_without_consent' then null
            when twist = 'lease_consented_late' then midway_s
            else granted_s + 600 + draw('consent', stay, 40000)
        end as consent_s,
        from_s, to_s,
        case twist when 'lease_revoked_midway' then midway_s
            when 'lease_revoked_before' then from_s - 3600 end as revoked_s, stay, 1 as folder
    from guests where kind like 'guest%' and twist <> 'unpermitted'
),
-- one more lease, by twist: (folder, of the car itself or another, from, to)
more as (
    select 'b', i, if(twist in ('lease_overlapping', 'lease_during_own_stay', 'lease_pending'), other_v, v),
        false, granted_s, null::bigint,
        case twist
            when 'lease_overlapping' then midway_s
            when 'lease_given_twice' then from_s + 120
            when 'lease_pending' then b_s + 3600
            else from_s
        end,
        case twist when 'lease_pending' then getvariable('window_to_s') + 45 * 86400 else to_s end,
            null::bigint, stay, 1
    from guests
    where twist in ('lease_overlapping', 'lease_given_twice', 'lease_at_public_place', 'lease_of_own_car',
        'lease_during_own_stay',
        'lease_pending')
),
-- booked twice by mistake and cancelled
cancelled as (
    select 'c', i, v, false, granted_s, null::bigint, from_s, to_s, null::bigint, stay, folder
    from guests cross join (values (1), (-3)) f(folder) where twist = 'logged_twice'
),
given as (
    from ordinary union all from more union all from cancelled
),
dated as (
    select g.*,
        getvariable('prefix') || 'L-' || label || '-' || lpad(i::varchar, 7, '0') || '-' || stay % 8 || letter
        as lease_id,
    from given g inner join days d on d.day = (stay // 8) % 512 - 1
)
select
    abs(folder) as folder,
    if(folder < 0, 'cancelled', 'active') as row_status,
    lease_id,
    evse_id(i) as evse_id,
    vehicle_id(v) as vehicle_id,
    if(is_indirect, 'indirect', 'direct') as kind,
    granted_s as granted_at,
    consent_s as consent_at,
    from_s as valid_from,
    to_s as valid_to,
    revoked_s as revoked_at,
from dated
union all
select 1, 'active', getvariable('prefix') || 'L-X-' || n, if(n = 1, unknown_id('EV-', 2), evse_id(0)),
    if(n = 2, unknown_id('V-', 3), vehicle_id(getvariable('evses'))), 'direct',
        getvariable('window_from_s') - 86400, null,
    getvariable('window_from_s') + 36061, getvariable('window_from_s') + 50077, null
from range(1, 3) t(n);
"""

# Some private places are on offer on workdays; those of a thin fee every day, so that their cap binds.
OFFERS = """
create table evse_offers as
with offering as (
    select
        pd.*,
        d.label,
        pd.from_s + 34200 + 900 * draw('offer from', place_day, 4) + if(chance('odd offer', place_day, 3000),
            451, 0) as offered_from,
        pd.from_s + 55800 + 1800 * draw('offer to', place_day, 2) as offered_to,
        chance('published late', place_day, 200) or (coalesce(c.what, '') = 'thin_fee' and day = 4)
            as is_late,
    from place_days pd
    inner join places p using (i)
    inner join days d using (day)
    left join place_changes c using (i)
    where pd.day >= 0
        and not p.is_public
        and p.is_capable
        and (coalesce(c.what, '') = 'thin_fee' or (chance('offers', i, 3000) and d.is_workday
            and chance('offer', place_day, 6000)))
),
named as (
    select *, getvariable('prefix') || 'O-' || label || '-' || lpad(i::varchar, 7, '0') as offer_id,
        if(is_late, offered_from + 3613, offered_from - 50000) as published_at,
    from offering
)
select 1 as folder, 'active' as row_status, offer_id, evse_id(i) as evse_id, published_at, offered_from,
    offered_to from named
union all
select 3, 'cancelled', offer_id, evse_id(i), published_at, offered_from, offered_to from named
where spread('offer cancelled', place_day) % 200 = 0 or offer_id = (select min(offer_id) from named)
union all
select 1, 'active', getvariable('prefix') || 'O-X-1', unknown_id('EV-', 3), getvariable('window_from_s'),
    getvariable('window_from_s') + 36000, getvariable('window_from_s') + 54000;
"""


def make_leases(connection: duckdb.DuckDBPyConnection) -> None:
    """The feeds `permission_leases` and `evse_offers`."""
    connection.execute(LEASES)
    connection.execute(OFFERS)
