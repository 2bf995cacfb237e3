"""Peers: the same performances as users of other libraries would compute them, from the same typed tables.

A peer takes a folder of Parquet files, one a feed (`export_tables`), and the settlement period as two
instants (naive UTC), and returns a table of `PERFORMANCES`. A peer's module is imported when it is called,
so that a process that measures one does not pay for the others; `differences` compares what it found with
what the product found (`verified`).
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from importlib import import_module
from pathlib import Path

import pyarrow as pa

from benchmarks.peers.tables import PERFORMANCES, TABLES, differences, export_tables, verified

__all__ = ["PEERS", "PERFORMANCES", "TABLES", "differences", "export_tables", "verified"]

Peer = Callable[[Path, datetime, datetime], pa.Table]


def _performances(module: str, tables: Path, period_from: datetime, period_to: datetime) -> pa.Table:
    peer: Peer = import_module(f"benchmarks.peers.{module}").performances
    return peer(tables, period_from, period_to)


PEERS: dict[str, Peer] = {
    "Polars": partial(_performances, "polars_peer"),
    "pandas": partial(_performances, "pandas_peer"),
    "DuckDB, exploded": partial(_performances, "duckdb_exploded"),
}
