"""Bounds against peers: the same performances, computed by other libraries, equal and dearer."""

import shutil
from collections.abc import Iterator
from typing import Any

from benchmarks.bounds import PEER_EQUAL, PEER_LEAD, Judged, named
from benchmarks.figures import Measurement, ratio
from benchmarks.month import Month
from benchmarks.peer_tasks import peers
from benchmarks.scene import Scene

OURS = "vgi"
# A larger month does not fit into the memory of every peer.
MOST_ROWS = 15_000_000


def judge_peers(scene: Scene) -> Iterator[Judged]:
    """Equal results at every size, and the lead at the largest that the peers can take."""
    months = [month for month in scene.months.values() if month.world.rows <= MOST_ROWS]
    fixed = {name: found.cost.cpu_s for name, found in _run_all(scene, scene.smallest).items()}
    costs: list[dict[str, Any]] = []
    for month in months:
        scene.say(f"{month.world.rows:,} rows by peers")
        at = f"{month.world.rows:,} rows"
        found = _run_all(scene, month)
        net = {name: max(0.0, each.cost.cpu_s - fixed[name]) for name, each in found.items()}
        for name, each in found.items():
            row = {"peer": name, "rows": month.world.rows, "net_cpu_s": net[name]}
            costs.append(row | {"wall_s": each.cost.wall_s, "peak_bytes": each.peak_bytes})
            if name == OURS:
                continue
            yield Judged(named(PEER_EQUAL, peer=name), len(each.facts["differences"]), at)
            if month is months[-1]:
                said = f"{at}; {net[name]:.2f} against {net[OURS]:.2f} CPU s"
                yield Judged(named(PEER_LEAD, peer=name), ratio(net[name], net[OURS]), said)
    scene.notes["peers"] = costs


def _run_all(scene: Scene, month: Month) -> dict[str, Measurement]:
    from pipelines.instants import instant_text
    from pipelines.tariff_files import read_tariffs
    from settlement import SettlementPeriod

    world, folder = month.world, scene.work / "peers"
    shutil.rmtree(folder, ignore_errors=True)
    period = SettlementPeriod.parse(world.period)
    time_zone = read_tariffs(world.tariffs).book.for_period(period).time_zone
    period_from, period_to = (instant_text(each) for each in period.instants(time_zone))
    scene.do("write_peer_tables", warehouse=month.warehouse, out=folder, as_of=world.received_at)
    found = {
        OURS: scene.do(
            "build_models",
            warehouse=month.warehouse,
            tariffs=world.tariffs,
            period=world.period,
            as_of=world.received_at,
            select="+performances",
        )
    }
    for peer in peers().PEERS:
        out = folder / "found.parquet"
        measured = scene.do(
            "run_peer",
            peer=peer,
            tables=folder,
            period_from=period_from.removesuffix("Z"),
            period_to=period_to.removesuffix("Z"),
            out=out,
        )
        compared = scene.do("compare_peer", warehouse=month.warehouse, found=out)
        found[peer] = Measurement(
            cost=measured.cost, peak_bytes=measured.peak_bytes, facts=dict(compared.facts)
        )
    shutil.rmtree(folder)
    return found
