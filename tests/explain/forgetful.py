"""Explanations that forget some of the rows that an amount rests on: faults of one line in the evidence."""

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from pipelines.explain import evidence

NAME = "forgetful_evidence"


@dataclass(frozen=True)
class Fault:
    """`right` stands once in the module; with `wrong` in its place an explanation forgets `what`, which
    matters to the `kinds` of amounts.
    """

    what: str
    kinds: tuple[str, ...]
    right: str
    wrong: str


POWER_LIMIT = Fault(
    "what else is in a half hour under a power limit",
    (),
    "where segments.is_eligible\n",
    "where segments.is_eligible and false\n",
)
FAULTS = (
    Fault(
        "sessions that share a half hour",
        ("shared half hour",),
        "select session_id from segments\n",
        "select session_id from own_segments\n",
    ),
    Fault(
        "sessions that end open ones",
        ("manager", "user", "capped reduction"),
        "while _add_sessions_that_end_open_ones(connection):",
        "while False:",
    ),
    Fault(
        "open sessions of the vehicle",
        ("held",),
        "where asked.is_settled and open_sessions.is_in_region",
        "where asked.is_settled and open_sessions.is_in_region and false",
    ),
    Fault(
        "open sessions behind the meter",
        ("held",),
        "where own_segments.is_settled and own_segments.is_eligible",
        "where own_segments.is_settled and own_segments.is_eligible and false",
    ),
    Fault(
        "the rest of a session",
        ("held", "provisional"),
        "from own_segments where is_eligible and is_settled",
        "from own_segments where is_eligible and is_settled and false",
    ),
    Fault(
        "what is not eligible",
        ("held", "increase", "provisional"),
        "where is_eligible or is_settled",
        "where is_eligible",
    ),
    Fault(
        "the exchange of leases",
        ("lease", "shared half hour"),
        "select metering_point_id, interval_start from leased_segments",
        "select metering_point_id, interval_start from leased_segments where false",
    ),
    Fault(
        "sessions in a lease's cover",
        ("lease",),
        "from intermediate.int_visit_leases as visits",
        "from (select * from intermediate.int_visit_leases where false) as visits",
    ),
    Fault(
        "open sessions under a lease",
        ("lease",),
        "where open_sessions.is_open",
        "where false",
    ),
    Fault(
        "sessions of specific vehicles",
        ("capped reduction", "manager"),
        "from intermediate.int_sessions as occupying",
        "from (select * from intermediate.int_sessions where false) as occupying",
    ),
    Fault(
        "leases of other sessions",
        ("shared half hour", "increase", "provisional", "aggregator's sum"),
        "and sessions.started_at < leases.valid_to",
        "and false and sessions.started_at < leases.valid_to",
    ),
    Fault(
        "signals that cut sessions",
        ("lease",),
        "where signals.is_settled",
        "where signals.is_settled and false",
    ),
    Fault(
        "a manager's lines",
        ("manager", "capped reduction"),
        "inner join asked_contracts using (contract_id)\n            where",
        "inner join asked_contracts using (contract_id)\n            where false and",
    ),
    *(
        Fault(
            f"feed {feed}",
            kinds,
            f'"{feed}": "semi join',
            f'"{feed}": "semi join (select 1 where false) on false -- ',
        )
        for feed, kinds in {
            "aggregators": ("aggregator's sum",),
            "vehicles": ("user",),
            "contracts": ("manager",),
            "evses": ("provisional",),
            "specific_vehicles": ("held", "user"),
            "evse_offers": ("capped reduction", "manager"),
            "permission_leases": ("lease",),
            "meter_intervals": ("increase",),
            "charger_sessions": ("power limit",),
            "dr_events": ("increase",),
            "dr_signals": ("increase",),
        }.items()
    ),
)


def forgetful(fault: Fault) -> ModuleType:
    """The module `evidence` with one fault planted."""
    source = Path(str(evidence.__file__)).read_text(encoding="utf-8")
    assert source.count(fault.right) == 1, fault.what
    spec = importlib.util.spec_from_loader(NAME, loader=None)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = module  # dataclasses look their module up
    exec(compile(source.replace(fault.right, fault.wrong), str(evidence.__file__), "exec"), module.__dict__)
    return module
