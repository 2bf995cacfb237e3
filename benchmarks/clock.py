"""Clocks around the product's own functions, put there from outside: no clock goes into the product."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from benchmarks.figures import Cost


class Clock:
    """CPU seconds of the process, all threads, and wall seconds, by what they were spent on."""

    def __init__(self) -> None:
        self.costs: dict[str, Cost] = {}

    @contextmanager
    def on(self, name: str) -> Iterator[None]:
        """Add what the block takes."""
        cpu, wall = time.process_time(), time.perf_counter()
        try:
            yield
        finally:
            spent = Cost(time.process_time() - cpu, time.perf_counter() - wall)
            self.costs[name] = self.costs.get(name, Cost(0.0, 0.0)) + spent

    def time_calls(self, functions: Mapping[str, str]) -> None:
        """From now on clock every call of the functions named: `name: "module:attribute"`, an attribute of a
        class as `module:Class.attribute`. LookupError for one that is gone.
        """
        for name, place in functions.items():
            owner, attribute = _owner(place)
            setattr(owner, attribute, self._timed(name, getattr(owner, attribute)))

    def _timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **options: Any) -> Any:
            with self.on(name):
                return function(*arguments, **options)

        return timed


def _owner(place: str) -> tuple[Any, str]:
    module, _, path = place.partition(":")
    owner: Any = import_module(module)
    *classes, attribute = path.split(".")
    for each in classes:
        owner = getattr(owner, each)
    if not hasattr(owner, attribute):
        raise LookupError(f"{place} is to be timed and is gone: name what does its work now.")
    return owner, attribute
