"""A landing folder and a warehouse of their own for each test."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from pipelines.ingest import IngestReport, ingest
from pipelines.warehouse import open_warehouse

NOW = datetime.fromisoformat("2024-03-01T12:00:00")
METER_HEADER = "metering_point_id,interval_start,import_wh,backfeed_wh,quality\n"


@dataclass
class House:
    """A landing folder with its warehouse."""

    folder: Path
    now: datetime = NOW
    meter_header: str = METER_HEADER
    said: list[str] = field(default_factory=list)

    @property
    def landing(self) -> Path:
        return self.folder / "landing"

    @property
    def warehouse(self) -> Path:
        return self.folder / "vgi.duckdb"

    def put(self, name: str, content: str | bytes) -> Path:
        path = self.landing / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def put_reads(self, name: str, rows: str) -> Path:
        return self.put(f"meter_intervals/{name}", self.meter_header + rows)

    def ingest(self, received_at: datetime | None = None) -> IngestReport:
        return ingest(
            self.landing,
            warehouse=self.warehouse,
            received_at=received_at,
            clock=lambda: self.now,
            progress=self.said.append,
        )

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with open_warehouse(self.warehouse, read_only=True) as connection:
            return connection.execute(query).fetchall()

    def quarantine(self) -> list[tuple[Any, ...]]:
        return self.rows("select line, column_name, reason from raw.quarantine order by delivery_no, line")


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
def new_house(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], House]:
    return lambda: House(tmp_path_factory.mktemp("house"))
