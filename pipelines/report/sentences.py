"""What a run came to, in sentences: what was found, what was booked, what is still open."""

from collections.abc import Iterator
from dataclasses import dataclass

from pipelines.instants import instant_text
from pipelines.report.figures import Figures
from pipelines.runs import Kind, State
from pipelines.wording import counted, money_text
from settlement import SettlementPeriod

_KINDS = {
    Kind.INITIAL: "the first settlement of the period",
    Kind.CORRECTION: "a correction of the settlement of the period",
    Kind.REPLAY: "a replay: the period as an earlier as-of shows it",
}


@dataclass(frozen=True, kw_only=True)
class Sentences:
    """`open`: each sentence with the place in the page to look at, or none."""

    found: str
    booked: str
    open: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]


def sentences_of(figures: Figures) -> Sentences:
    """The sentences with which a report begins."""
    return Sentences(
        found=_found(figures),
        booked=booked_sentence(figures),
        open=tuple(_open(figures)),
        warnings=tuple(_warnings(figures)),
    )


def _money(figures: Figures, minor: int) -> str:
    return money_text(minor, currency=figures.tariffs.currency, digits=figures.tariffs.currency_digits)


def _found(figures: Figures) -> str:
    users, managers, counts = figures.users, figures.managers, figures.counts
    return (
        f"This is {_KINDS[figures.kind]}. It found {counted(users.total, 'point')} for"
        f" {counted(users.paid, 'user')}, for {counted(counts['performances'], 'performance')} in"
        f" {counted(len(figures.events), 'event')}, and {_money(figures, managers.total)} of fee reductions"
        f" for {counted(managers.paid, 'manager')}, on {counts['contracts_with_reduction']:,} of"
        f" {counted(counts['contracts'], 'contract')}."
    )


def booked_sentence(figures: Figures) -> str:
    """What the run put into the books, or why nothing."""
    if figures.kind is Kind.REPLAY:
        return "Nothing of a replay is booked or owed."
    if figures.state is State.REJECTED:
        last = figures.states[-1]
        return f"It was rejected by {last.by} ({last.reason}): nothing of it is booked or owed."
    if not figures.is_booked:
        return "Nothing of it is booked or owed yet: it awaits approval."
    users, managers = figures.users, figures.managers
    said = (
        f"It booked {counted(users.booked_now or 0, 'point')} and {_money(figures, managers.booked_now or 0)}"
        f", in {counted(figures.counts['bookings'], 'booking')}"
        + (f" of {figures.booked_in_period}, as the period was closed" if figures.booked_in_period else "")
    )
    if figures.kind is Kind.INITIAL:
        return f"{said}; nothing was booked for the period before."
    return (
        f"{said}: the differences to the {counted(users.booked_before or 0, 'point')} and"
        f" {_money(figures, managers.booked_before or 0)} that were booked for the period before."
    )


def _open(figures: Figures) -> Iterator[tuple[str, str]]:
    counts, run_id = figures.counts, figures.run.run_id
    if figures.state is State.AUDITED and figures.kind is not Kind.REPLAY:
        yield f"The run awaits approval: vgi approve {run_id}.", ""
    if figures.state is State.APPROVED:
        yield f"The run awaits its export: vgi export {run_id} --out DIR.", ""
    if counts["held"]:
        held = counted(counts["held"], "performance")
        yield f"{held} held, and not paid until the reason is mended.", "unsettled"
    if counts["provisional"]:
        provisional = counted(counts["provisional"], "performance")
        yield f"{provisional} paid provisionally, on estimated or substituted reads.", "unsettled"
    if counts["pending_leases"]:
        yield f"{counted(counts['pending_leases'], 'lease')} pending.", "leases"
    if counts["exceptions"]:
        exceptions = counted(counts["exceptions"], "exception")
        yield f"{exceptions} of {counted(len(figures.codes), 'kind')} to look at.", "exceptions"
    yield from _open_deliveries(figures)


def _open_deliveries(figures: Figures) -> Iterator[tuple[str, str]]:
    quarantined = sum(row["rows_quarantined"] for row in figures.feeds)
    refused = sum(row["refused_files"] for row in figures.feeds)
    if quarantined:
        yield (
            f"{counted(quarantined, 'row')} of its deliveries in quarantine: vgi status --quarantine.",
            "check",
        )
    if refused:
        yield f"{counted(refused, 'file')} among its deliveries refused: vgi status.", "check"


def _warnings(figures: Figures) -> Iterator[str]:
    period = SettlementPeriod.parse(figures.run.settlement_period)
    _, over_at = period.instants(figures.tariffs.time_zone)
    if figures.run.as_of < over_at:
        yield (
            f"The period was not over when the run looked: it is at {instant_text(over_at)}. What came later"
            " is not in these figures."
        )
    if figures.state is State.SUPERSEDED:
        yield "A later run of the period was approved since: it is what counts (vgi status)."
