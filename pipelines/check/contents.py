"""The tables of the warehouse: every value read, so that DuckDB checks every block, and the rows counted."""

from collections.abc import Callable, Iterator

import duckdb

from pipelines.check.verdict import Fault
from pipelines.damage import RESTORE, first_line
from pipelines.feeds import FEEDS


def tables_of(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    """Schema and name of every table."""
    return connection.execute(
        "select schema_name, table_name from duckdb_tables() where not temporary order by 1, 2"
    ).fetchall()


def reading_faults(
    connection: duckdb.DuckDBPyConnection,
    tables: list[tuple[str, str]],
    *,
    looked_at: Callable[[str], None] = lambda _: None,
) -> Iterator[Fault]:
    """Tables that cannot be read to the end: hashing whole rows makes DuckDB read every block of them."""
    for schema, name in tables:
        looked_at(f"{schema}.{name}")
        try:
            connection.execute(f'select bit_xor(hash(rows)) from "{schema}"."{name}" as rows').fetchall()
        except duckdb.Error as error:
            yield Fault(
                part="warehouse",
                found=f"Table {schema}.{name} cannot be read: {first_line(error)}.",
                remedy=RESTORE,
            )


def row_faults(connection: duckdb.DuckDBPyConnection) -> Iterator[Fault]:
    """Deliveries whose accepted rows are not as many as were registered (R6: nothing is ever deleted)."""
    for number, feed, name, accepted, found in connection.execute(_ROWS).fetchall():
        what = (
            f"delivery {number} ({feed}/{name})"
            if name
            else f"a delivery {number} of {feed} that nobody registered"
        )
        yield Fault(
            part="warehouse",
            found=f"Of {what} {accepted:,} rows were accepted and {found:,} are there.",
            remedy=RESTORE,
        )


_ROWS = f"""
    with
    found as (
        {
    " union all ".join(
        f"select '{feed}' as feed, delivery_no, count(*) as found_rows from raw.{feed} group by delivery_no"
        for feed in FEEDS
    )
}
    )
    select
        coalesce(deliveries.delivery_no, found.delivery_no),
        coalesce(deliveries.feed, found.feed),
        file_name,
        coalesce(rows_accepted, 0),
        coalesce(found_rows, 0),
    from raw.deliveries
    full join found on found.feed = deliveries.feed and found.delivery_no = deliveries.delivery_no
    where coalesce(rows_accepted, 0) <> coalesce(found_rows, 0)
    order by 1
"""
