"""Where a task's time goes, by SQL statement. A task and its arguments, as `benchmarks.child` takes them:

    python -m benchmarks.statements ingest '{"landing": "month/01-initial", "warehouse": "new/vgi.duckdb"}'

For whoever makes a stage cheaper. Statements are told apart by their first words; dbt's are its models'.
"""

import json
import re
import sys
from importlib import import_module
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

from benchmarks.child import TASK_MODULES
from benchmarks.clock import Clock
from benchmarks.figures import Cost
from benchmarks.tasks import TASKS

_DEAREST = 25
_LONGEST = 110


def time_statements(clock: Clock) -> None:
    """From now on clock every statement of every DuckDB connection of this process, by its shape."""
    execute = duckdb.DuckDBPyConnection.execute

    def timed(connection: Any, query: Any, *arguments: Any, **options: Any) -> Any:
        with clock.on(shape(str(query))):
            return execute(connection, query, *arguments, **options)

    setattr(duckdb.DuckDBPyConnection, "execute", timed)  # noqa: B010 -- the type's stub forbids it


def shape(query: str) -> str:
    """The first words of a statement, numbers and paths left out."""
    words = " ".join(re.sub(r"/\*.*?\*/", " ", query, flags=re.DOTALL).split())
    return re.sub(r"\d+|'[^']*'", "?", words)[:_LONGEST]


def show(costs: dict[str, Cost], console: Console) -> None:
    """The dearest statements, and all together."""
    table = Table(title="dearest statements")
    for name in ("CPU s", "wall s"):
        table.add_column(name, justify="right")
    table.add_column("statement")
    for name, cost in sorted(costs.items(), key=lambda each: -each[1].cpu_s)[:_DEAREST]:
        table.add_row(f"{cost.cpu_s:.3f}", f"{cost.wall_s:.3f}", name)
    total = sum(costs.values(), start=Cost(0.0, 0.0))
    table.add_row(f"{total.cpu_s:.3f}", f"{total.wall_s:.3f}", "all statements")
    console.print(table)


def main() -> None:
    """Do the task in this process, and show what its statements and all of it cost."""
    for module in TASK_MODULES:
        import_module(f"benchmarks.{module}")
    task = TASKS[sys.argv[1]]
    for module in task.imports:
        import_module(module)
    statements, parts, whole = Clock(), Clock(), Clock()
    time_statements(statements)
    with whole.on("all"):
        task.work(parts, **json.loads(sys.argv[2]))
    console = Console(width=160)
    show(statements.costs, console)
    for name, cost in {**parts.costs, **whole.costs}.items():
        console.print(f"{name:10} {cost.cpu_s:8.3f} CPU s {cost.wall_s:8.3f} wall s", highlight=False)


if __name__ == "__main__":
    main()
