"""Which delivered rows bear on a change: by the ids they share and by when (R8 to R22).

A change is looked at through its subjects: a performance, a lease, a session, a place on a day, a contract, an
aggregator. What is summed (a user's points, a contract's reduction, an aggregator's energy) inherits the
causes of the performances that changed in it. Leaves the temporary table `change_causes`.
"""

from dataclasses import dataclass
from datetime import date, datetime

import duckdb

AS_OF, TARIFFS, RULES = 1, 2, 3
NOT_DELIVERED = 3  # causes that are no delivered rows come first


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What the runs settle by, as far as causes depend on it."""

    time_zone: str
    as_of_a: datetime
    as_of_b: datetime
    minimum_exchange_wh_a: int
    minimum_exchange_wh_b: int
    # Local dates on which another tariff is in force, or the same version with other contents.
    days_of_other_tariff: tuple[tuple[date, date], ...]
    other_tariff_of_period: bool
    other_rules: bool


# R27: what an exception of a code can rest on; a code that is not named here has subjects of its own.
_FEEDS_OF_CODES = {
    "missing_read": ("meter_intervals", "charger_sessions", "evses"),
    "unattributed_backfeed": ("meter_intervals", "charger_sessions", "evses"),
    "backfeed_from_incapable_evse": ("meter_intervals", "charger_sessions", "evses"),
    "unpermitted_use": (
        "meter_intervals", "charger_sessions", "evses", "permission_leases", "specific_vehicles", "vehicles",
    ),
    "meter_charger_mismatch": ("meter_intervals", "charger_sessions", "evses"),
    "overlapping_sessions": ("charger_sessions",),
    "vehicle_in_two_places": ("charger_sessions",),
    "unclosed_session": ("charger_sessions",),
    "lease_during_specific_use": (
        "permission_leases", "charger_sessions", "specific_vehicles", "evses", "vehicles",
    ),
    "overlapping_leases": ("permission_leases", "evses", "vehicles"),
    "double_dispatch": ("dr_signals", "dr_events", "vehicles"),
    "late_signal": ("dr_signals", "dr_events", "vehicles"),
    "signal_direction_mismatch": ("dr_signals", "dr_events", "vehicles"),
}  # fmt: skip


def find_causes(connection: duckdb.DuckDBPyConnection, terms: Terms) -> None:
    """Make the temporary table `change_causes`: a row per change and cause."""
    connection.execute("create or replace temp table code_feeds (code varchar, feeds varchar[])")
    connection.executemany(
        "insert into code_feeds values (?, ?)", [(code, list(feeds)) for code, feeds in _FEEDS_OF_CODES.items()]
    )
    connection.execute("create or replace temp table other_tariff_days (from_day date, to_day date)")
    if terms.days_of_other_tariff:
        connection.executemany("insert into other_tariff_days values (?, ?)", terms.days_of_other_tariff)
    connection.execute(
        "create or replace temp table terms as select $as_of_a as as_of_a, $as_of_b as as_of_b,"
        " $minimum_a as minimum_a, $minimum_b as minimum_b, $time_zone as time_zone",
        {
            "as_of_a": terms.as_of_a,
            "as_of_b": terms.as_of_b,
            "minimum_a": terms.minimum_exchange_wh_a,
            "minimum_b": terms.minimum_exchange_wh_b,
            "time_zone": terms.time_zone,
        },
    )
    for statement in (*_SUBJECTS, *_REACH, *_BEARING):
        connection.execute(statement)
    _link_terms(connection, terms)
    connection.execute(_INHERITED_LEASES)
    connection.execute(_MENTIONED_BY_SIGNALS)
    connection.execute(_FARTHER)
    connection.execute(_CHANGE_CAUSES)


def _link_terms(connection: duckdb.DuckDBPyConnection, terms: Terms) -> None:
    connection.execute(_BY_AS_OF)
    connection.execute(_BY_TARIFF)
    if terms.other_tariff_of_period:
        connection.execute(_BY_TARIFF_OF_PERIOD)
    if terms.other_rules:
        connection.execute(f"insert into bearing select subject_no, {RULES} from subjects")


# ---- subjects: what a change is looked at through

_WINDOWS = """
    create or replace temp table event_windows as
    select dr_event_id, region, min(starts_at) as starts_at, max(ends_at) as ends_at
    from known_dr_events
    group by dr_event_id, region
"""
# What of a performance moved tells which rows can have moved it.
_PERFORMANCES = """
    create or replace temp table moved_performances as
    select
        dr_event_id,
        vehicle_id,
        bool_or(export = 'dr_achievement' and (change != 'changed' or list_contains(moved, 'status')))
            as status_moved,
        bool_or(export = 'dr_achievement' and (change != 'changed' or list_contains(moved, 'user_id')))
            as user_moved,
        bool_or(
            export = 'dr_achievement' and (change != 'changed' or list_contains(moved, 'child_aggregator_id'))
        ) as child_moved,
        bool_or(
            export = 'dr_achievement'
            and (change != 'changed' or list_has_any(moved, ['achieved', 'unit', 'child_aggregator_id']))
        ) as sums_moved,
    from changes
    where
        export in ('dr_achievement', 'settlement_lines', 'dr_intervals')
        or code = 'signal_without_session'
    group by dr_event_id, vehicle_id
