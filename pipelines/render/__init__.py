"""Results on the terminal, as tables a person likes to read, and as JSON for machines."""

from pipelines.render.as_json import json_text
from pipelines.render.balances import print_balance, print_totals
from pipelines.render.jobs import (
    print_exported,
    print_ingest,
    print_main_job,
    print_settled,
    print_simulation,
    print_verified,
)
from pipelines.render.status import print_exceptions, print_status

__all__ = [
    "json_text",
    "print_balance",
    "print_exceptions",
    "print_exported",
    "print_ingest",
    "print_main_job",
    "print_settled",
    "print_simulation",
    "print_status",
    "print_totals",
    "print_verified",
]
