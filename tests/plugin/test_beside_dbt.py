"""A page that is being read makes no verification fail: dbt waits for the warehouse as every writer does."""

import subprocess
import sys
from pathlib import Path

import yaml
from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.adapters.duckdb.environments.local import LocalEnvironment

from pipelines.verify import DBT_PROJECT
from tests.pipeline.world import World

READER = """
import pathlib, sys, time
from pipelines.warehouse import open_warehouse
with open_warehouse(pathlib.Path(sys.argv[1]), read_only=True):
    print("reads", flush=True)
    time.sleep(0.5)
"""


def credentials(warehouse: Path) -> DuckDBCredentials:
    profile = yaml.safe_load((DBT_PROJECT / "profiles.yml").read_text())["vgi"]["outputs"]["warehouse"]
    told = {"database": warehouse.stem, "schema": profile["schema"], "path": str(warehouse)}
    return DuckDBCredentials.from_dict({**told, "retries": profile["retries"]})


def test_dbt_waits_for_a_reader(world: World) -> None:
    command = [sys.executable, "-c", READER, str(world.warehouse)]
    root = DBT_PROJECT.parent
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == b"reads\n"
        connection = LocalEnvironment.initialize_db(credentials(world.warehouse))
        rows = connection.execute("select count(*) from raw.deliveries").fetchall()
        connection.close()
        assert rows == [(1,)]
