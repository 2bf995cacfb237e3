"""Exported amounts to explain, by what is special about them."""

import random
from dataclasses import dataclass
from pathlib import Path

from pipelines.warehouse import open_warehouse

# Of each kind: how `vgi explain` names the amount, and the amount as it was exported by a run.
_CANDIDATES = {
    "shared half hour": """
        select ['line', lines.dr_event_id, lines.vehicle_id, lines.evse_id, '--lease', lease_id,
            '--access-class', access_class], points::varchar
        from results.settlement_lines as lines
        where run_id = $run_id and points > 0 and exists (
            select 1
            from intermediate.int_segment_energy as own
            inner join intermediate.int_segment_energy as other
                on other.metering_point_id = own.metering_point_id
                and other.interval_start = own.interval_start and other.session_id != own.session_id
            where own.dr_event_id = lines.dr_event_id and own.vehicle_id = lines.vehicle_id
        )
    """,
    "capped reduction": """
        select ['contract', contract_id], reduction_minor::varchar
        from results.fee_reductions
        where run_id = $run_id and reduction_minor > 0
            and performance_minor::decimal(30, 6) + offering_minor::decimal(30, 6) > cap_minor::decimal(30, 6)
    """,
    "manager": """
        select ['manager', manager_id], sum(reduction_minor)::varchar
        from results.fee_reductions where run_id = $run_id group by manager_id having sum(reduction_minor) > 0
    """,
    "correction": """
        select ['booking', booking_id], amount::varchar
        from results.bookings where run_id = $run_id and reason = 'correction'
    """,
    "provisional": """
        select ['performance', dr_event_id, vehicle_id], payable::varchar
        from results.dr_achievement where run_id = $run_id and status = 'provisional' and payable > 0
    """,
    "increase": """
        select ['performance', dr_event_id, vehicle_id], payable::varchar
        from results.dr_achievement where run_id = $run_id and direction = 'increase' and payable > 0
    """,
    "power limit": """
        select ['performance', dr_event_id, vehicle_id], payable::varchar
        from results.dr_achievement where run_id = $run_id and unit = 'interval' and payable > 0
    """,
    "held": """
        select ['performance', dr_event_id, vehicle_id], payable::varchar
        from results.dr_achievement where run_id = $run_id and status = 'held' and achieved > 0
    """,
    "aggregator's sum": """
        select ['aggregator', dr_event_id, aggregator_id, '--level', level], achieved_wh::varchar
        from results.aggregator_achievement where run_id = $run_id and achieved_wh > 0
    """,
    "lapsed lease": """
        select ['lease', lease_id], outcome
        from results.lease_outcomes where run_id = $run_id and outcome = 'lapsed'
    """,
    "lease": """
        select ['lease', lease_id], outcome from results.lease_outcomes where run_id = $run_id
    """,
    "user": """
        select ['user', user_id], points::varchar from results.user_amounts where run_id = $run_id
    """,
}
KINDS = tuple(_CANDIDATES)


@dataclass(frozen=True)
class Amount:
    """An exported amount: what `vgi explain` is asked for it, and the amount as text."""

    kind: str
    asked: tuple[str, ...]
    exported: str


def exported_amounts(warehouse: Path, *, run_id: str, seed: int) -> dict[str, list[Amount]]:
    """All amounts of a run, by kind, in an order that depends on the seed alone. The run's verification must
    stand.
    """
    rng = random.Random(seed)
    amounts: dict[str, list[Amount]] = {}
    with open_warehouse(warehouse, read_only=True) as connection:
        for kind, query in _CANDIDATES.items():
            rows = connection.execute(f"{query} order by all", {"run_id": run_id}).fetchall()
            amounts[kind] = [Amount(kind, _asked(asked), exported) for asked, exported in rows]
            rng.shuffle(amounts[kind])
    return amounts


def _asked(words: list[str]) -> tuple[str, ...]:
    """The words without ids that are empty: the utility has none."""
    return tuple(word for word in words if word or "--lease" in words)
