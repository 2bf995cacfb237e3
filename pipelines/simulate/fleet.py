"""Who and what there is: places (EVSEs), vehicles, contracts, aggregators, and their changes (R7)."""

import duckdb

# A block of 20 places: 12 homes with a contract each, and a parking lot of 8 under one contract, whose
# places 12 and 13 share a metering point.
PLACES = """
create table places as
with numbered_places as (
    select range as i, range // 20 as block, range % 20 as position from range(getvariable('evses'))
),
sited as (
    select
        *,
        position >= 12 as in_lot,
        i - (position = 13)::bigint as point,
        block % getvariable('regions') as region,
        position = 19 or (position = 18 and block % 4 = 3) as is_public,
        position in (12, 13) or (position not in (5, 17) and not chance('incapable', i, 500)) as is_capable,
        chance('direct current', i, 3500) as is_dc,
        position = 7 and block % 2 = 0 as has_solar,
        position = 9 and block % 5 = 1 as has_household,
    from numbered_places
)
select
    *,
    case when is_dc then 6000 + 4000 * draw('charge rating', i, 2)
        else 3000 + 3000 * draw('charge rating', i, 2) end
        as rated_charge_w,
    case when not is_capable then 0 when is_dc then 6000 else 3000 + 3000 * draw('discharge rating', i, 2) end
        as rated_discharge_w,
from sited;
"""

# What happens to a place within the month: to a few homes, one thing each, in the middle third of the days.
PLACE_CHANGES = """
create table place_changes as
with ranked as (
    select i, row_number() over (order by spread('place change', i), i) - 1 as rank
    from places
    where not in_lot and is_capable and not has_solar and not has_household
),
changed as (
    select i, rank // one_in_bp(getvariable('evses'), 30) as which from ranked
),
dated as (
    select *, getvariable('days') // 3 + draw('change day', i, getvariable('days') // 3) as day from changed
        where which < 7
)
select
    i,
    ['rerated', 'moved', 'opened', 'withdrawn', 'registered_late', 'contract_unknown', 'thin_fee'][which + 1]
        as what,
    day,
    from_s + 32400 + draw('change second', i, 1700) as at_s,
from dated
inner join days using (day);
create table place_days as
select
    p.i,
    d.day,
    p.i * 512 + d.day + 1 as place_day,
    d.from_s,
    d.to_s,
    case when c.what = 'moved' and d.day >= c.day then (p.region + 1) % getvariable('regions')
        else p.region end as region,
    case when c.what = 'rerated' and d.day >= c.day then p.rated_charge_w * 3 // 2
        else p.rated_charge_w end as rated_charge_w,
    case when c.what = 'rerated' and d.day >= c.day then p.rated_discharge_w * 3 // 2
        else p.rated_discharge_w end
        as rated_discharge_w,
from places p
cross join days d
left join place_changes c using (i)
where d.day < getvariable('days') and not (coalesce(c.what, '') = 'withdrawn' and d.day >= c.day);
"""

EVSES = """
create table evses as
with versions as (
    select p.*, c.what, c.at_s, 1 as version from places p left join place_changes c using (i)
    union all
    select p.*, c.what, c.at_s, 2 from places p inner join place_changes c using (i)
    where c.what in ('rerated', 'moved', 'opened')
)
select
    case when what = 'registered_late' then 2 else 1 end as folder,
    'active' as row_status,
    evse_id(i) as evse_id,
    case when version = 2 then at_s else getvariable('long_ago_s') end as valid_from,
    -- some registries end the old row, some leave it open: both mean the same
    case when what = 'withdrawn' or (version = 1 and what in ('moved', 'opened')) then at_s end as valid_to,
    case
        when what = 'contract_unknown' then unknown_id('C-', i)
        when in_lot then lot_contract_id(block)
        else home_contract_id(i)
    end as contract_id,
    numbered(if(in_lot, 'LOT-', 'HOME-'), if(in_lot, block, i)) as parking_lot_id,
    region_name as region,
    point_id(point) as metering_point_id,
    if(is_public or (what = 'opened' and version = 2), 'public', 'specific') as access,
    if(is_dc, 'dc', 'ac') as supply,
    is_capable as backfeed_capable,
    if(what = 'rerated' and version = 2, rated_charge_w * 3 // 2, rated_charge_w) as rated_charge_w,
    if(what = 'rerated' and version = 2, rated_discharge_w * 3 // 2, rated_discharge_w) as rated_discharge_w,
from versions v
inner join regions r
    on r.region = case when what = 'moved' and version = 2 then (v.region + 1) % getvariable('regions')
        else v.region end;
"""

