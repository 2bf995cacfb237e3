"""Airflow on this machine, with the sample to settle: `python -m dags.serve` (`make airflow`).

SQLite, LocalExecutor, a free port, an account whose password is made anew; all below one folder. Ends with Ctrl-C.
"""

import argparse
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

from pipelines.config import OWN_FILES_ONLY
from pipelines.feeds import FEEDS

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "sample"
SAMPLE_PERIOD, SAMPLE_RECEIVED_AT = "2023-12", "2024-01-08T09:00:00Z"
USER = "operator"
DAG_IDS = {"ingest", "verify", "settle", "correct", "audit_docs"}
_PATIENCE_SECONDS = 300
# Airflow on SQLite answers with 500 or 503 while another of its processes writes.
_BUSY = (HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE)
_BUSY_SECONDS = 60


class Refused(Exception):
    """A call that Airflow answered with an error."""

    def __init__(self, code: int, answer: str) -> None:
        super().__init__(f"Airflow answered {code}: {answer[:500]}")
        self.code = code


@dataclass(frozen=True)
class Server:
    """An Airflow that runs below a folder."""

    home: Path
    port: int
    password: str
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """Where its UI is."""
        return f"http://localhost:{self.port}"

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One call of the REST API as the operator; the decoded answer. Reading is tried again while SQLite is busy."""
        ask = partial(_call, method, f"{self.url}/api/v2{path}", body, token=self.token())
        return _when_free(ask) if method == "GET" else ask()

    def token(self) -> str:
        """What says to the API, and by the cookie `_token` to the UI, that the operator signed in."""
        answer = _call("POST", f"{self.url}/auth/token", {"username": USER, "password": self.password})
        return str(answer["access_token"])

    def knows_all_dags(self) -> bool:
        """Whether every DAG file was read."""
        return {dag["dag_id"] for dag in self.call("GET", "/dags")["dags"]} >= DAG_IDS

    def trigger(self, dag_id: str, run_id: str, **conf: Any) -> None:
        """Start a run of a DAG, asked for again while SQLite is busy."""
        body = {"dag_run_id": run_id, "logical_date": None, "conf": conf}
        asked_before = False

        def ask() -> None:
            nonlocal asked_before
            try:
                self.call("POST", f"/dags/{dag_id}/dagRuns", body)
            except Refused as refused:
                # What was answered with an error may have been done.
                if not (asked_before and refused.code == HTTPStatus.CONFLICT):
                    asked_before = True
                    raise

        _when_free(ask)

    def state_of(self, dag_id: str, run_id: str) -> str:
        """The state of a run of a DAG."""
        return str(self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def wait_for(self, dag_id: str, run_id: str, *, states: tuple[str, ...] = ("success",)) -> str:
        """Wait until a run is in one of some states; RuntimeError if it fails or nothing happens for long."""
        give_up_at = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < give_up_at:
            state = self.state_of(dag_id, run_id)
            if state in states:
                return state
            if state == "failed":
                break
            time.sleep(1)
        raise RuntimeError(f"Run {run_id} of {dag_id} did not get to {', '.join(states)}; it is {state}.")

    def wait_for_first_run(self, dag_id: str) -> None:
        """Wait until the scheduler's own first run of a DAG is over."""
        give_up_at = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < give_up_at:
            runs = self.call("GET", f"/dags/{dag_id}/dagRuns")["dag_runs"]
            if runs and all(run["state"] in ("success", "failed") for run in runs):
                return
            time.sleep(1)
        raise RuntimeError(f"The scheduler did not run {dag_id}.")

    def stop(self) -> None:
        """End all of its processes."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


def start(home: Path, *, settings: dict[str, str] | None = None) -> Server:
    """Start Airflow below `home` (made if need be) and wait until it is healthy."""
    home.mkdir(parents=True, exist_ok=True)
    port, password = _free_port(), secrets.token_urlsafe(12)
    for feed in FEEDS:
        (home / "landing" / feed).mkdir(parents=True, exist_ok=True)
    shutil.copytree(SAMPLE / "tariffs", home / "tariffs", dirs_exist_ok=True)
    (home / "passwords.json").write_text(json.dumps({USER: password}))
    (home / "passwords.json").chmod(0o600)
    environment = {**os.environ, **_environment(home, port=port), **(settings or {})}
    airflow = str(Path(sys.executable).parent / "airflow")
    log = (home / "airflow.log").open("ab")
    for arguments in (["db", "migrate"], ["pools", "set", "warehouse", "1", "One writer of the warehouse"]):
        subprocess.run([airflow, *arguments], env=environment, check=True, stdout=log, stderr=log, cwd=home)
    process = subprocess.Popen(
        [airflow, "standalone"], env=environment, stdout=log, stderr=log, cwd=home, start_new_session=True
    )
    server = Server(home=home, port=port, password=password, process=process)
    try:
        _wait_until_healthy(server)
    except BaseException:
        server.stop()
        raise
    return server


def _environment(home: Path, *, port: int) -> dict[str, str]:
    base = f"http://localhost:{port}"
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONPATH": str(ROOT),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "false",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{base}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": base,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(_free_port()),
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(_free_port()),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        "VGI_LANDING": str(home / "landing"),
        "VGI_WAREHOUSE": str(home / "vgi.duckdb"),
        "VGI_TARIFFS": str(home / "tariffs"),
        "VGI_EXPORTS": str(home / "exports"),
        "VGI_DOCS": str(home / "audit-docs"),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return int(probe.getsockname()[1])


def _wait_until_healthy(server: Server) -> None:
    give_up_at = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < give_up_at:
        if server.process.poll() is not None:
            raise RuntimeError(f"Airflow ended by itself; see {server.home / 'airflow.log'}.")
        try:
            health = _call("GET", f"{server.url}/api/v2/monitor/health")
            parts = ("metadatabase", "scheduler", "dag_processor")
            if all(health[part]["status"] == "healthy" for part in parts) and server.knows_all_dags():
                return
        except (Refused, urllib.error.URLError, ConnectionError, KeyError, TimeoutError):
            pass
        time.sleep(1)
    raise RuntimeError(f"Airflow did not get healthy; see {server.home / 'airflow.log'}.")


def _when_free(ask: Callable[[], Any]) -> Any:
    """What a call answers, made again while SQLite is busy."""
    give_up_at = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            return ask()
        except Refused as refused:
            if refused.code not in _BUSY or time.monotonic() > give_up_at:
                raise
        time.sleep(1)


def _call(method: str, url: str, body: Any = None, *, token: str | None = None) -> Any:
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        raise Refused(error.code, error.read().decode(errors="replace")) from error


def settle_the_sample(server: Server) -> None:
    """Deliver the sample and trigger its month; approval is left to a person."""
    server.wait_for_first_run("ingest")  # else that one would take the files in, at another instant
    shutil.copytree(SAMPLE / "landing", server.home / "landing", dirs_exist_ok=True)
    server.trigger("ingest", "sample", received_at=SAMPLE_RECEIVED_AT)
    server.wait_for("ingest", "sample")
    server.trigger("settle", "sample", settlement_period=SAMPLE_PERIOD, as_of=None)


def main() -> int:
    """Serve until Ctrl-C."""
    os.umask(OWN_FILES_ONLY)
    parser = argparse.ArgumentParser(description="Airflow on this machine, with the sample to settle.")
    parser.add_argument("--home", type=Path, default=ROOT / "airflow-home", help="where all of it is kept")
    home = parser.parse_args().home.resolve()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that Airflow is ended with it
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it else
    print(f"Starting Airflow below {home} (half a minute or so) ...", flush=True)
    server = start(home)
    try:
        print(f"\n  {server.url}\n  user {USER}, password {server.password}\n", flush=True)
        settle_the_sample(server)
        print(
            "The sample month is being settled; approve it under Required Actions. Ctrl-C ends all.",
            flush=True,
        )
        server.process.wait()
    except KeyboardInterrupt:
        print("\nStopping Airflow.")
    finally:
        server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