"""
# R18: a lease whose exchange is enough in one run and not in the other moves the lines it covers.
_CROSSING = """
    create or replace temp table crossing_leases as
    with
    exchanges as (
        select
            lease_id,
            coalesce(a.backfeed_wh + a.dr_import_wh, 0) >= (select minimum_a from terms) as enough_a,
            coalesce(b.backfeed_wh + b.dr_import_wh, 0) >= (select minimum_b from terms) as enough_b,
        from changed_lease_outcomes
    )
    select distinct lines.dr_event_id, lines.vehicle_id, lines.lease_id
    from changed_settlement_lines as lines
    left join exchanges on lines.lease_id = exchanges.lease_id
    where lines.lease_id != '' and exchanges.enough_a != exchanges.enough_b
"""
_SUBJECT_TABLE = """
    create or replace temp table subjects as
    with
    named as (
        select 'performance' as kind, dr_event_id, vehicle_id, null as lease_id, null::bigint as change_no
        from moved_performances
        union all
        select 'lease', null, null, lease_id, null
        from (
            select lease_id from changes where export = 'lease_outcomes' or code = 'lapsed_lease'
            union
            select lease_id from changes where export = 'settlement_lines' and lease_id != ''
        )
        union all
        select 'exception', null, null, null, change_no
        from changes
        where export = 'exceptions' and code not in ('signal_without_session', 'lapsed_lease')
        union all
        select 'sum', null, null, null, change_no
        from changes
        where export in ('manager_fee_reductions', 'aggregator_achievement')
    )
    select row_number() over () as subject_no, * from named
"""
_CHANGE_SUBJECTS = """
    create or replace temp table change_subjects as
    select changes.change_no, subjects.subject_no
    from changes
    inner join subjects
        on
            subjects.kind = 'performance'
            and changes.dr_event_id = subjects.dr_event_id
            and changes.vehicle_id = subjects.vehicle_id
    where
        changes.export in ('dr_achievement', 'settlement_lines', 'dr_intervals')
        or changes.code = 'signal_without_session'
    union
    select changes.change_no, subjects.subject_no
    from changes
    inner join subjects on subjects.kind = 'lease' and changes.lease_id = subjects.lease_id
    where changes.export = 'lease_outcomes' or changes.code = 'lapsed_lease'
    union
    select change_no, subject_no from subjects where change_no is not null
"""
_POINTS_BY_USER = """
    insert into change_subjects
    with
    users as (
        select dr_event_id, vehicle_id, unnest(list_distinct([a.user_id, b.user_id])) as user_id
        from changed_dr_achievement
        union
        select lines.dr_event_id, lines.vehicle_id, performances.user_id
        from changed_settlement_lines as lines
        inner join performers as performances
            on lines.dr_event_id = performances.dr_event_id and lines.vehicle_id = performances.vehicle_id
        where lines.change != 'changed' or list_contains(lines.moved, 'points')
    )
    select distinct changes.change_no, subjects.subject_no
    from changes
    inner join users on changes.user_id = users.user_id
    inner join moved_performances
        on users.dr_event_id = moved_performances.dr_event_id
        and users.vehicle_id = moved_performances.vehicle_id
    inner join subjects
        on
            subjects.kind = 'performance'
            and users.dr_event_id = subjects.dr_event_id
            and users.vehicle_id = subjects.vehicle_id
    where
        changes.export = 'user_points'
        and (
            moved_performances.user_moved
            or exists (
                select 1
                from changed_settlement_lines as lines
                where
                    lines.dr_event_id = users.dr_event_id
                    and lines.vehicle_id = users.vehicle_id
                    and (lines.change != 'changed' or list_contains(lines.moved, 'points'))
            )
        )
"""
_PAYABLE_BY_CONTRACT = """
    insert into change_subjects
    select distinct changes.change_no, subjects.subject_no
    from changes
    inner join known_evses as evses on changes.contract_id = evses.contract_id
    inner join changed_settlement_lines as lines
        on
            evses.evse_id = lines.evse_id
            and lines.access_class = 'leased'
            and (lines.change != 'changed' or list_contains(lines.moved, 'payable'))
    inner join event_windows as events
        on
            lines.dr_event_id = events.dr_event_id
            and evses.valid_from <= events.starts_at
            and coalesce(evses.valid_to > events.starts_at, true)
    inner join subjects
        on
            subjects.kind = 'performance'
            and lines.dr_event_id = subjects.dr_event_id
            and lines.vehicle_id = subjects.vehicle_id
    where changes.export = 'manager_fee_reductions'
