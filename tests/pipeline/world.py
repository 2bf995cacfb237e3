"""A warehouse whose verification is given: a test says what stands in schema `verified`.

The pipeline around it is the real one, so that runs, books and exports are tested in milliseconds.
"""

from dataclasses import dataclass, field, fields
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.approval import approve, reject
from pipelines.export import Exported, export_run
from pipelines.instants import parse_instant
from pipelines.settle import Settled, settle
from pipelines.tariff_files import TariffFiles, read_tariffs
from pipelines.verify import _set_standing, _write_run_tariffs
from pipelines.warehouse import open_warehouse
from settlement import SettlementPeriod, TariffBook, VerifiedPeriod
from tests.pipeline.programme import write_tariffs

PERIOD = SettlementPeriod.parse("2023-12")
NOW = parse_instant("2024-03-01T00:00:00Z")
JANUARY_5 = parse_instant("2024-01-05T00:00:00Z")
JANUARY_9 = parse_instant("2024-01-09T00:00:00Z")
JANUARY_12 = parse_instant("2024-01-12T00:00:00Z")
STARTS_AT = parse_instant("2023-12-04T08:00:00Z")
ENDS_AT = parse_instant("2023-12-04T10:00:00Z")


_LOOKED_AT_BY_GATES = """
    create schema if not exists staging;
    create schema if not exists intermediate;
    create or replace table staging.stg_dr_events as
        select 'D-1' as dr_event_id, timestamp '2023-12-04 08:00:00' as starts_at;
    create or replace table intermediate.int_unknown_references (fact varchar, missing varchar);
    create or replace table intermediate.int_signals as
        select
            dr_event_id, vehicle_id, timestamp '2023-12-04 08:00:00' as starts_at,
            'discharge_energy' as amount_kind, true as is_settled
        from verified.performances;
    create or replace table intermediate.int_instructions as
        select 'D-1' as dr_event_id, aggregator_id, level, timestamp '2023-12-04 08:00:00' as starts_at,
            8000 as amount_wh, true as is_counted
        from (values ('PA-1', 'parent'), ('CA-1', 'child')) as aggregators (aggregator_id, level);
    create or replace table intermediate.int_aggregators_in_force as
        select aggregator_id, parent_aggregator_id, timestamp '2023-01-01' as in_force_from,
            timestamp '9999-01-01' as in_force_to
        from (values ('PA-1', null), ('CA-1', 'PA-1')) as aggregators (aggregator_id, parent_aggregator_id);
"""


