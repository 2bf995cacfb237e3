"""The DAG files: all there, quickly imported, without warehouse or network, thin and self-explaining."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
DAG_IDS = {"ingest", "verify", "settle", "correct", "audit_docs"}
LOOK = """
import json, socket, sys, time
from pathlib import Path

def refuse(*_, **__):
    raise AssertionError("a DAG file reached for the network")

from airflow.dag_processing.dagbag import DagBag
import duckdb
from dags.operation import keep_files_to_ourselves

def hook_of(task):
    return task.partial_kwargs.get("pre_execute") if task.is_mapped else task._pre_execute_hook

socket.socket.connect = refuse
duckdb.connect = refuse
seconds, dags = {}, {}
for path in sorted(Path(sys.argv[1]).glob("*.py")):
    began = time.monotonic()
    bag = DagBag(dag_folder=str(path))
    assert not bag.import_errors, bag.import_errors
    seconds[path.name] = time.monotonic() - began
    for dag in bag.dags.values():
        dags[dag.dag_id] = {
            "doc": bool(dag.doc_md), "tags": sorted(dag.tags), "params": [
                bool(param.description) for param in dag.params.values()
            ] if dag.params else [],
            "tasks": {
                task.task_id: {
                    "pool": task.pool, "retries": task.retries, "owner": task.owner,
                    "timeout": task.execution_timeout is not None,
                    "backoff": bool(task.retry_exponential_backoff),
                    "own_files": hook_of(task) is keep_files_to_ourselves,
                }
                for task in dag.tasks
            },
        }
print("\\n" + json.dumps({"seconds": seconds, "dags": dags}))
"""


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> Any:
    home = tmp_path_factory.mktemp("home")
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "VGI_WAREHOUSE": str(home / "vgi.duckdb"),
    }
    done = subprocess.run(
        [sys.executable, "-c", LOOK, str(ROOT / "dags")],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert not (home / "vgi.duckdb").exists()
    return json.loads(done.stdout.splitlines()[-1])


def test_all_dags_are_there(looked: Any) -> None:
    assert set(looked["dags"]) == DAG_IDS


def test_every_dag_file_is_imported_within_five_seconds(looked: Any) -> None:
    assert {name: seconds for name, seconds in looked["seconds"].items() if seconds > 5} == {}


@pytest.mark.parametrize("dag_id", sorted(DAG_IDS))
def test_a_dag_explains_itself(looked: Any, dag_id: str) -> None:
    dag = looked["dags"][dag_id]
    assert dag["doc"]
    assert dag["tags"]
    assert all(dag["params"])


@pytest.mark.parametrize("dag_id", sorted(DAG_IDS))
def test_tasks_are_retried_with_backoff_and_end_some_time(looked: Any, dag_id: str) -> None:
    tasks = looked["dags"][dag_id]["tasks"]
    waits_for_a_person = {"ask_a_person"}
    assert all(task["retries"] and task["owner"] == "settlement" for task in tasks.values())
    assert {name for name, task in tasks.items() if not task["backoff"]} <= waits_for_a_person
    assert {name for name, task in tasks.items() if not task["timeout"]} <= waits_for_a_person


@pytest.mark.parametrize("dag_id", sorted(DAG_IDS))
def test_what_a_task_makes_is_for_its_user_alone(looked: Any, dag_id: str) -> None:
    assert all(task["own_files"] for task in looked["dags"][dag_id]["tasks"].values())


def test_every_task_that_opens_the_warehouse_takes_the_pool(looked: Any) -> None:
    tasks = {
        f"{dag_id}.{name}": task["pool"]
        for dag_id, dag in looked["dags"].items()
        for name, task in dag["tasks"].items()
    }
    opens_nothing = {
        "ingest.publish",
        "settle.who_approves",
        "settle.ask_a_person",
        "correct.find_due_periods",
        "correct.settle_again",
    }
    assert {name for name, pool in tasks.items() if pool != "warehouse"} == opens_nothing


def test_dags_hold_no_sql_and_import_nothing_of_duckdb_polars_or_dbt() -> None:
    for path in sorted((ROOT / "dags").glob("*.py")):
        tree = ast.parse(path.read_text())
        names = {
            name.name.partition(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for name in node.names
        } | {
            (node.module or "").partition(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
        }
        assert names & {"duckdb", "polars", "dbt", "pandas", "sqlalchemy"} == set(), path.name
