"""What either run knew near the changes: events, leases, EVSEs, sessions and where they stood.

Leaves temporary tables: `known_<feed>` (the versions that run A or run B sees, with the column `side`),
`known_sessions` (with how long an open one lasts, R9) and `visits` (a session behind a metering point, as a
row of its EVSE has it). An open session that ends sooner or later because another began is added to
`footprints`, as a mark that the other one left.
"""

from datetime import datetime

import duckdb

from pipelines.feeds import FEEDS, ROW_STATUS
from pipelines.versions import in_force

_REGISTRIES = ("aggregators", "contracts", "evses", "specific_vehicles", "evse_offers", "permission_leases",
               "dr_events", "dr_instructions")  # fmt: skip


def find_known(connection: duckdb.DuckDBPyConnection, *, reads_from: datetime, reads_to: datetime) -> None:
    """Make the temporary tables; of sessions and signals only those of vehicles and EVSEs that the changes
    or the delivered rows concern, in the range of instants that the period can need.
    """
    connection.execute(
        "create or replace temp macro half_hour_of(moment) as"
        " case when isinf(moment) then moment else time_bucket(interval 30 minutes, moment) end"
    )
    connection.execute(
        "create or replace temp macro half_hour_from(moment) as"
        " case when isinf(moment) then moment"
        " else time_bucket(interval 30 minutes, moment + interval 1799 seconds) end"
    )
    for feed in _REGISTRIES:
        connection.execute(_known(feed))
    connection.execute(_EVSES_IN_FORCE)
    window = {"reads_from": reads_from, "reads_to": reads_to}
    connection.execute(_CONCERNED_VEHICLES)
    connection.execute(_CONCERNED_EVSES, window)
    connection.execute(
        _known("dr_signals", where="vehicle_id in (select vehicle_id from concerned_vehicles)")
    )
    connection.execute(_known("charger_sessions", where=_CONCERNED_SESSIONS), window)
    connection.execute(_SESSIONS)
    connection.execute(_OPEN_FOOTPRINTS)
    connection.execute(_VISITS)
    connection.execute(_LEFT_MARKS)


def _known(feed: str, *, where: str = "true") -> str:
    columns = ", ".join(f"rows.{name}" for name in FEEDS[feed].column_names)
    of_side = "select delivery_no from side_deliveries where side = '{}'"
    sides = " union all ".join(
        f"""
        select '{side}' as side, {columns}
        from raw.{feed} as rows
        where {ROW_STATUS} = 'active' and {where} and {in_force("rows", deliveries=of_side.format(side))}
        """
        for side in ("a", "b")
    )
    return f"create or replace temp table known_{feed} as {sides}"


