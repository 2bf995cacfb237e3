"""A small world that was ingested, settled and issued, and corrected once: what the damages are done to."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from pipelines.approval import approve
from pipelines.export import export_run
from pipelines.ingest import ingest
from pipelines.instants import parse_instant
from pipelines.settle import settle
from pipelines.store import store_of
from pipelines.tariff_files import read_tariffs
from settlement import SettlementPeriod
from tests.pipeline.programme import METER_HEADER, meter_rows, write_feed, write_landing, write_tariffs

PERIOD = SettlementPeriod.parse("2023-12")
NOW = parse_instant("2024-03-01T00:00:00Z")
RECEIVED = (parse_instant("2024-01-05T00:00:00Z"), parse_instant("2024-01-09T00:00:00Z"))

# Approves a run, and is killed right after the commit and the journal's line, before the log is folded in.
_KILLED_AFTER_COMMIT = """
import os, sys
from pathlib import Path
from pipelines import approval, journal
from pipelines.instants import parse_instant

warehouse, run_id, now = Path(sys.argv[1]), sys.argv[2], parse_instant(sys.argv[3])
book = approval.book_run

def book_and_die(connection, run, **named):
    book(connection, run, **named)
    journal.write_out(connection, warehouse=warehouse)
    os._exit(9)

approval.book_run = book_and_die
approval.approve(warehouse=warehouse, run_id=run_id, now=now, by="Ann")
"""


@dataclass(frozen=True)
class SettledWorld:
    """A folder with a warehouse, its store, what was delivered, and the exports of its first run."""

    folder: Path
    issued: str
    approved: str

    @property
    def warehouse(self) -> Path:
        return self.folder / "vgi.duckdb"

    @property
    def log(self) -> Path:
        return self.folder / "vgi.duckdb.wal"

    @property
    def store(self) -> Path:
        return store_of(self.warehouse)

    @property
    def journal(self) -> Path:
        return self.store / "journal.jsonl"

    @property
    def deliveries(self) -> list[Path]:
        return sorted(path for path in self.store.glob("*/*") if path.is_file())

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def folder_of(self, run_id: str) -> Path:
        return self.out / str(PERIOD) / run_id

    def copied(self, folder: Path) -> "SettledWorld":
        """The same world elsewhere."""
        shutil.copytree(self.folder, folder)
        return SettledWorld(folder, self.issued, self.approved)

    def exported(self, run_id: str) -> dict[str, bytes] | None:
        """The bytes of a run's export; None if it has none."""
        folder = self.folder_of(run_id)
        return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else None


def settled_world(folder: Path, *, killed: bool) -> SettledWorld:
    """One run issued, another approved and not exported: in the warehouse file, or `killed`, in its log."""
    warehouse, tariffs = folder / "vgi.duckdb", read_tariffs(write_tariffs(folder / "tariffs"))
    late = folder / "late"
    write_landing(folder / "landing")
    write_feed(late, "meter_intervals", [METER_HEADER, *meter_rows({"MP-2": 600})], name="late.csv")
    run_ids = []
    for landing, received_at in zip((folder / "landing", late), RECEIVED, strict=True):
        ingest(landing, warehouse=warehouse, received_at=received_at, clock=lambda: NOW)
        settled = settle(
            warehouse=warehouse, period=PERIOD, tariffs=tariffs, now=NOW, by="vgi", hold_for_approval=True
        )
        run_ids.append(settled.run_id)
        if landing != late:
            approve(warehouse=warehouse, run_id=settled.run_id, now=NOW, by="Ann")
            export_run(warehouse=warehouse, run_id=settled.run_id, out=folder / "out", now=NOW, by="Ann")
    if killed:
        _approve_and_die(warehouse, run_ids[-1])
    else:
        approve(warehouse=warehouse, run_id=run_ids[-1], now=NOW, by="Ann")
    return SettledWorld(folder, *run_ids)


def _approve_and_die(warehouse: Path, run_id: str) -> None:
    arguments = [str(warehouse), run_id, "2024-03-01T00:00:00Z"]
    done = subprocess.run([sys.executable, "-c", _KILLED_AFTER_COMMIT, *arguments], check=False)
    assert done.returncode == 9
    assert warehouse.with_name("vgi.duckdb.wal").stat().st_size > 0
