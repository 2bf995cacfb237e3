"""A real Airflow with two months of a simulated fleet, and the same months settled without it."""

import os
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus
from pathlib import Path
from shutil import copytree
from typing import Any

import duckdb

from dags.serve import Refused, Server, start
from pipelines.approval import decide
from pipelines.export import export_run
from pipelines.ingest import ingest
from pipelines.instants import current_instant, parse_instant
from pipelines.settle import settle
from pipelines.simulate import simulate
from pipelines.tariff_files import read_tariffs
from settlement import SettlementPeriod
from tests.security.planted import environment

PERIODS = ("2023-12", "2024-01")
RECEIPTS = {"01-initial": "2024-02-01T03:00:00Z"}
_PATIENCE_SECONDS = 240


def simulate_deliveries(folder: Path) -> Path:
    """Two months of forty EVSEs."""
    simulate(out_dir=folder, evses=40, days=62, first_day=date(2023, 12, 1), seed=3)
    return folder


@dataclass(frozen=True)
class Undisturbed:
    """What comes of the deliveries when nothing goes wrong, by the functions of the command."""

    folder: Path

    @property
    def warehouse(self) -> Path:
        return self.folder / "vgi.duckdb"

    @property
    def exports(self) -> Path:
        return self.folder / "exports"

    def take_in(self, deliveries: Path, receipt: str) -> None:
        """Ingest one receipt."""
        ingest(
            deliveries / receipt,
            warehouse=self.warehouse,
            received_at=parse_instant(RECEIPTS[receipt]),
            clock=current_instant,
        )

    def settle(self, deliveries: Path, period: str) -> None:
        """Settle, approve and issue one period."""
        settled = settle(
            warehouse=self.warehouse,
            period=SettlementPeriod.parse(period),
            tariffs=read_tariffs(deliveries / "tariffs"),
            now=current_instant(),
            by="vgi",
            hold_for_approval=True,
        )
        decide(
            warehouse=self.warehouse,
            run_id=settled.run_id,
            approved=True,
            reason="",
            now=current_instant(),
            by="operator",
        )
        export_run(
            warehouse=self.warehouse, run_id=settled.run_id, out=self.exports, now=current_instant(), by="vgi"
        )


@dataclass(frozen=True)
class Installation:
    """An Airflow below a folder, its landing folder and what it wrote."""

    server: Server
    deliveries: Path

    @classmethod
    def begin(cls, folder: Path, deliveries: Path) -> "Installation":
        """Start it with the deliveries' tariffs and an empty landing folder."""
        planted = environment(signing_key="AIRFLOW_CONN_VGI_SIGNING_KEY")
        server = start(folder, settings={"VGI_TARIFFS": str(deliveries / "tariffs"), **planted})
        server.wait_for_first_run("ingest")
        return cls(server, deliveries)

    @property
    def warehouse(self) -> Path:
        return self.server.home / "vgi.duckdb"

    @property
    def exports(self) -> Path:
        return self.server.home / "exports"

    def land(self, receipt: str) -> None:
        """Lay the files of one receipt into the landing folder."""
        copytree(self.deliveries / receipt, self.server.home / "landing", dirs_exist_ok=True)

    def ingest(self, receipt: str, run_id: str) -> None:
        """Trigger an ingest at a receipt's instant."""
        self.server.trigger("ingest", run_id, received_at=RECEIPTS[receipt])

    def tasks(self, dag_id: str, run_id: str) -> dict[str, dict[str, Any]]:
        """The task instances of a run by task id; of mapped ones the last."""
        answer = self.server.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances")
        return {task["task_id"]: task for task in answer["task_instances"]}

    def back_fill(self, *, first_day: str, last_day: str) -> None:
        """Ask for the settlements due between two days, again where Airflow's SQLite was busy.

        Airflow then answers 503 and takes back what it had begun.
        """

        def accepted() -> bool:
            try:
                self.server.call(
                    "POST",
                    "/backfills",
                    {
                        "dag_id": "settle",
                        "from_date": f"{first_day}T00:00:00Z",
                        "to_date": f"{last_day}T00:00:00Z",
                        "dag_run_conf": {"approval_by_person": False},
                        "max_active_runs": 2,
                    },
                )
            except Refused as refused:
                if refused.code != HTTPStatus.SERVICE_UNAVAILABLE:
                    raise
                return False
            return True

        until(accepted)

    def answer(self, run_id: str, *, option: str, reason: str = "") -> None:
        """Answer the question that a settlement waits with, as the operator, until the answer is taken.

        Airflow fails the task, and asks again, where the answer comes before it has put the task aside.
        """

        def taken() -> bool:
            tasks = self.tasks("settle", run_id)
            if tasks.get("ask_a_person", {}).get("state") == "awaiting_input":
                time.sleep(8)
                self._respond(run_id, option=option, reason=reason)
            return tasks.get("ask_a_person", {}).get("state") == "success"

        until(taken)

    def _respond(self, run_id: str, *, option: str, reason: str) -> None:
        with suppress(Refused):  # it was answered already
            self.server.call(
                "PATCH",
                f"/dags/settle/dagRuns/{run_id}/taskInstances/ask_a_person/-1/hitlDetails",
                {"chosen_options": [option], "params_input": {"reason": reason}},
            )

    def settle(self, period: str, run_id: str) -> None:
        """Settle one period with the operator's approval."""
        self.server.trigger("settle", run_id, settlement_period=period, as_of=None)
        self.answer(run_id, option="Approve")
        self.server.wait_for("settle", run_id)


