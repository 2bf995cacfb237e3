"""The figures of a run's report: read from the run's results, its books and the deliveries it rests on.

All sums are the database's; what can be long is cut there, with a count of what was left out. Energy is in
Wh, money in the currency's smallest unit, instants in UTC.
"""

from dataclasses import dataclass
from typing import Any

import duckdb

from pipelines import runs
from pipelines.books import has_result
from pipelines.closing import booked_elsewhere
from pipelines.exports import EXCEPTIONS, MANAGER_FEE_REDUCTIONS, USER_POINTS
from pipelines.report.completeness import Completeness, completeness_of
from pipelines.report.rows import Rows, known_rows, rows_of
from pipelines.runs import AFTER_APPROVAL, Kind, Run, RunEvent, State
from pipelines.tariff_files import applied_tariffs
from settlement import SettlementPeriod, TariffBook

MOST_PAYEES = 30
MOST_EVENTS = 60
MOST_PARENTS, MOST_CHILDREN = 12, 24
MOST_EXCEPTIONS_OF_A_CODE = 20
MOST_PERFORMANCES = 60
MOST_CHANGES = 20
MOST_DELIVERIES = 60
MOST_PENDING_LEASES = 20


@dataclass(frozen=True, kw_only=True)
class Payees:
    """Points by user, or fee reductions by manager: `first` are the ones with most, `paid` counts those with
    any, `bins` says how many have how much, in steps from 1, 2, 5, 10, 20, 50 ... to below the next.
    """

    first: Rows
    paid: int
    total: int
    booked_before: int | None
    booked_now: int | None
    bins: Rows

    @property
    def others(self) -> int:
        """How many of the paid are not among the first."""
        return self.paid - len(self.first)

    @property
    def of_others(self) -> int:
        """What those have together."""
        return self.total - int(sum(row["amount"] for row in self.first))


@dataclass(frozen=True, kw_only=True)
class Figures:
    """All that a report shows of a run."""

    run: Run
    kind: Kind
    states: tuple[RunEvent, ...]
    tariffs: TariffBook
    counts: dict[str, Any]
    events: Rows
    aggregators: Rows
    half_hours: Rows
    users: Payees
    managers: Payees
    leases: Rows
    pending_leases: Rows
    completeness: Completeness
    codes: Rows
    exceptions: Rows
    unsettled: Rows
    hold_reasons: Rows
    has_hold_reasons: bool
    bookings: Rows
    booked_in_period: str | None
    changes: Rows
    feeds: Rows
    deliveries: Rows

    @property
    def state(self) -> State:
        """Where the run stands."""
        return self.states[-1].state

    @property
    def is_booked(self) -> bool:
        """Whether the run was approved, so that what it found is in the books."""
        return self.state in AFTER_APPROVAL

    @property
    def approval(self) -> RunEvent | None:
        """Who approved it, when, and the head of the ledger's chain then."""
        return next((event for event in self.states if event.state is State.APPROVED), None)


def figures_of(connection: duckdb.DuckDBPyConnection, run_id: str) -> Figures:
    """Read the figures of a run. BadInput if there is no such run."""
    run = runs.get_run(connection, run_id)
    tariffs = applied_tariffs(run).book

    def read(query: str, **parameters: object) -> Rows:
        return rows_of(connection, query, run_id=run_id, **parameters)

    with_books = _has_statements(connection, run_id)
    return Figures(
        run=run,
        kind=runs.kind_of(connection, run),
        states=runs.events_of(connection, run_id),
        tariffs=tariffs,
        counts=read(_COUNTS)[0],
        events=read(_EVENTS),
        aggregators=read(_AGGREGATORS, parents=MOST_PARENTS, children=MOST_CHILDREN, events=MOST_EVENTS),
        half_hours=read(_HALF_HOURS),
        users=_payees(connection, run_id, _users(with_books=with_books)),
        managers=_payees(connection, run_id, _managers(with_books=with_books)),
        leases=read(_LEASES),
        pending_leases=read(_PENDING_LEASES, most=MOST_PENDING_LEASES),
        completeness=completeness_of(
            connection,
            run_id=run_id,
            period=SettlementPeriod.parse(run.settlement_period),
            time_zone=tariffs.time_zone,
        ),
        codes=read(_CODES),
        exceptions=read(_EXCEPTIONS, most=MOST_EXCEPTIONS_OF_A_CODE),
        unsettled=read(_UNSETTLED, most=MOST_PERFORMANCES),
        hold_reasons=read(_HOLD_REASONS),
        has_hold_reasons=bool(read("select 1 from results.held_performances where run_id = $run_id limit 1")),
        bookings=read(_BOOKINGS),
        booked_in_period=booked_elsewhere(connection, run_id),
        changes=read(_CHANGES, most=MOST_CHANGES),
        feeds=read(_FEEDS),
        deliveries=read(_DELIVERIES, most=MOST_DELIVERIES),
    )


