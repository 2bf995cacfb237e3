"""What is looked at before anything is issued: nothing leaves that rests on damaged books or files.

The ledger and the journal are verified whole (seconds per million bookings), of the stored deliveries those
that bear on the run's period: a new day costs the same whatever lies behind it.
"""

from pathlib import Path

import duckdb

from pipelines.check import journals, ledger, stored_files
from pipelines.errors import DamageFound
from pipelines.runs import Run


def refuse_damaged(connection: duckdb.DuckDBPyConnection, *, warehouse: Path, run: Run) -> None:
    """DamageFound if the ledger's chain is broken, the journal torn, or a stored file that the run rests on
    is not what was delivered. DuckDB itself checks the blocks that an export reads.
    """
    faults = [
        *ledger.chain_faults(connection),
        *ledger.head_faults(connection),
        *journals.file_faults(warehouse),
        *stored_files.file_faults(warehouse, stored_files.files_of_run(connection, run)),
    ]
    if faults:
        sentences = [fault.sentence for fault in faults]
        raise DamageFound("\n".join([f"Nothing of run {run.run_id} was issued.", *sentences]))
