"""What the run and its verification found about what is asked for, read once the evidence is gathered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import duckdb

from pipelines.books import frame_of
from pipelines.explain.evidence import Evidence
from pipelines.runs import Run
from settlement import Tariff, TariffBook

Row = dict[str, Any]
Performance = tuple[str, str]
HalfHour = tuple[str, datetime]


@dataclass(frozen=True)
class Facts:
    """Found rows by their keys, and the tariffs of the run."""

    run: Run
    tariffs: TariffBook
    monthly: Tariff
    evidence: Evidence
    performances: Mapping[Performance, Row]
    lines: Mapping[Performance, list[Row]]
    lines_of_contract: Mapping[str, list[Row]]
    segments: Mapping[HalfHour, list[Row]]
    segments_of: Mapping[Performance, list[Row]]
    segments_of_lease: Mapping[str, list[Row]]
    power_limits: Mapping[Performance, list[Row]]
    checks: Mapping[str, list[Row]]
    open_sessions: Mapping[Performance, list[str]]
    exchanges: Mapping[str, Row]
    directions: Mapping[str, str]
    offered: Mapping[str, list[Row]]
    monthly_fees: Mapping[str, int]

    def tariff(self, version: str) -> Tariff:
        """The tariff of a version."""
        return next(tariff for tariff in self.tariffs.tariffs if tariff.version == version)


def read_facts(
    connection: duckdb.DuckDBPyConnection,
    *,
    run: Run,
    tariffs: TariffBook,
    monthly: Tariff,
    evidence: Evidence,
) -> Facts:
    """The facts behind what `gather` was asked for on this connection; `monthly` is the tariff of the
    period's first day (R21).
    """
    rows = partial(_rows, connection)
    lines = list(rows(_LINES, run.run_id))
    segments = list(rows("select * from segments order by segment_from, session_id"))
    return Facts(
        run=run,
        tariffs=tariffs,
        monthly=monthly,
        evidence=evidence,
        performances={_performance(row): row for row in rows(_PERFORMANCES, run.run_id)},
        lines=_grouped(lines, _performance),
        lines_of_contract=_grouped(lines, lambda row: row["contract_id"]),
        segments=_grouped(segments, _half_hour),
        segments_of=_grouped((row for row in segments if row["dr_event_id"]), _performance),
        segments_of_lease=_grouped((row for row in segments if row["lease_id"]), lambda row: row["lease_id"]),
        power_limits=_grouped(rows(_POWER_LIMITS), _performance),
        checks=_grouped(rows(_CHECKS), lambda row: row["session_id"]),
        open_sessions={
            key: [row["session_id"] for row in found]
            for key, found in _grouped(rows(_OPEN_SESSIONS), _performance).items()
        },
        exchanges={row["lease_id"]: row for row in rows(_EXCHANGES, run.run_id)},
        directions={
            str(row.values["dr_event_id"]): str(row.values["direction"])
            for row in evidence.rows
            if row.feed == "dr_events"
        },
        offered=_grouped(rows(_OFFERED), lambda row: row["contract_id"]),
        monthly_fees={row["contract_id"]: row["monthly_fee_minor"] for row in rows(_MONTHLY_FEES)},
    )


def _rows(connection: duckdb.DuckDBPyConnection, query: str, *parameters: object) -> Iterable[Row]:
    return frame_of(connection, query, parameters).iter_rows(named=True)


def _performance(row: Row) -> Performance:
    return row["dr_event_id"], row["vehicle_id"]


def _half_hour(row: Row) -> HalfHour:
    return row["metering_point_id"], row["interval_start"]


def _grouped(rows: Iterable[Row], key: Any) -> Mapping[Any, list[Row]]:
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups


_PERFORMANCES = """
    select verified.*, stored.payable, stored.achievement_rate, signals.issued_at, signals.amount,
        stored.requested as stored_requested, stored.achieved as stored_achieved,
        stored.status as stored_status
    from verified.performances as verified
    inner join asked_performances as asked
        on asked.dr_event_id = verified.dr_event_id and asked.vehicle_id = verified.vehicle_id
    inner join intermediate.int_settled_signals as signals
        on signals.dr_event_id = verified.dr_event_id and signals.vehicle_id = verified.vehicle_id
    left join results.dr_achievement as stored
        on stored.run_id = ?
        and stored.dr_event_id = verified.dr_event_id and stored.vehicle_id = verified.vehicle_id
    where asked.is_settled
    order by verified.dr_event_id, verified.vehicle_id
