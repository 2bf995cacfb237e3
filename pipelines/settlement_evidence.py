"""Evidence for the gate before settlement: what was verified of a period, as of the run's instant."""

from collections.abc import Sequence

import duckdb

from pipelines.evidence import Evidence, counts_of, table_of
from pipelines.runs import Run
from settlement import SettlementPeriod, Tariff

# The first word of the fact that names an unknown id (R25), by what the gate calls these facts.
_FACTS = {
    "sessions": ("session",),
    "offers": ("offer",),
    "leases": ("lease",),
    "signals": ("signal",),
    "instructions": ("instruction",),
    "registry": ("EVSE", "vehicle", "child"),
}


def settlement_evidence(
    connection: duckdb.DuckDBPyConnection,
    *,
    run: Run,
    verified_for: str | None,
    tariffs: Sequence[Tariff],
) -> Evidence:
    """The evidence by its name; `verified_for` is the run that the verification was made for."""
    period = SettlementPeriod.parse(run.settlement_period)
    time_zone = tariffs[0].time_zone
    period_from, period_to = period.instants(time_zone)
    within = {"period_from": period_from, "period_to": period_to}
    references = {
        facts: f"""
            select fact || ' names ' || missing as key
            from intermediate.int_unknown_references
            where split_part(fact, ' ', 1) in ({", ".join(repr(word) for word in words)})
        """
        for facts, words in _FACTS.items()
    }
    return {
        "verification": counts_of(
            connection,
            {
                "verified_for_another": """
                    select coalesce($verified_for, 'no run') as key
                    where $verified_for is distinct from $run_id
                """
            },
            {"verified_for": verified_for, "run_id": run.run_id},
        ),
        "tariffs": table_of(
            connection,
            _TARIFFS_IN_FORCE,
            {**within, "time_zone": time_zone, "first_day": period.first_day},
        ),
        "amount_kinds": table_of(
            connection,
            _RATES_OF_KINDS,
            {**within, "kinds": [rate.amount_kind for tariff in tariffs for rate in tariff.rates]},
        ),
        "references": counts_of(connection, references),
        "events": table_of(connection, _SIGNALS_OF_EVENTS, within),
        "instructions": table_of(connection, _INSTRUCTIONS_OF_PARENTS, within),
    }


_TARIFFS_IN_FORCE = """
    with dates as (
        select $first_day::date as local_date
        union
        select timezone($time_zone, timezone('UTC', starts_at))::date
        from staging.stg_dr_events
        where starts_at >= $period_from and starts_at < $period_to
    )
    select
        local_date::varchar as key,
        count(run_tariffs.version) as tariffs_in_force
    from dates
    left join control.run_tariffs on run_tariffs.effective_from <= local_date
    group by local_date
    order by local_date
"""

_RATES_OF_KINDS = """
    with kinds as (
        select distinct amount_kind from intermediate.int_signals
        where is_settled and starts_at >= $period_from and starts_at < $period_to
    )
    select amount_kind as key, len(list_filter($kinds::varchar[], lambda kind: kind = amount_kind)) as rates
    from kinds
    order by amount_kind
"""

_SIGNALS_OF_EVENTS = """
    select
        events.dr_event_id as key,
        count(signals.vehicle_id) as signals_to_settle
    from staging.stg_dr_events as events
    left join intermediate.int_signals as signals
        on signals.dr_event_id = events.dr_event_id and signals.is_settled
    where events.starts_at >= $period_from and events.starts_at < $period_to
    group by events.dr_event_id
    order by events.dr_event_id
"""

_INSTRUCTIONS_OF_PARENTS = """
    with counted as (
        select instructions.*, aggregators.parent_aggregator_id
        from intermediate.int_instructions as instructions
        inner join intermediate.int_aggregators_in_force as aggregators
            on
                instructions.aggregator_id = aggregators.aggregator_id
                and instructions.starts_at >= aggregators.in_force_from
                and instructions.starts_at < aggregators.in_force_to
        where
            instructions.is_counted
            and instructions.starts_at >= $period_from
            and instructions.starts_at < $period_to
    ),
    children as (
        select dr_event_id, parent_aggregator_id as aggregator_id, sum(amount_wh) as amount_wh
        from counted
        where level = 'child' and parent_aggregator_id is not null
        group by dr_event_id, parent_aggregator_id
    )
    select
        format(
            '{} {} ({} Wh, its children {} Wh)',
            dr_event_id, aggregator_id, coalesce(parents.amount_wh, 0), coalesce(children.amount_wh, 0)
        ) as key,
        coalesce(parents.amount_wh, 0)::bigint as instructed_wh,
        coalesce(children.amount_wh, 0)::bigint as children_instructed_wh
    from (select * from counted where level = 'parent') as parents
    full outer join children using (dr_event_id, aggregator_id)
    order by all
"""