SPECIFIC_VEHICLES = """
create table specific_vehicles as
with own as (
    select *, chance('two periods', i, 200) or i = 0 as in_two from places where not is_public
),
pairs as (
    select i, i as v, getvariable('long_ago_s') as valid_from,
        if(in_two, getvariable('window_from_s') + 1000003, null) as valid_to
    from own
    union all
    select i, i, getvariable('window_from_s') + 1000003, null from own where in_two
    union all
    -- the family's second car
    select i, i + 1, getvariable('long_ago_s'),
        null from own where position < 11 and chance('second car', i, 500)
)
select 1 as folder, 'active' as row_status, evse_id(i) as evse_id, vehicle_id(v) as vehicle_id, valid_from,
    valid_to from pairs
union all
select 1, 'active', unknown_id('EV-', 1), vehicle_id(0), getvariable('long_ago_s'), null
union all
select 1, 'active', evse_id(1), unknown_id('V-', 1), getvariable('long_ago_s'), null
union all
-- entered by mistake, and cancelled with the third delivery
select f.folder, if(f.folder = 3, 'cancelled', 'active'), evse_id(2), vehicle_id(4),
    getvariable('long_ago_s'), null
from (values (1), (3)) f(folder);
"""

# The odd children (R25) stand behind the ordinary ones: without parent, with an unknown one, with a child.
AGGREGATORS = """
create table agents as
with sizes as (select 2 + getvariable('evses') // 20000 as parents)
select
    range as child,
    range % (select parents from sizes) as parent,
    numbered('AG-C', range) as child_id,
    range - 3 * (select parents from sizes) as odd,
from sizes, range(3 * parents + 3);
create table aggregators as
with parents as (select distinct parent from agents),
moves as (
    select *, getvariable('window_from_s') + getvariable('days') // 2 * 86400 + 43217 as at_s from agents
        where child = 1
),
children as (
    select
        child_id,
        getvariable('long_ago_s') as valid_from,
        case odd when 0 then null when 1 then unknown_id('AG-P', 1) when 2 then numbered('AG-C', 0)
            else numbered('AG-P', parent) end
            as parent_id,
    from agents
    union all
    select child_id, at_s, numbered('AG-P', (parent + 1) % (select count(*) from parents)) from moves
)
select 1 as folder, 'active' as row_status, numbered('AG-P', parent) as aggregator_id,
    getvariable('long_ago_s') as valid_from,
    null::bigint as valid_to, 'parent' as level, null::varchar as parent_aggregator_id
from parents
union all
select 1, 'active', child_id, valid_from, null, 'child', parent_id from children;
"""

