"""What a check finds wrong."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault, and where: file, line as an editor counts, column."""

    file: str
    what: str
    line: int | None = None
    column: str | None = None

    @property
    def sentence(self) -> str:
        """The fault in one sentence."""
        line = f", line {self.line:,}" if self.line is not None else ""
        column = f", column {self.column}" if self.column is not None else ""
        return f"{self.file}{line}{column}: {self.what}."
