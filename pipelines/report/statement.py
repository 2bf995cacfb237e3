"""The statement of one payee for a period: what a run found for a user or a manager, and why. One page, and
nobody else's data.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb

from pipelines import runs
from pipelines.closing import booked_elsewhere
from pipelines.errors import BadInput
from pipelines.report.figures import last_approved_run
from pipelines.report.page import static_page
from pipelines.report.rows import Rows, known_rows, rows_of
from pipelines.report.wording import share_text
from pipelines.report.write import Written, approved_or_refuse, place
from pipelines.runs import AFTER_APPROVAL, Kind, Run, State
from pipelines.tariff_files import applied_tariffs
from pipelines.warehouse import open_warehouse
from settlement import SettlementPeriod, Tariff, TariffBook

# What fits on a page beside the head and the rules.
_MOST_LINES = 14
_MOST_HELD = 4
_MOST_CONTRACTS = 8
_MOST_LEASES = 14


@dataclass(frozen=True, kw_only=True)
class Statement:
    """What a statement says. `amount` is in points or smallest units; `booked_now` is None where nothing of
    the run is booked.
    """

    run: Run
    kind: Kind
    state: State
    tariffs: TariffBook
    payee_kind: str
    payee_id: str
    amount: int
    booked_before: int
    booked_now: int | None
    booked_in_period: str | None
    lines: Rows
    other_lines: dict[str, Any]
    held: Rows
    others_held: int
    leases: Rows
    other_leases: int

    @property
    def rules(self) -> Tariff:
        """The version in force on the first day of the period, which the lease's and the cap's rules take."""
        return self.tariffs.in_force_on(SettlementPeriod.parse(self.run.settlement_period).first_day)


def write_statement(
    *, warehouse: Path, out: Path, payee_kind: str, payee_id: str, run_id: str | None = None
) -> Written:
    """Write the statement of a `user` or `manager` in a run (default: the one approved last) to `out`, a file
    that ends in .html or a folder.

    The warehouse is only read. BadInput if there is no such run, or the run knows nobody of that id.
    """
    with open_warehouse(warehouse, read_only=True) as connection:
        statement = statement_of(
            connection,
            run_id or approved_or_refuse(last_approved_run(connection)),
            payee_kind=payee_kind,
            payee_id=payee_id,
        )
    page = static_page(f"{payee_kind}.html", statement=statement)
    chosen = statement.run.run_id
    name = f"{chosen}-{payee_kind}-{quote(payee_id, safe='')}.html"
    return place(page, run_id=chosen, out=out, name=name)


def statement_of(
    connection: duckdb.DuckDBPyConnection, run_id: str, *, payee_kind: str, payee_id: str
) -> Statement:
    """Read a statement. BadInput if there is no such run, or it knows nobody of that id."""
    run = runs.get_run(connection, run_id)
    tariffs = applied_tariffs(run).book
    period = SettlementPeriod.parse(run.settlement_period)
    booked = {
        "run_id": run_id,
        "kind": payee_kind,
        "payee": payee_id,
        "last_before": _last_booking_before(connection, run_id),
    }
    if payee_kind == "user":
        found = _user(connection, booked, tariffs=tariffs, period=period)
    else:
        found = _manager(connection, booked, tariffs=tariffs, period=period)
    if not any(found[name] for name in ("lines", "held", "leases")):
        raise BadInput(
            f"Run {run_id} knows no {payee_kind} {payee_id}; user_points.csv and manager_fee_reductions.csv"
            f" of {period} name those that it knows."
        )
    state = runs.state_of(connection, run_id)
    assert state is not None
    sums = rows_of(connection, _BOOKED, **booked)[0]
    return Statement(
        run=run,
        kind=runs.kind_of(connection, run),
        state=state,
        tariffs=tariffs,
        payee_kind=payee_kind,
        payee_id=payee_id,
        booked_before=sums["before"],
        booked_now=sums["now"] if state in AFTER_APPROVAL else None,
        booked_in_period=booked_elsewhere(connection, run_id),
        **found,
    )


def _last_booking_before(connection: duckdb.DuckDBPyConnection, run_id: str) -> int:
    """The number of the last booking before a run's own; of a run that was not approved, of the last one."""
    row = connection.execute(
        """
        select coalesce(
            (
                select booking_no from books.run_events where run_id = $run_id and state = 'approved'
            ) - (select count(*) from books.bookings where run_id = $run_id),
            (select max(booking_no) from books.bookings),
            0
        )
        """,
        {"run_id": run_id},
    ).fetchone()
    assert row is not None
    return int(row[0])


