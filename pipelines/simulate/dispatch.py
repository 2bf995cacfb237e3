"""What the utility asks for: DR events, and the instructions and signals that carry them down (R12, R13)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from pipelines.simulate.world import SimulationError


@dataclass(frozen=True)
class DemandResponse:
    """A DR event that the fleet is to answer, in place of simulated ones; instants with their offset."""

    dr_event_id: str
    region: str
    direction: str
    starts_at: datetime
    ends_at: datetime


# An event's number is (region, day, letter): S evening suppression, I midday increase, N across midnight, U
# urgent and overlapping S, B on the eve of the first day and into it. X is called off by the third delivery.
EVENTS = """
create table events as
with region_days as (
    select region, day, label, from_s, region * 512 + day + 1 as key,
        day between 0 and getvariable('days') - 1 as is_inside
    from regions cross join days
),
evening as (
    select *, 'S' as letter, 'suppression' as direction,
        from_s + 61200 + 1800 * draw('evening start', key,
            3) + if(chance('evening off the half hour', key, 2000), 617, 0) as starts_s,
        5400 + 1800 * draw('evening length', key, 4) as length_s,
    from region_days where is_inside and (chance('evening', key, 7500) or day = 1)
),
midday as (
    select *, 'I', 'increase', from_s + 37800 + 1800 * draw('midday start', key, 3),
        5400 + 1800 * draw('midday length', key, 3),
    from region_days where is_inside and (chance('midday', key, 5500) or day = 2)
),
night as (
    select *, 'N', if((region + day) % 2 = 0, 'suppression', 'increase'), from_s + 82800, 6300,
    from region_days
    where is_inside and (chance('night', key, 400) or (region = 0 and day in (3, 4, getvariable('days') - 1)))
),
urgent as (
    select region, day, label, from_s, key, is_inside, 'U', 'suppression', starts_s + 1800, length_s,
    from evening where chance('urgent', key, 800) or day = 1
),
eve as (
    select *, 'B', 'increase', from_s + 84600, 4200, from region_days where day = -1 and region = 0
),
called_off as (
    select *, 'X', 'suppression', from_s + 54000, 3600,
        from region_days where is_inside and (region = 0 and day = 5)
),
planned as (
    from evening union all
    from midday union all
    from night union all
    from urgent union all
    from eve union all
    from called_off
)
select
    key * 8 + instr('SINUBX', letter) as event,
    getvariable('prefix') || 'DR-' || label || '-' || region_name || '-' || letter as dr_event_id,
    region,
    region_name,
    day,
    letter,
    direction,
    starts_s,
    starts_s + length_s as ends_s,
from planned
inner join regions using (region);
"""

EVENTS_FEED = """
create table dr_events as
select 1 as folder, 'active' as row_status, dr_event_id, region_name as region, direction,
    starts_s as starts_at, ends_s as ends_at
from events
union all
select 3, 'cancelled', dr_event_id, region_name, direction, starts_s, ends_s from events where letter = 'X';
"""

# Calls that nobody hears: the car of the place is away for the night.
ABSENT_CALLS = """
create table absent_calls as
select e.event, p.i as v, 'discharge_energy' as amount_kind,
    500 + 10 * draw('absent amount', pd.place_day, 150) as amount,
    e.starts_s - 3600 as issued_s, pd.place_day
from place_days pd
inner join places p using (i)
inner join events e on e.region = pd.region and e.day = pd.day and e.letter = 'S'
anti join stays s on s.i = pd.i and s.day = pd.day and s.kind = 'own_night'
where not p.is_public and p.is_capable and chance('absent call', pd.place_day, 600);
"""

SIGNALS = """
create table signals as
with called as (
    select s.*, e.starts_s, e.dr_event_id, e.starts_s - 1800 - draw('issued', stay, 5400) as issued_s
    from stays s inner join events e using (event)
),
ordinary as (
    select 1 as folder, 'active' as row_status, dr_event_id, v,
        if(twist = 'signal_late', starts_s + draw('late signal', stay, 1200), issued_s) as issued_s,
        case
            when twist <> 'signal_mismatching' then amount_kind
            when amount_kind in ('discharge_energy', 'charging_power_limit') then 'charge_energy'
            else 'discharge_energy'
        end as amount_kind,
        amount,
    from called
),
earlier as (
    select 1, 'active', dr_event_id, v, issued_s - 7200, amount_kind,
        1 + amount * 8 // 10 from called where twist = 'signal_reissued'
),
-- issued again by mistake; cancelling it restores the one before
mistaken as (
    select folder, if(folder = 3, 'cancelled', 'active'), dr_event_id, v, issued_s + 900, amount_kind,
        amount * 2
    from called cross join (values (1), (3)) f(folder) where twist = 'signal_restored'
),
withdrawn as (
    select 3, 'cancelled', dr_event_id, v, issued_s, amount_kind,
        amount from called where twist = 'signal_withdrawn'
),
urgent as (
    select 1, 'active', u.dr_event_id, v, u.starts_s - 600, c.amount_kind, c.amount
    from called c
    inner join events e on e.event = c.event
    inner join events u on u.region = e.region and u.day = e.day and u.letter = 'U'
    where twist = 'double_dispatch'
),
absent as (
    select 1, 'active', dr_event_id, v, issued_s, amount_kind,
        amount from absent_calls inner join events using (event)
),
sent as (
    from ordinary union all
    from earlier union all
    from mistaken union all
    from withdrawn union all
    from urgent union all
    from absent
),
unknown as (
    select unknown_id('DR-', 1) as dr_event_id, vehicle_id(0) as vehicle_id
    union all
    select (select min(dr_event_id) from events where letter = 'S'), unknown_id('V-', 2)
)
select folder, row_status, dr_event_id, vehicle_id(v) as vehicle_id, issued_s as issued_at, amount_kind,
    amount, from sent
