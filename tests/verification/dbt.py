"""dbt on a warehouse of a test's own, by the project as it stands."""

from pathlib import Path

from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner

from pipelines.dbt_manifest import parsed_project
from pipelines.verify import DBT_PROJECT, dbt_environment


def dbt_statuses(warehouse: Path, *arguments: str) -> dict[str, str]:
    """Status of each node by name, after one dbt command."""
    folder = str(DBT_PROJECT)
    with dbt_environment(warehouse):
        manifest = parsed_project(DBT_PROJECT, database=warehouse.stem)
        try:
            done = dbtRunner(manifest=manifest).invoke(
                [
                    "--quiet",
                    "--no-version-check",
                    *arguments,
                    "--project-dir",
                    folder,
                    "--profiles-dir",
                    folder,
                ]
            )
        finally:
            DuckDBConnectionManager.close_all_connections()
    assert done.exception is None, done.exception
    return {node.node.name: str(node.status) for node in done.result.results}
