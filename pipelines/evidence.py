"""Evidence for the gates: SQL judges the rows, and counts what is at fault with some of its keys."""

from collections.abc import Mapping

import duckdb
import pyarrow as pa

from expectations.judgement import MOST_KEYS

Evidence = dict[str, pa.Table]


def table_of(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: Mapping[str, object] | None = None
) -> pa.Table:
    """The rows of a query as an Arrow table."""
    connection.complete()  # else a result that was fetched in part stands in the way
    return connection.sql(query, params=dict(parameters or {})).to_arrow_table()


def counts_of(
    connection: duckdb.DuckDBPyConnection,
    queries: Mapping[str, str],
    parameters: Mapping[str, object] | None = None,
) -> pa.Table:
    """One row: of each query, whose rows are the keys at fault, their number and the first of them.

    The column `<name>_keys` holds them as lines.
    """
    found: dict[str, list[int | str]] = {}
    for name, query in queries.items():
        used = {key: value for key, value in (parameters or {}).items() if f"${key}" in query}
        row = connection.execute(
            f"select count(*), array_to_string(min(key::varchar, {MOST_KEYS}), chr(10)) from ({query})", used
        ).fetchone()
        assert row is not None
        found[name], found[f"{name}_keys"] = [int(row[0])], [row[1] or ""]
    return pa.table(found)
