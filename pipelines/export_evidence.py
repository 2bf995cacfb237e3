"""Evidence for the gate before export: what a run stored, what is booked, and the files about to be placed.

Read back from the warehouse by SQL: what `settlement` audited before it was stored is derived once more.
"""

import json
from collections.abc import Sequence
from typing import Any

import duckdb
import pyarrow as pa

from pipelines.datapackage import COUNTED_BY, SUMMED, SUMMED_BY, WrittenFile
from pipelines.evidence import Evidence, counts_of, table_of
from pipelines.exports import Export
from pipelines.runs import Run
from settlement.ledger import LEDGER_KEY


def stored_evidence(connection: duckdb.DuckDBPyConnection, *, run: Run) -> Evidence:
    """What the run found when it was computed (R26), by the evidence's name."""
    of_run = {"run_id": run.run_id}
    return {
        "meters": table_of(connection, _METERS, of_run),
        "balances": counts_of(connection, _BALANCES, of_run),
    }


def booked_evidence(
    connection: duckdb.DuckDBPyConnection, *, run: Run, last_booking_no: int | None
) -> Evidence:
    """What payees are shown against the ledger as it was when the run was approved (R24, R26).

    `last_booking_no` is the ledger's last booking then, None for a replay: it rests on what was booked by
    runs up to its own as-of, and books nothing.
    """
    is_replay = last_booking_no is None
    connection.execute(
        """
        create or replace temp table ledger as
        select bookings.*
        from books.bookings
        inner join books.runs using (run_id)
        where
            bookings.settlement_period = $period
            and case when $is_replay then runs.as_of <= $as_of else booking_no <= $last_booking_no end
        """,
        {
            "period": run.settlement_period,
            "is_replay": is_replay,
            "as_of": run.as_of,
            "last_booking_no": last_booking_no or 0,
        },
    )
    try:
        return {"ledger": counts_of(connection, _LEDGER, {"run_id": run.run_id, "is_replay": is_replay})}
    finally:
        connection.execute("drop table ledger")


def files_evidence(
    connection: duckdb.DuckDBPyConnection, *, run: Run, files: Sequence[WrittenFile]
) -> Evidence:
    """Each written file against what the run stored."""
    rows = [_file(connection, run=run, file=file) for file in files]
    return {"files": pa.Table.from_pylist(rows)}


def _file(connection: duckdb.DuckDBPyConnection, *, run: Run, file: WrittenFile) -> dict[str, Any]:
    totals = _stored_totals(connection, run=run, export=file.export)
    return {
        "key": file.export.file_name,
        "rows_stored": totals["rows"],
        "rows_written": file.lines - 1,
        "totals_stored": json.dumps(totals, sort_keys=True),
        "totals_written": json.dumps(file.control_totals, sort_keys=True),
        "unsafe_cells": file.unsafe_cells.count,
        "unsafe_cells_keys": "\n".join(file.unsafe_cells.examples),
    }


def _stored_totals(connection: duckdb.DuckDBPyConnection, *, run: Run, export: Export) -> dict[str, Any]:
    """The control totals of a file, summed by SQL over the table that it is written from."""

    def rows(columns: str, end: str = "") -> list[Any]:
        query = f"select {columns} from results.{export.name} where run_id = ? {end}"
        return connection.execute(query, [run.run_id]).fetchall()

    return {
        "rows": rows("count(*)")[0][0],
        **{f"sum_of_{name}": int(rows(f"coalesce(sum({name}), 0)")[0][0]) for name in SUMMED.get(export, ())},
        **{
            f"{name}_by_{by}": {
                key: int(total) for key, total in rows(f"{by}, sum({name})", f"group by {by}")
            }
            for name, by in SUMMED_BY.get(export, ())
        },
        **{
            f"rows_by_{by}": dict(rows(f"{by}, count(*)", f"group by {by}"))
            for by in COUNTED_BY.get(export, ())
        },
    }


