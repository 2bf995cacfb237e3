"""What two runs found differently, table by table and key by key.

Leaves temporary tables: `changed_<export>` (one row per key that differs: the row as run A and as run B found
it, as structs) and `changes` (all of them together, with the ids by which causes are looked for).
"""

from dataclasses import dataclass

import duckdb

from pipelines.exports import (
    AGGREGATOR_ACHIEVEMENT,
    DR_ACHIEVEMENT,
    DR_INTERVALS,
    EXCEPTIONS,
    FEE_REDUCTIONS,
    LEASE_OUTCOMES,
    MANAGER_FEE_REDUCTIONS,
    SETTLEMENT_LINES,
    USER_AMOUNTS,
    USER_POINTS,
    Export,
)


@dataclass(frozen=True)
class Compared:
    """An export whose rows are compared by key, and the table that holds what a run found of it: amounts as
    they were found, not what was booked when.
    """

    export: Export
    table: Export

    @property
    def key(self) -> tuple[str, ...]:
        """Its primary key without the period, which both runs share."""
        return tuple(name for name in self.export.primary_key if name != "settlement_period")

    @property
    def values(self) -> tuple[str, ...]:
        """The columns that may differ under one key."""
        return tuple(name for name in self.table.column_names if name not in self.export.primary_key)


BY_KEY = (
    Compared(USER_POINTS, USER_AMOUNTS),
    Compared(MANAGER_FEE_REDUCTIONS, FEE_REDUCTIONS),
    Compared(DR_ACHIEVEMENT, DR_ACHIEVEMENT),
    Compared(SETTLEMENT_LINES, SETTLEMENT_LINES),
    Compared(DR_INTERVALS, DR_INTERVALS),
    Compared(LEASE_OUTCOMES, LEASE_OUTCOMES),
    Compared(AGGREGATOR_ACHIEVEMENT, AGGREGATOR_ACHIEVEMENT),
)
# An exception has no key: rows alike in these are taken for the same matter, told otherwise.
EXCEPTION_KEY = (
    "code", "metering_point_id", "evse_id", "vehicle_id", "dr_event_id", "lease_id", "session_id",
    "local_date",
)  # fmt: skip
EXCEPTION_VALUES = ("energy_wh", "detail")
# The ids of a change by which its causes are looked for; a table without one leaves it null.
_IDS = (
    "dr_event_id", "vehicle_id", "evse_id", "lease_id", "session_id", "metering_point_id", "contract_id",
    "user_id", "level", "aggregator_id", "code",
)  # fmt: skip


def compare_results(connection: duckdb.DuckDBPyConnection, *, run_a: str, run_b: str) -> None:
    """Make the temporary tables of what differs. A change is `added` if only run B found the key, `removed`
    if only run A did, else `changed`; `moved` names the columns that differ.
    """
    connection.execute(f"create or replace temp table changes ({_CHANGES})")
    for compared in BY_KEY:
        connection.execute(_by_key(compared), {"run_a": run_a, "run_b": run_b})
        _collect(connection, compared.export.name, key=compared.key, values=compared.values)
    connection.execute(_EXCEPTIONS, {"run_a": run_a, "run_b": run_b})
    connection.execute(_PERFORMERS, {"run_a": run_a, "run_b": run_b})
    _collect(connection, EXCEPTIONS.name, key=EXCEPTION_KEY, values=EXCEPTION_VALUES)


_CHANGES = (
    "change_no bigint, export varchar, change varchar, moved varchar[], local_date date, detail varchar,"
    f" {', '.join(f'{name} varchar' for name in _IDS)}"
)


def _collect(
    connection: duckdb.DuckDBPyConnection, export: str, *, key: tuple[str, ...], values: tuple[str, ...]
) -> None:
    sought = (*_IDS, "local_date", "detail")
    picked = [name for name in sought if name in key]
    picked += [f"coalesce(a.{name}, b.{name}) as {name}" for name in sought if name in values]
    connection.execute(
        "insert into changes by name"
        f" select change_no, '{export}' as export, change, moved, {', '.join(picked)} from changed_{export}"
    )