VEHICLES = """
create table cars as
with numbered_cars as (
    select i as v, false as is_roaming from places where not is_public
    union all
    select getvariable('evses') + range, true from range(getvariable('roaming'))
),
ranked_cars as (
    select *, row_number() over (order by is_roaming, spread('car', v), v) - 1 as rank from numbered_cars
),
grouped as (
    select *, rank // one_in_bp(getvariable('evses'), 25) as which from ranked_cars
)
select
    v,
    is_roaming,
    ['child_unknown', 'names_parent', 'odd_0', 'odd_1', 'odd_2', 'sold', 'corrected'][which + 1] as what,
    v // 20 % (select count(*) from agents where odd < 0) as child,
from grouped;
create table vehicles as
with stated as (
    select
        c.*,
        case
            when what = 'child_unknown' then unknown_id('AG-C', 1)
            when what = 'names_parent' then numbered('AG-P', 0)
            when what like 'odd%'
                then (select child_id from agents where odd = try_cast(right(what, 1) as bigint))
            else numbered('AG-C', child)
        end as child_id,
        getvariable('window_from_s') + (2 + draw('sold', v, getvariable('days') - 4)) * 86400 + 39601
            as sold_s,
    from cars c
),
versions as (
    select *, 1 as version, 1 as folder from stated
    union all
    select *, 2, 1 from stated where what = 'sold'
    union all
    select *, 1, 3 from stated where what = 'corrected'
)
select
    folder,
    'active' as row_status,
    vehicle_id(v) as vehicle_id,
    if(version = 2, sold_s, getvariable('long_ago_s')) as valid_from,
    if(what = 'sold' and version = 1, sold_s, null) as valid_to,
    case
        when version = 2 then numbered('U-N', v)
        when is_roaming and v % 2 = 0 then numbered('U-FLEET', v % 10)
        else user_id(v)
    end as user_id,
    child_id as child_aggregator_id,
    if(is_roaming and v % 2 = 0, 'maas', 'pov') as ownership,
    if(folder = 3, 'phev',
        ['bev', 'bev', 'bev', 'phev', 'bev', 'bev', 'phev', 'fcev'][1 + draw('powertrain', v, 8)])
        as powertrain,
from versions;
"""

# Fees are in smallest units; those of a place with a thin fee are soon capped (R20).
CONTRACTS = """
create table contracts as
with held as (
    select home_contract_id(i) as contract_id, i as n, 'individual' as manager_kind,
        numbered('M-H', i) as manager_id,
        6000 + draw('fee', i, 9000) as fee, coalesce(c.what, '') as what
    from places p left join place_changes c using (i)
    where not in_lot
    union all
    select lot_contract_id(block), 100000000 + block,
        ['company', 'real_estate', 'rental', 'hotel'][1 + block % 4],
        numbered('M-L', block // 2), 80000 + draw('lot fee', block, 200000), ''
    from (select distinct block from places where in_lot)
),
ranked as (
    select *, row_number() over (partition by what <> '' order by spread('contract', n), n) - 1 as rank
        from held where what not in ('contract_unknown')
),
changing as (
    select
        * exclude (what, fee),
        what,
        if(what = 'thin_fee', 10 + draw('thin', n, 10), fee) as fee,
        if(what = '',
            ['fee_changed', 'manager_changed', 'ended',
            'fee_corrected'][1 + rank // one_in_bp(getvariable('evses'), 30)],
            null) as change,
        getvariable('window_from_s') + (3 + draw('contract day', n, getvariable('days') - 6)) * 86400 + 12345
            as at_s,
    from ranked
),
versions as (
    select *, 1 as version, 1 as folder from changing
    union all
    select *, 2, 1 from changing where change in ('fee_changed', 'manager_changed')
    union all
    select *, 1, 3 from changing where change = 'fee_corrected'
)
select
    folder,
    'active' as row_status,
    contract_id,
    if(version = 2, at_s, getvariable('long_ago_s')) as valid_from,
    if(change = 'ended' or (change = 'manager_changed' and version = 1), at_s, null) as valid_to,
    if(change = 'manager_changed' and version = 2, numbered('M-N', n), manager_id) as manager_id,
    manager_kind,
    if((change = 'fee_changed' and version = 2) or folder = 3, fee * 11 // 10, fee) as monthly_fee_minor,
from versions;
"""


def make_fleet(connection: duckdb.DuckDBPyConnection) -> None:
    """The registry feeds, and the work tables `places`, `place_days`, `cars` for people to move about in."""
    for statement in (PLACES, PLACE_CHANGES, EVSES, SPECIFIC_VEHICLES, AGGREGATORS, VEHICLES, CONTRACTS):
        connection.execute(statement)
