"""Which situations a simulated fleet contains, and how often: counted over the rows that were generated.

What needs the rules in full (an outcome, a class) is counted by its plain case; the settlement decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from pipelines.simulate.bad_rows import BadRow
from pipelines.simulate.situations import SITUATIONS
from pipelines.simulate.tariffs import CONTRACT_FEE_CAP_BP, OFFERING_PER_KW_HOUR
from pipelines.simulate.world import World
from pipelines.simulate.write import COLUMNS, METER, LandingFile

KEYS = {
    "aggregators": "aggregator_id, valid_from",
    "vehicles": "vehicle_id, valid_from",
    "contracts": "contract_id, valid_from",
    "evses": "evse_id, valid_from",
    "specific_vehicles": "evse_id, vehicle_id, valid_from",
    "evse_offers": "offer_id",
    "permission_leases": "lease_id",
    "charger_sessions": "session_id",
    "dr_events": "dr_event_id",
    "dr_instructions": "dr_event_id, aggregator_id, issued_at",
    "dr_signals": "dr_event_id, vehicle_id, issued_at",
}

# The last word on each key (R6).
CURRENT = """
create temp table now_{feed} as
select * exclude (folder, row_status)
from (select *, row_number() over (partition by {key} order by folder desc) as newness from {feed})
where newness = 1 and row_status = 'active'
"""

# Registries by version, with the version before; `ends` is when the next one begins or the row ends.
HISTORIES = """
create temp table evse_rows as
select *, least(coalesce(valid_to, 99999999999), coalesce(lead(valid_from) over w, 99999999999)) as ends,
    lag(rated_charge_w) over w as charge_before, lag(region) over w as region_before,
        lag(access) over w as access_before,
from now_evses window w as (partition by evse_id order by valid_from);
create temp table vehicle_rows as
select *, lag(user_id) over (partition by vehicle_id order by valid_from) as user_before from now_vehicles;
create temp table contract_rows as
select *, lag(monthly_fee_minor) over w as fee_before, lag(manager_id) over w as manager_before,
    lead(valid_from) over w is null and valid_to is not null as is_ended,
from now_contracts window w as (partition by contract_id order by valid_from);
create temp table aggregator_rows as
select *, lag(parent_aggregator_id) over (partition by aggregator_id order by valid_from) as parent_before
    from now_aggregators;
"""

# Sessions with what follows them at the EVSE and elsewhere; an open one ends with the data here.
SESSIONS = """
create temp table stood as
select
    s.*,
    coalesce(ended_at, {books_close_s}) as until,
    lead(started_at) over at_evse as next_at,
    lead(s.vehicle_id) over at_evse as next_vehicle,
    lead(session_id) over at_evse as next_session,
    lead(ended_at) over at_evse as next_ended,
    lead(started_at) over of_vehicle as elsewhere_at,
    lead(s.evse_id) over of_vehicle as elsewhere,
    e.access,
    e.evse_id is not null as is_known_evse,
    v.vehicle_id is not null as is_known_vehicle,
from now_charger_sessions s
left join evse_rows e on e.evse_id = s.evse_id and s.started_at >= e.valid_from and s.started_at < e.ends
left join (select distinct vehicle_id from now_vehicles) v on v.vehicle_id = s.vehicle_id
window
    at_evse as (partition by s.evse_id order by started_at, session_id),
    of_vehicle as (partition by s.vehicle_id order by started_at, session_id);
create temp table own_pairs as select distinct evse_id, vehicle_id from now_specific_vehicles;
"""

# A lease's cover (R10), and what it met: exchange is what the charger logged, called or given (R22).
LEASES = """
create temp table covers as
select
    l.*,
    least(valid_to, coalesce(revoked_at, valid_to)) as ends_at,
    greatest(valid_from, granted_at, if(kind = 'indirect', coalesce(consent_at, 99999999999), 0))
        as cover_from,
    o.evse_id is not null as is_of_own_car,
    l.evse_id in (select evse_id from now_evses)
        and l.vehicle_id in (select vehicle_id from now_vehicles) as is_known,
from now_permission_leases l
left join own_pairs o using (evse_id, vehicle_id);
create temp table calls as
select s.vehicle_id, s.dr_event_id, s.issued_at, s.amount_kind, s.amount, e.region, e.direction, e.starts_at,
    e.ends_at
from now_dr_signals s inner join now_dr_events e using (dr_event_id);
create temp table used as
select
    c.lease_id,
    min(s.session_id) as session_id,
    min(s.started_at) as started_at,
    max(s.until) as until,
    min(s.access) as access,
    sum(coalesce(s.discharged_wh, 0) + if(k.vehicle_id is null, 0, coalesce(s.charged_wh, 0)))::bigint
        as exchange_wh,
