"""What a check found: a sentence per fault, each with what to do."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that is not what it was, and how to recover."""

    part: str
    found: str
    remedy: str

    @property
    def sentence(self) -> str:
        """The fault, then the remedy."""
        return f"{self.found} {self.remedy}"


@dataclass(frozen=True, kw_only=True)
class WarehouseCheck:
    """The verdict on a warehouse and its store; `examined` counts what was looked at, by name."""

    warehouse: Path
    examined: Mapping[str, int]
    faults: tuple[Fault, ...]

    @property
    def is_sound(self) -> bool:
        """Whether all is what it was."""
        return not self.faults

    def as_dict(self) -> dict[str, object]:
        """The verdict for machines."""
        return {
            "warehouse": self.warehouse,
            "is_sound": self.is_sound,
            "examined": self.examined,
            "faults": [{**vars(fault), "sentence": fault.sentence} for fault in self.faults],
        }
