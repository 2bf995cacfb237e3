"""How a suite is written down: Great Expectations' expectations, each named after its catalogue entry."""

from typing import Any

from great_expectations.expectations import ExpectColumnMaxToBeBetween
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.metadata_types import FailureSeverity

from expectations.catalogue import CHECKS

# The column of evidence that says of which thing a row speaks.
KEY = "key"


def expect(name: str, kind: type[Expectation], **kwargs: Any) -> Expectation:
    """The expectation of a name, with what the catalogue says of it."""
    check = CHECKS[name]
    meta = {"name": name, "rule": check.rule, "severity": str(check.severity)}
    severity = FailureSeverity.CRITICAL if check.is_blocking else FailureSeverity.WARNING
    return kind(description=check.says, meta=meta, severity=severity, **kwargs)


def expect_none(name: str, column: str) -> Expectation:
    """A column that counts faults holds 0 in every row; the column `<column>_keys` names the first as lines.

    The largest is judged: a third of what it costs to judge each.
    """
    return expect(name, ExpectColumnMaxToBeBetween, column=column, min_value=0, max_value=0)