def _user(
    connection: duckdb.DuckDBPyConnection,
    booked: dict[str, Any],
    *,
    tariffs: TariffBook,
    period: SettlementPeriod,
) -> dict[str, Any]:
    lines = rows_of(connection, _LINES, **booked)
    held = rows_of(connection, _HELD, run_id=booked["run_id"], payee=booked["payee"])
    by_version = {tariff.version: tariff for tariff in tariffs.tariffs}
    minimum_wh = tariffs.in_force_on(period.first_day).minimum_exchange_wh
    return {
        "amount": sum(line["points"] for line in lines),
        "lines": tuple(
            line | _in_words(line, by_version.get(line["tariff_version"]), minimum_wh)
            for line in lines[:_MOST_LINES]
        ),
        "other_lines": {
            "lines": max(0, len(lines) - _MOST_LINES),
            "points": sum(line["points"] for line in lines[_MOST_LINES:]),
            "booked_now": sum(line["booked_now"] for line in lines[_MOST_LINES:]),
        },
        "held": held[:_MOST_HELD],
        "others_held": max(0, len(held) - _MOST_HELD),
        "leases": (),
        "other_leases": 0,
    }


def _manager(
    connection: duckdb.DuckDBPyConnection,
    booked: dict[str, Any],
    *,
    tariffs: TariffBook,
    period: SettlementPeriod,
) -> dict[str, Any]:
    contracts = rows_of(connection, _CONTRACTS, **booked)
    period_from, period_to = period.instants(tariffs.time_zone)
    leases = rows_of(
        connection,
        _LEASES,
        run_id=booked["run_id"],
        payee=booked["payee"],
        period_from=period_from,
        period_to=period_to,
    )
    return {
        "amount": sum(contract["reduction_minor"] for contract in contracts),
        "lines": contracts[:_MOST_CONTRACTS],
        "other_lines": {
            "lines": max(0, len(contracts) - _MOST_CONTRACTS),
            "reduction_minor": sum(contract["reduction_minor"] for contract in contracts[_MOST_CONTRACTS:]),
        },
        "held": (),
        "others_held": 0,
        "leases": leases[:_MOST_LEASES],
        "other_leases": max(0, len(leases) - _MOST_LEASES),
    }


def _in_words(line: dict[str, Any], tariff: Tariff | None, minimum_exchange_wh: int) -> dict[str, str]:
    """The rate of a line, and why less than its achieved is paid; a line that is gone has neither."""
    if line["gone"] or tariff is None:
        return {"rate": "", "why": "no longer found: booked back"}
    return {"rate": _rate(line, tariff), "why": _why(line, tariff, minimum_exchange_wh)}


def _rate(line: dict[str, Any], tariff: Tariff) -> str:
    """The tariff's rate of a line, in words (R19)."""
    milli = next(
        (
            rate.rate_milli
            for rate in tariff.rates
            if (rate.amount_kind, rate.access_class) == (line["amount_kind"], line["access_class"])
        ),
        0,
    )
    whole, part = divmod(milli, 1000)
    decimals = f".{part:03}".rstrip("0") if part else ""
    return f"{whole:,}{decimals} a {'kWh' if line['unit'] == 'Wh' else 'half hour'}"


def _why(line: dict[str, Any], tariff: Tariff, minimum_exchange_wh: int) -> str:
    """Why a line is not paid in full and for good; empty if it is (R15, R17, R18)."""
    if line["status"] == "held":
        return "held, see below"
    why = "" if line["payable"] == line["achieved"] else _why_less(line, tariff, minimum_exchange_wh)
    if line["status"] == "provisional":
        return f"provisional, on estimated or substituted reads{'; ' if why else ''}{why}"
    return why


def _why_less(line: dict[str, Any], tariff: Tariff, minimum_exchange_wh: int) -> str:
    minimum_bp = tariff.minimum_achievement_bp
    if line["all_achieved"] * 10_000 < line["requested"] * minimum_bp:
        return f"less than {share_text(minimum_bp)} of what was asked for"
    if line["access_class"] == "leased" and (line["exchange_wh"] or 0) < minimum_exchange_wh:
        return f"the lease exchanged less than {minimum_exchange_wh:,} Wh"
    if line["all_achieved"] > line["requested"] * tariff.over_delivery_cap_bp // 10_000:
        return f"paid up to {share_text(tariff.over_delivery_cap_bp)} of what was asked for"
    return "less what went in a circle"