"""
_LINES = """
    select verified.*, stored.payable, stored.points, stored.tariff_version,
        stored.achieved as stored_achieved
    from verified.lines as verified
    inner join asked_performances as asked
        on asked.dr_event_id = verified.dr_event_id and asked.vehicle_id = verified.vehicle_id
    left join results.settlement_lines as stored
        on stored.run_id = ?
        and stored.dr_event_id = verified.dr_event_id and stored.vehicle_id = verified.vehicle_id
        and stored.evse_id = verified.evse_id and stored.lease_id = verified.lease_id
        and stored.access_class = verified.access_class
    where asked.is_settled
    order by verified.dr_event_id, verified.vehicle_id, verified.evse_id, verified.lease_id,
        verified.access_class
"""
_POWER_LIMITS = """
    select limits.*
    from intermediate.int_power_limit_intervals as limits
    inner join (
        select dr_event_id, vehicle_id from asked_performances
        union
        select dr_event_id, vehicle_id from leased_segments
    ) as asked on asked.dr_event_id = limits.dr_event_id and asked.vehicle_id = limits.vehicle_id
    order by limits.interval_start
"""
_CHECKS = """
    select checks.*, started_at, ended_at
    from intermediate.int_session_checks as checks
    inner join compared_sessions using (session_id)
    inner join sessions using (session_id)
    order by session_id, direction desc
"""
_OPEN_SESSIONS = """
    select asked.dr_event_id, asked.vehicle_id, open_sessions.session_id
    from intermediate.int_open_sessions as open_sessions
    inner join asked_performances as asked
        on asked.dr_event_id = open_sessions.dr_event_id and asked.vehicle_id = open_sessions.vehicle_id
    where asked.is_settled and open_sessions.is_in_region
    union
    select own_segments.dr_event_id, own_segments.vehicle_id, open_sessions.session_id
    from intermediate.int_open_sessions as open_sessions
    inner join own_segments
        on own_segments.dr_event_id = open_sessions.dr_event_id
        and own_segments.metering_point_id = open_sessions.metering_point_id
    where own_segments.is_settled and own_segments.is_eligible
    order by all
"""
_EXCHANGES = """
    select exchanges.*, stored.outcome, leases.cover_from, leases.cover_to, leases.valid_from
    from verified.lease_exchanges as exchanges
    inner join asked_leases using (lease_id)
    inner join intermediate.int_leases as leases using (lease_id)
    left join results.lease_outcomes as stored
        on stored.run_id = ? and stored.lease_id = exchanges.lease_id
    order by exchanges.lease_id
"""
# R20: offered, unoccupied half hours of the contracts' EVSEs, as stretches without a gap.
_OFFERED = """
    with numbered as (
        select contract_id, evse_id, rated_discharge_w, interval_start,
            epoch(interval_start)::bigint // 1800 - row_number() over (
                partition by contract_id, evse_id, rated_discharge_w order by interval_start
            ) as stretch
        from intermediate.int_offered_half_hours
        semi join asked_contracts using (contract_id)
    )
    select contract_id, evse_id, rated_discharge_w, min(interval_start) as offered_from,
        max(interval_start) + interval 30 minutes as offered_to, count(*) as half_hours,
        cast(sum(rated_discharge_w) as bigint) as w_half_hours
    from numbered
    group by contract_id, evse_id, rated_discharge_w, stretch
    order by contract_id, evse_id, offered_from
"""
_MONTHLY_FEES = """
    select contract_id, monthly_fee_minor
    from verified.contracts
    semi join asked_contracts using (contract_id)
"""
