"""Explanations that forget some of the rows that an amount rests on: faults of one line in the evidence."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from pipelines.explain import evidence

# By what is forgotten: text that stands once in the module, and what stands there instead.
FORGOTTEN: dict[str, tuple[str, str]] = {
    "sessions that share a half hour": (
        "select session_id from segments\n",
        "select session_id from own_segments union select session_id from leased_segments\n",
    ),
    "sessions that end open ones": ("while _add_sessions_that_end_open_ones(connection):", "while False:"),
    "open sessions of the vehicle": (
        "where asked.is_settled and open_sessions.is_in_region",
        "where asked.is_settled and open_sessions.is_in_region and false",
    ),
    "open sessions behind the meter": (
        "where own_segments.is_settled and own_segments.is_eligible",
        "where own_segments.is_settled and own_segments.is_eligible and false",
    ),
    "the rest of a session": (
        "where own_segments.is_eligible and own_segments.is_settled",
        "where own_segments.is_eligible and own_segments.is_settled and false",
    ),
    "what is not eligible": ("where is_eligible or is_settled", "where is_eligible"),
    "the exchange of leases": (
        "select metering_point_id, interval_start from leased_segments",
        "select metering_point_id, interval_start from leased_segments where false",
    ),
    "what else is in a half hour under a power limit": (
        "where segments.is_eligible and {during}",
        "where segments.is_eligible and {during} and false",
    ),
    "sessions in a lease's cover": (
        "from intermediate.int_visit_leases as visits",
        "from (select * from intermediate.int_visit_leases where false) as visits",
    ),
    "open sessions under a lease": ("where open_sessions.is_open", "where false"),
    "sessions of specific vehicles": (
        "from intermediate.int_sessions as occupying",
        "from (select * from intermediate.int_sessions where false) as occupying",
    ),
    "leases of other sessions": (
        "and sessions.started_at < leases.valid_to",
        "and false and sessions.started_at < leases.valid_to",
    ),
    "signals that cut sessions": ("where signals.is_settled", "where signals.is_settled and false"),
    "a manager's lines": (
        "inner join asked_contracts using (contract_id)\n            where",
        "where false and",
    ),
    **{f"feed {feed}": (f'"{feed}": "semi join', f'"{feed}": "anti join') for feed in evidence._CHOICE},
}


def forgetting(what: str) -> ModuleType:
    """The module `evidence` with one fault planted."""
    right, wrong = FORGOTTEN[what]
    source = Path(str(evidence.__file__)).read_text(encoding="utf-8")
    assert source.count(right) == 1, what
    spec = importlib.util.spec_from_loader("forgetful_evidence", loader=None)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module  # dataclasses look their module up
    exec(compile(source.replace(right, wrong), str(evidence.__file__), "exec"), module.__dict__)
    return module