# A direction without a row must have had nothing to balance: nothing achieved, nothing metered in the other.
_METERS = """
    with balance as (select * from results.energy_balance where run_id = $run_id),
    achieved as (
        select sum(achieved) as achieved_wh from results.dr_achievement
        where run_id = $run_id and unit = 'Wh'
    ),
    others as (select max(metered_wh) as metered_wh from balance)
    select
        direction as key,
        coalesce(balance.metered_wh, 0) as metered_wh,
        coalesce(
            balance.attributed_wh + balance.unattributed_wh, nullif(achieved_wh, 0), others.metered_wh, 0
        )::bigint as attributed_and_unattributed_wh
    from (values ('import'), ('backfeed')) as directions (direction)
    left join balance using (direction)
    cross join achieved
    cross join others
    order by direction
"""


def _unequal(
    *,
    left: str,
    right: str,
    key: Sequence[str],
    amounts: Sequence[str] = ("amount",),
    how: str = "full outer",
) -> str:
    """SQL: the keys of which an amount differs on the two sides; one that is not there is 0."""

    def shown(side: str) -> str:
        return " || ' and ' || ".join(f"coalesce({side}.{amount}, 0)" for amount in amounts)

    names = ", ".join(f"nullif({name}::varchar, '')" for name in key)
    differs = " or ".join(
        f"coalesce(left_side.{amount}, 0) <> coalesce(right_side.{amount}, 0)" for amount in amounts
    )
    return f"""
        select
            concat_ws(' ', {names})
            || ' (' || {shown("left_side")} || ', not ' || {shown("right_side")} || ')' as key
        from ({left}) as left_side
        {how} join ({right}) as right_side using ({", ".join(key)})
        where {differs}
    """


def _sums(
    table: str, *, key: Sequence[str], amount: str, where: str = "true", source: str = "results"
) -> str:
    place = f"{source}.{table}" if source else table
    of_run = "run_id = $run_id and " if source else ""
    return (
        f"select {', '.join(key)}, sum({amount}) as amount from {place} where {of_run}{where}"
        f" group by {', '.join(name.rpartition(' as ')[0] or name for name in key)}"
    )


_PERFORMANCE = ("dr_event_id", "vehicle_id")
_AMOUNTS_OF_PERFORMANCES = """
    select dr_event_id, vehicle_id, sum(achieved) as achieved, sum(payable) as payable
    from results.{table} where run_id = $run_id
    group by dr_event_id, vehicle_id
"""
_ENERGY = "unit = 'Wh'"
_CHILD = ("dr_event_id", "aggregator_id")
_POINTS_OF_LINES = """
    select user_id, sum(lines.points) as amount
    from results.settlement_lines as lines
    left join (
        select dr_event_id, vehicle_id, user_id from results.dr_achievement where run_id = $run_id
    ) using (dr_event_id, vehicle_id)
    where lines.run_id = $run_id
    group by user_id
"""
_CLAIMS = _sums("claims", key=("payee_kind", "payee_id", "contract_id"), amount="amount")
# What is found, or shown, of users and managers alike: one row per payee and contract.
_FOUND = """
    select 'user' as payee_kind, user_id as payee_id, '' as contract_id, points as amount
    from results.user_amounts where run_id = $run_id
    union all
    select 'manager', manager_id, contract_id, reduction_minor
    from results.fee_reductions where run_id = $run_id
"""
_SHOWN = """
    select
        'user' as payee_kind, user_id as payee_id, '' as contract_id,
        points as amount, booked_before, booked_now
    from results.user_points where run_id = $run_id
    union all
    select 'manager', manager_id, contract_id, reduction_minor, booked_before, booked_now
    from results.manager_fee_reductions where run_id = $run_id
"""
_PAYEE = ("payee_kind", "payee_id", "contract_id")
_LEDGER_OF_PAYEES = """
    select
        payee_kind,
        payee_id,
        contract_id,
        sum(amount) filter (where run_id <> $run_id) as booked_before,
        sum(amount) filter (where run_id = $run_id) as booked_now
    from ledger
    group by payee_kind, payee_id, contract_id
"""

