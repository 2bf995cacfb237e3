"""What the meters saw: half-hour reads of every metering point, made and written day by day (up to 144M).

A read is standby or household use, plus what flows to and from the cars, and what the sun gives away. A few
metering-point days have a twist: their reads come late, estimated, substituted, revised, in one direction
only, or not at all (R5).
"""

from collections.abc import Iterator

import duckdb

POINTS = """
create table points as
select
    point,
    point_id(point) as metering_point_id,
    bool_or(has_solar) as has_solar,
    bool_or(has_household) as has_household,
    -- many of the import-only meters have no register for backfeed
    not bool_or(is_capable) and point % 2 = 1 as is_import_only,
from places
group by point;
"""

# (twist, of 100,000 metering-point days, the whole local day or the half hours of the event)
READ_TWISTS = (
    ("late", 300, True),
    ("estimated", 250, False),
    ("estimated_revised", 150, False),
    ("substituted", 150, False),
    ("no_read", 80, False),
    ("no_read_revised", 120, False),
    ("import_empty", 60, False),
    ("backfeed_empty", 60, False),
    ("absent", 80, False),
    ("revised", 150, False),
    ("doubled", 30, False),
)

CANDIDATES = """
create table read_twists (point bigint, day bigint, twist varchar, slot_from bigint, slot_to bigint);
create table read_candidates as
select
    point,
    day,
    min(answer_from_s) // 1800 as event_from,
    max(answer_to_s - 1) // 1800 + 1 as event_to,
    min(day_from_s) // 1800 as day_from,
    min(day_to_s) // 1800 as day_to,
    bool_or(kind like 'guest%') as has_guest,
from stays
where event is not null and is_capable and twist = '' and kind in ('own_night', 'guest_evening')
    and letter_of(event) = 'S'
    and day between 1 and getvariable('days') - 3
group by point, day;
"""

PICK = """
insert into read_twists
select point, day, '{name}', {slots}
from read_candidates c
anti join read_twists t using (point, day)
order by {guests_first} spread('{name}', point * 512 + day + 1), point, day
limit (select greatest(1, {rate} * getvariable('days') * count(*) // 100000) from points)
"""

DAY_READS = """
create or replace temp table day_reads as
with slots as (
    select range as slot from range(getvariable('slot_from'), getvariable('slot_to'))
),
parts as (
    select
        point,
        direction,
        from_s,
        to_s,
        wh,
        unnest(range(
            greatest(from_s // 1800, getvariable('slot_from')),
                least((to_s - 1) // 1800 + 1, getvariable('slot_to'))
        )) as slot,
    from flows
    where from_s < getvariable('slot_to') * 1800 and to_s > getvariable('slot_from') * 1800
),
flowed as (
    -- spread evenly over the flow, each half hour made whole by carry, so that the flow keeps its total
    select
        point,
        slot,
        direction,
        wh * (least(to_s, slot * 1800 + 1800) - from_s) // (to_s - from_s)
        - wh * (greatest(from_s, slot * 1800) - from_s) // (to_s - from_s) as part_wh,
    from parts
),
summed as (
    select
        point,
        slot,
        sum(if(direction = 'in', part_wh, 0))::bigint as in_wh,
        sum(if(direction = 'out', part_wh, 0))::bigint as out_wh,
    from flowed
    group by point, slot
),
occupied as (
    select distinct point, unnest(range(a_s // 1800, (b_s - 1) // 1800 + 1)) as slot
    from stays
    inner join points using (point)
    where has_solar and comes and a_s < getvariable('slot_to') * 1800
        and b_s > getvariable('slot_from') * 1800
),
drawn as (
    select p.*, s.slot, (p.point * 2053 + s.slot * 7919) & 4294967295 as read from points p cross join slots s
)
select
    d.point,
    d.metering_point_id,
    d.slot,
    if(d.has_household, 60 + draw('household', read, 190), 2 + draw('standby', read, 8)) + coalesce(f.in_wh,
        0) as import_wh,
    coalesce(f.out_wh, 0)
    + if(d.has_solar and o.slot is null and (d.slot * 1800 - getvariable('day_from_s')) between 36000
        and 52200,
        250 + draw('sun', read, 600), 0) as backfeed_wh,
    d.is_import_only,
    coalesce(t.twist, '') as twist,
from drawn d
left join summed f on f.point = d.point and f.slot = d.slot
left join occupied o on o.point = d.point and o.slot = d.slot
left join read_twists t on t.point = d.point and t.day = getvariable('day') and d.slot >= t.slot_from
    and d.slot < t.slot_to;
"""

