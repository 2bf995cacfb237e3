"""What a warehouse holds for good, as rows: schemas `raw`, `results` and `books`."""

from pathlib import Path
from typing import Any

from pipelines.warehouse import open_warehouse

Contents = dict[str, list[tuple[Any, ...]]]

_TABLES = """
    select schema_name || '.' || table_name from duckdb_tables()
    where schema_name in ('raw', 'results', 'books') order by 1
"""


def contents(warehouse: Path) -> Contents:
    """The rows of each table, sorted."""
    with open_warehouse(warehouse) as connection:
        tables = [name for (name,) in connection.execute(_TABLES).fetchall()]
        return {name: connection.execute(f"from {name} order by all").fetchall() for name in tables}


def file_bytes(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