"""
_ENERGY_BY_AGGREGATOR = """
    insert into change_subjects
    with
    children as (
        select performances.dr_event_id, performances.vehicle_id, users.child_aggregator_id
        from moved_performances as performances
        inner join performers as users
            on performances.dr_event_id = users.dr_event_id and performances.vehicle_id = users.vehicle_id
        where performances.sums_moved
    ),
    counted as (
        select dr_event_id, vehicle_id, 'utility' as level, '' as aggregator_id from children
        union
        select dr_event_id, vehicle_id, 'child', child_aggregator_id from children
        union
        select children.dr_event_id, children.vehicle_id, 'parent', aggregators.parent_aggregator_id
        from children
        inner join known_aggregators as aggregators
            on children.child_aggregator_id = aggregators.aggregator_id
    )
    select distinct changes.change_no, subjects.subject_no
    from changes
    inner join counted
        on
            changes.dr_event_id = counted.dr_event_id
            and changes.level = counted.level
            and changes.aggregator_id = counted.aggregator_id
    inner join subjects
        on
            subjects.kind = 'performance'
            and counted.dr_event_id = subjects.dr_event_id
            and counted.vehicle_id = subjects.vehicle_id
    where changes.export = 'aggregator_achievement'
"""
_SUBJECTS = (
    _WINDOWS, _PERFORMANCES, _CROSSING, _SUBJECT_TABLE, _CHANGE_SUBJECTS, _POINTS_BY_USER,
    _PAYABLE_BY_CONTRACT, _ENERGY_BY_AGGREGATOR,
)  # fmt: skip

# ---- reach: the sessions and half hours that a subject rests on

_REACH_TABLE = """
    create or replace temp table reach as
    -- A performance rests on its vehicle's sessions in the event's region; its status on whole sessions (R16).
    select
        subjects.subject_no,
        visits.session_id,
        visits.evse_id,
        visits.vehicle_id,
        visits.metering_point_id,
        visits.visit_from,
        visits.visit_to,
        half_hour_of(if(moved.status_moved, visits.visit_from, greatest(visits.visit_from, events.starts_at)))
            as from_at,
        half_hour_from(if(moved.status_moved, visits.visit_to, least(visits.visit_to, events.ends_at))) as to_at,
    from subjects
    inner join moved_performances as moved
        on subjects.dr_event_id = moved.dr_event_id and subjects.vehicle_id = moved.vehicle_id
    inner join event_windows as events on subjects.dr_event_id = events.dr_event_id
    inner join visits
        on
            subjects.vehicle_id = visits.vehicle_id
            and events.region = visits.region
            and visits.visit_from < events.ends_at
            and visits.visit_to > events.starts_at
    where subjects.kind = 'performance'

    union

    select
        subjects.subject_no,
        visits.session_id,
        visits.evse_id,
        visits.vehicle_id,
        visits.metering_point_id,
        visits.visit_from,
        visits.visit_to,
        half_hour_of(greatest(visits.visit_from, leases.valid_from)) as from_at,
        half_hour_from(least(visits.visit_to, leases.valid_to)) as to_at,
    from subjects
    inner join known_permission_leases as leases on subjects.lease_id = leases.lease_id
    inner join visits
        on
            leases.evse_id = visits.evse_id
            and leases.vehicle_id = visits.vehicle_id
            and visits.visit_from < leases.valid_to
            and visits.visit_to > leases.valid_from
    where subjects.kind = 'lease'

    union

    -- R12: whether a half hour is compliant rests on all EVSEs that the vehicle was at.
    select
        subjects.subject_no,
        visits.session_id,
        visits.evse_id,
        visits.vehicle_id,
        visits.metering_point_id,
        visits.visit_from,
        visits.visit_to,
        half_hour_of(greatest(visits.visit_from, leases.valid_from, events.starts_at)) as from_at,
        half_hour_from(least(visits.visit_to, leases.valid_to, events.ends_at)) as to_at,
    from subjects
    inner join changes on changes.export = 'lease_outcomes' and subjects.lease_id = changes.lease_id
    inner join known_permission_leases as leases on subjects.lease_id = leases.lease_id
    inner join known_dr_signals as signals
        on leases.vehicle_id = signals.vehicle_id and signals.amount_kind = 'charging_power_limit'
    inner join event_windows as events
        on
            signals.dr_event_id = events.dr_event_id
            and events.starts_at < leases.valid_to
            and events.ends_at > leases.valid_from
    inner join visits
        on
            leases.vehicle_id = visits.vehicle_id
            and visits.visit_from < least(leases.valid_to, events.ends_at)
            and visits.visit_to > greatest(leases.valid_from, events.starts_at)
    where subjects.kind = 'lease' and list_contains(changes.moved, 'dr_import_wh')

    union

    select
        subjects.subject_no,
        visits.session_id,
        visits.evse_id,
        visits.vehicle_id,
        visits.metering_point_id,
        visits.visit_from,
        visits.visit_to,
        half_hour_of(visits.visit_from) as from_at,
        half_hour_from(visits.visit_to) as to_at,
    from subjects
    inner join changes on subjects.change_no = changes.change_no
    inner join visits on changes.session_id = visits.session_id
    where subjects.kind = 'exception' and changes.code != 'unknown_reference'

    union

    select
        subjects.subject_no,
        null as session_id,
        evses.evse_id,
        null as vehicle_id,
        evses.metering_point_id,
        days.from_at as visit_from,
        days.to_at as visit_to,
        days.from_at,
        days.to_at,
    from subjects
    inner join changes on subjects.change_no = changes.change_no
    inner join known_evses as evses
        on changes.metering_point_id = evses.metering_point_id or changes.evse_id = evses.evse_id
    cross join lateral (
        select
            timezone('UTC', timezone(terms.time_zone, changes.local_date::timestamp)) as from_at,
            timezone('UTC', timezone(terms.time_zone, (changes.local_date + 1)::timestamp)) as to_at,
        from terms
    ) as days
    where subjects.kind = 'exception' and changes.local_date is not null
