"""What a gate found of one expectation, in a sentence that a person can act on."""

from dataclasses import dataclass

from expectations.catalogue import Check


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """One expectation, judged.

    `count` is how many things are at fault, `keys` some of them; `expectation` and `result` are Great
    Expectations' own words, as JSON.
    """

    check: Check
    success: bool
    count: int
    keys: tuple[str, ...]
    expectation: str
    result: str

    @property
    def blocks(self) -> bool:
        """Whether nothing may pass."""
        return not self.success and self.check.is_blocking

    @property
    def sentence(self) -> str:
        """Rule, fault, keys and remedy; what holds, where it holds."""
        if self.success:
            return f"{self.check.rule}: {self.check.says}"
        shown = "; ".join(self.keys)
        more = self.count - len(self.keys)
        also = f" and {more:,} more" if self.keys and more > 0 else ""
        named = f" ({shown}{also})" if shown else ""
        return f"{self.check.rule}: {self.check.fault}: {self.count:,}{named}. {self.check.remedy}"