union all
select 1, 'active', dr_event_id, vehicle_id, getvariable('window_from_s') - 3600, 'discharge_energy',
    1500 from unknown;
"""

# An aggregator is instructed for what its vehicles are called for, in whole kWh.
INSTRUCTIONS = """
create table instructions as
with calls as (
    select event, v, amount_kind, amount from stays where event is not null
    union all
    select event, v, amount_kind, amount from absent_calls
),
called as (
    select c.event, ve.child_aggregator_id as child_id,
        sum(if(amount_kind = 'charging_power', amount * (e.ends_s - e.starts_s) // 3600, amount))::bigint
        as wh
    from calls c
    inner join events e using (event)
    inner join vehicles ve on ve.vehicle_id = vehicle_id(c.v) and ve.valid_from = getvariable('long_ago_s')
        and ve.folder = 1
    where amount_kind <> 'charging_power_limit'
    group by all
),
children as (
    select event, child_id as aggregator_id, wh, parent_aggregator_id
    from called
    inner join aggregators a on a.aggregator_id = child_id and a.level = 'child'
        and a.valid_from = getvariable('long_ago_s')
),
parents as (
    select event, c.parent_aggregator_id as aggregator_id, sum(wh)::bigint as wh
    from children c
    inner join aggregators a on a.aggregator_id = c.parent_aggregator_id and a.level = 'parent'
    group by all
),
instructed as (
    select event, aggregator_id, (1 + wh // 1000) * 1000 as wh from children
    union all
    select event, aggregator_id, (1 + wh // 1000) * 1000 from parents
),
issued as (
    select dr_event_id, aggregator_id, starts_s - 10800 as issued_at, wh, spread('instruction', event) as odd
    from instructed inner join events using (event)
),
unknown as (
    select unknown_id('DR-', 1) as dr_event_id, numbered('AG-P', 0) as aggregator_id
    union all
    select (select min(dr_event_id) from events where letter = 'S'), unknown_id('AG-P', 2)
)
select 1 as folder, 'active' as row_status, dr_event_id, aggregator_id, issued_at, wh as amount_wh from issued
union all
-- raised an hour before the start; and one that comes too late to count
select 1, 'active', dr_event_id, aggregator_id, issued_at + 7200, wh * 11 // 10 from issued where odd % 20 = 0
union all
select 1, 'active', dr_event_id, aggregator_id, issued_at + 12000, wh * 2 from issued where odd % 40 = 1
union all
select 1, 'active', dr_event_id, aggregator_id, getvariable('window_from_s') - 3600, 5000 from unknown;
"""


# Given events count as evening suppressions and midday increases, whenever they are.
GIVEN_EVENTS = """
create table events as
with given as (
    select dr_event_id, region, region_name, direction, starts_s, ends_s, day,
        if(direction = 'suppression', 'S', 'I') as letter, region * 512 + day + 1 as key
    from given_events
    inner join regions using (region_name)
    inner join days on starts_s >= from_s and starts_s < to_s
    where day between 0 and getvariable('days') - 1
)
select
    key * 8 + instr('SINUBX', letter) as event, dr_event_id, region, region_name, day, letter, direction,
    starts_s, ends_s,
from given;
"""


def make_events(connection: duckdb.DuckDBPyConnection, given: Sequence[DemandResponse] = ()) -> None:
    """The feed `dr_events`, and the work table `events`: the given ones, or else simulated ones.

    SimulationError if a given event lies outside the days or regions, or if two share day, region and
    direction.
    """
    if given:
        _take_given(connection, given)
    else:
        connection.execute(EVENTS)
    connection.execute(EVENTS_FEED)


def _take_given(connection: duckdb.DuckDBPyConnection, given: Sequence[DemandResponse]) -> None:
    connection.execute(
        "create table given_events (dr_event_id varchar, region_name varchar, direction varchar,"
        " starts_s bigint, ends_s bigint)"
    )
    connection.executemany(
        "insert into given_events values (?, ?, ?, ?, ?)",
        [
            (
                event.dr_event_id,
                event.region,
                event.direction,
                int(event.starts_at.timestamp()),
                int(event.ends_at.timestamp()),
            )
            for event in given
        ],
    )
    connection.execute(GIVEN_EVENTS)
    taken = connection.execute("select count(distinct event) from events").fetchall()[0][0]
    if taken != len(given):
        raise SimulationError(
            f"Of {len(given)} given DR events {taken} can be simulated: each needs a day and a region of the"
            " fleet, and a region has one suppression and one increase a day."
        )


def make_signals(connection: duckdb.DuckDBPyConnection) -> None:
    """The feeds `dr_signals` and `dr_instructions`, after the stays know what they are called for."""
    for statement in (ABSENT_CALLS, SIGNALS, INSTRUCTIONS):
        connection.execute(statement)
    connection.execute("alter table signals rename to dr_signals")
    connection.execute("alter table instructions rename to dr_instructions")