_EVSES_IN_FORCE = """
    create or replace temp table evses_in_force as
    select
        * exclude (valid_from, valid_to),
        valid_from as in_force_from,
        least(
            coalesce(valid_to, timestamp 'infinity'),
            lead(valid_from, 1, timestamp 'infinity') over (partition by side, evse_id order by valid_from)
        ) as in_force_to,
    from known_evses
"""
_CONCERNED_VEHICLES = """
    create or replace temp table concerned_vehicles as
    select vehicle_id from changes where vehicle_id != ''
    union
    select vehicle_id from known_permission_leases
    where lease_id in (select lease_id from changes)
    union
    select vehicle_id from footprints where feed = 'charger_sessions' and vehicle_id is not null
"""
_CONCERNED_EVSES = """
    create or replace temp table concerned_evses as
    with
    named as (
        select evse_id from changes where evse_id != ''
        union
        select evse_id from known_permission_leases
        where lease_id in (select lease_id from changes)
        union
        select evse_id from known_evses
        where contract_id in (select contract_id from changes)
        union
        select evse_id from known_evses
        where metering_point_id in (select metering_point_id from changes)
        union
        select evse_id from footprints where feed = 'charger_sessions'
        union
        select evse_id from raw.charger_sessions
        where
            vehicle_id in (select vehicle_id from concerned_vehicles)
            and started_at < $reads_to
            and coalesce(ended_at > $reads_from, true)
        union
        select evse_id from raw.charger_sessions
        where session_id in (select session_id from changes where session_id != '')
    ),
    metering_points as (
        select metering_point_id from known_evses where evse_id in (select evse_id from named)
    )
    select evse_id from named
    union
    select evse_id from known_evses
    where metering_point_id in (select metering_point_id from metering_points)
"""
_CONCERNED_SESSIONS = """
    started_at < $reads_to
    and coalesce(ended_at > $reads_from, true)
    and (
        evse_id in (select evse_id from concerned_evses)
        or vehicle_id in (select vehicle_id from concerned_vehicles)
    )
"""
_SESSIONS = """
    create or replace temp table known_sessions as
    with
    followed as (
        select opened.side, opened.session_id, min(later.started_at) as next_started_at
        from known_charger_sessions as opened
        inner join known_charger_sessions as later
            on opened.side = later.side and opened.evse_id = later.evse_id
            and opened.started_at < later.started_at
        where opened.ended_at is null
        group by all
        union all
        select opened.side, opened.session_id, min(later.started_at) as next_started_at
        from known_charger_sessions as opened
        inner join known_charger_sessions as later
            on opened.side = later.side and opened.vehicle_id = later.vehicle_id
            and opened.started_at < later.started_at
        where opened.ended_at is null
        group by all
    ),
    closed as (
        select side, session_id, min(next_started_at) as next_started_at from followed group by all
    )
    select
        sessions.side, sessions.session_id, sessions.evse_id, sessions.vehicle_id, sessions.started_at,
        sessions.ended_at is null as is_open,
        coalesce(sessions.ended_at, closed.next_started_at, timestamp 'infinity') as lasts_to,
    from known_charger_sessions as sessions
    left join closed on sessions.side = closed.side and sessions.session_id = closed.session_id
"""
_OPEN_FOOTPRINTS = """
    update footprints set to_at = sessions.lasts_to
    from known_sessions as sessions
    where
        footprints.feed = 'charger_sessions'
        and sessions.is_open
        and footprints.session_id = sessions.session_id
        and footprints.side = sessions.side
"""
# R7 takes an EVSE's row at the start of each half hour, so a row reaches into the half hour it ends in.
_VISITS = """
    create or replace temp table visits as
    select distinct
        sessions.session_id, sessions.evse_id, sessions.vehicle_id,
        evses.metering_point_id, evses.region, evses.contract_id,
        greatest(sessions.started_at, evses.in_force_from) as visit_from,
        least(sessions.lasts_to, half_hour_from(evses.in_force_to)) as visit_to,
    from known_sessions as sessions
    inner join evses_in_force as evses
        on
            sessions.side = evses.side
            and sessions.evse_id = evses.evse_id
            and sessions.started_at < half_hour_from(evses.in_force_to)
            and sessions.lasts_to > evses.in_force_from
"""
# An open session whose end moved without a row of its own: whoever began at either end moved it.
_LEFT_MARKS = """
    insert into footprints by name
    with
    moved as (
        select
            one.session_id, one.evse_id, one.vehicle_id,
            least(one.lasts_to, other.lasts_to) as from_at, greatest(one.lasts_to, other.lasts_to) as to_at,
        from known_sessions as one
        inner join known_sessions as other on one.session_id = other.session_id
        where one.side = 'a' and other.side = 'b' and one.is_open and other.is_open
        and one.lasts_to != other.lasts_to
    )
    select
        footprints.cause_no, 'charger_sessions' as feed, null::varchar[] as moved,
        moved.session_id, moved.evse_id, moved.vehicle_id, moved.from_at, moved.to_at,
    from moved
    inner join footprints
        on
            footprints.feed = 'charger_sessions'
            and footprints.session_id != moved.session_id
            and (footprints.evse_id = moved.evse_id or footprints.vehicle_id = moved.vehicle_id)
            and footprints.from_at in (moved.from_at, moved.to_at)
"""
