"""The exceptions of a run, for whoever has to clear them: what costs most comes first (R27)."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from pipelines import runs
from pipelines.errors import BadInput
from pipelines.exports import EXCEPTION_CODES, EXCEPTIONS
from pipelines.status import count_exceptions, last_runs
from pipelines.warehouse import open_warehouse

# What holds performances, so that nobody is paid; what earns nothing; what is to be put in order.
_BY_COST = (
    "missing_read",
    "meter_charger_mismatch",
    "vehicle_in_two_places",
    "unclosed_session",
    "unpermitted_use",
    "lapsed_lease",
    "unattributed_backfeed",
    "backfeed_from_incapable_evse",
    "signal_without_session",
    "late_signal",
    "signal_direction_mismatch",
    "unknown_reference",
    "double_dispatch",
    "overlapping_sessions",
    "overlapping_leases",
    "lease_during_specific_use",
)
assert set(_BY_COST) == set(EXCEPTION_CODES)


@dataclass(frozen=True, kw_only=True)
class ListedException:
    """One exception: its code, its keys (empty where they do not apply), the energy concerned in Wh, and a
    sentence that says what to do.
    """

    code: str
    metering_point_id: str
    evse_id: str
    vehicle_id: str
    dr_event_id: str
    lease_id: str
    session_id: str
    local_date: date | None
    energy_wh: int | None
    detail: str


@dataclass(frozen=True, kw_only=True)
class RunExceptions:
    """The exceptions of one run, all of them or those of one code; `counts` is by code, over all of them."""

    run_id: str
    settlement_period: str
    counts: dict[str, int]
    rows: tuple[ListedException, ...]


def read_exceptions(
    *, warehouse: Path, run_id: str | None = None, code: str | None = None
) -> tuple[RunExceptions, ...]:
    """The exceptions of a run, or of the last run of each period, the dearest first; nothing is written.

    Raises BadInput for a run or a code that does not exist.
    """
    if code is not None and code not in EXCEPTION_CODES:
        raise BadInput(f"'{code}' is no code of an exception; give one of {', '.join(EXCEPTION_CODES)}.")
    with open_warehouse(warehouse, read_only=True) as connection:
        chosen = last_runs(connection) if run_id is None else {run_id: _period_of(connection, run_id)}
        return tuple(
            RunExceptions(
                run_id=each,
                settlement_period=period,
                counts=count_exceptions(connection, each),
                rows=_rows(connection, each, code=code),
            )
            for each, period in chosen.items()
        )


def _period_of(connection: duckdb.DuckDBPyConnection, run_id: str) -> str:
    return runs.get_run(connection, run_id).settlement_period


def _rows(
    connection: duckdb.DuckDBPyConnection, run_id: str, *, code: str | None
) -> tuple[ListedException, ...]:
    names = [name for name in EXCEPTIONS.column_names if name != "settlement_period"]
    rows: list[tuple[Any, ...]] = connection.execute(
        f"""
        select {", ".join(names)}
        from results.exceptions
        where run_id = $run_id and ($code is null or code = $code)
        order by list_position($by_cost, code), energy_wh desc nulls last, {", ".join(names)}
        """,
        {"run_id": run_id, "code": code, "by_cost": list(_BY_COST)},
    ).fetchall()
    return tuple(ListedException(**dict(zip(names, row, strict=True))) for row in rows)
