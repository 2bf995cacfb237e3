"""Subjects: what a change is looked at through, and of which performances a sum inherits the causes.

Leaves temporary tables: `subjects`, `change_subjects`, and of what performances and events are concerned.
"""

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
SUBJECTS = (
    _WINDOWS, _PERFORMANCES, _CROSSING, _SUBJECT_TABLE, _CHANGE_SUBJECTS, _POINTS_BY_USER,
    _PAYABLE_BY_CONTRACT, _ENERGY_BY_AGGREGATOR,
)  # fmt: skip