# Bookings of the period before the run's own; a replay sees those of its as-of.
_EARLIER = """
    select *
    from books.bookings
    where
        booking_no <= $last_before
        and settlement_period = (select settlement_period from books.runs where run_id = $run_id)
        and run_id in (
            select earlier.run_id
            from books.runs as earlier
            inner join books.runs as this on this.run_id = $run_id
            where earlier.as_of <= this.as_of
        )
"""
_PAYEES_BOOKINGS = f"""
    select *, amount as before, 0 as now
    from ({_EARLIER})
    where payee_kind = $kind and payee_id = $payee
    union all
    select *, 0 as before, amount as now
    from books.bookings
    where run_id = $run_id and payee_kind = $kind and payee_id = $payee
"""
_BOOKED = f"""
    select coalesce(sum(before), 0)::bigint as before, coalesce(sum(now), 0)::bigint as now
    from ({_PAYEES_BOOKINGS})
"""
_LINES = f"""
    with
    performances as (
        select * from results.dr_achievement where run_id = $run_id and user_id = $payee
    ),
    lines as (
        select lines.*, performances.* exclude (
            run_id, settlement_period, dr_event_id, vehicle_id, unit, achieved, payable
        ), performances.achieved as all_achieved
        from results.settlement_lines as lines
        inner join performances
            on
                performances.dr_event_id = lines.dr_event_id
                and performances.vehicle_id = lines.vehicle_id
        where lines.run_id = $run_id
    ),
    booked as (
        select
            dr_event_id, vehicle_id, evse_id, lease_id, access_class,
            arg_max(tariff_version, booking_no) as tariff_version,
            sum(before)::bigint as booked_before,
            sum(now)::bigint as booked_now,
            arg_max(booking_id, booking_no) as booking_id
        from ({_PAYEES_BOOKINGS})
        group by dr_event_id, vehicle_id, evse_id, lease_id, access_class
    ),
    events as ({known_rows("dr_events")})
    select
        dr_event_id,
        events.starts_at,
        vehicle_id,
        evse_id,
        lease_id,
        access_class,
        coalesce(lines.unit, 'Wh') as unit,
        lines.amount_kind,
        lines.status,
        coalesce(lines.requested, 0) as requested,
        coalesce(lines.all_achieved, 0) as all_achieved,
        coalesce(lines.achieved, 0) as achieved,
        coalesce(lines.payable, 0) as payable,
        coalesce(lines.points, 0) as points,
        lines.points is null as gone,
        coalesce(lines.tariff_version, booked.tariff_version) as tariff_version,
        leases.backfeed_wh + leases.dr_import_wh as exchange_wh,
        coalesce(booked.booked_before, 0) as booked_before,
        coalesce(booked.booked_now, 0) as booked_now,
        booked.booking_id
    from lines
    full join booked using (dr_event_id, vehicle_id, evse_id, lease_id, access_class)
    left join events using (dr_event_id)
    left join results.lease_outcomes as leases
        on leases.run_id = $run_id and leases.lease_id = coalesce(lines.lease_id, booked.lease_id)
    where lines.points is not null or booked.booked_before != 0 or booked.booked_now != 0
    order by events.starts_at nulls last, dr_event_id, vehicle_id, evse_id, lease_id, access_class
"""
_HELD = """
    select
        achievement.dr_event_id,
        achievement.vehicle_id,
        achievement.unit,
        achievement.requested,
        achievement.achieved,
        held.hold_reasons
    from results.dr_achievement as achievement
    left join results.held_performances as held
        on
            held.run_id = achievement.run_id
            and held.dr_event_id = achievement.dr_event_id
            and held.vehicle_id = achievement.vehicle_id
    where achievement.run_id = $run_id and achievement.user_id = $payee and achievement.status = 'held'
    order by achievement.dr_event_id, achievement.vehicle_id
"""
_CONTRACTS = f"""
    with booked as (
        select
            contract_id,
            sum(before)::bigint as booked_before,
            sum(now)::bigint as booked_now,
            arg_max(booking_id, booking_no) as booking_id
        from ({_PAYEES_BOOKINGS})
        group by contract_id
    ),
    found as (
        select * from results.fee_reductions where run_id = $run_id and manager_id = $payee
    )
    select
        contract_id,
        coalesce(found.performance_wh, 0) as performance_wh,
        coalesce(found.offered_wh, 0) as offered_wh,
        coalesce(found.performance_minor, '0') as performance_minor,
        coalesce(found.offering_minor, '0') as offering_minor,
        coalesce(found.cap_minor, '0') as cap_minor,
        coalesce(found.reduction_minor, 0) as reduction_minor,
        coalesce(booked.booked_before, 0) as booked_before,
        coalesce(booked.booked_now, 0) as booked_now,
        booked.booking_id
    from found
    full join booked using (contract_id)
    order by reduction_minor desc, contract_id
"""
# The leases at the EVSEs of his contracts, without the vehicle: that is somebody else's.
_LEASES = f"""
    with
    contracts as (
        select contract_id from results.fee_reductions where run_id = $run_id and manager_id = $payee
    ),
    evses as (
        select distinct evse_id
        from (
            select
                *,
                lead(valid_from) over (partition by evse_id order by valid_from) as next_from
            from ({known_rows("evses")})
        )
        where
            contract_id in (select contract_id from contracts)
            and valid_from < $period_to
            and coalesce(least(valid_to, next_from), timestamp 'infinity') > $period_from
    ),
    leases as ({known_rows("permission_leases")})
    select
        outcomes.lease_id,
        outcomes.evse_id,
        leases.valid_from,
        leases.valid_to,
        outcomes.outcome,
        outcomes.backfeed_wh,
        outcomes.dr_import_wh
    from results.lease_outcomes as outcomes
    inner join evses on evses.evse_id = outcomes.evse_id
    left join leases on leases.lease_id = outcomes.lease_id
    where outcomes.run_id = $run_id
    order by leases.valid_from nulls last, outcomes.lease_id
"""