"""
_REACH = (_REACH_TABLE,)

# ---- bearing: delivered rows that say something about what a subject rests on

_BEARING_TABLE = """
    create or replace temp table bearing (subject_no bigint, cause_no bigint)
"""
_READS = """
    insert into bearing
    select distinct reach.subject_no, footprints.cause_no
    from reach
    inner join footprints
        on
            reach.metering_point_id = footprints.metering_point_id
            and footprints.from_at < reach.to_at
            and footprints.to_at > reach.from_at
    where footprints.feed = 'meter_intervals'
"""
# R9, R15: a session, the vehicle's own or a neighbour's behind the same meter.
_SESSIONS = """
    insert into bearing
    select distinct reach.subject_no, footprints.cause_no
    from reach
    inner join footprints on reach.session_id = footprints.session_id
    where footprints.feed = 'charger_sessions'
    union
    select distinct reach.subject_no, footprints.cause_no
    from reach
    inner join visits
        on
            reach.metering_point_id = visits.metering_point_id
            and visits.visit_from < reach.to_at
            and visits.visit_to > reach.from_at
    inner join footprints
        on
            visits.session_id = footprints.session_id
            and footprints.from_at < reach.to_at
            and footprints.to_at > reach.from_at
    where footprints.feed = 'charger_sessions'
"""
# Contract and rated power say what energy is worth to a manager, not whose it is.
_EVSES = """
    insert into bearing
    select distinct reach.subject_no, footprints.cause_no
    from reach
    inner join footprints
        on
            reach.evse_id = footprints.evse_id
            and footprints.from_at < reach.visit_to
            and footprints.to_at > reach.visit_from
    where
        footprints.feed = 'evses'
        and (
            footprints.moved is null
            or not list_has_all(['contract_id', 'rated_charge_w', 'rated_discharge_w'], footprints.moved)
        )
    union
    select distinct reach.subject_no, footprints.cause_no
    from reach
    inner join visits
        on
            reach.metering_point_id = visits.metering_point_id
            and visits.visit_from < reach.to_at
            and visits.visit_to > reach.from_at
    inner join footprints
        on
            visits.evse_id = footprints.evse_id
            and footprints.from_at < visits.visit_to
            and footprints.to_at > visits.visit_from
    where
        footprints.feed = 'evses'
        and visits.evse_id != reach.evse_id
        and (
            footprints.moved is null
            or list_has_any(['metering_point_id', 'valid_to'], footprints.moved)
        )
"""
# R10: who may be there, and which lease covers it.
_PERMISSIONS = """
    insert into bearing
    select distinct reach.subject_no, footprints.cause_no
    from reach
    inner join footprints
        on
            reach.evse_id = footprints.evse_id
            and reach.vehicle_id = footprints.vehicle_id
            and footprints.from_at < reach.to_at
            and footprints.to_at > reach.from_at
    where footprints.feed in ('permission_leases', 'specific_vehicles')
"""
# A vehicle's row is looked up by when its sessions and leases began, so an earlier end matters as well.
_VEHICLES = """
    insert into bearing
    select distinct reach.subject_no, footprints.cause_no
    from reach
    inner join footprints on reach.vehicle_id = footprints.vehicle_id and footprints.from_at < reach.to_at
    where
        footprints.feed = 'vehicles'
        and (
            footprints.moved is null
            or not list_has_all(['user_id', 'child_aggregator_id'], footprints.moved)
        )
