"""Figures of long tests, printed when all are through: so they reach the terminal from worker processes too.

A test records them as property `figures`: a line of its own, or counts that are summed over all tests of a
subject, as (subject, counts).
"""

from collections import Counter, defaultdict
from typing import Any

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A line for each subject, and for each test that has figures of its own."""
    figures = list(_figures(terminalreporter))
    sums = defaultdict[str, Counter[str]](Counter)
    for subject, counts in (value for value in figures if not isinstance(value, str)):
        sums[subject].update(counts)
    lines = [value for value in figures if isinstance(value, str)]
    lines += [
        f"{subject}: " + ", ".join(f"{count:,} {name}" for name, count in counts.items())
        for subject, counts in sums.items()
    ]
    if lines:
        terminalreporter.section("figures")
        for line in lines:
            terminalreporter.write_line(line)


def _figures(reporter: pytest.TerminalReporter) -> list[Any]:
    reports = [each for each in reporter.getreports("passed") if each.when == "call"]
    return [
        value
        for report in sorted(reports, key=lambda report: report.nodeid)
        for name, value in report.user_properties
        if name == "figures"
    ]