@dataclass
class World:
    """A warehouse, its tariffs, how much each vehicle is found to have achieved (Wh), and why it is held, if
    it is.
    """

    folder: Path
    achieved_wh: dict[str, int] = field(default_factory=lambda: {"V-1": 4000, "V-2": 3000})
    hold_reasons: dict[str, str] = field(default_factory=dict)
    verifications: int = 0

    @property
    def warehouse(self) -> Path:
        return self.folder / "vgi.duckdb"

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def tariffs(self) -> TariffFiles:
        return read_tariffs(write_tariffs(self.folder / "tariffs"))

    def deliver(self, received_at: datetime, *, sha256: str) -> None:
        """Register a delivery without rows."""
        with open_warehouse(self.warehouse) as connection:
            connection.execute(
                """
                insert into raw.deliveries
                select count(*) + 1, 'meter_intervals', ?, ?, 'csv', ?, 10, 'loaded', null, 1, 1, 0, 0, null
                from raw.deliveries
                """,
                [sha256, f"{sha256}.csv", received_at],
            )

    def settle(self, as_of: datetime | None = None, *, hold: bool = False, now: datetime = NOW) -> Settled:
        return settle(
            warehouse=self.warehouse,
            period=PERIOD,
            tariffs=self.tariffs,
            now=now,
            by="vgi",
            as_of=as_of,
            hold_for_approval=hold,
        )

    def approve(self, run_id: str) -> int:
        return approve(warehouse=self.warehouse, run_id=run_id, now=NOW, by="Ann")

    def reject(self, run_id: str, reason: str = "reads in doubt") -> None:
        reject(warehouse=self.warehouse, run_id=run_id, reason=reason, now=NOW, by="Ann")

    def export(self, run_id: str) -> Exported:
        return export_run(warehouse=self.warehouse, run_id=run_id, out=self.out, now=NOW, by="Ann")

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        with open_warehouse(self.warehouse) as connection:
            return connection.execute(query, list(parameters)).fetchall()

    def states(self, run_id: str) -> list[str]:
        rows = self.rows("select state from books.run_events where run_id = ? order by seq", run_id)
        return [state for (state,) in rows]

    def verify(self, *, warehouse: Path, run_id: str, tariffs: TariffBook, **_: object) -> bool:
        """Stands in for the verification: writes schema `verified`, and what the gates look at beside it."""
        self.verifications += 1
        frames = self.verified()
        with open_warehouse(warehouse) as connection:
            connection.execute("create schema if not exists verified")
            # What the settlement is not told, and a run keeps.
            held = pl.col("vehicle_id").replace_strict(self.hold_reasons, default="", return_dtype=pl.String)
            frames["performances"] = frames["performances"].with_columns(hold_reasons=held)
            for each in fields(VerifiedPeriod):
                connection.register("frame", frames[each.name].to_arrow())
                connection.execute(f"create or replace table verified.{each.name} as select * from frame")
                connection.unregister("frame")
            connection.execute(_LOOKED_AT_BY_GATES)
            _write_run_tariffs(connection, tariffs)
            _set_standing(connection, f"{run_id} models")
        return True

    def verified(self) -> dict[str, pl.DataFrame]:
        schemas = {each.name: each.metadata["schema"] for each in fields(VerifiedPeriod)}
        frames = {name: schema.create_empty() for name, schema in schemas.items()}
        rows = {
            "performances": [self._performance(vehicle) for vehicle in self.achieved_wh],
            "lines": [self._line(vehicle) for vehicle in self.achieved_wh],
            "contracts": [{"contract_id": "C-1", "manager_id": "M-1", "monthly_fee_minor": 30000}],
            "offerings": [{"contract_id": "C-1", "offered_w_half_hours": 144000}],
            "lease_exchanges": [self._lease()],
            "dr_intervals": [self._interval(vehicle) for vehicle in self.achieved_wh],
            "aggregator_achievement": [
                self._aggregator("utility", ""),
                self._aggregator("parent", "PA-1"),
                self._aggregator("child", "CA-1"),
            ],
            "exceptions": [self._exception()],
            "energy_balance": [self._balance("import"), self._balance("backfeed")],
        }
        for name, some in rows.items():
            frames[name] = pl.DataFrame(some, schema=frames[name].schema) if some else frames[name]
        return frames

    def _performance(self, vehicle_id: str) -> dict[str, object]:
        return {
            "dr_event_id": "D-1",
            "vehicle_id": vehicle_id,
            "user_id": vehicle_id.replace("V", "U"),
            "child_aggregator_id": "CA-1",
            "direction": "suppression",
            "amount_kind": "discharge_energy",
            "unit": "Wh",
            "starts_at": STARTS_AT,
            "ends_at": ENDS_AT,
            "event_local_date": date(2023, 12, 4),
            "requested": 4000,
            "achieved": self.achieved_wh[vehicle_id],
            "circular_wh": 0,
            "status": "held" if vehicle_id in self.hold_reasons else "final",
            "qualities": "A",
        }

    def _line(self, vehicle_id: str) -> dict[str, object]:
        leased = vehicle_id == "V-1"
        return {
            "dr_event_id": "D-1",
            "vehicle_id": vehicle_id,
            "evse_id": vehicle_id.replace("V", "E"),
            "lease_id": "L-1" if leased else "",
            "access_class": "leased" if leased else "specific",
            "unit": "Wh",
            "amount_kind": "discharge_energy",
            "direction": "suppression",
            "user_id": vehicle_id.replace("V", "U"),
            "event_local_date": date(2023, 12, 4),
            "achieved": self.achieved_wh[vehicle_id],
            "contract_id": "C-1",
            "contract_in_force": True,
            "rated_w": 6000,
        }

    def _lease(self) -> dict[str, object]:
        return {
            "lease_id": "L-1",
            "evse_id": "E-1",
            "vehicle_id": "V-1",
            "overlaps_period": True,
            "ends_at": ENDS_AT,
            "cover_is_empty": False,
            "has_leased_segment": True,
            "public_at_start": False,
            "specific_at_start": False,
            "eligible_in_cover": True,
            "backfeed_wh": self.achieved_wh.get("V-1", 0),
            "dr_import_wh": 0,
            "lacks_read": False,
            "open_session": False,
        }

    def _interval(self, vehicle_id: str) -> dict[str, object]:
        return {
            "dr_event_id": "D-1",
            "vehicle_id": vehicle_id,
            "evse_id": vehicle_id.replace("V", "E"),
            "interval_start": STARTS_AT,
            "import_wh": None,
            "backfeed_wh": self.achieved_wh[vehicle_id],
            "qualities": "A+N",
        }

    def _aggregator(self, level: str, aggregator_id: str) -> dict[str, object]:
        return {
            "dr_event_id": "D-1",
            "level": level,
            "aggregator_id": aggregator_id,
            "parent_aggregator_id": "PA-1" if level == "child" else "",
            "instructed_wh": None if level == "child" else 8000,
            "achieved_wh": sum(self.achieved_wh.values()),
        }

    def _exception(self) -> dict[str, object]:
        return {
            "code": "missing_read",
            "metering_point_id": "MP-1",
            "evse_id": "",
            "vehicle_id": "",
            "dr_event_id": "",
            "lease_id": "",
            "session_id": "",
            "local_date": date(2023, 12, 4),
            "energy_wh": None,
            "detail": 'Deliver the 2 half hours missing, "import" above all.',
        }

    def _balance(self, direction: str) -> dict[str, object]:
        metered = sum(self.achieved_wh.values()) if direction == "backfeed" else 0
        return {
            "direction": direction,
            "metered_wh": metered,
            "attributed_wh": metered,
            "unattributed_wh": 0,
        }
