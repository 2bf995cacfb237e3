"""What a report reads: rows of queries, and those of the deliveries as a run saw them (R6)."""

from typing import Any

import duckdb

from pipelines.feeds import FEEDS
from pipelines.versions import in_force

Rows = tuple[dict[str, Any], ...]

_RUN_DELIVERIES = "select delivery_no from books.run_deliveries where run_id = $run_id and outcome = 'loaded'"


def rows_of(connection: duckdb.DuckDBPyConnection, query: str, **parameters: object) -> Rows:
    """The rows of a query, by the names of its columns; parameters are `$named`."""
    found = connection.execute(query, parameters)
    names = [column[0] for column in found.description or ()]
    return tuple(dict(zip(names, row, strict=True)) for row in found.fetchall())


def known_rows(feed: str, *, where: str = "true") -> str:
    """SQL for the rows of a feed that the run `$run_id` saw: of each key the version of its last delivery,
    cancelled ones left out. `where` is a condition on `version`, the table's rows.
    """
    columns = ", ".join(f"version.{name}" for name in FEEDS[feed].column_names)
    return f"""
        select {columns}
        from raw.{feed} as version
        where
            {where}
            and version.row_status = 'active'
            and {in_force("version", deliveries=_RUN_DELIVERIES)}
    """