# What the read was said to be, by delivery: 1 initial, 2 late, 3 revised. True ones are 'A'.
TOLD = """
create table told_later (folder bigint, metering_point_id varchar, slot bigint, import_wh bigint,
    backfeed_wh bigint, quality varchar);
create temp table day_reads (
    point bigint, metering_point_id varchar, slot bigint, import_wh bigint, backfeed_wh bigint,
        is_import_only boolean, twist varchar
);
create temp view first_told as
    select
        metering_point_id,
        slot,
        case
            when twist in ('no_read', 'no_read_revised', 'import_empty') then null
            when twist like 'estimated%' then import_wh * 97 // 100
            when twist = 'revised' then import_wh * 9 // 10
            else import_wh
        end as import_wh,
        case
            when twist in ('no_read', 'no_read_revised',
                'backfeed_empty') or (is_import_only and backfeed_wh = 0) then null
            when twist like 'estimated%' then backfeed_wh * 97 // 100
            when twist = 'revised' then backfeed_wh * 9 // 10
            else backfeed_wh
        end as backfeed_wh,
        case
            when twist like 'no_read%' then 'N'
            when twist like 'estimated%' then 'E'
            when twist = 'substituted' then 'S'
            else 'A'
        end as quality,
        if(twist = 'doubled', 2, 1) as times,
        twist,
    from day_reads
    where twist not in ('late', 'absent');
"""

TOLD_LATER = """
insert into told_later
select
    if(twist = 'late', 2, 3),
    metering_point_id,
    slot,
    import_wh,
    backfeed_wh,
    if(twist = 'no_read_revised', 'S', 'A'),
from day_reads
where twist in ('late', 'estimated_revised', 'no_read_revised', 'revised')
"""

# Counted as they are made: nobody could count 144M of them afterwards.
COUNTED = """
create table read_counts (situation varchar, reads bigint);
create temp view day_counts as
    select 'told' as situation, count(*) as reads from first_told
    union all
    select 'quality ' || quality, count(*) from first_told group by quality
    union all
    select 'import empty', count(*) from first_told where import_wh is null and quality <> 'N'
    union all
    select if(twist = 'backfeed_empty', 'backfeed empty', 'no backfeed register'), count(*)
    from first_told where backfeed_wh is null and quality <> 'N' group by all
    union all
    select 'told twice', count(*) from first_told where times = 2
    union all
    select 'absent', count(*) from day_reads where twist = 'absent'
    union all
    select 'household behind the meter', count(*) from day_reads inner join points using (point)
        where has_household
    union all
    select 'backfeed without a session', count(*)
    from day_reads r inner join points p using (point)
    where p.has_solar and r.backfeed_wh > 0;
"""

COPY_DAY = """
copy (
    select metering_point_id, strftime(make_timestamp(slot * 1800000000), '%Y-%m-%dT%H:%M:%SZ')
        as interval_start, import_wh, backfeed_wh, quality
    from (
        select * from first_told
        union all
        select * from first_told where times = 2
    )
    order by metering_point_id, slot
) to '{path}' (format csv, header)
"""


def draw_read_twists(connection: duckdb.DuckDBPyConnection) -> None:
    """The work tables `points` and `read_twists`: what is told late, wrongly or not at all."""
    connection.execute(POINTS)
    connection.execute("create macro letter_of(event) as substr('SINUBX', (event % 8)::int, 1)")
    connection.execute(CANDIDATES)
    for name, rate, is_whole_day in READ_TWISTS:
        slots = "day_from, day_to" if is_whole_day else "event_from, event_to"
        guests_first = "has_guest desc," if name == "absent" else ""
        connection.execute(PICK.format(name=name, rate=rate, slots=slots, guests_first=guests_first))
    connection.execute("drop table read_candidates")
    connection.execute(TOLD)
    connection.execute(COUNTED)


def make_days(connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """Make each day's reads in `day_reads` and yield its label; write them before asking for the next."""
    days = connection.execute("select day, from_s, to_s, label from days order by day").fetchall()
    for day, from_s, to_s, label in days:
        # of the day before, its evening, and of the day behind, its morning: sessions reach over both edges
        slot_from = from_s // 1800 if day >= 0 else to_s // 1800 - 16
        slot_to = to_s // 1800 if day < days[-1][0] else from_s // 1800 + 24
        for name, value in (
            ("day", day),
            ("day_from_s", from_s),
            ("slot_from", slot_from),
            ("slot_to", slot_to),
        ):
            connection.execute(f"set variable {name} = {value}")
        connection.execute(DAY_READS)
        connection.execute(TOLD_LATER)
        connection.execute("insert into read_counts select * from day_counts")
        yield label
