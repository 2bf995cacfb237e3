"""Bearing: which delivered rows say something about what a subject rests on. Fills the table `bearing`."""

# R27: what an exception of a code can rest on; a code that is not named here has subjects of its own.
FEEDS_OF_CODES = {
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
            changes.change != 'changed'
            or list_has_any(changes.moved, ['performance_wh', 'performance_minor']) as performance_moved,
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
BEARING = (
    _BEARING_TABLE, _READS, _SESSIONS, _EVSES, _PERMISSIONS, _VEHICLES, _OF_PERFORMANCE, _OF_LEASE,
    _MENTIONED, _OF_EXCEPTION, _OF_CONTRACT, _OF_AGGREGATOR, _ONLY_FEEDS_OF_CODE,
)  # fmt: skip
