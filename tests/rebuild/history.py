"""A history with everything in it that a journal tells of, in a warehouse whose verification is given.

What a vehicle achieved is read off the deliveries that a run sees, so that a rebuilt warehouse finds what the
lost one found only if it holds the same.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from pipelines.approval import approve, reject
from pipelines.closing import close
from pipelines.export import export_run
from pipelines.ingest import IngestReport, ingest
from pipelines.instants import parse_instant
from pipelines.settle import Settled, settle
from pipelines.tariff_files import read_tariffs
from pipelines.warehouse import open_warehouse
from pipelines.withdraw import withdraw
from tests.pipeline.programme import METER_HEADER, REGISTRY, meter_rows, write_feed, write_tariffs
from tests.pipeline.world import PERIOD, World

BY = "Ann"
AGGREGATORS = "aggregator_id,valid_from,valid_to,level,parent_aggregator_id"
VEHICLES = REGISTRY["vehicles"][0]
HOUSE = 'home:\n  metering_point_ids: {"NMI1": MP-HOUSE}\n'
NEM12 = (
    "100,NEM12,202312020000,MDP,RET\n200,NMI1,E1B1,1,E1,N1,SERIAL,kWh,30,\n"
    f"300,20231201,{','.join(['0.1'] * 48)},A,,,20231202000000,\n900\n"
)
_ACHIEVED = """
    with seen as (
        select reads.metering_point_id, interval_start, arg_max(backfeed_wh, delivery_no) as backfeed_wh
        from raw.meter_intervals as reads
        inner join raw.deliveries using (delivery_no)
        where
            received_at <= $as_of
            and delivery_no not in (select delivery_no from raw.withdrawals where withdrawn_at <= $as_of)
        group by all
    )
    select replace(metering_point_id, 'MP', 'V'), sum(backfeed_wh)::bigint
    from seen where metering_point_id in ('MP-1', 'MP-2') group by all order by all
"""


def verify_by_deliveries(*, warehouse: Path, as_of: datetime, **arguments: Any) -> bool:
    """Stands in for the verification."""
    with open_warehouse(warehouse) as connection:
        achieved = dict(connection.execute(_ACHIEVED, {"as_of": as_of}).fetchall())
    return World(warehouse.parent, achieved_wh=achieved).verify(warehouse=warehouse, **arguments)


class History:
    """A warehouse with its folders, told day by day in January 2024."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.warehouse = folder / "vgi.duckdb"
        self.out = folder / "out"
        self._landings = 0

    def deliver(
        self, on: int, files: Mapping[tuple[str, str], list[str] | tuple[str, ...]], sources: str = ""
    ) -> IngestReport:
        self._landings += 1
        landing = self.folder / f"landing-{self._landings}"
        for (feed, name), lines in files.items():
            write_feed(landing, feed, lines, name=name)
        if sources:
            (landing / "sources.yaml").write_text(sources)
        return ingest(landing, warehouse=self.warehouse, received_at=day(on), clock=lambda: day(31))

    def settle(self, on: int, *, hold: bool = False, now: int | None = None) -> Settled:
        return settle(
            warehouse=self.warehouse,
            period=PERIOD,
            tariffs=read_tariffs(write_tariffs(self.folder / "tariffs")),
            now=day(now or on, hour=10),
            by="vgi",
            as_of=day(on),
            hold_for_approval=hold,
        )

    def export(self, run_id: str, on: int) -> None:
        export_run(warehouse=self.warehouse, run_id=run_id, out=self.out, now=day(on, hour=12), by=BY)


def play(folder: Path) -> History:
    """Settle, correct, reject, hold, replay, withdraw and close, with files of every kind between."""
    history = History(folder)
    _first_deliveries(history)
    initial = history.settle(6)
    history.export(initial.run_id, 6)
    reads = {("meter_intervals", "late.csv"): [METER_HEADER, *meter_rows({"MP-2": 700})]}
    history.deliver(9, reads)
    rejected = history.settle(9, hold=True)
    reject(warehouse=history.warehouse, run_id=rejected.run_id, reason="in doubt", now=day(9, hour=11), by=BY)
    history.deliver(10, {("meter_intervals", "10.csv"): [METER_HEADER, *meter_rows({"MP-1": 900})]})
    overtaken = history.settle(10, hold=True)
    history.deliver(12, {("meter_intervals", "12.csv"): [METER_HEADER, *meter_rows({"MP-1": 980})]})
    held = history.settle(12, hold=True)
    approve(warehouse=history.warehouse, run_id=held.run_id, now=day(13), by=BY)
    history.export(held.run_id, 13)
    history.export(overtaken.run_id, 14)
    history.export(history.settle(7, now=14).run_id, 14)
    close(warehouse=history.warehouse, period=PERIOD, by=BY, now=day(15))
    number = str(_delivery_no(history, "12.csv"))
    withdraw(warehouse=history.warehouse, delivery=number, reason="wrong meter", by=BY, now=day(16))
    history.export(history.settle(16).run_id, 17)
    return history


def _first_deliveries(history: History) -> None:
    vehicles = (*REGISTRY["vehicles"], "V-9,2023-01-01T00:00:00Z,,U-9,CA-1,pov,steam")
    reads = meter_rows({"MP-1": 1000, "MP-2": 750})
    house = ("meter_intervals", "home.nem12.csv")
    nem12 = NEM12.splitlines()
    history.deliver(
        5,
        {
            **{(feed, "1.csv"): lines for feed, lines in REGISTRY.items()},
            ("vehicles", "1.csv"): vehicles,
            ("meter_intervals", "1.csv"): [METER_HEADER, *reads, reads[0], "MP-1,not an instant,0,0,A"],
            ("aggregators", "bad.csv"): ("aggregator_id,level", "PA-1,parent"),
            house: nem12,
        },
        sources=HOUSE,
    )
    # Received at the same instant by another ingest, and before it in the order of names.
    history.deliver(5, {("vehicles", "0.csv"): (VEHICLES, "V-2,2023-01-01T00:00:00Z,,U-OLD,CA-1,pov,bev")})
    history.deliver(6, {house: nem12}, sources=HOUSE.replace("MP-HOUSE", "MP-OTHER"))
    history.deliver(6, {("aggregators", "2.csv"): (AGGREGATORS, "PA-2,2023-01-01T00:00:00Z,,parent,")})


def _delivery_no(history: History, file_name: str) -> int:
    with open_warehouse(history.warehouse, read_only=True) as connection:
        query = "select delivery_no from raw.deliveries where file_name = ?"
        return int(connection.execute(query, [file_name]).fetchall()[0][0])


def day(number: int, *, hour: int = 9) -> datetime:
    return parse_instant(f"2024-01-{number:02}T{hour:02}:00:00Z")
