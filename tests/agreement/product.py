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
    """A warehouse with a world's deliveries in it, ready to settle."""

    folder: Path
    tariffs: TariffFiles

    @property
    def warehouse(self) -> Path:
        """The DuckDB file."""
        return self.folder / "vgi.duckdb"

    def settle(self, period: str, as_of: str) -> dict[str, list[dict[str, str]]]:
        """Settle, approve and export; the rows of the nine CSV files by name."""
        settled = settle(
            warehouse=self.warehouse,
            period=SettlementPeriod.parse(period),
            tariffs=self.tariffs,
            as_of=instant(as_of),
            now=NOW,
            by="test",
        )
        out = self.folder / "out"
        export_run(warehouse=self.warehouse, run_id=settled.run_id, out=out, now=NOW, by="test")
        return read_exports(out / period / settled.run_id)


def instant(text: str) -> datetime:
    """A canonical instant as naive UTC."""
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)


def product_of(world: World, *, tariffs: str, folder: Path) -> Product:
    """Ingest a world's deliveries in order of receipt and write its tariff files."""
    tariff_folder = folder / "tariffs"
    tariff_folder.mkdir(parents=True)
    for document in oracle_worlds.TARIFFS[tariffs]:
        (tariff_folder / f"{document['version']}.yaml").write_text(yaml.safe_dump(document))
    product = Product(folder=folder, tariffs=read_tariffs(tariff_folder))
    for landing, received_at in oracle_worlds.write_landing(world, folder / "landing"):
        report = ingest(
            Path(landing), warehouse=product.warehouse, received_at=instant(received_at), clock=lambda: NOW
        )
        assert report.rows_quarantined == 0, "the oracle's worlds hold valid rows only"
    return product


def read_exports(folder: Path) -> dict[str, list[dict[str, str]]]:
    """Every CSV of an export folder as rows of text."""
    return {name: _read(folder / f"{name}.csv") for name in EXPORTS}


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
