"""Verifications other than the month's own, as tasks: within a memory limit, or of some models only.

They call the product's `verify` with other arguments to dbt.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.stages import node_seconds
from benchmarks.tasks import Clock, task

_DBT = ("dbt.cli.main", "dbt.adapters.duckdb.connections", "pipelines.verify")


@task(*_DBT)
def build_models(
    clock: Clock, *, warehouse: str, tariffs: str, period: str, as_of: str, select: str
) -> dict[str, Any]:
    """Build some models and none of their tests."""
    nodes = node_seconds(clock)
    with _dbt_told("--select", select, "--resource-type", "model"):
        _verify(warehouse, tariffs=tariffs, period=period, as_of=as_of)
    return {"nodes": nodes}


@task(*_DBT)
def verify_within(
    clock: Clock, *, warehouse: str, tariffs: str, period: str, as_of: str, memory_limit: str
) -> dict[str, Any]:
    """Verify the period within a memory limit of DuckDB's."""
    from pipelines.verify import DBT_PROJECT

    profile = (DBT_PROJECT / "profiles.yml").read_text()
    limited = profile.replace("memory_limit: 50%", f"memory_limit: {memory_limit}")
    if limited == profile:
        raise LookupError("profiles.yml sets no `memory_limit: 50%` any more: name what it sets now.")
    with tempfile.TemporaryDirectory() as folder, _dbt_told("--profiles-dir", folder):
        (Path(folder) / "profiles.yml").write_text(limited)
        _verify(warehouse, tariffs=tariffs, period=period, as_of=as_of)
    return {}


@task("dbt.cli.main", "pipelines.verify")
def parse_project(clock: Clock) -> dict[str, Any]:
    """Parse the dbt project, which a change of it makes necessary, and read it back as every run does."""
    from pipelines import dbt_manifest
    from pipelines.verify import DBT_PROJECT, dbt_environment

    with tempfile.TemporaryDirectory() as folder, dbt_environment(Path(folder) / "vgi.duckdb"):
        with clock.on("parse"):
            dbt_manifest._parse(DBT_PROJECT)
        with clock.on("read back"):
            dbt_manifest.parsed_project(DBT_PROJECT, database="vgi")
    return {}


@task("duckdb")
def fingerprints(clock: Clock, *, warehouse: str) -> dict[str, Any]:
    """Rows and a hash of each table of schema `verified`, whatever the order of its rows."""
    import duckdb

    with duckdb.connect(warehouse, read_only=True) as connection:
        tables = connection.execute(
            "select table_name from duckdb_tables() where schema_name = 'verified' order by all"
        ).fetchall()
        return {
            table: [
                str(value)
                for value in connection.execute(
                    f"select count(*), sum(hash(each)) from verified.{table} as each"
                ).fetchall()[0]
            ]
            for (table,) in tables
        }


def _verify(warehouse: str, *, tariffs: str, period: str, as_of: str) -> None:
    from pipelines.instants import parse_instant
    from pipelines.tariff_files import read_tariffs
    from pipelines.verify import verify
    from settlement import SettlementPeriod

    month = SettlementPeriod.parse(period)
    verify(
        warehouse=Path(warehouse),
        period=month,
        as_of=parse_instant(as_of),
        tariffs=read_tariffs(Path(tariffs)).book.for_period(month),
    )


@contextmanager
def _dbt_told(*arguments: str) -> Iterator[None]:
    """Further arguments of dbt's; of one that is given twice the last counts."""
    from pipelines import verify

    told = verify._arguments
    verify._arguments = lambda parameters: [*told(parameters), *arguments]
    try:
        yield
    finally:
        verify._arguments = told