from covers c
inner join stood s on s.evse_id = c.evse_id and s.vehicle_id = c.vehicle_id and s.started_at < c.ends_at
    and s.until > c.cover_from
left join (
    select distinct vehicle_id, starts_at, ends_at from calls
        where direction = 'increase' or amount_kind = 'charging_power_limit'
) k on k.vehicle_id = s.vehicle_id and k.starts_at < s.until and k.ends_at > s.started_at
where c.cover_from < c.ends_at
group by c.lease_id;
create temp table outcomes as
select
    c.*,
    u.session_id,
    u.started_at,
    u.until,
    case
        when not is_known then 'unknown'
        when u.access = 'public' then 'not_needed: public place'
        when is_of_own_car then 'not_needed: own car'
        when exists (
            select 1 from covers o where o.evse_id = c.evse_id and o.vehicle_id = c.vehicle_id
                and o.lease_id <> c.lease_id
                and o.cover_from < c.cover_from and o.ends_at >= c.ends_at
        ) then 'not_needed: another lease covers'
        when c.cover_from >= c.ends_at then 'revoked'
        when c.ends_at > {books_close_s} then 'pending'
        when u.exchange_wh >= 500 then 'fulfilled'
        else 'lapsed'
    end as outcome,
from covers c
left join used u using (lease_id);
"""

DISPATCH = """
create temp table settled as
select * from calls
where issued_at < starts_at
    and (direction = 'suppression') = (amount_kind in ('discharge_energy', 'charging_power_limit'))
    and vehicle_id in (select vehicle_id from now_vehicles)
qualify row_number() over (partition by dr_event_id, vehicle_id order by issued_at desc) = 1;
create temp table answered as
select
    f.stay,
    any_value(s.amount) as amount,
    any_value(s.amount_kind) as amount_kind,
    coalesce(sum(f.wh) filter (where f.direction = 'in'), 0) as in_wh,
    coalesce(sum(f.wh) filter (where f.direction = 'out'), 0) as out_wh,
from stays s
inner join flows f on f.stay = s.stay and f.from_s < s.answer_to_s and f.to_s > s.answer_from_s
where s.event is not null
group by f.stay;
"""


@dataclass(frozen=True)
class CoverageRow:
    """How often a situation occurs."""

    group: str
    situation: str
    count: int


def coverage(
    connection: duckdb.DuckDBPyConnection, world: World, bad: tuple[BadRow, ...], files: Sequence[LandingFile]
) -> tuple[CoverageRow, ...]:
    """Count every situation over the generated tables; one row a situation, groups together."""
    books_close_s = world.books_close_s
    for feed, key in KEYS.items():
        connection.execute(CURRENT.format(feed=feed, key=key))
    for statement in (HISTORIES, SESSIONS, LEASES, DISPATCH):
        connection.execute(statement.format(books_close_s=books_close_s))
    rows = [CoverageRow("feeds", feed, _feed_rows(connection, feed)) for feed in COLUMNS]
    rows += [
        CoverageRow(group, situation, _count(connection, world, condition))
        for group, situations in SITUATIONS.items()
        for situation, condition in situations.items()
    ]
    rows.append(CoverageRow("deliveries", "duplicate rows", sum(file.duplicates for file in files)))
    rows.append(CoverageRow("deliveries", "files sent twice", sum(file.rows == 0 for file in files)))
    reasons = sorted({row.reason for row in bad})
    rows += [CoverageRow("bad rows", reason, sum(row.reason == reason for row in bad)) for reason in reasons]
    return tuple(rows)


def _feed_rows(connection: duckdb.DuckDBPyConnection, feed: str) -> int:
    if feed == METER:
        return _number(connection, "select sum(reads) from read_counts where situation = 'told'")
    return _number(connection, f"select count(*) from {feed} where folder = 1")


def _count(connection: duckdb.DuckDBPyConnection, world: World, condition: str) -> int:
    kind, _, rest = condition.partition(") ")
    if kind == "(reads":
        return _number(
            connection, f"select coalesce(sum(reads), 0) from read_counts where situation = '{rest}'"
        )
    period_from_s, period_to_s = world.period_s
    filled = condition.format(
        period_from_s=period_from_s,
        period_to_s=period_to_s,
        feeds=" union all ".join(f"select '{feed}' as feed, folder, row_status from {feed}" for feed in KEYS),
        offering_milli=OFFERING_PER_KW_HOUR.replace("0.", "") + "0",
        cap_bp=CONTRACT_FEE_CAP_BP,
    )
    return _number(connection, f"select count(*) {filled}")


def _number(connection: duckdb.DuckDBPyConnection, statement: str) -> int:
    row = connection.execute(statement).fetchone()
    assert row is not None, "an aggregate returns one row"
    return int(row[0])
