"""The warehouse: one DuckDB file, opened by one process at a time, with its tables and views."""

import hashlib
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from pipelines import books_tables, config, gate_results, journal
from pipelines.damage import RESTORE, first_line, is_damage, refuse_damage
from pipelines.errors import BadInput, DamageFound, JobFailed
from pipelines.feeds import FEEDS, ROW_STATUS, Feed
from pipelines.store import store_of

DEFAULT_WAIT_SECONDS = 60.0
_RETRY_SECONDS = 0.1
_LOGGER = logging.getLogger(__name__)
# DuckDB's default leaves a fifth of the machine to everything else, the Python around it included.
_MEMORY_LIMIT = "50%"
_Settings = dict[str, str | bool | int | float | list[str]]
# What a statement needs is built in: nothing is fetched from the network, nor loaded from the user's folders.
NO_EXTENSIONS: _Settings = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
_MAGIC = slice(8, 12), b"DUCK"
# Connections of one process to one file share its settings, which the first of them locks.
_CONNECTING = threading.Lock()

_RAW_TABLES = (
    "create schema if not exists raw",
    """
    create table if not exists raw.deliveries (
        delivery_no integer not null,
        feed varchar not null,
        sha256 varchar not null,
        file_name varchar not null,
        format varchar not null,
        received_at timestamp not null,
        bytes bigint not null,
        outcome varchar not null,
        reason varchar,
        rows_in bigint not null,
        rows_accepted bigint not null,
        rows_duplicate bigint not null,
        rows_quarantined bigint not null,
        notes varchar,
    )
    """,
    """
    create table if not exists raw.quarantine (
        delivery_no integer not null,
        line bigint,
        column_name varchar,
        reason varchar not null,
        row_text varchar,
    )
    """,
    """
    create table if not exists raw.supersessions (
        delivery_no integer not null,
        row_no integer not null,
        superseded_by_delivery_no integer not null,
    )
    """,
    """
    create table if not exists raw.meter_settings (
        delivery_no integer not null,
        note_no integer not null,
        noted_at timestamp not null,
        settings varchar not null,
    )
    """,
)


