"""The project is parsed once for all tests of what it says."""

from typing import Any

import pytest

from tests.audit_docs.project import described_project


@pytest.fixture(scope="session")
def manifest() -> dict[str, Any]:
    return described_project()