"""
_OF_PERFORMANCE = """
    insert into bearing
    with
    performances as (
        select subjects.subject_no, events.starts_at, events.ends_at, events.region, moved.*
        from subjects
        inner join moved_performances as moved
            on subjects.dr_event_id = moved.dr_event_id and subjects.vehicle_id = moved.vehicle_id
        left join event_windows as events on subjects.dr_event_id = events.dr_event_id
        where subjects.kind = 'performance'
    )
    select performances.subject_no, footprints.cause_no
    from performances
    inner join footprints
        on
            footprints.feed = 'dr_signals'
            and performances.dr_event_id = footprints.dr_event_id
            and performances.vehicle_id = footprints.vehicle_id
    union
    select performances.subject_no, footprints.cause_no
    from performances
    inner join footprints
        on footprints.feed = 'dr_events' and performances.dr_event_id = footprints.dr_event_id
    union
    select performances.subject_no, footprints.cause_no
    from performances
    inner join footprints
        on
            footprints.feed = 'vehicles'
            and performances.vehicle_id = footprints.vehicle_id
            and footprints.from_at < performances.ends_at
    where
        footprints.moved is null
        or (performances.user_moved and list_contains(footprints.moved, 'user_id'))
        or (performances.child_moved and list_contains(footprints.moved, 'child_aggregator_id'))
        or list_contains(footprints.moved, 'valid_to')
    union
    -- R12: an event that begins earlier takes the segments that both contain.
    select performances.subject_no, footprints.cause_no
    from performances
    inner join event_windows as others
        on
            performances.region = others.region
            and performances.dr_event_id != others.dr_event_id
            and performances.starts_at < others.ends_at
            and performances.ends_at > others.starts_at
    inner join known_dr_signals as signals
        on others.dr_event_id = signals.dr_event_id and performances.vehicle_id = signals.vehicle_id
    inner join footprints
        on
            (
                footprints.feed = 'dr_signals'
                and signals.dr_event_id = footprints.dr_event_id
                and signals.vehicle_id = footprints.vehicle_id
            )
            or (footprints.feed = 'dr_events' and others.dr_event_id = footprints.dr_event_id)
"""
_OF_LEASE = """
    insert into bearing
    with
    leases as (
        select subjects.subject_no, known_permission_leases.*
        from subjects
        inner join known_permission_leases on subjects.lease_id = known_permission_leases.lease_id
        where subjects.kind = 'lease'
    )
    select subjects.subject_no, footprints.cause_no
    from subjects
    inner join footprints
        on footprints.feed = 'permission_leases' and subjects.lease_id = footprints.lease_id
    where subjects.kind = 'lease'
    union
    select leases.subject_no, footprints.cause_no
    from leases
    inner join footprints
        on
            footprints.feed in ('permission_leases', 'specific_vehicles')
            and leases.evse_id = footprints.evse_id
            and leases.vehicle_id = footprints.vehicle_id
            and footprints.from_at < leases.valid_to
            and footprints.to_at > leases.valid_from
    union
    select leases.subject_no, footprints.cause_no
    from leases
    inner join footprints
        on
            footprints.feed = 'evses'
            and leases.evse_id = footprints.evse_id
            and footprints.from_at < leases.valid_to
            and footprints.to_at > leases.valid_from
    where
        footprints.moved is null
        or not list_has_all(['contract_id', 'rated_charge_w', 'rated_discharge_w'], footprints.moved)
    union
    select leases.subject_no, footprints.cause_no
    from leases
    inner join footprints
        on
            footprints.feed = 'vehicles'
            and leases.vehicle_id = footprints.vehicle_id
            and footprints.from_at < leases.valid_to
    where
        footprints.moved is null
        or not list_has_all(['user_id', 'child_aggregator_id'], footprints.moved)
    union
    -- R22: the open session of the vehicle keeps a lease pending, also where its EVSE is unknown.
    select leases.subject_no, footprints.cause_no
    from leases
    inner join footprints
        on
            footprints.feed = 'charger_sessions'
            and leases.evse_id = footprints.evse_id
            and leases.vehicle_id = footprints.vehicle_id
            and footprints.from_at < leases.valid_to
            and footprints.to_at > leases.valid_from
    union
    -- R22: import counts where it belongs to an increase event, or to a compliant half hour.
    select leases.subject_no, footprints.cause_no
    from leases
    inner join changes on changes.export = 'lease_outcomes' and changes.lease_id = leases.lease_id
    inner join reach on leases.subject_no = reach.subject_no
    inner join known_dr_signals as signals on leases.vehicle_id = signals.vehicle_id
    inner join event_windows as events
        on
            signals.dr_event_id = events.dr_event_id
            and events.starts_at < reach.to_at
            and events.ends_at > reach.from_at
    inner join footprints
        on
            (
                footprints.feed = 'dr_signals'
                and signals.dr_event_id = footprints.dr_event_id
                and signals.vehicle_id = footprints.vehicle_id
            )
            or (footprints.feed = 'dr_events' and signals.dr_event_id = footprints.dr_event_id)
    where changes.change != 'changed' or list_contains(changes.moved, 'dr_import_wh')
