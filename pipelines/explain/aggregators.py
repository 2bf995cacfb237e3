"""An aggregator's sum for one DR event: the performances that count for it (R13, R14, R25)."""

from __future__ import annotations

from collections import defaultdict

import duckdb

from pipelines.books import frame_of
from pipelines.explain.evidence import Asked, Evidence
from pipelines.explain.facts import Row
from pipelines.explain.steps import Step, agreed
from pipelines.wording import counted

# As verified.aggregator_achievement counts them: whose aggregator is unknown counts above it directly.
_MEMBERS = """
    select performances.dr_event_id, performances.vehicle_id, performances.achieved,
        coalesce(child.aggregator_id, '') as child_id, coalesce(parent.aggregator_id, '') as parent_id,
        performances.child_aggregator_id
    from verified.performances
    left join intermediate.int_aggregators_in_force as child
        on child.aggregator_id = performances.child_aggregator_id
        and performances.starts_at >= child.in_force_from and performances.starts_at < child.in_force_to
        and child.level = 'child'
    left join intermediate.int_aggregators_in_force as parent
        on parent.aggregator_id = child.parent_aggregator_id
        and performances.starts_at >= parent.in_force_from and performances.starts_at < parent.in_force_to
        and parent.level = 'parent'
    where performances.unit = 'Wh' and performances.dr_event_id = $1
        and case $2
            when 'utility' then true
            when 'parent' then parent.aggregator_id = $3
            else child.aggregator_id = $3
        end
    order by performances.vehicle_id
"""
_INSTRUCTIONS = """
    select aggregator_id, level, amount_wh, issued_at
    from intermediate.int_instructions
    where dr_event_id = $1 and is_counted and case $2
        when 'utility' then level = 'parent' else aggregator_id = $3
    end
    order by aggregator_id
"""


def asked_of_aggregator(
    connection: duckdb.DuckDBPyConnection, stored: Row
) -> tuple[Asked, list[Row], list[Row]]:
    """What an aggregator's sum rests on, with its members and the instructions that count."""
    chosen = [stored[name] for name in ("dr_event_id", "level", "aggregator_id")]
    members = frame_of(connection, _MEMBERS, chosen).rows(named=True)
    instructions = frame_of(connection, _INSTRUCTIONS, chosen).rows(named=True)
    named = {each["child_aggregator_id"] for each in members} | {each["parent_id"] for each in members}
    named |= {each["aggregator_id"] for each in instructions} | {stored["aggregator_id"]}
    asked = Asked(
        achieved=[(each["dr_event_id"], each["vehicle_id"]) for each in members],
        instructions=[(stored["dr_event_id"], each["aggregator_id"]) for each in instructions],
        aggregators=sorted(named),
    )
    return asked, members, instructions


def aggregator_step(
    connection: duckdb.DuckDBPyConnection,
    evidence: Evidence,
    stored: Row,
    *,
    members: list[Row],
    instructions: list[Row],
) -> Step:
    """The achieved of an aggregator, or of the utility, as the sum of its vehicles' performances."""
    achieved = sum(each["achieved"] for each in members)
    agreed("an aggregator's achieved", calculated=achieved, stored=stored["achieved_wh"])
    instructed = sum(each["amount_wh"] for each in instructions) if instructions else None
    agreed("what an aggregator was instructed", calculated=instructed, stored=stored["instructed_wh"])
    energies = _energies(connection)
    told = "nothing was instructed" if instructed is None else f"instructed {instructed:,} Wh"
    rate = f", rate {stored['achievement_rate']}" if stored["achievement_rate"] else ""
    return Step(
        name="achieved of an aggregator",
        value=achieved,
        unit="Wh",
        arithmetic=f"the sum of {len(members):,} performances in Wh, held ones included; {told}{rate}",
        rules=("R14", "R25"),
        keys={name: stored[name] for name in ("dr_event_id", "level", "aggregator_id")},
        numbers={"instructed_wh": instructed, "achievement_rate": stored["achievement_rate"]},
        rows=evidence.numbers("dr_events", [(stored["dr_event_id"],)]),
        steps=(
            *(_instruction(evidence, stored, each) for each in instructions),
            *(_member(evidence, each, energies[each["vehicle_id"]]) for each in members),
        ),
    )


def _energies(connection: duckdb.DuckDBPyConnection) -> dict[str, list[Row]]:
    """The eligible segments of each vehicle in the event."""
    query = """
        select vehicle_id, session_id, metering_point_id, interval_start
        from own_segments
        where is_eligible
        order by vehicle_id, segment_from, session_id
    """
    found: dict[str, list[Row]] = defaultdict(list)
    for row in frame_of(connection, query).iter_rows(named=True):
        found[row["vehicle_id"]].append(row)
    return found


def _instruction(evidence: Evidence, stored: Row, instruction: Row) -> Step:
    key = stored["dr_event_id"], instruction["aggregator_id"], instruction["issued_at"]
    return Step(
        name="instructed",
        value=instruction["amount_wh"],
        unit="Wh",
        arithmetic="the instruction issued last before the event's start",
        rules=("R13",),
        keys={"aggregator_id": instruction["aggregator_id"]},
        rows=evidence.numbers("dr_instructions", [key]),
    )


def _member(evidence: Evidence, member: Row, energies: list[Row]) -> Step:
    reads = [(each["metering_point_id"], each["interval_start"]) for each in energies]
    sessions = [(each["session_id"],) for each in energies]
    return Step(
        name="vehicle",
        value=member["achieved"],
        unit="Wh",
        arithmetic=f"over {counted(len(energies), 'eligible segment')}",
        rules=("R12",),
        keys={
            "vehicle_id": member["vehicle_id"],
            "child_aggregator_id": member["child_id"],
            "parent_aggregator_id": member["parent_id"],
        },
        rows=(
            *evidence.numbers("meter_intervals", reads),
            *evidence.numbers("charger_sessions", sessions),
        ),
    )