def handed_on(home: Path) -> list[str]:
    """What tasks handed to each other and to assets, as Airflow keeps it."""
    with closing(sqlite3.connect(home / "airflow.db")) as metadata:
        return [
            str(value)
            for query in ("select value from xcom", "select extra from asset_event")
            for [value] in metadata.execute(query)
        ]


def until(holds: Callable[[], Any], *, every_seconds: float = 0.5) -> Any:
    """Wait for something to hold; give what it gave."""
    give_up_at = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < give_up_at:
        if found := holds():
            return found
        time.sleep(every_seconds)
    raise AssertionError("it did not come to that")


def holder_of(warehouse: Path) -> int | None:
    """The process that holds the warehouse, by the kernel's list of locks."""
    if not warehouse.exists():
        return None
    inode = warehouse.stat().st_ino
    for line in Path("/proc/locks").read_text().splitlines():
        fields = line.split()
        if fields[1] == "POSIX" and fields[5].endswith(f":{inode}"):
            return int(fields[4])
    return None


def kill_when(holds: Callable[[], int | None]) -> int:
    """Kill, with SIGKILL, the process that this gives as soon as it gives one."""
    process = until(holds, every_seconds=0.002)
    os.kill(process, signal.SIGKILL)
    return int(process)


def exported(exports: Path) -> dict[str, bytes]:
    """All exported CSV by path."""
    return {str(path.relative_to(exports)): path.read_bytes() for path in sorted(exports.rglob("*.csv"))}


def books(warehouse: Path) -> list[tuple[Any, ...]]:
    """The ledger with its chain, and the states that runs went through."""
    with _open(warehouse) as connection:
        bookings = connection.execute(
            "select * exclude (booked_at) from books.bookings order by booking_no"
        ).fetchall()
        states = connection.execute(
            "select run_id, state from books.run_events order by run_id, seq"
        ).fetchall()
    return [*bookings, *states]


def deliveries_of(warehouse: Path) -> list[tuple[Any, ...]]:
    """What is registered, whatever the order in which the feeds were loaded."""
    with _open(warehouse) as connection:
        return connection.execute(
            "select * exclude (delivery_no) from raw.deliveries order by feed, sha256"
        ).fetchall()


def _open(warehouse: Path) -> duckdb.DuckDBPyConnection:
    def opened() -> duckdb.DuckDBPyConnection | None:
        try:
            return duckdb.connect(str(warehouse), read_only=True)
        except duckdb.IOException:
            return None

    connection = until(opened, every_seconds=0.05)
    assert isinstance(connection, duckdb.DuckDBPyConnection)
    return connection