@contextmanager
def open_warehouse(
    path: Path,
    *,
    read_only: bool = False,
    wait_seconds: float = DEFAULT_WAIT_SECONDS,
    compare_journal: bool = True,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the warehouse file, made with all its tables if need be, and close it again.

    Sessions are in UTC (R1), on VGI_THREADS threads. Whatever a statement says, it reaches no file but those
    of the warehouse and of its store of deliveries, no network and no extension, and changes no setting.
    While another process holds the file, waits for up to `wait_seconds`. Raises BadInput if the file is not a
    warehouse, JobFailed if it stays locked, DamageFound if it does not continue the journal beside it, or if
    DuckDB finds it damaged, now or when it is read. To look at one that does not continue its journal:
    `compare_journal=False`.
    """
    path = Path(path)
    settings = _settings()
    if compare_journal and not path.exists():
        journal.refuse_lost_warehouse(path)
    _check_path(path, read_only=read_only)
    connection = _connect(path, settings=settings, read_only=read_only, wait_seconds=wait_seconds)
    try:
        _define(connection, path=path, read_only=read_only)
        if compare_journal:
            journal.compare(connection, warehouse=path, read_only=read_only)
        yield connection
        if compare_journal and not read_only:
            journal.write_out(connection, warehouse=path)
    except Exception as error:
        refuse_damage(error, warehouse=path)
        raise
    finally:
        connection.close()


def thread_count() -> int:
    """VGI_THREADS, or else as many as DuckDB would take by itself. BadInput for what is no number."""
    wanted = config.threads()
    if wanted is not None:
        return wanted
    with duckdb.connect(config=NO_EXTENSIONS) as connection:
        row = connection.execute("select current_setting('threads')").fetchone()
    assert row is not None
    return int(row[0])


def _check_path(path: Path, *, read_only: bool) -> None:
    if path.is_dir():
        raise BadInput(f"The warehouse {path} is a folder; name a file.")
    if path.exists():
        _check_kind(path)
        return
    if read_only:
        raise BadInput(f"There is no warehouse at {path}; ingest a landing folder into it first.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"The folder of the warehouse {path} cannot be made: {error.strerror}.") from error


def _check_kind(path: Path) -> None:
    """DuckDB itself would look for an extension that reads a file of another database."""
    place, magic = _MAGIC
    try:
        with path.open("rb") as file:
            start = file.read(place.stop)
    except OSError as error:
        raise BadInput(f"{path} cannot be opened as a warehouse: {error.strerror}.") from error
    # A file that another process is only making may still be empty.
    if start and start[place] != magic:
        if _was_a_warehouse(path):
            raise DamageFound(f"The warehouse {path} is no DuckDB file any more. {RESTORE}")
        raise BadInput(f"{path} cannot be opened as a warehouse: it is not a DuckDB file; name another one.")


def _settings() -> _Settings:
    threads = config.threads()
    return {
        **NO_EXTENSIONS,
        "memory_limit": _MEMORY_LIMIT,
        # Line numbers of a delivery are the order in which its rows were read.
        "preserve_insertion_order": "true",
        **({} if threads is None else {"threads": threads}),
    }


def _connect(
    path: Path, *, settings: _Settings, read_only: bool, wait_seconds: float
) -> duckdb.DuckDBPyConnection:
    give_up_at = time.monotonic() + wait_seconds
    said = False
    while True:
        try:
            with _CONNECTING:
                connection = duckdb.connect(str(path), read_only=read_only, config=settings)
                _lock_down(connection, store=store_of(path))
            return connection
        except duckdb.IOException as error:
            if "Could not set lock on file" not in str(error):
                raise _unopened(path, error) from error
            if time.monotonic() >= give_up_at:
                raise JobFailed(
                    f"The warehouse {path} is held by another process for more than {wait_seconds:g} s; "
                    "try again when that one is done."
                ) from error
            if not said:
                _LOGGER.warning("%s is held by another process; waiting up to %g s.", path, wait_seconds)
                said = True
        except duckdb.Error as error:
            raise _unopened(path, error) from error
        time.sleep(_RETRY_SECONDS)


def _unopened(path: Path, error: duckdb.Error) -> BadInput | DamageFound:
    if _was_a_warehouse(path) and is_damage(error):
        return DamageFound(f"The warehouse {path} cannot be opened ({first_line(error)}). {RESTORE}")
    return BadInput(f"{path} cannot be opened as a warehouse: {first_line(error)}.")


def _was_a_warehouse(path: Path) -> bool:
    return journal.journal_path(path).is_file()


def _lock_down(connection: duckdb.DuckDBPyConnection, *, store: Path) -> None:
    """Partners' files are parsed here: no statement may reach more than the store and the warehouse."""
    locked = connection.execute("select current_setting('lock_configuration')").fetchone()
    if locked == (True,):
        return
    folder = str(store.resolve()).replace("'", "''")
    connection.execute("set global TimeZone = 'UTC'")
    # In this order: none of them can be changed after the next.
    connection.execute(f"set allowed_directories = ['{folder}']")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")


def _define(connection: duckdb.DuckDBPyConnection, *, path: Path, read_only: bool) -> None:
    """Make what is missing; the hash of all definitions spares a write at every opening."""
    statements = definitions()
    wanted = hashlib.sha256("\x1f".join(statements).encode()).hexdigest()
    if _defined(connection) == wanted:
        return
    if read_only:
        raise BadInput(f"{path} was not made by this version; ingest into it once to bring it up to date.")
    connection.execute("begin")
    try:
        for statement in statements:
            connection.execute(statement)
        connection.execute("create schema if not exists control")
        connection.execute(
            "create or replace table control.warehouse_definitions as select ? as sha256", [wanted]
        )
        connection.execute("commit")
    except BaseException:
        connection.execute("rollback")
        raise


def _defined(connection: duckdb.DuckDBPyConnection) -> str | None:
    known = connection.execute(
        "select 1 from duckdb_tables() where schema_name = 'control' and table_name = 'warehouse_definitions'"
    ).fetchall()
    if not known:
        return None
    rows = connection.execute("select sha256 from control.warehouse_definitions").fetchall()
    return str(rows[0][0]) if rows else None


def definitions() -> tuple[str, ...]:
    """Every statement that makes the warehouse, harmless when repeated. Schemas of other parts join here."""
    return (
        *_RAW_TABLES,
        *(_raw_table(feed) for feed in FEEDS.values()),
        "create schema if not exists published",
        *(_published_view(feed) for feed in FEEDS.values()),
        *books_tables.definitions(),
        journal.DEFINITIONS,
        gate_results.DEFINITIONS,
    )


def _raw_table(feed: Feed) -> str:
    columns = ", ".join(
        f"{column.name} {column.sql_type}{'' if column.nullable else ' not null'}" for column in feed.columns
    )
    return (
        f"create table if not exists raw.{feed.name} (delivery_no integer not null, row_no integer not null, "
        f"line integer not null, {columns}, {ROW_STATUS} varchar not null)"
    )


def _published_view(feed: Feed) -> str:
    """All rows as of now: the last version of each key, cancelled ones left out (R6)."""
    columns = ", ".join(f"rows.{name}" for name in feed.column_names)
    return f"""
        create or replace view published.{feed.name} as
        select {columns}
        from raw.{feed.name} as rows
        where
            rows.{ROW_STATUS} = 'active'
            and not exists (
                select 1
                from raw.supersessions
                where
                    supersessions.delivery_no = rows.delivery_no
                    and supersessions.row_no = rows.row_no
            )
    """
