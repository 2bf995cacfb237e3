"""Who stands where, when, and what flows: the plan from which sessions, leases, signals and reads all follow.

A *stay* is one vehicle at one place (EVSE): own_night and own_day are the place's own car, guest_day and
guest_evening a car under a lease, public_day and public_evening a visitor of a public place. A stay may be
called for one DR event. A *flow* is energy between two instants of a stay, as the meter will see it.
"""

import duckdb

VISITS = """
create table visits as
with parts as (select * from (values (1), (2)) t(part)),
wanted as (
    select pd.i, pd.day, pd.place_day * 2 + part as visit, part, pd.from_s, pd.to_s, pd.region, p.is_public,
    from place_days pd
    inner join places p using (i)
    cross join parts
    where pd.day >= 0
        and case
            when p.is_public then chance('public visit', pd.place_day * 2 + part, 5500)
            when not p.is_capable then false
            when p.in_lot then chance('lot visit', pd.place_day * 2 + part, 1100)
            else chance('home visit', pd.place_day * 2 + part, 250)
        end
),
queued as (
    select *, row_number() over (partition by day, part order by spread('queue', visit), visit) - 1 as rank
        from wanted
)
select
    *,
    -- within one part of a day no car is in two places
    getvariable('evses') + (rank + day * 7) % getvariable('roaming') as v,
    from_s + if(part = 1, 34500 + draw('comes', visit, 3000), 59100 + draw('comes', visit, 2100)) as a_s,
    from_s + if(part = 1, 52800 + draw('goes', visit, 3300), 74100 + draw('goes', visit, 2400)) as b_s,
from queued
where rank < getvariable('roaming');
"""

# Cars behind one metering point come and go together: only the charger's log tells them apart (R9).
TIMED = """
create table timed as
with nights as (
    select
        pd.*,
        p.point,
        coalesce(
            g.b_s + 120 + draw('after the guest', place_day, 600),
            pd.from_s + 58800 + draw('evening of the point', p.point * 512 + pd.day + 1,
                6000) + draw('arrives', place_day, 480)
        ) as a_s,
        pd.to_s + 22800 + draw('morning of the point', p.point * 512 + pd.day + 1, 6600) + draw('leaves',
            place_day, 480) as b_s,
    from place_days pd
    inner join places p using (i)
    left join visits g on g.i = pd.i and g.day = pd.day and g.part = 2
    where not p.is_public and chance('night', place_day, 8600)
),
middays as (
    select
        pd.*,
        p.point,
        pd.from_s + 35400 + draw('back at noon', place_day, 2400) as a_s,
        pd.from_s + 49500 + draw('off again', place_day, 6000) as b_s,
    from place_days pd
    inner join places p using (i)
    anti join visits g on g.i = pd.i and g.day = pd.day and g.part = 1
    where not p.is_public and pd.day >= 0 and chance('midday', place_day, 2800)
)
select place_day * 8 + 4 as stay, i, i as v, day, region, 'own_night' as kind, a_s, b_s from nights
union all
select place_day * 8 + 1, i, i, day, region, 'own_day', a_s, b_s from middays
union all
select (i * 512 + day + 1) * 8 + 1 + part, i, v, day, region,
    if(is_public, 'public', 'guest') || if(part = 1, '_day', '_evening'), a_s, b_s
from visits;
"""

CALLED = """
create table called as
with met as (
    select
        t.stay,
        e.event,
        -- an event across midnight takes some of those that the evening one would have called
        if(e.letter = 'N' and not chance('rather at night', t.stay, 4000), 2, 1) as preference,
    from timed t
    inner join events e on e.region = t.region and e.day = t.day
        and least(t.b_s, e.ends_s) - greatest(t.a_s, e.starts_s) >= 1200
    where e.letter not in ('U', 'X')
),
chosen as (
    select stay, arg_min(event, (preference, -event)) as event from met
        group by stay having chance('called', stay, 9300)
)
select
    t.*,
    p.point,
    p.is_capable,
    pd.rated_charge_w,
    pd.rated_discharge_w,
    pd.from_s as day_from_s,
    pd.to_s as day_to_s,
    e.event,
    e.direction,
    e.starts_s,
    e.ends_s,
    case
        when e.direction = 'suppression' and p.is_capable and chance('kind', stay, 7300)
            then 'discharge_energy'
        when e.direction = 'suppression' then 'charging_power_limit'
        when e.direction = 'increase' and chance('kind', stay, 6000) then 'charge_energy'
        when e.direction = 'increase' then 'charging_power'
    end as amount_kind,
from timed t
inner join places p using (i)
inner join place_days pd on pd.i = t.i and pd.day = t.day
left join chosen c using (stay)
left join events e on e.event = c.event;
"""