"""
# What an exception names, in its keys or in its sentence: rows about that very thing.
_MENTIONED = """
    insert into bearing
    with
    sentences as (
        select
            subjects.subject_no,
            exceptions.*,
            coalesce(exceptions.a.detail, '') || ' ' || coalesce(exceptions.b.detail, '') as sentence,
        from subjects
        inner join changed_exceptions as exceptions on subjects.change_no = exceptions.change_no
        where exceptions.code in ('unknown_reference', 'overlapping_leases', 'double_dispatch')
    ),
    mentions as (
        select
            subject_no,
            list_concat(
                list_transform(regexp_split_to_array(sentence, '\\s+'), lambda word: rtrim(word, '.,:;)')),
                [evse_id, vehicle_id, dr_event_id, lease_id, session_id]
            ) as ids,
        from sentences
    ),
    named as (
        select
            cause_no,
            case feed
                when 'charger_sessions' then [session_id]
                when 'evses' then [evse_id]
                when 'vehicles' then [vehicle_id]
                when 'contracts' then [contract_id]
                when 'aggregators' then [aggregator_id]
                when 'evse_offers' then [offer_id]
                when 'permission_leases' then [lease_id]
                when 'dr_events' then [dr_event_id]
                when 'dr_signals' then [dr_event_id, vehicle_id]
                when 'dr_instructions' then [dr_event_id, aggregator_id]
            end as ids,
        from footprints
        where feed not in ('meter_intervals', 'specific_vehicles')
    ),
    words as (select distinct subject_no, unnest(ids) as id from mentions)
    select distinct mentions.subject_no, named.cause_no
    from named
    inner join words on named.ids[1] = words.id
    inner join mentions on words.subject_no = mentions.subject_no
    where list_has_all(mentions.ids, named.ids)
    """
# A vehicle or a child aggregator names its superior in performances only: these come and go with signals.
_MENTIONED_BY_SIGNALS = """
    insert into bearing
    with
    unexplained as (
        select subjects.subject_no, changes.vehicle_id, changes.detail
        from subjects
        inner join changes on subjects.change_no = changes.change_no
        where changes.code = 'unknown_reference' and subjects.subject_no not in (select subject_no from bearing)
    )
    select unexplained.subject_no, footprints.cause_no
    from unexplained
    inner join known_dr_signals as signals on unexplained.vehicle_id = signals.vehicle_id
    inner join footprints
        on
            (footprints.feed = 'dr_signals' and signals.vehicle_id = footprints.vehicle_id)
            or (footprints.feed = 'dr_events' and signals.dr_event_id = footprints.dr_event_id)
    union
    select unexplained.subject_no, bearing.cause_no
    from unexplained
    inner join performers
        on contains(unexplained.detail, 'child aggregator ' || performers.child_aggregator_id || ' ')
    inner join subjects
        on
            subjects.kind = 'performance'
            and performers.dr_event_id = subjects.dr_event_id
            and performers.vehicle_id = subjects.vehicle_id
    inner join bearing on subjects.subject_no = bearing.subject_no
    where unexplained.vehicle_id = ''
"""
_OF_EXCEPTION = """
    insert into bearing
    with
    exceptions as (
        select subjects.subject_no, changes.*
        from subjects
        inner join changes on subjects.change_no = changes.change_no
        where subjects.kind = 'exception' and changes.code != 'unknown_reference'
    )
    select exceptions.subject_no, footprints.cause_no
    from exceptions
    inner join footprints on exceptions.session_id = footprints.session_id and exceptions.session_id != ''
    union
    -- Pairs of sessions, and sessions that another one leaves open.
    select exceptions.subject_no, footprints.cause_no
    from exceptions
    inner join known_sessions as sessions on exceptions.session_id = sessions.session_id
    inner join footprints
        on
            footprints.feed = 'charger_sessions'
            and (sessions.evse_id = footprints.evse_id or sessions.vehicle_id = footprints.vehicle_id)
            and footprints.from_at <= sessions.lasts_to
            and footprints.to_at > sessions.started_at
    where exceptions.code in ('overlapping_sessions', 'vehicle_in_two_places', 'unclosed_session')
    union
    select exceptions.subject_no, footprints.cause_no
    from exceptions
    inner join known_sessions as sessions on exceptions.session_id = sessions.session_id
    inner join footprints
        on
            (
                footprints.feed in ('specific_vehicles', 'permission_leases')
                and sessions.evse_id = footprints.evse_id
                and (sessions.vehicle_id = footprints.vehicle_id or exceptions.lease_id = footprints.lease_id)
            )
            or (footprints.feed = 'vehicles' and sessions.vehicle_id = footprints.vehicle_id)
    where
        exceptions.code in ('lease_during_specific_use', 'unpermitted_use')
        and footprints.from_at < sessions.lasts_to
    union
    select exceptions.subject_no, footprints.cause_no
    from exceptions
    inner join known_permission_leases as leases
        on
            exceptions.lease_id = leases.lease_id
            or (exceptions.code = 'overlapping_leases' and exceptions.evse_id = leases.evse_id)
    inner join footprints
        on
            (footprints.feed in ('permission_leases', 'evses') and leases.evse_id = footprints.evse_id)
            or (footprints.feed = 'vehicles' and leases.vehicle_id = footprints.vehicle_id)
    where
        exceptions.code in ('overlapping_leases', 'lease_during_specific_use')
        and footprints.from_at < leases.valid_to
        and footprints.to_at > leases.valid_from
    union
    select exceptions.subject_no, footprints.cause_no
    from exceptions
    inner join footprints
        on
            (
                footprints.feed = 'dr_signals'
                and exceptions.dr_event_id = footprints.dr_event_id
                and exceptions.vehicle_id = footprints.vehicle_id
            )
            or (footprints.feed = 'dr_events' and exceptions.dr_event_id = footprints.dr_event_id)
            or (
                footprints.feed = 'vehicles'
                and exceptions.vehicle_id = footprints.vehicle_id
                and footprints.moved is null
            )
    where exceptions.dr_event_id != ''