def struct_of(names: tuple[str, ...], *, table: str) -> str:
    """SQL that packs columns of a table into a struct."""
    return f"struct_pack({', '.join(f'{name} := {table}.{name}' for name in names)})"


def moved_of(names: tuple[str, ...], *, one: str, other: str) -> str:
    """SQL for the list of the names of columns in which two rows differ."""
    cases = ", ".join(
        f"case when {one}.{name} is distinct from {other}.{name} then '{name}' end" for name in names
    )
    return f"list_filter([{cases}], lambda name: name is not null)"


def _by_key(compared: Compared) -> str:
    key, values = compared.key, compared.values
    columns = ", ".join((*key, *values))
    joined = " and ".join(f"one.{name} = other.{name}" for name in key)
    keys = ", ".join(f"coalesce(one.{name}, other.{name}) as {name}" for name in key)
    return f"""
        create or replace temp table changed_{compared.export.name} as
        with
        one as (select {columns}, true as found from results.{compared.table.name} where run_id = $run_a),
        other as (select {columns}, true as found from results.{compared.table.name} where run_id = $run_b),
        paired as (
            select
                {keys},
                case when one.found is null then 'added' when other.found is null then 'removed'
                else 'changed' end as change,
                {moved_of(values, one="one", other="other")} as moved,
                case when one.found then {struct_of(values, table="one")} end as a,
                case when other.found then {struct_of(values, table="other")} end as b,
            from one
            full outer join other on {joined}
            where one.found is null or other.found is null
            or {" or ".join(f"one.{name} is distinct from other.{name}" for name in values)}
        )
        select
            (select count(*) from changes) + row_number() over (order by {", ".join(key)}) as change_no, *
        from paired
    """


# Whose points and whose sums a performance counts in, in either run.
_PERFORMERS = """
    create or replace temp table performers as
    select distinct dr_event_id, vehicle_id, user_id, child_aggregator_id
    from results.dr_achievement
    where run_id in ($run_a, $run_b)
"""
_KEYS = ", ".join(EXCEPTION_KEY)
_EXCEPTIONS = f"""
    create or replace temp table changed_exceptions as
    with
    counted as (
        select
            {_KEYS}, energy_wh, detail,
            count(*) filter (where run_id = $run_a) as times_a,
            count(*) filter (where run_id = $run_b) as times_b,
        from results.exceptions
        where run_id in ($run_a, $run_b)
        group by all
    ),
    surplus as (
        select
            {_KEYS}, energy_wh, detail, times_a > times_b as is_of_a,
            unnest(range(abs(times_a - times_b))) as repetition,
        from counted
        where times_a != times_b
    ),
    numbered as (
        select
            *,
            row_number() over (partition by {_KEYS}, is_of_a order by energy_wh, detail, repetition) as place,
        from surplus
    ),
    one as (select * from numbered where is_of_a),
    other as (select * from numbered where not is_of_a),
    paired as (
        select
            {", ".join(f"coalesce(one.{name}, other.{name}) as {name}" for name in EXCEPTION_KEY)},
            case when one.place is null then 'added' when other.place is null then 'removed'
            else 'changed' end as change,
            {moved_of(EXCEPTION_VALUES, one="one", other="other")} as moved,
            case when one.place is not null then {struct_of(EXCEPTION_VALUES, table="one")} end as a,
            case when other.place is not null then {struct_of(EXCEPTION_VALUES, table="other")} end as b,
        from one
        full outer join other
            on {" and ".join(f"one.{name} is not distinct from other.{name}" for name in EXCEPTION_KEY)}
            and one.place = other.place
    )
    select (select count(*) from changes) + row_number() over (order by {_KEYS}, a, b) as change_no, *
    from paired
"""
