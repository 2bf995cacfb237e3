"""Reach: the sessions and half hours behind a metering point that a subject rests on (R8, R9, R16, R22)."""

REACH = """
    create or replace temp table reach as
    -- A performance rests on its vehicle's sessions in the event's region, its status on all of them (R16).
    select
        subjects.subject_no,
        visits.session_id,
        visits.evse_id,
        visits.vehicle_id,
        visits.metering_point_id,
        visits.visit_from,
        visits.visit_to,
        half_hour_of(
            if(moved.status_moved, visits.visit_from, greatest(visits.visit_from, events.starts_at))
        ) as from_at,
        half_hour_from(
            if(moved.status_moved, visits.visit_to, least(visits.visit_to, events.ends_at))
        ) as to_at,
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