# What is asked of the vehicle, and what percentage of it comes.
ASKED = """
create table asked as
select
    c.*,
    coalesce(w.twist, '') as twist,
    10 + case amount_kind
        when 'discharge_energy'
            then rated_discharge_w * (ends_s - starts_s) // 3600 * (15 + draw('amount', stay,
            25)) // 1000 * 10
        when 'charge_energy'
            then rated_charge_w * (ends_s - starts_s) // 3600 * (20 + draw('amount', stay, 35)) // 1000 * 10
        when 'charging_power' then rated_charge_w * (30 + draw('amount', stay, 40)) // 1000 * 10
        when 'charging_power_limit' then rated_charge_w * (25 + draw('amount', stay, 30)) // 1000 * 10
    end as amount,
    case
        when twist = 'delivers_nothing' then 0
        when twist = 'delivers_little' then 30
        when twist = 'delivers_too_much' then 150
        when amount_kind = 'charging_power_limit'
            then if(chance('over the limit', stay, 500), 140, 60 + draw('share', stay, 35))
        when chance('nothing', stay, 150) then 0
        when chance('little', stay, 200) then 15 + draw('share', stay, 30)
        when chance('too much', stay, 250) then 122 + draw('share', stay, 30)
        else 95 + draw('share', stay, 14)
    end as percent,
    greatest(a_s, starts_s) as answer_from_s,
    least(b_s, ends_s) as answer_to_s,
from called c
left join twists w using (stay);
"""

# `answer` is what flows because of the call, `rest` what the car needs or gives otherwise.
STAYS = """
create table stays as
with answered as (
    select
        *,
        twist not in ('lease_no_show', 'lease_revoked_before') as comes,
        if(amount_kind = 'discharge_energy', 'out', 'in') as answer_direction,
        case when twist <> 'lease_idle' then least(
            case
                when amount_kind in ('discharge_energy', 'charge_energy') then amount * percent // 100
                else amount * (answer_to_s - answer_from_s) // 3600 * percent // 100
            end,
            if(amount_kind = 'discharge_energy', rated_discharge_w,
                rated_charge_w) * (answer_to_s - answer_from_s) // 3600
        ) end as answer_wh,
    from asked
),
rested as (
    select
        *,
        case
            when kind = 'own_night' then 3000 + draw('charge', stay, 8000)
            when twist = 'lease_idle' then 1500
            when event is not null then 0
            when kind like 'guest%' then 900 + draw('guest', stay, 1600)
            else 1500 + draw('charge', stay, 2500)
        end as rest_wh,
        if(kind like 'guest%' and event is null and twist <> 'lease_idle'
            and chance('guest gives', stay, 8800), 'out', 'in')
            as rest_direction,
        case
            when kind = 'own_night'
                then greatest(coalesce(answer_to_s, 0) + 600, a_s + 300,
                    day_to_s + 1800 + draw('off peak', point * 512 + day + 1, 3600))
            else a_s + 900
        end as rest_from_s,
    from answered
)
select
    *,
    rest_from_s + rest_wh * 3600 // (if(rest_direction = 'out', rated_discharge_w,
        rated_charge_w) * 8 // 10) + 1 as rest_to_s,
from rested;
"""

FLOWS = """
create table flows as
with circles as (
    select *, answer_from_s + (answer_to_s - answer_from_s) // 2 as turn_s from stays where twist = 'circle'
),
planned as (
    select stay, point, answer_direction as direction, answer_from_s as from_s, answer_to_s as to_s,
        answer_wh as wh
    from stays where comes and answer_wh > 0 and twist <> 'circle'
    union all
    select stay, point, rest_direction, rest_from_s, least(rest_to_s, b_s),
        rest_wh from stays where comes and rest_wh > 0
    union all
    -- energy that goes in a circle: out in the first half of the event, back in the second
    select stay, point, 'out', answer_from_s, turn_s, answer_wh from circles
    union all
    select stay, point, 'in', turn_s, answer_to_s, answer_wh from circles
    union all
    select stay, point, 'out', a_s + 7200, a_s + 9000, 420 from stays where twist = 'backfeed_incapable'
)
select * from planned where to_s > from_s;
"""


def plan_stays(connection: duckdb.DuckDBPyConnection) -> None:
    """The work tables `timed` and `called`: who stands where, and for what event it is wanted."""
    for statement in (VISITS, TIMED, CALLED):
        connection.execute(statement)


def play_stays(connection: duckdb.DuckDBPyConnection) -> None:
    """The work tables `stays` (with what was asked and answered, and the twist of each) and `flows`."""
    for statement in (ASKED, STAYS, FLOWS):
        connection.execute(statement)
    connection.execute("drop table asked; drop table called; drop table timed")