"""
_OF_CONTRACT = """
    insert into bearing
    with
    contracts as (
        select
            subjects.subject_no,
            changes.contract_id,
            changes.change != 'changed' or list_has_any(changes.moved, ['offered_wh', 'offering_minor'])
                as offering_moved,
            changes.change != 'changed' or list_has_any(changes.moved, ['performance_wh', 'performance_minor'])
                as performance_moved,
        from subjects
        inner join changes on subjects.change_no = changes.change_no
        where changes.export = 'manager_fee_reductions'
    ),
    evses as (
        select distinct contracts.subject_no, known_evses.evse_id
        from contracts
        inner join known_evses on contracts.contract_id = known_evses.contract_id
        where contracts.offering_moved
    )
    select contracts.subject_no, footprints.cause_no
    from contracts
    inner join footprints
        on footprints.feed = 'contracts' and contracts.contract_id = footprints.contract_id
    union
    select contracts.subject_no, footprints.cause_no
    from contracts
    inner join footprints on footprints.feed = 'evses' and contracts.contract_id = footprints.contract_id
    where contracts.offering_moved or contracts.performance_moved
    union
    select evses.subject_no, footprints.cause_no
    from evses
    inner join footprints
        on footprints.feed in ('evses', 'evse_offers') and evses.evse_id = footprints.evse_id
    union
    -- R20: only a session of a specific vehicle stands against an offer.
    select evses.subject_no, footprints.cause_no
    from evses
    inner join known_evse_offers as offers on evses.evse_id = offers.evse_id
    inner join footprints
        on
            footprints.feed in ('charger_sessions', 'specific_vehicles')
            and offers.evse_id = footprints.evse_id
            and footprints.from_at < offers.offered_to
            and footprints.to_at > offers.offered_from
    where
        footprints.feed = 'specific_vehicles'
        or exists (
            select 1
            from known_specific_vehicles as specific
            where
                specific.evse_id = footprints.evse_id
                and specific.vehicle_id = footprints.vehicle_id
                and specific.valid_from < footprints.to_at
                and coalesce(specific.valid_to > footprints.from_at, true)
        )
"""
_OF_AGGREGATOR = """
    insert into bearing
    with
    aggregators as (
        select
            subjects.subject_no,
            changes.*,
            changes.change != 'changed' or list_contains(changes.moved, 'instructed_wh') as instructed_moved,
        from subjects
        inner join changes on subjects.change_no = changes.change_no
        where changes.export = 'aggregator_achievement'
    )
    select aggregators.subject_no, footprints.cause_no
    from aggregators
    inner join footprints
        on
            footprints.feed = 'dr_instructions'
            and aggregators.dr_event_id = footprints.dr_event_id
            and (aggregators.aggregator_id = footprints.aggregator_id or aggregators.level = 'utility')
    where aggregators.instructed_moved
    union
    select aggregators.subject_no, footprints.cause_no
    from aggregators
    inner join footprints
        on footprints.feed = 'dr_events' and aggregators.dr_event_id = footprints.dr_event_id
    union
    select aggregators.subject_no, footprints.cause_no
    from aggregators
    inner join footprints
        on
            footprints.feed = 'aggregators'
            and (
                aggregators.aggregator_id = footprints.aggregator_id
                or aggregators.aggregator_id = footprints.parent_aggregator_id
            )
    union
    select aggregators.subject_no, footprints.cause_no
    from aggregators
    inner join known_dr_instructions as instructions on aggregators.dr_event_id = instructions.dr_event_id
    inner join footprints
        on
            footprints.feed = 'aggregators' and instructions.aggregator_id = footprints.aggregator_id
    where aggregators.level = 'utility' and aggregators.instructed_moved
"""
# R27: an exception's code says which feeds it can rest on.
_ONLY_FEEDS_OF_CODE = """
    delete from bearing
    using subjects, changes, code_feeds, footprints
    where
        bearing.subject_no = subjects.subject_no
        and subjects.change_no = changes.change_no
        and changes.code = code_feeds.code
        and bearing.cause_no = footprints.cause_no
        and not list_contains(code_feeds.feeds, footprints.feed)
