"""How a suite is written down: expectations of Great Expectations, named after their entry in the catalogue."""

from typing import Any

from great_expectations.expectations import ExpectColumnValuesToBeBetween
from great_expectations.expectations.expectation import Expectation

from expectations.catalogue import CHECKS

# The kwargs of an expectation by name, and its evidence's column that names what is at fault.
KEYS = "key"


def expect(name: str, kind: type[Expectation], **kwargs: Any) -> Expectation:
    """The expectation of a name. Its evidence says in column `key` of which thing each row speaks."""
    check = CHECKS[name]
    meta = {"name": name, "rule": check.rule, "severity": str(check.severity)}
    severity = "critical" if check.is_blocking else "warning"
    return kind(description=check.says, meta=meta, severity=severity, **kwargs)


def expect_none(name: str, column: str) -> Expectation:
    """A column that counts faults holds 0 in every row. Examples stand in the column `<column>_keys`."""
    return expect(name, ExpectColumnValuesToBeBetween, column=column, min_value=0, max_value=0)
