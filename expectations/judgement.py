"""What a gate found, in sentences that a person can act on."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from expectations.catalogue import Check, Gate, Severity

# So many keys at fault are named; the rest are counted.
MOST_KEYS = 5


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """One expectation, judged: whether it held, how many things are at fault, some of them, and a sentence.

    `found` is its part that counts. Rule, severity and remedy are those of the catalogue at that time;
    `expectation` and `result` are Great Expectations' own words, as JSON.
    """

    name: str
    evidence: str
    rule: str
    severity: Severity
    success: bool
    faults: int
    keys: tuple[str, ...]
    sentence: str
    found: str
    remedy: str
    expectation: str
    result: str

    @property
    def blocks(self) -> bool:
        """Whether nothing may pass."""
        return not self.success and self.severity is Severity.BLOCKING


def judgement_of(  # noqa: PLR0913 -- all keyword-only but the first
    check: Check, *, success: bool, faults: int, keys: tuple[str, ...], expectation: str, result: str
) -> Judgement:
    """A judgement with its sentence: rule, fault, keys and remedy; or what holds, where it holds."""
    found = check.says if success else f"{check.fault}: {faults:,}"
    sentence = f"{check.rule}: {found}"
    if not success:
        more = f" and {faults - len(keys):,} more" if faults > len(keys) else ""
        named = f" ({'; '.join(keys)}{more})" if keys else ""
        sentence = f"{sentence}{named}. {check.remedy}"
    return Judgement(
        name=check.name,
        evidence=check.evidence,
        rule=check.rule,
        severity=check.severity,
        success=success,
        faults=faults,
        keys=keys,
        sentence=sentence,
        found=found,
        remedy=check.remedy,
        expectation=expectation,
        result=result,
    )


@dataclass(frozen=True, kw_only=True)
class GateReport:
    """What a gate found at an instant of its subject: a run, or the deliveries of an ingest.

    `number` counts what the gates of a warehouse ever found.
    """

    number: int
    gate: Gate
    subject: str
    at: datetime
    judgements: tuple[Judgement, ...]

    @property
    def blocked(self) -> bool:
        """Whether nothing passed."""
        return any(judgement.blocks for judgement in self.judgements)

    @property
    def warnings(self) -> tuple[str, ...]:
        """A sentence for each expectation that did not hold and lets things pass."""
        return sentences(judgement for judgement in self.judgements if not judgement.blocks)

    @property
    def faults(self) -> tuple[str, ...]:
        """A sentence for each expectation that did not hold and lets nothing pass."""
        return sentences(judgement for judgement in self.judgements if judgement.blocks)


def sentences(judgements: Iterable[Judgement]) -> tuple[str, ...]:
    """The sentences of those that did not hold."""
    return tuple(judgement.sentence for judgement in judgements if not judgement.success)
