"""Tables as all of them look on the terminal."""

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

MOST_ROWS = 20


def table_of(*columns: str) -> Table:
    """A table with these columns; `>` before a name sets it flush right."""
    table = Table(header_style="dim", box=None)
    for column in columns:
        table.add_column(column.removeprefix(">"), justify="right" if column.startswith(">") else "left")
    return table


def print_table(console: Console, title: str, table: Table, *, rows: int = 0, export: str = "") -> None:
    """Print a table unless it is empty; where it shows some of the `rows` only, say where the others are."""
    if not table.row_count:
        return
    console.print(Text(f"\n{title}", style="bold"))
    console.print(table)
    if rows > table.row_count:
        console.print(Text(f"  and {rows - table.row_count:,} more in {export}"))


def print_counts(console: Console, title: str, label: str, counts: Mapping[str, int]) -> None:
    """Print a table of names and how often each stands there, unless there is none."""
    table = table_of(label, ">count")
    for name, count in counts.items():
        table.add_row(name, f"{count:,}")
    print_table(console, title, table)