_BALANCES = {
    "performances_unequal": _unequal(
        left=_AMOUNTS_OF_PERFORMANCES.format(table="dr_achievement"),
        right=_AMOUNTS_OF_PERFORMANCES.format(table="settlement_lines"),
        key=_PERFORMANCE,
        amounts=("achieved", "payable"),
    ),
    "utility_unequal": _unequal(
        left=_sums(
            "aggregator_achievement", key=("dr_event_id",), amount="achieved_wh", where="level = 'utility'"
        ),
        right=_sums("dr_achievement", key=("dr_event_id",), amount="achieved", where=_ENERGY),
        key=("dr_event_id",),
    ),
    # A vehicle whose aggregator has no row as a child counts at the utility directly (R25).
    "children_unequal": _unequal(
        left=_sums("aggregator_achievement", key=_CHILD, amount="achieved_wh", where="level = 'child'"),
        right=_sums(
            "dr_achievement",
            key=("dr_event_id", "child_aggregator_id as aggregator_id"),
            amount="achieved",
            where=_ENERGY,
        ),
        key=_CHILD,
        how="left",
    ),
    "instructed_unequal": _unequal(
        left=_sums(
            "aggregator_achievement", key=("dr_event_id",), amount="instructed_wh", where="level = 'utility'"
        ),
        right=_sums(
            "aggregator_achievement", key=("dr_event_id",), amount="instructed_wh", where="level = 'parent'"
        ),
        key=("dr_event_id",),
    ),
    "users_unequal": _unequal(
        left=_sums("user_amounts", key=("user_id",), amount="points"),
        right=_POINTS_OF_LINES,
        key=("user_id",),
    ),
    "claims_unequal": _unequal(left=_CLAIMS, right=_FOUND, key=_PAYEE),
}

_LEDGER = {
    "found_unequal": _unequal(left=_SHOWN, right=_FOUND, key=_PAYEE),
    # A payee who is not shown, as a manager whose contract became another's, must have come to 0.
    "booked_unequal": _unequal(
        left=_SHOWN, right=_LEDGER_OF_PAYEES, key=_PAYEE, amounts=("booked_before", "booked_now"), how="left"
    )
    + f"""
        union all
        select payee_kind || ' ' || payee_id || ' (not shown, ' || sum(amount) || ' booked)' as key
        from ledger
        anti join ({_SHOWN}) using (payee_kind, payee_id, contract_id)
        where not $is_replay
        group by payee_kind, payee_id, contract_id
        having sum(amount) <> 0
    """,
    "bookings_unequal": f"""
        select key from ({
        _unequal(
            left=_sums("claims", key=LEDGER_KEY, amount="amount"),
            right=_sums("ledger", key=LEDGER_KEY, amount="amount", source=""),
            key=LEDGER_KEY,
        )
    }) where not $is_replay
    """,
    "entries_unequal": """
        select booking_id || ' (' || abs(amount) || ', debits ' || coalesce(debit, 0) || ', credits '
            || coalesce(credit, 0) || ')' as key
        from ledger
        left join (
            select
                booking_id,
                sum(amount) filter (where side = 'debit') as debit,
                sum(amount) filter (where side = 'credit') as credit
            from books.entries
            where booking_id in (select booking_id from ledger)
            group by booking_id
        ) using (booking_id)
        where abs(amount) <> coalesce(debit, 0) or abs(amount) <> coalesce(credit, 0)
    """,
    "payees_without_booking": """
        select payee_kind || ' ' || payee_id as key
        from results.claims
        where run_id = $run_id and not $is_replay
        group by payee_kind, payee_id
        having sum(amount) > 0 and not exists (
            select 1 from ledger
            where ledger.payee_kind = claims.payee_kind and ledger.payee_id = claims.payee_id
        )
    """,
    "bookings_of_replay": """
        select booking_id as key from books.bookings where run_id = $run_id and $is_replay
    """,
}
