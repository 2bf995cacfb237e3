"""What a journal tells against what doing it again told: the first difference, as a sentence."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.errors import DamageFound
from pipelines.journal import Entry, Event
from pipelines.rebuild.steps import delivery_name

_ANOTHER_VERSION = (
    "Use the version of this program that wrote the journal, or find out what is read otherwise now; nothing"
    " was put in place."
)


def refuse_differences(told: Sequence[Entry], made: Sequence[Entry]) -> None:
    """DamageFound at the first entry that was made otherwise than it is told.

    Where the file ends within a transaction, what was made beyond its end follows from what it tells.
    """
    for before, now in zip(told, made, strict=False):
        if before != now:
            raise DamageFound(f"{_sentence(before, now)} {_ANOTHER_VERSION}")


def _sentence(before: Entry, now: Entry) -> str:
    if before.event is not now.event:
        return f"Entry {before.seq} of the journal tells of {before.event}, and is {now.event} now."
    told, made = before.told, now.told
    differences = _differences(told, made)
    if before.event is Event.RECEIVED:
        return f"The rebuild reads {delivery_name(told)} otherwise: {differences}."
    if before.event is Event.EXPORTED:
        return f"The export of run {told['run_id']} is not the one that was issued: {differences}."
    if before.event in (Event.RUN, Event.STATE):
        return f"Run {told['run_id']} comes out otherwise (entry {before.seq} of the journal): {differences}."
    return f"Entry {before.seq} of the journal ({before.event}) comes out otherwise: {differences}."


def _differences(told: Mapping[str, Any], made: Mapping[str, Any]) -> str:
    names = [name for name in {**told, **made} if told.get(name) != made.get(name)]
    return "; ".join(f"{name} was {told.get(name)} and is {made.get(name)}" for name in sorted(names))
