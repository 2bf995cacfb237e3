"""What tests count is told at the end, whichever processes ran them."""

from collections import Counter
from typing import Any


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """One line for all histories that were played."""
    counts = Counter[str]()
    for report in terminalreporter.stats.get("passed", ()):
        for name, played in getattr(report, "user_properties", ()):
            if name == "histories" and report.when == "call":
                counts.update(played)
    if counts:
        from tests.histories.history import Figures

        terminalreporter.write_line(str(Figures(counts)))
