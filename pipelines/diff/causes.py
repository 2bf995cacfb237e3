"""Which delivered rows bear on a change: by the ids they share and by when (R8 to R22).

A change is looked at through its subjects: a performance, a lease, a session, a place on a day, a contract,
an aggregator. What is summed (a user's points, a contract's reduction, an aggregator's energy) inherits the
causes of the performances that changed in it. Leaves the temporary table `change_causes`.
"""

from dataclasses import dataclass
from datetime import date, datetime

import duckdb

from pipelines.diff.bearing import BEARING, FEEDS_OF_CODES
from pipelines.diff.reach import REACH
from pipelines.diff.subjects import SUBJECTS

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


def find_causes(connection: duckdb.DuckDBPyConnection, terms: Terms) -> None:
    """Make the temporary table `change_causes`: a row per change and cause."""
    connection.execute("create or replace temp table code_feeds (code varchar, feeds varchar[])")
    connection.executemany(
        "insert into code_feeds values (?, ?)",
        [(code, list(feeds)) for code, feeds in FEEDS_OF_CODES.items()],
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
    for statement in (*SUBJECTS, REACH, *BEARING):
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

# A vehicle or a child aggregator names its superior in performances only: these come and go with signals.
_MENTIONED_BY_SIGNALS = """
    insert into bearing
    with
    unexplained as (
        select subjects.subject_no, changes.vehicle_id, changes.detail
        from subjects
        inner join changes on subjects.change_no = changes.change_no
        where
            changes.code = 'unknown_reference'
            and subjects.subject_no not in (select subject_no from bearing)
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
