"""The product's exports for a world of deliveries, by the functions that the command calls."""

import csv
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import yaml

from pipelines.export import export_run
from pipelines.ingest import ingest
from pipelines.settle import settle
from pipelines.tariff_files import TariffFiles, read_tariffs
from settlement import SettlementPeriod
from tests.oracle import EXPORTS, World
from tests.oracle import worlds as oracle_worlds

NOW = datetime.fromisoformat("2026-06-01T00:00:00")


@dataclass(frozen=True)
class Product:
    """A warehouse of its own with tariffs, ready to receive and to settle."""

    folder: Path
    tariffs: TariffFiles

    @property
    def warehouse(self) -> Path:
        """The DuckDB file."""
        return self.folder / "vgi.duckdb"

    def deliver(self, landing: Path, received_at: str) -> None:
        """Ingest a landing folder of valid rows."""
        report = ingest(
            landing, warehouse=self.warehouse, received_at=instant(received_at), clock=lambda: NOW
        )
        assert report.rows_quarantined == 0, "the oracle's worlds hold valid rows only"

    def settle(self, period: str, as_of: str) -> dict[str, list[dict[str, str]]]:
        """Settle, approve and export; the rows of the nine CSV files by name."""
        return read_exports(self.export(period, as_of))

    def export(self, period: str, as_of: str) -> Path:
        """Settle, approve and export (a replay is written only); the run's folder."""
        settled = settle(
            warehouse=self.warehouse,
            period=SettlementPeriod.parse(period),
            tariffs=self.tariffs,
            as_of=instant(as_of),
            now=NOW,
            by="test",
        )
        out = self.folder / "out"
        return export_run(warehouse=self.warehouse, run_id=settled.run_id, out=out, now=NOW, by="test").folder


def instant(text: str) -> datetime:
    """A canonical instant as naive UTC."""
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)


def empty_product(*, tariffs: str, folder: Path) -> Product:
    """Write the tariff files; nothing is delivered yet."""
    tariff_folder = folder / "tariffs"
    tariff_folder.mkdir(parents=True)
    for document in oracle_worlds.TARIFFS[tariffs]:
        (tariff_folder / f"{document['version']}.yaml").write_text(yaml.safe_dump(document))
    return Product(folder=folder, tariffs=read_tariffs(tariff_folder))


def product_of(world: World, *, tariffs: str, folder: Path) -> Product:
    """Ingest a world's deliveries in order of receipt and write its tariff files."""
    product = empty_product(tariffs=tariffs, folder=folder)
    for landing, received_at in oracle_worlds.write_landing(world, folder / "landing"):
        product.deliver(Path(landing), received_at)
    return product


def read_exports(folder: Path) -> dict[str, list[dict[str, str]]]:
    """Every CSV of an export folder as rows of text."""
    return {name: _read(folder / f"{name}.csv") for name in EXPORTS}


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
