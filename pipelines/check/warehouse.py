"""Is the warehouse, with the store beside it, still what was written? All is read, nothing is changed."""

from collections.abc import Callable, Iterable
from pathlib import Path

import duckdb

from pipelines.check import contents, journals, ledger, stored_files
from pipelines.check.verdict import Fault, WarehouseCheck
from pipelines.damage import RESTORE, first_line, is_damage
from pipelines.errors import BadInput, DamageFound
from pipelines.journal import journal_path, refuse_lost_warehouse
from pipelines.warehouse import open_warehouse

Progress = Callable[[str], None]
Faults = Iterable[Fault]


def check_warehouse(
    warehouse: Path, *, progress: Progress = lambda _: None, detail: Progress = lambda _: None
) -> WarehouseCheck:
    """Check the warehouse's blocks, tables, ledger and journal, and every stored delivery.

    Of a warehouse that cannot be opened, the store is checked by the journal's file. BadInput if there is
    neither, JobFailed if another process holds the warehouse.
    """
    if not warehouse.exists() and not journal_path(warehouse).is_file():
        raise BadInput(f"There is no warehouse {warehouse} to check; name one (--warehouse FILE).")
    check = _Check(warehouse, progress=progress, detail=detail)
    try:
        if not warehouse.exists():
            refuse_lost_warehouse(warehouse)
        with open_warehouse(warehouse, read_only=True, compare_journal=False) as connection:
            check.look(connection)
    except (DamageFound, BadInput) as error:
        check.note([Fault(part="warehouse", found=str(error), remedy=_remedy_besides(error))])
        check.look_beside()
    return WarehouseCheck(warehouse=warehouse, examined=check.examined, faults=tuple(check.faults))


def _remedy_besides(error: Exception) -> str:
    return "" if RESTORE in str(error) else RESTORE


class _Check:
    """One check under way: what was found so far."""

    def __init__(self, warehouse: Path, *, progress: Progress, detail: Progress) -> None:
        self._warehouse = warehouse
        self._progress = progress
        self._detail = detail
        self.faults: list[Fault] = []
        self.examined: dict[str, int] = {}

    def note(self, faults: Faults) -> None:
        """Take down what a part found; that DuckDB cannot read what the part needs is a fault too."""
        try:
            for fault in faults:
                if fault not in self.faults:
                    self.faults.append(fault)
        except duckdb.Error as error:
            if not is_damage(error):
                raise
            found = f"The warehouse cannot be read: {first_line(error)}."
            self.note([Fault(part="warehouse", found=found, remedy=RESTORE)])

    def look(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Look at all parts of a warehouse that opens."""
        self._read_tables(connection)
        self._progress("Checking the ledger: numbers, hash chain, double entry.")
        self._count("bookings", lambda: ledger.count_bookings(connection))
        for faults_of in (ledger.chain_faults, ledger.double_entry_faults, ledger.head_faults):
            self.note(faults_of(connection))
        self._progress("Checking the journal.")
        self._count("journal_entries", lambda: journals.count_entries(connection))
        self.note(journals.file_faults(self._warehouse))
        self.note(journals.table_faults(connection))
        self.note(journals.difference_faults(connection, warehouse=self._warehouse))
        self.note(journals.told_faults(connection))
        try:
            files = stored_files.all_files(connection)
        except duckdb.Error:  # noted already, when its table was read
            files = stored_files.told_files(journals.readable_entries(self._warehouse))
        self._read_files(files)

    def look_beside(self) -> None:
        """Look at the journal's file and the stored deliveries, without a warehouse."""
        self._progress("Checking the journal.")
        self.note(journals.file_faults(self._warehouse))
        entries = journals.readable_entries(self._warehouse)
        self.examined["journal_entries"] = len(entries)
        self._read_files(stored_files.told_files(entries))

    def _read_tables(self, connection: duckdb.DuckDBPyConnection) -> None:
        names = contents.tables_of(connection)
        self._progress(f"Reading {len(names):,} tables.")
        self.note(contents.reading_faults(connection, names, looked_at=self._detail))
        self.note(contents.row_faults(connection))
        self.examined["tables"] = len(names)

    def _read_files(self, files: list[stored_files.StoredFile]) -> None:
        self._progress(f"Reading {len(files):,} stored deliveries.")
        done = 0

        def looked_at() -> None:
            nonlocal done
            done += 1
            self._detail(f"{done:,} of {len(files):,} stored deliveries")

        self.note(stored_files.file_faults(self._warehouse, files, looked_at=looked_at))
        self.examined["stored_deliveries"] = len(files)

    def _count(self, name: str, count: Callable[[], int]) -> None:
        try:
            self.examined[name] = count()
        except duckdb.Error as error:
            if not is_damage(error):
                raise
