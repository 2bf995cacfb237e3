"""Verification: the dbt project, run for one settlement period as of an instant (R2, R5-R16, R22, R25-R27).

`verify` leaves its result in the schemas `staging`, `intermediate` and `verified` of the warehouse; each
run replaces the one before.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.damage import refuse_damage
from pipelines.dbt_manifest import fingerprint, parsed_project
from pipelines.errors import JobFailed
from pipelines.full_disk import refuse_full_disk
from pipelines.stages import Stage, stage
from pipelines.warehouse import open_warehouse, thread_count
from settlement import SettlementPeriod, TariffBook

if TYPE_CHECKING:
    import duckdb

DBT_PROJECT = Path(__file__).resolve().parent.parent / "dbt_project"
HALF_HOUR = timedelta(minutes=30)

_RUN_TARIFFS = """
    create or replace table control.run_tariffs (
        version varchar,
        effective_from date,
        payable_qualities varchar[],
        mismatch_wh bigint,
        mismatch_bp bigint,
    )
"""


@dataclass(frozen=True, kw_only=True)
class RunParameters:
    """What one run of the dbt project is told: instants in UTC, never a rule or a rate."""

    settlement_period: str
    period_from: datetime
    period_to: datetime
    as_of: datetime
    time_zone: str
    reads_from: datetime
    reads_to: datetime

    def as_vars(self) -> dict[str, str]:
        """The parameters as dbt vars, instants as SQL literals."""
        return {
            name: f"{value:%Y-%m-%d %H:%M:%S}" if isinstance(value, datetime) else value
            for name, value in vars(self).items()
        }


@stage(Stage.DBT)
def verify(  # noqa: PLR0913 -- all keyword-only
    *,
    warehouse: Path,
    period: SettlementPeriod,
    as_of: datetime,
    tariffs: TariffBook | None,
    run_id: str | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> bool:
    """Build and test the dbt models for `period`, seeing what was received by `as_of` (R6).

    A verification that was made for `run_id` by the same models, and stands, is not made again; tells whether
    it was made.
    Without tariffs, reads of every quality count as payable and meter and charger are not compared
    (R15, R16), and the period's dates are those of UTC. Raises JobFailed, naming the
    model or test, DiskFull if no space is left.
    """
    time_zone = tariffs.time_zone if tariffs is not None else "UTC"
    period_from, period_to = period.instants(time_zone)
    identity = None if run_id is None else _identity(run_id)
    with open_warehouse(warehouse) as connection:
        if identity is not None and _standing(connection) == identity:
            return False
        _set_standing(connection, None)
        _write_run_tariffs(connection, tariffs)
        reads_from, reads_to = range_of_reads(connection, period_from, period_to)
    parameters = RunParameters(
        settlement_period=str(period),
        period_from=period_from,
        period_to=period_to,
        as_of=as_of,
        time_zone=time_zone,
        reads_from=reads_from,
        reads_to=reads_to,
    )
    _build(warehouse=warehouse, parameters=parameters, progress=progress)
    with open_warehouse(warehouse) as connection:
        _set_standing(connection, identity)
    return True


def verified_for(connection: duckdb.DuckDBPyConnection) -> str | None:
    """The run that the schema `verified` was made for; None if it was made for none, or is being made."""
    identity = _standing(connection)
    return identity.partition(" ")[0] if identity else None


def stands_for(connection: duckdb.DuckDBPyConnection, run_id: str) -> bool:
    """Whether the schema `verified` holds what was verified for a run, by the models as they are now."""
    return _standing(connection) == _identity(run_id)


def _identity(run_id: str) -> str:
    return f"{run_id} {fingerprint(DBT_PROJECT)}"


def _standing(connection: duckdb.DuckDBPyConnection) -> str | None:
    """What the schema `verified` was made for; None while it is being made, or if nobody said."""
    known = connection.execute(
        "select 1 from duckdb_tables() where schema_name = 'control' and table_name = 'verified_for'"
    ).fetchone()
    row = connection.execute("select identity from control.verified_for").fetchone() if known else None
    return row[0] if row else None


def _set_standing(connection: duckdb.DuckDBPyConnection, identity: str | None) -> None:
    connection.execute(
        "create or replace table control.verified_for as select ?::varchar as identity", [identity]
    )


def _write_run_tariffs(connection: duckdb.DuckDBPyConnection, tariffs: TariffBook | None) -> None:
    connection.execute(_RUN_TARIFFS)
    for tariff in tariffs.tariffs if tariffs is not None else ():
        connection.execute(
            "insert into control.run_tariffs values (?, ?, ?, ?, ?)",
            [
                tariff.version,
                tariff.effective_from,
                list(tariff.payable_qualities),
                tariff.mismatch_wh,
                tariff.mismatch_bp,
            ],
        )


def range_of_reads(
    connection: duckdb.DuckDBPyConnection, period_from: datetime, period_to: datetime
) -> tuple[datetime, datetime]:
    """Half hours that the period can need: its own, its events', and its leases' (R22), whole sessions each.

    Versions and cancellations are left aside: a range too wide costs time and changes no result.
    """
    row = connection.execute(
        """
        with
        events as (
            select greatest($to, max(ends_at)) as needed_to
            from raw.dr_events
            where starts_at >= $from and starts_at < $to
        ),
        leases as (
            select
                least($from, min(valid_from)) as needed_from,
                greatest(any_value(coalesce(needed_to, $to)), max(valid_to)) as needed_to
            from events
            left join raw.permission_leases on valid_from < coalesce(needed_to, $to) and valid_to > $from
        ),
        sessions as (
            select
                least(any_value(needed_from), min(started_at)) as needed_from,
                greatest(any_value(needed_to), max(ended_at)) as needed_to
            from leases
            left join raw.charger_sessions on started_at < needed_to and ended_at > needed_from
        )
        select time_bucket(interval 30 minutes, needed_from), time_bucket(interval 30 minutes, needed_to)
        from sessions
        """,
        {"from": period_from, "to": period_to},
    ).fetchone()
    assert row is not None
    return row[0], row[1] + HALF_HOUR


def _build(*, warehouse: Path, parameters: RunParameters, progress: Callable[[str], None]) -> None:
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager  # noqa: PLC0415 -- 3 s to import
    from dbt.cli.main import dbtRunner  # noqa: PLC0415

    with dbt_environment(warehouse):
        try:
            manifest = parsed_project(DBT_PROJECT, database=warehouse.stem)
            runner = dbtRunner(manifest=manifest, callbacks=[_reporter(progress)])
            result = runner.invoke(_arguments(parameters))
        finally:
            # dbt keeps the file locked after it returns.
            DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]
    if not result.success:
        failure = JobFailed(_failure(result))
        refuse_full_disk(failure, place=warehouse)
        refuse_damage(failure, warehouse=warehouse)
        raise failure


def _arguments(parameters: RunParameters) -> list[str]:
    folder = str(DBT_PROJECT)
    return [
        # What failed stands in the error: printed, it would come between a command's own lines.
        *("--log-level", "none", "--no-version-check", "--no-partial-parse", "build"),
        *("--project-dir", folder, "--profiles-dir", folder),
        *("--exclude-resource-type", "unit_test"),
        *("--vars", json.dumps(parameters.as_vars())),
    ]


@contextmanager
def dbt_environment(warehouse: Path) -> Iterator[None]:
    """dbt's settings for one invocation; its artefacts go to a folder that is thrown away."""
    with tempfile.TemporaryDirectory(prefix="vgi-dbt-") as folder:
        settings = {
            "VGI_WAREHOUSE": str(warehouse.resolve()),
            "VGI_THREADS": str(thread_count()),
            "DBT_TARGET_PATH": folder,
            "DBT_LOG_PATH": folder,
        }
        before = {name: os.environ.get(name) for name in settings}
        os.environ.update(settings)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


def _reporter(progress: Callable[[str], None]) -> Callable[[Any], None]:
    def report(event: Any) -> None:
        if event.info.name == "LogStartLine":
            progress(event.data.description)

    return report


def _failure(result: Any) -> str:
    if result.exception is not None:
        return f"Verification could not start: {result.exception}"
    failed = [node for node in result.result.results if node.status in ("error", "fail")]
    reasons = "; ".join(f"{node.node.name}: {(node.message or '').strip()}" for node in failed)
    return f"Verification failed in {len(failed)} of the dbt project's models and tests. {reasons}"
