"""Whatever a statement says, it reaches the files of its warehouse only, no network and no extension."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.adapters.duckdb.environments.local import LocalEnvironment
from jinja2 import Template

from pipelines.store import store_of
from pipelines.verify import DBT_PROJECT
from pipelines.warehouse import open_warehouse

ATTEMPTS = {
    "read a file of the machine": "select * from read_csv('/etc/passwd', header = false)",
    "read it as text": "select * from read_text('/etc/passwd')",
    "list a folder": "select * from glob('/etc/*')",
    "leave the store by ..": "select * from read_text('{store}/../secret.txt')",
    "read beside the store": "select * from read_text('{folder}/secret.txt')",
    "a folder whose name begins like the store's": "select * from read_text('{store}-not/secret.txt')",
    "follow a link out of the store": "select * from read_text('{store}/evses/link')",
    "write a file": "copy (select 1) to '{folder}/written.csv'",
    "write the whole warehouse": "export database '{folder}/all'",
    "attach another file": "attach '{folder}/other.duckdb' as other",
    "read a web page": "select * from read_csv('http://127.0.0.1:1/x.csv')",
    "read a bucket": "select * from 's3://bucket/x.parquet'",
    "install an extension": "install httpfs",
    "load an extension": "load httpfs",
    "load a file as extension": "load '{folder}/x.duckdb_extension'",
    "keep a secret for later": "create persistent secret kept (type http, bearer_token 'x')",
    "allow it again": "set enable_external_access = true",
    "allow another folder": "set allowed_directories = ['/']",
    "allow another file": "set allowed_paths = ['/etc/passwd']",
    "spill elsewhere": "set temp_directory = '{folder}/spilled'",
    "unlock the settings": "set lock_configuration = false",
    "unlock them for all": "reset global lock_configuration",
    "log statements to a file": "set log_query_path = '{folder}/statements.sql'",
}


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    """In a folder whose name has to be quoted, with secrets around it."""
    folder = tmp_path / "an operator's [1], books"
    file = folder / "vgi.duckdb"
    (store_of(file) / "evses").mkdir(parents=True)
    (store_of(file) / "evses" / "received").write_text("kept\n")
    outside = folder / "secret.txt"
    outside.write_text("secret\n")
    (store_of(file) / "evses" / "link").symlink_to(outside)
    (folder / f"{store_of(file).name}-not").mkdir()
    (folder / f"{store_of(file).name}-not" / "secret.txt").write_text("secret\n")
    return file


@pytest.fixture
def connection(warehouse: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_warehouse(warehouse) as opened:
        yield opened


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_an_attempt_to_leave_is_refused(
    connection: duckdb.DuckDBPyConnection, warehouse: Path, attempt: str
) -> None:
    before = sorted(warehouse.parent.rglob("*"))
    with pytest.raises(
        (duckdb.PermissionException, duckdb.InvalidInputException), match=r"disabled|has been locked"
    ):
        connection.execute(_statement(attempt, warehouse))
    assert sorted(warehouse.parent.rglob("*")) == before


def test_what_was_received_is_read(connection: duckdb.DuckDBPyConnection, warehouse: Path) -> None:
    path = str(store_of(warehouse) / "evses" / "received")
    query = "select * from read_csv($path, header = false)"
    assert connection.execute(query, {"path": path}).fetchall() == [("kept",)]


def test_the_warehouse_itself_is_written_and_can_spill(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("create table numbers as select range as n from range(1_000_000)")
    connection.execute("checkpoint")
    assert connection.execute("select sum(n) from numbers").fetchone() == (499_999_500_000,)
    [(spill, allowed)] = connection.execute(
        "select current_setting('temp_directory'), current_setting('allowed_directories')"
    ).fetchall()
    assert f"{spill}/" in allowed


def test_a_reader_is_locked_as_a_writer_is(warehouse: Path) -> None:
    with open_warehouse(warehouse):
        pass
    with (
        open_warehouse(warehouse, read_only=True) as reader,
        pytest.raises(duckdb.PermissionException, match="disabled by configuration"),
    ):
        reader.execute(ATTEMPTS["read a file of the machine"])


def test_readers_of_one_process_open_it_at_once(warehouse: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their connections share settings, which the first one locks."""
    with open_warehouse(warehouse):
        pass
    together, zones, faults = threading.Barrier(8), list[object](), list[Exception]()

    def read() -> None:
        together.wait()
        try:
            with open_warehouse(warehouse, read_only=True) as connection:
                together.wait()
                zones.append(connection.execute("select current_setting('TimeZone')").fetchone())
        except Exception as fault:
            together.abort()
            faults.append(fault)

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert zones == [("UTC",)] * 8


@pytest.fixture
def connection_of_dbt(warehouse: Path) -> Iterator[Any]:
    """As dbt's adapter opens it, by the project's profile."""
    with open_warehouse(warehouse):
        pass
    given = {"VGI_WAREHOUSE": str(warehouse), "VGI_THREADS": "1"}
    profile = yaml.safe_load(
        Template((DBT_PROJECT / "profiles.yml").read_text()).render(env_var=lambda name, _: given[name])
    )
    said = profile["vgi"]["outputs"]["warehouse"]
    environment = LocalEnvironment(DuckDBCredentials.from_dict({**said, "database": warehouse.stem}))
    yield environment.handle().cursor()
    environment.close()


@pytest.mark.parametrize("attempt", [attempt for attempt in ATTEMPTS if not attempt.startswith("unlock")])
def test_dbt_cannot_leave_either(connection_of_dbt: Any, warehouse: Path, attempt: str) -> None:
    with pytest.raises(duckdb.Error, match=r"disabled|while database is running"):
        connection_of_dbt.execute(_statement(attempt, warehouse))


def _statement(attempt: str, warehouse: Path) -> str:
    quoted = {
        "folder": str(warehouse.parent).replace("'", "''"),
        "store": str(store_of(warehouse)).replace("'", "''"),
    }
    return ATTEMPTS[attempt].format(**quoted)
