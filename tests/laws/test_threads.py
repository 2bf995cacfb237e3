"""R6: the same result on any number of threads, of DuckDB's as of polars's."""

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner

from pipelines.dbt_manifest import parsed_project
from pipelines.errors import BadInput
from pipelines.simulate import simulate
from pipelines.verify import DBT_PROJECT, dbt_environment
from pipelines.warehouse import open_warehouse
from tests.laws.given import Bytes, csv_bytes

VGI = str(Path(sys.executable).with_name("vgi"))


def _exports(simulation: Path, folder: Path, *, threads: int, deliveries: int) -> list[Bytes]:
    """What the command exports after each delivery; polars takes its threads when it is imported."""
    plan = json.loads((simulation / "plan.json").read_text())
    return [
        _run(simulation, folder, plan=plan, step=step, threads=threads)
        for step in plan["deliveries"][:deliveries]
    ]


def _run(
    simulation: Path, folder: Path, *, plan: dict[str, Any], step: dict[str, Any], threads: int
) -> Bytes:
    done = subprocess.run(
        [
            *(VGI, "run", str(simulation / step["folder"]), "--json"),
            *("--period", plan["period"], "--tariffs", str(simulation / "tariffs")),
            *("--received-at", step["received_at"], "--as-of", step["as_of"]),
            *("--out", str(folder / "out"), "--warehouse", str(folder / "vgi.duckdb")),
        ],
        env=os.environ | {"VGI_THREADS": str(threads), "POLARS_MAX_THREADS": str(threads)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return csv_bytes(Path(json.loads(done.stdout)["exported"]["folder"]))


@pytest.mark.slow
def test_one_thread_exports_what_two_do(tmp_path: Path) -> None:
    simulate(out_dir=tmp_path / "fleet", evses=40, days=28, first_day=date(2023, 11, 1), seed=5)
    one, two = (
        _exports(tmp_path / "fleet", tmp_path / str(threads), threads=threads, deliveries=1)
        for threads in (1, 2)
    )
    assert one == two
    assert one[0]["settlement_lines"].count(b"\n") > 500


@pytest.mark.slow
def test_one_thread_exports_what_four_do_where_tables_are_read_in_parts(tmp_path: Path) -> None:
    """DuckDB hands out work by 122,880 rows: below that, no two threads share a table."""
    simulate(out_dir=tmp_path / "fleet", evses=400, days=28, first_day=date(2023, 11, 1), seed=6)
    one, two, four = (
        _exports(tmp_path / "fleet", tmp_path / str(threads), threads=threads, deliveries=2)
        for threads in (1, 2, 4)
    )
    with open_warehouse(tmp_path / "4" / "vgi.duckdb", read_only=True) as connection:
        segments = connection.execute("select count(*) from intermediate.int_segments").fetchone()
    assert segments is not None
    assert segments[0] > 122_880
    assert one == two == four


@pytest.mark.parametrize("threads", [1, 3])
def test_every_connection_takes_the_threads_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    monkeypatch.setenv("VGI_THREADS", str(threads))
    with open_warehouse(tmp_path / "vgi.duckdb") as connection:
        assert connection.execute("select current_setting('threads')").fetchone() == (threads,)
    assert _threads_of_dbt(tmp_path / "vgi.duckdb") == threads


def _threads_of_dbt(warehouse: Path) -> int:
    query = "select current_setting('threads') as threads"
    folder = str(DBT_PROJECT)
    with dbt_environment(warehouse):
        manifest = parsed_project(DBT_PROJECT, database=warehouse.stem)
        try:
            done = dbtRunner(manifest=manifest).invoke(
                ["--quiet", "show", "--inline", query, "--project-dir", folder, "--profiles-dir", folder]
            )
        finally:
            DuckDBConnectionManager.close_all_connections()
    assert done.success, done.exception
    return int(done.result.results[0].agate_table.rows[0]["threads"])


@pytest.mark.parametrize("threads", ["0", "-1", "two", "1.5", "٢"])
def test_what_is_no_number_of_threads_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: str
) -> None:
    monkeypatch.setenv("VGI_THREADS", threads)
    with (
        pytest.raises(BadInput, match=f"VGI_THREADS is '{threads}'; give a number of threads"),
        open_warehouse(tmp_path / "vgi.duckdb"),
    ):
        pass
    assert not any(tmp_path.iterdir())
