"""The tables of the schemas `results` and `books`, and the views of the exports that outsiders see."""

from pipelines.exports import BOOKINGS, EXPORTS, FINDINGS, HELD_PERFORMANCES, Export

_SCHEMAS_AND_RUNS = """
create schema if not exists results;
create schema if not exists books;
create table if not exists books.runs (
    run_id varchar not null,
    settlement_period varchar not null,
    as_of timestamp not null,
    rules_version varchar not null,
    created_at timestamp not null
);
create table if not exists books.run_events (
    seq bigint not null,
    run_id varchar not null,
    state varchar not null,
    "at" timestamp not null,
    "by" varchar not null,
    reason varchar,
    booking_no bigint not null,
    chain_hash varchar not null
);
create table if not exists books.run_deliveries (
    run_id varchar not null,
    delivery_no integer not null,
    feed varchar not null,
    sha256 varchar not null,
    file_name varchar not null,
    received_at timestamp not null,
    outcome varchar not null
);
create table if not exists books.run_tariffs (
    run_id varchar not null,
    version varchar not null,
    content_hash varchar not null,
    effective_from date not null,
    document varchar not null
);
create table if not exists books.entries (
    booking_no bigint not null,
    booking_id varchar not null,
    settlement_period varchar not null,
    side varchar not null,
    account_kind varchar not null,
    account_id varchar not null,
    amount bigint not null,
    unit varchar not null
);
create table if not exists books.closings (
    settlement_period varchar not null,
    closed_at timestamp not null,
    "by" varchar not null
);
create or replace view books.current_runs as
    select runs.run_id, runs.settlement_period
    from books.runs
    inner join books.run_events on run_events.run_id = runs.run_id and run_events.state = 'approved'
    qualify row_number() over (partition by runs.settlement_period order by run_events.seq desc) = 1;
"""


def definitions() -> tuple[str, ...]:
    """Every statement that makes the schemas `results` and `books` and the published views of exports.

    Each is harmless when repeated.
    """
    bookings = BOOKINGS.columns_sql()
    names = ", ".join(BOOKINGS.column_names)
    statements = [
        _SCHEMAS_AND_RUNS,
        "create table if not exists books.bookings (booking_no bigint not null, run_id varchar not null,"
        f" booked_at timestamp not null, {bookings}, chain_hash varchar not null);",
        f"create or replace view results.bookings as select run_id, {names} from books.bookings;",
        f"create or replace view published.bookings as select {names} from books.bookings;",
    ]
    stored = [export for export in EXPORTS if export is not BOOKINGS]
    statements.extend(_table_sql(table) for table in (*stored, *FINDINGS, HELD_PERFORMANCES))
    statements.extend(_view_sql(export) for export in stored)
    return tuple(statements)


def _table_sql(table: Export) -> str:
    return (
        f"create table if not exists results.{table.name} (run_id varchar not null, {table.columns_sql()});"
    )


def _view_sql(export: Export) -> str:
    # Outsiders see of each period the run approved last: summing over runs would count twice.
    return (
        f"create or replace view published.{export.name} as select {', '.join(export.column_names)}"
        f" from results.{export.name} where run_id in (select run_id from books.current_runs);"
    )
