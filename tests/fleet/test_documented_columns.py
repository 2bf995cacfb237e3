"""What the dbt project documents is what it builds: every model, every column, and no other."""

from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from pipelines.dbt_manifest import parsed_project
from pipelines.verify import DBT_PROJECT, verify
from pipelines.warehouse import open_warehouse
from settlement import SettlementPeriod

Columns = dict[tuple[str, str], list[str]]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every model of the project, built on nothing: columns need no rows."""
    path = tmp_path_factory.mktemp("documented") / "vgi.duckdb"
    period = SettlementPeriod.parse("2023-12")
    verify(warehouse=path, period=period, as_of=datetime.fromisoformat("2024-01-05"), tariffs=None)
    return path


@pytest.fixture(scope="module")
def documented(warehouse: Path) -> list[Any]:
    """Models and sources, as dbt understands the project's files."""
    manifest = parsed_project(DBT_PROJECT, database=warehouse.stem)
    models = [node for node in manifest.nodes.values() if node.resource_type == "model"]
    return [*models, *manifest.sources.values()]


def _built(warehouse: Path) -> Columns:
    columns: Columns = defaultdict(list)
    with open_warehouse(warehouse, read_only=True) as connection:
        rows = connection.execute(
            "select schema_name, table_name, column_name"
            " from duckdb_columns() where not internal order by all"
        ).fetchall()
    for schema, table, column in rows:
        columns[schema, table].append(column)
    return columns


def test_the_columns_documented_are_the_columns_built(warehouse: Path, documented: list[Any]) -> None:
    built = _built(warehouse)
    assert len(documented) > 60
    for node in documented:
        assert sorted(node.columns) == built[node.schema, node.name], node.name


def test_nothing_is_built_that_is_not_documented(warehouse: Path, documented: list[Any]) -> None:
    of_dbt = {"staging", "intermediate", "verified"}
    built = {key for key in _built(warehouse) if key[0] in of_dbt}
    assert built == {(node.schema, node.name) for node in documented if node.schema in of_dbt}


def test_every_model_and_every_column_is_described(documented: list[Any]) -> None:
    bare = [node.name for node in documented if not node.description.strip()]
    bare += [
        f"{node.name}.{column.name}"
        for node in documented
        for column in node.columns.values()
        if not column.description.strip()
    ]
    assert bare == []