def _has_statements(connection: duckdb.DuckDBPyConnection, run_id: str) -> bool:
    """Whether the run was told what was booked before it: when it was approved, or written as a replay."""
    if runs.state_of(connection, run_id) in AFTER_APPROVAL:
        return True
    statements = (USER_POINTS, MANAGER_FEE_REDUCTIONS)
    return any(has_result(connection, run_id=run_id, table=table) for table in statements)


def last_approved_run(connection: duckdb.DuckDBPyConnection) -> str | None:
    """The run that was approved last, of any period; None if none was."""
    row = connection.execute(
        "select run_id from books.run_events where state = 'approved' order by seq desc limit 1"
    ).fetchone()
    return None if row is None else str(row[0])


def _payees(connection: duckdb.DuckDBPyConnection, run_id: str, amounts: str) -> Payees:
    totals = rows_of(connection, f"with amounts as ({amounts}) {_TOTALS}", run_id=run_id)[0]
    return Payees(
        first=rows_of(connection, f"with amounts as ({amounts}) {_FIRST}", run_id=run_id, most=MOST_PAYEES),
        bins=rows_of(connection, f"with amounts as ({amounts}) {_BINS}", run_id=run_id),
        **totals,
    )


def _users(*, with_books: bool) -> str:
    if with_books:
        return """
            select user_id as payee, points as amount, booked_before, booked_now
            from results.user_points where run_id = $run_id
        """
    return """
        select user_id as payee, points as amount, null::bigint as booked_before, null::bigint as booked_now
        from results.user_amounts where run_id = $run_id
    """


def _managers(*, with_books: bool) -> str:
    table, books = (
        ("manager_fee_reductions", "sum(booked_before)::bigint as booked_before, sum(booked_now)::bigint")
        if with_books
        else ("fee_reductions", "null::bigint as booked_before, null::bigint")
    )
    # The exact decimals of R20 as whole millionths of the smallest unit.
    return f"""
        select
            manager_id as payee,
            sum(reduction_minor)::bigint as amount,
            {books} as booked_now,
            (sum(performance_minor::decimal(38, 6)) * 1000000)::bigint as performance_millionths,
            (sum(offering_minor::decimal(38, 6)) * 1000000)::bigint as offering_millionths,
            count(*) as contracts
        from results.{table}
        where run_id = $run_id
        group by manager_id
    """


