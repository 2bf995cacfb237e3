"""What the chargers logged: the feed `charger_sessions`, from the stays and what happened to them."""

import duckdb

# The charger counts up to 2% less than the meter; its standby is not in its log.
LOGGED = """
create table logged as
with sums as (
    select
        stay,
        coalesce(sum(wh) filter (where direction = 'in'), 0)::bigint as in_wh,
        coalesce(sum(wh) filter (where direction = 'out'), 0)::bigint as out_wh,
    from flows
    group by stay
)
select
    s.*,
    d.label,
    coalesce(f.in_wh, 0) * (1000 - draw('loss in', stay, 20)) // 1000 as in_wh,
    -- an import-only charger has no counter for what goes the wrong way
    if(s.is_capable, coalesce(f.out_wh, 0) * (1000 - draw('loss out', stay, 15)) // 1000, 0) as out_wh,
from stays s
inner join days d using (day)
left join sums f using (stay)
where s.comes;
"""

SESSIONS = """
create table charger_sessions as
with named as (
    select
        getvariable('prefix') || 'S-' || label || '-' || lpad(i::varchar, 7, '0') || '-' || stay % 8
            as session_id,
        if(twist = 'unknown_evse', unknown_id('EV-', i), evse_id(i)) as evse_id,
        case twist when 'unidentified' then null when 'unknown_vehicle' then unknown_id('V-', v)
            else vehicle_id(v) end as vehicle_id,
        twist,
        i,
        v,
        stay,
        a_s,
        b_s,
        answer_from_s,
        answer_to_s,
        if(twist = 'mismatch', in_wh * 5 // 4 + 1500, in_wh) as in_wh,
        if(twist = 'mismatch' and out_wh > 0, out_wh * 5 // 4 + 1500, out_wh) as out_wh,
        b_s > getvariable('window_to_s') as is_open_at_first,
        twist in ('unclosed', 'never_closed') as stays_open,
    from logged
),
-- what is closed after the first delivery comes with the second
closed as (
    select if(is_open_at_first, 2, 1) as folder, 'active' as row_status, stay, session_id, evse_id,
        vehicle_id, a_s, b_s,
        if(twist = 'log_corrected', in_wh // 2, in_wh) as in_wh,
            if(twist = 'log_corrected', out_wh // 2, out_wh) as out_wh
    from named where not stays_open
),
still_open as (
    select 1, 'active', stay, session_id, evse_id, vehicle_id, a_s, null, null,
        null from named where stays_open or is_open_at_first
),
corrected as (
    select 3, 'active', stay, session_id, evse_id, vehicle_id, a_s, b_s, in_wh,
        out_wh from named where twist = 'log_corrected'
),
logged_twice as (
    select folder, if(folder = 3, 'cancelled', 'active'), null, session_id || 'b', evse_id, vehicle_id,
        a_s + 7, b_s + 7, in_wh, out_wh
    from named cross join (values (1), (3)) f(folder) where twist = 'logged_twice'
),
-- a stranger plugs in before the car has left
strangers as (
    select 1, 'active', null, session_id || 'c', evse_id,
        vehicle_id(getvariable('evses') + stay % getvariable('roaming')),
        b_s - 5400, b_s + 900, 0, 0
    from named where twist = 'overlapped'
),
-- the neighbour's charger claims to see the same car
doubles as (
    select 1, 'active', null, session_id || 'd', evse_id(i + 1), vehicle_id, answer_from_s + 61,
        answer_to_s - 59, 0, 0
    from named where twist = 'two_places'
)
select folder, row_status, stay, session_id, evse_id, vehicle_id, a_s as started_at, b_s as ended_at,
    in_wh as charged_wh,
    out_wh as discharged_wh
from (
    from closed union all
    from still_open union all
    from corrected union all
    from logged_twice union all
    from strangers
    union all from doubles
);
"""


def make_sessions(connection: duckdb.DuckDBPyConnection) -> None:
    """The feed `charger_sessions`; its column `stay`, for what was planned, is not delivered."""
    connection.execute(LOGGED)
    connection.execute(SESSIONS)
    connection.execute("drop table logged")