"""
_BEARING = (
    _BEARING_TABLE, _READS, _SESSIONS, _EVSES, _PERMISSIONS, _VEHICLES, _OF_PERFORMANCE, _OF_LEASE, _MENTIONED,
    _OF_EXCEPTION, _OF_CONTRACT, _OF_AGGREGATOR, _ONLY_FEEDS_OF_CODE,
)  # fmt: skip

# ---- what is no delivered row: time, tariffs

_BY_AS_OF = f"""
    insert into bearing
    with
    between_them as (
        select least(as_of_a, as_of_b) as from_at, greatest(as_of_a, as_of_b) as to_at from terms
    )
    -- R15: an event is over, or it is not.
    select distinct subjects.subject_no, {AS_OF}
    from subjects
    inner join moved_performances as moved
        on subjects.dr_event_id = moved.dr_event_id and subjects.vehicle_id = moved.vehicle_id
    inner join known_dr_events as events on subjects.dr_event_id = events.dr_event_id
    inner join between_them on events.ends_at > between_them.from_at and events.ends_at <= between_them.to_at
    where moved.status_moved
    union
    -- R22: a lease may still be used, or it may not.
    select distinct subjects.subject_no, {AS_OF}
    from subjects
    inner join known_permission_leases as leases on subjects.lease_id = leases.lease_id
    inner join between_them
        on
            least(leases.valid_to, leases.revoked_at) > between_them.from_at
            and least(leases.valid_to, leases.revoked_at) <= between_them.to_at
    inner join changes
        on
            changes.lease_id = leases.lease_id
            and (changes.code = 'lapsed_lease' or list_contains(changes.moved, 'outcome'))
"""
_BY_TARIFF = f"""
    insert into bearing
    select distinct subjects.subject_no, {TARIFFS}
    from subjects
    inner join event_windows as events on subjects.dr_event_id = events.dr_event_id
    inner join terms on true
    inner join other_tariff_days as days
        on
            timezone(terms.time_zone, timezone('UTC', events.starts_at))::date >= days.from_day
            and timezone(terms.time_zone, timezone('UTC', events.starts_at))::date < days.to_day
"""
# R21: comparisons, minima and fee reductions go by the tariff of the period's first day.
_BY_TARIFF_OF_PERIOD = f"""
    insert into bearing
    select subjects.subject_no, {TARIFFS}
    from subjects
    left join changes on subjects.change_no = changes.change_no
    where
        subjects.kind in ('performance', 'lease')
        or changes.export = 'manager_fee_reductions'
        or changes.code = 'meter_charger_mismatch'
"""

# ---- what lies farther off

_INHERITED_LEASES = """
    insert into bearing
    select performances.subject_no, bearing.cause_no
    from crossing_leases
    inner join subjects as performances
        on
            performances.kind = 'performance'
            and crossing_leases.dr_event_id = performances.dr_event_id
            and crossing_leases.vehicle_id = performances.vehicle_id
    inner join subjects as leases on leases.kind = 'lease' and crossing_leases.lease_id = leases.lease_id
    inner join bearing on leases.subject_no = bearing.subject_no
"""
# R9: a cut in a neighbour's session can move a Wh left over. Looked at only where nothing nearer bears.
_FARTHER = """
    insert into bearing
    with
    unexplained as (
        select * from reach where subject_no not in (select subject_no from bearing)
    ),
    beside as (
        select distinct
            unexplained.subject_no, visits.evse_id, visits.vehicle_id, visits.region,
            visits.visit_from, visits.visit_to,
        from unexplained
        inner join visits
            on
                unexplained.metering_point_id = visits.metering_point_id
                and visits.visit_from < half_hour_from(unexplained.visit_to)
                and visits.visit_to > half_hour_of(unexplained.visit_from)
    )
    select beside.subject_no, footprints.cause_no
    from beside
    inner join footprints
        on
            beside.evse_id = footprints.evse_id
            and beside.vehicle_id = footprints.vehicle_id
            and footprints.from_at < beside.visit_to
            and footprints.to_at > beside.visit_from
    where footprints.feed in ('permission_leases', 'specific_vehicles')
    union
    select beside.subject_no, footprints.cause_no
    from beside
    inner join footprints
        on
            footprints.feed = 'vehicles'
            and beside.vehicle_id = footprints.vehicle_id
            and footprints.from_at < beside.visit_to
    union
    select beside.subject_no, footprints.cause_no
    from beside
    inner join footprints
        on
            footprints.feed = 'evses'
            and beside.evse_id = footprints.evse_id
            and footprints.from_at < beside.visit_to
            and footprints.to_at > beside.visit_from
    union
    select beside.subject_no, footprints.cause_no
    from beside
    inner join event_windows as events
        on
            beside.region = events.region
            and events.starts_at < beside.visit_to
            and events.ends_at > beside.visit_from
    inner join footprints
        on
            events.dr_event_id = footprints.dr_event_id
            and (
                footprints.feed = 'dr_events'
                or (footprints.feed = 'dr_signals' and beside.vehicle_id = footprints.vehicle_id)
            )
    union
    select unexplained.subject_no, footprints.cause_no
    from unexplained
    inner join footprints on footprints.feed = 'meter_intervals'
        and unexplained.metering_point_id = footprints.metering_point_id
        and footprints.from_at < unexplained.visit_to
        and footprints.to_at > unexplained.visit_from
"""
_CHANGE_CAUSES = """
    create or replace temp table change_causes as
    select distinct change_subjects.change_no, bearing.cause_no
    from change_subjects
    inner join bearing on change_subjects.subject_no = bearing.subject_no
"""