_TOTALS = """
    select
        count(*) filter (where amount > 0) as paid,
        coalesce(sum(amount), 0)::bigint as total,
        sum(booked_before)::bigint as booked_before,
        sum(booked_now)::bigint as booked_now
    from amounts
"""
_FIRST = "select * from amounts where amount > 0 order by amount desc, payee limit $most"
_BINS = """
    select
        (10 ** (length(amount::varchar) - 1))::bigint as magnitude,
        case when amount >= 5 * magnitude then 5 when amount >= 2 * magnitude then 2 else 1 end as step,
        step * magnitude as from_amount,
        case step when 1 then 2 when 2 then 5 else 10 end * magnitude as below_amount,
        count(*) as payees
    from amounts
    where amount > 0
    group by all
    order by from_amount
"""
_COUNTS = """
    select
        (select count(*) from results.dr_achievement where run_id = $run_id) as performances,
        (
            select count(*) from results.dr_achievement where run_id = $run_id and status = 'held'
        ) as held,
        (
            select count(*) from results.dr_achievement where run_id = $run_id and status = 'provisional'
        ) as provisional,
        (
            select count(*) from results.dr_achievement
            where run_id = $run_id and status = 'final' and payable = 0
        ) as final_unpaid,
        (select count(*) from results.settlement_lines where run_id = $run_id) as lines,
        (select count(*) from results.fee_reductions where run_id = $run_id) as contracts,
        (
            select count(*) from results.fee_reductions where run_id = $run_id and reduction_minor > 0
        ) as contracts_with_reduction,
        (select count(*) from results.lease_outcomes where run_id = $run_id) as leases,
        (
            select count(*) from results.lease_outcomes where run_id = $run_id and outcome = 'pending'
        ) as pending_leases,
        (select count(*) from results.exceptions where run_id = $run_id) as exceptions,
        (select count(*) from books.bookings where run_id = $run_id) as bookings,
        (
            select coalesce(sum(backfeed_wh), 0)::bigint from results.dr_intervals where run_id = $run_id
        ) as backfeed_wh,
        (
            select coalesce(sum(import_wh), 0)::bigint from results.dr_intervals where run_id = $run_id
        ) as import_wh
"""
_KNOWN_EVENTS = f"select * from ({known_rows('dr_events')})"
_EVENTS = f"""
    with performances as (
        select
            dr_event_id,
            any_value(direction) as direction,
            count(*) as performances,
            count(*) filter (where status = 'held') as held,
            count(*) filter (where status = 'provisional') as provisional,
            count(*) filter (where payable > 0) as paid,
            coalesce(sum(requested) filter (where unit = 'interval'), 0)::bigint as requested_intervals,
            coalesce(sum(achieved) filter (where unit = 'interval'), 0)::bigint as achieved_intervals
        from results.dr_achievement
        where run_id = $run_id
        group by dr_event_id
    ),
    utility as (
        select dr_event_id, instructed_wh, achieved_wh, achievement_rate
        from results.aggregator_achievement
        where run_id = $run_id and level = 'utility'
    ),
    points as (
        select dr_event_id, sum(points)::bigint as points
        from results.settlement_lines
        where run_id = $run_id
        group by dr_event_id
    )
    select
        dr_event_id,
        coalesce(known.direction, performances.direction, '') as direction,
        known.region,
        known.starts_at,
        known.ends_at,
        utility.instructed_wh,
        utility.achieved_wh,
        utility.achievement_rate,
        coalesce(performances.performances, 0) as performances,
        coalesce(performances.held, 0) as held,
        coalesce(performances.provisional, 0) as provisional,
        coalesce(performances.paid, 0) as paid,
        coalesce(performances.requested_intervals, 0) as requested_intervals,
        coalesce(performances.achieved_intervals, 0) as achieved_intervals,
        coalesce(points.points, 0) as points
    from performances
    full join utility using (dr_event_id)
    left join points using (dr_event_id)
    left join ({_KNOWN_EVENTS}) as known using (dr_event_id)
    order by known.starts_at nulls last, dr_event_id
"""
# The events with most energy, and per level the aggregators with most; None stands for all the others.
_AGGREGATORS = f"""
    with of_run as (
        select dr_event_id, level, aggregator_id, instructed_wh, achieved_wh
        from results.aggregator_achievement
        where run_id = $run_id
    ),
    shown_events as (
        select of_run.dr_event_id, known.starts_at
        from of_run
        left join ({_KNOWN_EVENTS}) as known using (dr_event_id)
        where of_run.level = 'utility'
        order by greatest(coalesce(of_run.instructed_wh, 0), of_run.achieved_wh) desc, of_run.dr_event_id
        limit $events
    ),
    places as (
        select
            level,
            aggregator_id,
            row_number() over (
                partition by level
                order by sum(coalesce(instructed_wh, 0)) desc, sum(achieved_wh) desc, aggregator_id
            ) as place,
            count(*) over (partition by level) as aggregators,
            case level when 'child' then $children else $parents end as most
        from of_run
        group by level, aggregator_id
    )
    select
        of_run.level,
        case when place <= most then of_run.aggregator_id end as aggregator_id,
        max(greatest(0, aggregators - most)) as others,
        of_run.dr_event_id,
        sum(of_run.instructed_wh)::bigint as instructed_wh,
        sum(of_run.achieved_wh)::bigint as achieved_wh
    from of_run
    inner join places on places.level = of_run.level and places.aggregator_id = of_run.aggregator_id
    inner join shown_events on shown_events.dr_event_id = of_run.dr_event_id
    group by of_run.level, 2, of_run.dr_event_id, shown_events.starts_at
    order by
        list_position(['utility', 'parent', 'child'], of_run.level), min(place),
        shown_events.starts_at nulls last, of_run.dr_event_id
"""
_HALF_HOURS = """
    select
        interval_start,
        coalesce(sum(backfeed_wh), 0)::bigint as backfeed_wh,
        coalesce(sum(import_wh), 0)::bigint as import_wh,
        count(*) filter (where backfeed_wh is null and import_wh is null) as missing
    from results.dr_intervals
    where run_id = $run_id
    group by interval_start
    order by interval_start
"""
_LEASES = """
    select
        outcome,
        count(*) as leases,
        sum(backfeed_wh)::bigint as backfeed_wh,
        sum(dr_import_wh)::bigint as dr_import_wh
    from results.lease_outcomes
    where run_id = $run_id
    group by outcome
    order by list_position(['fulfilled', 'pending', 'lapsed', 'revoked', 'not_needed'], outcome)
"""
_PENDING_LEASES = """
    select lease_id, evse_id, vehicle_id, backfeed_wh, dr_import_wh
    from results.lease_outcomes
    where run_id = $run_id and outcome = 'pending'
    order by lease_id
    limit $most
"""
_CODES = """
    select code, count(*) as rows, sum(energy_wh)::bigint as energy_wh
    from results.exceptions
    where run_id = $run_id
    group by code
    order by rows desc, code
"""
_MOST_ENERGY_FIRST = ", ".join(
    ("energy_wh desc nulls last", *(f"{name} nulls first" for name in EXCEPTIONS.column_names))
)
_EXCEPTIONS = f"""
    select {", ".join(EXCEPTIONS.column_names)}
    from results.exceptions
    where run_id = $run_id
    qualify row_number() over (partition by code order by {_MOST_ENERGY_FIRST}) <= $most
    order by code, {_MOST_ENERGY_FIRST}
"""
_UNSETTLED = """
    select
        achievement.dr_event_id,
        achievement.vehicle_id,
        achievement.status,
        achievement.unit,
        achievement.requested,
        achievement.achieved,
        achievement.payable,
        achievement.qualities,
        held.hold_reasons
    from results.dr_achievement as achievement
    left join results.held_performances as held
        on
            held.run_id = achievement.run_id
            and held.dr_event_id = achievement.dr_event_id
            and held.vehicle_id = achievement.vehicle_id
    where achievement.run_id = $run_id and achievement.status in ('held', 'provisional')
    order by achievement.status, achievement.dr_event_id, achievement.vehicle_id
    limit $most
"""
_HOLD_REASONS = """
    select reason, count(*) as performances
    from (
        select unnest(string_split(hold_reasons, '+')) as reason
        from results.held_performances
        where run_id = $run_id
    )
    group by reason
    order by performances desc, reason
"""
_BOOKINGS = """
    select
        payee_kind,
        reason,
        count(*) as bookings,
        count(distinct payee_id) as payees,
        coalesce(sum(amount) filter (where amount > 0), 0)::bigint as added,
        coalesce(sum(amount) filter (where amount < 0), 0)::bigint as booked_back,
        any_value(unit) as unit
    from books.bookings
    where run_id = $run_id
    group by payee_kind, reason
    order by payee_kind desc, reason
"""
_CHANGES = """
    select payee_kind, payee_id, booked_before, booked_now
    from (
        select 'user' as payee_kind, user_id as payee_id, booked_before, booked_now
        from results.user_points
        where run_id = $run_id
        union all
        select 'manager' as payee_kind, manager_id as payee_id, booked_before, booked_now
        from (
            select
                manager_id, sum(booked_before)::bigint as booked_before, sum(booked_now)::bigint as booked_now
            from results.manager_fee_reductions
            where run_id = $run_id
            group by manager_id
        )
    )
    where booked_now != 0
    order by abs(booked_now) desc, payee_kind, payee_id
    limit $most
"""
_FEEDS = """
    select
        deliveries.feed,
        count(*) as files,
        count(*) filter (where deliveries.outcome = 'refused') as refused_files,
        sum(rows_in)::bigint as rows_in,
        sum(rows_accepted)::bigint as rows_accepted,
        sum(rows_duplicate)::bigint as rows_duplicate,
        sum(rows_quarantined)::bigint as rows_quarantined
    from books.run_deliveries
    inner join raw.deliveries on deliveries.delivery_no = run_deliveries.delivery_no
    where run_deliveries.run_id = $run_id
    group by deliveries.feed
    order by deliveries.feed
"""
_DELIVERIES = """
    select
        run_deliveries.feed,
        run_deliveries.file_name,
        run_deliveries.sha256,
        run_deliveries.received_at,
        run_deliveries.outcome,
        deliveries.rows_in,
        deliveries.rows_quarantined,
        count(*) over () as deliveries
    from books.run_deliveries
    inner join raw.deliveries on deliveries.delivery_no = run_deliveries.delivery_no
    where run_deliveries.run_id = $run_id
    order by run_deliveries.received_at desc, run_deliveries.feed, run_deliveries.file_name
    limit $most
"""
