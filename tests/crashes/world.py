"""A small fleet's month and its correction, and everything that has to be the same in the end."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from shutil import copytree

from pipelines.journal import FILE_NAME as JOURNAL
from pipelines.journal import entries, journal_path, read_file
from pipelines.simulate import simulate
from pipelines.store import store_of
from pipelines.warehouse import open_warehouse

PERIOD = "2023-12"
RECEIPTS = {"01-initial": "2023-12-31T15:00:00Z", "02-late": "2024-01-04T15:00:00Z"}
INITIAL, LATE = RECEIPTS
_COMPARED = ("raw", "books", "results")
# What the clock says of an attempt: two undisturbed runs differ in it too.
_CLOCK_COLUMNS = {"created_at", "booked_at", "at"}
_HASHED_CLOCK = {"books.journal": {"chain_hash"}}

Rows = Counter[tuple[object, ...]]


def simulate_deliveries(folder: Path) -> Path:
    """Ten days of twenty EVSEs, with late rows."""
    simulate(out_dir=folder, evses=20, days=10, first_day=date(2023, 12, 1), seed=1)
    return folder


@dataclass(frozen=True)
class World:
    """A warehouse and its exports in one folder, and the deliveries that come in."""

    folder: Path
    deliveries: Path

    @property
    def warehouse(self) -> Path:
        return self.folder / "vgi.duckdb"

    @property
    def out(self) -> Path:
        return self.folder / "exports"

    def copy_to(self, folder: Path) -> "World":
        copytree(self.folder, folder)
        return World(folder, self.deliveries)

    def main_job(self, receipt: str) -> list[str | Path]:
        """`vgi run` for one receipt; as all else, with an instant of receipt that is not the clock's."""
        return [
            *("--warehouse", self.warehouse, "run", self.deliveries / receipt, "--period", PERIOD),
            *("--tariffs", self.deliveries / "tariffs", "--received-at", RECEIPTS[receipt]),
            *("--out", self.out),
        ]

    def ingest(self, receipt: str) -> list[str | Path]:
        return [
            *("--warehouse", self.warehouse, "ingest", self.deliveries / receipt),
            *("--received-at", RECEIPTS[receipt]),
        ]

    def verify(self, receipt: str) -> list[str | Path]:
        return [
            *("--warehouse", self.warehouse, "verify", PERIOD, "--tariffs", self.deliveries / "tariffs"),
            *("--as-of", RECEIPTS[receipt]),
        ]

    def settle(self, receipt: str) -> list[str | Path]:
        return [
            *("--warehouse", self.warehouse, "settle", PERIOD, "--tariffs", self.deliveries / "tariffs"),
            *("--as-of", RECEIPTS[receipt]),
        ]

    def export(self, run_id: str) -> list[str | Path]:
        return ["--warehouse", self.warehouse, "export", run_id, "--out", self.out]

    def state(self) -> "End":
        """All that counts, as it stands now."""
        return End(
            rows=_rows(self.warehouse), stored=_hashes(store_of(self.warehouse)), exported=self.exported()
        )

    def exported(self) -> dict[str, bytes]:
        """Every file below the export folder by path, hidden ones too."""
        return {
            str(path.relative_to(self.out)): path.read_bytes()
            for path in sorted(self.out.rglob("*"))
            if path.is_file()
        }

    def run_ids(self) -> list[str]:
        """The runs, in the order in which they were stored."""
        with open_warehouse(self.warehouse) as connection:
            rows = connection.execute("select run_id from books.runs order by as_of").fetchall()
        return [run_id for (run_id,) in rows]


@dataclass(frozen=True)
class End:
    """Rows of the warehouse by table, received files and exported bytes: equal whatever happened between."""

    rows: dict[str, Rows]
    stored: dict[str, str]
    exported: dict[str, bytes]

    def lost(self, after: "End") -> int:
        """Rows and files that stand here and not there."""
        rows = sum(
            (counted - after.rows.get(table, Counter())).total() for table, counted in self.rows.items()
        )
        files = {*self.stored.items(), *self.exported.items()} - {
            *after.stored.items(),
            *after.exported.items(),
        }
        return rows + len(files)

    def doubled(self, after: "End") -> int:
        """Rows and files that stand there more often than here."""
        return after.lost(self)


def _rows(warehouse: Path) -> dict[str, Rows]:
    with open_warehouse(warehouse) as connection:
        tables = connection.execute(
            """
            select schema_name || '.' || table_name, list(column_name order by column_index)
            from duckdb_columns()
            where list_contains(?, schema_name) and table_name in (select table_name from duckdb_tables())
            group by all
            """,
            [list(_COMPARED)],
        ).fetchall()
        rows = {}
        for table, columns in tables:
            left_out = _CLOCK_COLUMNS | _HASHED_CLOCK.get(table, set())
            compared = ", ".join(f'"{name}"' for name in columns if name not in left_out)
            rows[table] = Counter(connection.execute(f"select {compared} from {table}").fetchall())
        told = list(entries(connection))
    assert list(read_file(journal_path(warehouse))) == told, "the journal's file follows the warehouse"
    return rows


def _hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != JOURNAL
    }
