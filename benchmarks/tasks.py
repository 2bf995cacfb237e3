"""The pieces of work that can be measured, by name. Each runs in a process of its own (`child`)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.clock import Clock

Work = Callable[..., dict[str, Any]]


@dataclass(frozen=True)
class Task:
    """Work, and the modules that are imported before its clock starts."""

    work: Work
    imports: tuple[str, ...]


TASKS: dict[str, Task] = {}


def task(*imports: str) -> Callable[[Work], Work]:
    """Name a function `(clock, **arguments) -> facts` as a task; arguments and facts are plain JSON."""

    def named(work: Work) -> Work:
        TASKS[work.__name__] = Task(work, imports)
        return work

    return named


__all__ = ["TASKS", "Clock", "Task", "task"]
