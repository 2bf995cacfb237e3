"""Figures of long tests: what a test records as property `figures` is printed when all are through.

So it reaches the terminal from a worker process too.
"""

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A line for each test that has figures."""
    reports = [
        report for of_outcome in ("passed", "failed") for report in _calls(terminalreporter, of_outcome)
    ]
    lines = [
        str(value)
        for report in sorted(reports, key=lambda report: report.nodeid)
        for name, value in report.user_properties
        if name == "figures"
    ]
    if lines:
        terminalreporter.section("figures")
        for line in lines:
            terminalreporter.write_line(line)


def _calls(reporter: pytest.TerminalReporter, outcome: str) -> list[pytest.TestReport]:
    return [report for report in reporter.getreports(outcome) if report.when == "call"]
