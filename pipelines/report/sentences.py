"""What a run came to, in sentences: what was found, what was booked, what is still open."""

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
        found=_found(figures), booked=_booked(figures), open=tuple(_open(figures)), warnings=tuple(_warnings(figures))
    )  # fmt: skip


def _money(figures: Figures, minor: int) -> str:
    return money_text(minor, currency=figures.tariffs.currency, digits=figures.tariffs.currency_digits)


def _found(figures: Figures) -> str:
    counts = figures.counts
    return (
        f"This is {_KINDS[figures.kind]}. It found {counted(figures.users.total, 'point')} for"
        f" {counted(figures.users.paid, 'user')}, for {counted(counts['performances'], 'performance')} in"
        f" {counted(len(figures.events), 'event')}, and {_money(figures, figures.managers.total)} of fee reductions"
        f" for {counted(figures.managers.paid, 'manager')}, on {counts['contracts_with_reduction']:,} of"
        f" {counted(counts['contracts'], 'contract')}."
    )


def _booked(figures: Figures) -> str:
    users, managers = figures.users, figures.managers
    if figures.kind is Kind.REPLAY:
        return "Nothing of a replay is booked or owed."
    if figures.state is State.REJECTED:
        last = figures.states[-1]
        return f"It was rejected by {last.by} ({last.reason}): nothing of it is booked or owed."
    if not figures.is_booked:
        return "Nothing of it is booked or owed yet: it awaits approval."
    assert users.booked_now is not None or not users.total
    points, money = users.booked_now or 0, managers.booked_now or 0
    before_points, before_money = users.booked_before or 0, managers.booked_before or 0
    said = (
        f"It booked {counted(points, 'point')} and {_money(figures, money)}, in"
        f" {counted(figures.counts['bookings'], 'booking')}"
    )
    if figures.kind is Kind.CORRECTION:
        return (
            f"{said}: the differences to the {counted(before_points, 'point')} and {_money(figures, before_money)} that"
            " were booked for the period before."
        )
    return f"{said}; nothing was booked for the period before."


def _open(figures: Figures) -> list[tuple[str, str]]:
    counts = figures.counts
    found: list[tuple[str, str]] = []
    if figures.state is State.AUDITED and figures.kind is not Kind.REPLAY:
        found.append((f"The run awaits approval: vgi approve {figures.run.run_id}.", ""))
    if figures.state is State.APPROVED:
        found.append((f"The run awaits its export: vgi export {figures.run.run_id} --out DIR.", ""))
    if counts["held"]:
        found.append(
            (
                f"{counted(counts['held'], 'performance')} held, not paid until the reason is mended.",
                "unsettled",
            )
        )
    if counts["provisional"]:
        said = f"{counted(counts['provisional'], 'performance')} paid provisionally, on estimated or substituted reads."
        found.append((said, "unsettled"))
    if counts["pending_leases"]:
        found.append((f"{counted(counts['pending_leases'], 'lease')} pending.", "leases"))
    if counts["exceptions"]:
        found.append(
            (
                f"{counted(counts['exceptions'], 'exception')} of {counted(len(figures.codes), 'kind')} to look at.",
                "exceptions",
            )
        )
    quarantined = sum(row["rows_quarantined"] for row in figures.feeds)
    refused = sum(row["refused_files"] for row in figures.feeds)
    if quarantined:
        found.append(
            (
                f"{counted(quarantined, 'row')} of its deliveries in quarantine: vgi status --quarantine.",
                "check",
            )
        )
    if refused:
        found.append((f"{counted(refused, 'file')} of its deliveries refused.", "check"))
    return found


def _warnings(figures: Figures) -> list[str]:
    warnings = []
    period = SettlementPeriod.parse(figures.run.settlement_period)
    _, over_at = period.instants(figures.tariffs.time_zone)
    if figures.run.as_of < over_at:
        warnings.append(
            f"The period was not over when the run looked: it is at {instant_text(over_at)}. What came later is not"
            " in these figures."
        )
    if figures.state is State.SUPERSEDED:
        warnings.append("A later run of the period was approved since: it is what counts (vgi status).")
    return warnings
