"""What a segment is given of its half hour's read (R9)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pipelines.explain.facts import Facts, Row
from pipelines.explain.steps import Step, agreed, largest_remainder

Direction = Literal["import", "backfeed"]
_LOGGED = {"import": "charged_wh", "backfeed": "discharged_wh"}


def energy_step(facts: Facts, segment: Row, direction: Direction, *, counts: bool = True) -> Step:
    """A segment's energy in one direction: all of the read if it is alone in the half hour, else its share.

    A missing read gives nothing (R5). The steps below are the shares of the other segments of the half hour.
    `counts`: whether the energy adds to what the step is part of.
    """
    half_hour = segment["metering_point_id"], segment["interval_start"]
    sharing = facts.segments[half_hour]
    metered = _metered(facts, segment, direction)
    quality = segment[f"{direction}_quality"]
    steps: tuple[Step, ...] = ()
    if metered is None:
        arithmetic = "no read, so nothing (R5)"
    elif len(sharing) == 1:
        arithmetic = f"alone: all of {metered:,} Wh metered ({quality})"
    else:
        shares = list(_shares(facts, sharing, metered, direction))
        own = shares.pop(sharing.index(segment))
        arithmetic, steps = f"{own.arithmetic} ({quality})", tuple(shares)
    return Step(
        name=direction if counts else f"{direction}, which does not count ({segment['access_class']})",
        value=segment[f"{direction}_wh"],
        unit="Wh",
        arithmetic=arithmetic,
        rules=("R9",),
        keys=_keys(segment),
        numbers={
            "metering_point_id": segment["metering_point_id"],
            "interval_start": segment["interval_start"],
            "metered_wh": metered,
            "quality": quality,
            "access_class": segment["access_class"],
            "lease_id": segment["lease_id"],
            "seconds": segment["segment_seconds"],
            "counts": counts,
        },
        rows=facts.evidence.numbers("meter_intervals", [half_hour])
        + facts.evidence.numbers("charger_sessions", [(segment["session_id"],)]),
        steps=steps,
    )


def _keys(segment: Row) -> dict[str, object]:
    return {
        "session_id": segment["session_id"],
        "evse_id": segment["evse_id"],
        "from": segment["segment_from"],
        "to": segment["segment_to"],
    }


def _metered(facts: Facts, segment: Row, direction: Direction) -> int | None:
    numbers = facts.evidence.numbers(
        "meter_intervals", [(segment["metering_point_id"], segment["interval_start"])]
    )
    energies = [facts.evidence.rows[number - 1].values[f"{direction}_wh"] for number in numbers]
    energy = energies[0] if energies else None
    assert energy is None or isinstance(energy, int)
    return energy


def _shares(facts: Facts, sharing: list[Row], metered: int, direction: Direction) -> Iterator[Step]:
    """The shares of all segments of a half hour, in the order in which ties are decided."""
    weights = [_weight_mwh(segment, direction) for segment in sharing]
    unit = "mWh logged"
    if sum(weights) == 0:
        weights, unit = [segment["segment_seconds"] for segment in sharing], "s plugged in"
    total = sum(weights)
    parts = largest_remainder(metered, weights)
    for segment, weight, (floor, remainder, extra) in zip(sharing, weights, parts, strict=True):
        agreed(
            f"the {direction} of session {segment['session_id']} in a shared half hour",
            calculated=floor + extra,
            stored=segment[f"{direction}_wh"],
        )
        one_more = " + 1 left over" if extra else ""
        yield Step(
            name="shared with",
            value=floor + extra,
            unit="Wh",
            arithmetic=f"floor({metered:,} Wh x {weight:,} / {total:,} {unit}) = {floor:,}{one_more}",
            rules=("R9",),
            keys=_keys(segment),
            numbers={
                "metered_wh": metered,
                "weight": weight,
                "total_weight": total,
                "floor_wh": floor,
                "remainder": remainder,
                "left_over_wh": extra,
            },
            rows=facts.evidence.numbers("charger_sessions", [(segment["session_id"],)]),
        )


def _weight_mwh(segment: Row, direction: Direction) -> int:
    logged_mwh: int = segment[_LOGGED[direction]] * segment["segment_seconds"] * 1000
    session_seconds: int = segment["session_seconds"]
    return logged_mwh // session_seconds
