"""What every measurement for a bound is handed: the months that were measured, and where to work."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.child import measured
from benchmarks.figures import Measurement
from benchmarks.month import Month


@dataclass
class Scene:
    """Months by the intervals asked for, smallest first; `smallest` is the world that tells the fixed cost.

    `notes` are facts that belong to the result and to no bound.
    """

    data: Path
    work: Path
    threads: int
    rounds: int
    say: Callable[[str], None]
    smallest: Month
    months: dict[int, Month] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def largest(self) -> Month:
        """The month of the largest size."""
        return self.months[max(self.months)]

    def do(self, task: str, **arguments: Any) -> Measurement:
        """Measure a task on the scene's threads."""
        return measured(task, threads=self.threads, **arguments)

    def fixed_cpu_s(self, *stages: str) -> float:
        """CPU seconds of stages in the smallest world."""
        return sum(self.smallest.figures[stage].cpu_s for stage in stages)
