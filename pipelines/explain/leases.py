"""What was exchanged under a lease, and what became of it (R22)."""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.explain.facts import Facts, Row
from pipelines.explain.half_hours import energy_step
from pipelines.explain.steps import Step, agreed
from pipelines.instants import instant_text


def exchange_wh(found: Row) -> int:
    """The exchange of a lease as it was found."""
    return int(found["backfeed_wh"] + found["dr_import_wh"])


def exchange_step(facts: Facts, lease_id: str) -> Step:
    """The exchange of a lease, whichever period it lies in, against the minimum."""
    found = facts.exchanges[lease_id]
    segments = facts.segments_of_lease[lease_id]
    backfed = [segment for segment in segments if segment["capable_backfeed_wh"]]
    imported = [segment for segment in segments if segment["import_wh"] and _import_counts(facts, segment)]
    sums = (
        sum(segment["capable_backfeed_wh"] for segment in backfed),
        sum(segment["import_wh"] for segment in imported),
    )
    agreed(
        f"the exchange of lease {lease_id}",
        calculated=sums,
        stored=(found["backfeed_wh"], found["dr_import_wh"]),
    )
    minimum = facts.monthly.minimum_exchange_wh
    verdict = "reaches" if sum(sums) >= minimum else "is below"
    return Step(
        name="exchange of the lease",
        value=sum(sums),
        unit="Wh",
        arithmetic=(
            f"backfeed {sums[0]:,} + import that DR asked for {sums[1]:,};"
            f" {verdict} the minimum of {minimum:,}"
        ),
        rules=("R18", "R22"),
        tariff_version=facts.monthly.version,
        keys={"lease_id": lease_id},
        numbers={"backfeed_wh": sums[0], "dr_import_wh": sums[1], "minimum_exchange_wh": minimum},
        rows=facts.evidence.numbers("permission_leases", [(lease_id,)]),
        steps=(
            *(energy_step(facts, segment, "backfeed") for segment in backfed),
            *(energy_step(facts, segment, "import") for segment in imported),
        ),
    )


def _import_counts(facts: Facts, segment: Row) -> bool:
    """Whether DR asked for the import: by an increase, or by a power limit that was kept."""
    if facts.directions.get(segment["dr_event_id"]) == "increase":
        return True
    limits = facts.power_limits.get((segment["dr_event_id"], segment["vehicle_id"]), [])
    return any(
        each["is_compliant"] and each["interval_start"] == segment["interval_start"] for each in limits
    )


def outcome_step(facts: Facts, lease_id: str) -> Step:
    """What became of a lease: the first condition that holds."""
    found = facts.exchanges[lease_id]
    conditions = tuple(_conditions(facts, found))
    outcome, why = next((outcome, why) for outcome, holds, why in conditions if holds)
    if found["overlaps_period"]:
        agreed(f"the outcome of lease {lease_id}", calculated=outcome, stored=found["outcome"])
    tried = [f"{name}: {'yes' if holds else 'no'}" for name, holds, _ in conditions]
    place = next(place for place, (_, holds, _) in enumerate(conditions) if holds)
    return Step(
        name="outcome of a lease",
        value=outcome,
        arithmetic=why,
        rules=("R22",),
        tariff_version=facts.monthly.version,
        keys={"lease_id": lease_id, "evse_id": found["evse_id"], "vehicle_id": found["vehicle_id"]},
        numbers={
            "conditions_in_order": tried[: place + 1],
            "cover_from": found["cover_from"],
            "cover_to": found["cover_to"],
        },
        rows=facts.evidence.numbers("permission_leases", [(lease_id,)]),
        steps=(exchange_step(facts, lease_id),),
    )


def _conditions(facts: Facts, found: Row) -> Iterator[tuple[str, bool, str]]:
    exchanged, minimum = exchange_wh(found), facts.monthly.minimum_exchange_wh
    grounds = [
        ground
        for name, ground in (
            ("public_at_start", "the EVSE was public"),
            ("specific_at_start", "the vehicle was one of the EVSE's specific ones"),
            ("eligible_in_cover", "the vehicle used the EVSE within the lease on another ground"),
        )
        if found[name]
    ]
    needless = not found["has_leased_segment"] and bool(grounds)
    yield "not_needed", needless, f"no segment is leased by it: {', '.join(grounds)}"
    yield "revoked", found["cover_is_empty"], "it never covered anything (R10)"
    ends_at = found["ends_at"]
    yield "pending", ends_at > facts.run.as_of, f"it ends at {instant_text(ends_at)}, after as-of"
    yield (
        "fulfilled",
        exchanged >= minimum,
        f"exchanged {exchanged:,} Wh of at least {minimum:,}",
    )
    waits = found["lacks_read"] or found["open_session"]
    yield "pending", waits, "a read is missing or a session still open"
    yield "lapsed", True, f"exchanged {exchanged:,} Wh of at least {minimum:,}"
