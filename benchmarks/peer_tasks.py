"""The peers as tasks: their tables written out, each of them run and compared with what was verified."""

from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.tasks import Clock, task


def peers() -> Any:
    """The package of peers. ModuleNotFoundError where there is none."""
    return import_module("benchmarks.peers")


@task("pipelines.warehouse")
def write_peer_tables(clock: Clock, *, warehouse: str, out: str, as_of: str) -> dict[str, Any]:
    """Write what the peers read."""
    from pipelines.instants import parse_instant

    peers().export_tables(Path(warehouse), Path(out), parse_instant(as_of))
    return {}


@task("benchmarks.peers")
def run_peer(
    clock: Clock, *, peer: str, tables: str, period_from: str, period_to: str, out: str
) -> dict[str, Any]:
    """Compute the performances by a peer."""
    import pyarrow.parquet as pq

    instants = datetime.fromisoformat(period_from), datetime.fromisoformat(period_to)
    found = peers().PEERS[peer](Path(tables), *instants)
    with clock.on("write"):
        pq.write_table(found, out)
    return {"rows": found.num_rows}


@task("benchmarks.peers")
def compare_peer(clock: Clock, *, warehouse: str, found: str) -> dict[str, Any]:
    """What a peer found otherwise than the product."""
    import pyarrow.parquet as pq

    of = peers()
    return {"differences": list(of.differences(of.verified(Path(warehouse)), pq.read_table(found)))}
