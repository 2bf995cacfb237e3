"""The benchmark's peers compute what the product computes, and every rule that they rest on is compared."""

import importlib.util
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import ModuleType

import duckdb
import pyarrow as pa
import pytest

from benchmarks.peers import PEERS, PERFORMANCES, TABLES, differences, export_tables, verified
from pipelines.verify import verify
from settlement import SettlementPeriod
from tests.agreement.product import NOW, Product, product_of
from tests.benchmarks import ties
from tests.oracle import World
from tests.oracle import settle as oracle_settle
from tests.oracle import worlds as oracle_worlds

# One column of one table other than it was delivered: who does not use it, or does not compare, sees nothing.
FAULTS = {
    "a Wh more": ("meter_intervals", "import_wh + 1 as import_wh"),
    "a missing read is 0": ("meter_intervals", "coalesce(import_wh, 0) as import_wh"),
    "ids in another order": (
        "charger_sessions",
        "format('{:09}', row_number() over (order by session_id desc)) as session_id",
    ),
    "nothing logged": ("charger_sessions", "0::bigint as charged_wh"),
    "sessions a second shorter": ("charger_sessions", "ended_at - interval 1 second as ended_at"),
    "granted as asked for": ("permission_leases", "valid_from as granted_at"),
    "consent not needed": ("permission_leases", "valid_from as consent_at"),
    "never revoked": ("permission_leases", "null::timestamp as revoked_at"),
    "specific for ever": ("specific_vehicles", "null::timestamp as valid_to"),
    "all EVSEs public": ("evses", "'public' as access"),
    "all EVSEs capable": ("evses", "true as backfeed_capable"),
    "one region": ("evses", "min(region) over () as region"),
    "vehicles known for a month": ("vehicles", "valid_from + interval 1 month as valid_to"),
    "late signals in time": ("dr_signals", "issued_at - interval 90 days as issued_at"),
    "events a second shorter": ("dr_events", "ends_at - interval 1 second as ends_at"),
}
# A rule broken in the peer itself: of its file, what stands there once, and what would be wrong.
TIES_THE_OTHER_WAY = {
    "polars_peer": (
        '.sort("segment_from", "session_id")',
        '.sort("segment_from", "session_id", descending=True)',
    ),
    "pandas_peer": ("[True, False, True, True]", "[True, False, False, False]"),
    "duckdb_exploded": (
        "backfeed_remainder desc, segment_from, session_id",
        "backfeed_remainder desc, segment_from desc, session_id desc",
    ),
}


@dataclass(frozen=True)
class Month:
    """What the peers read of a period, and what they have to find."""

    tables: Path
    period: tuple[datetime, datetime]
    performances: pa.Table

    def differences(self, peer: str, tables: Path | None = None) -> list[str]:
        """Where a peer disagrees, if it reads these tables instead."""
        return differences(self.performances, PEERS[peer](tables or self.tables, *self.period))


@dataclass(frozen=True)
class Delivered:
    """Random worlds and that of ties, delivered to one warehouse."""

    worlds: list[World]
    period: str
    tariffs: str
    product: Product

    @property
    def instants(self) -> tuple[datetime, datetime]:
        """The settlement period in UTC."""
        return SettlementPeriod.parse(self.period).instants(self.product.tariffs.book.time_zone)


def delivered(*, seed: int, count: int, tariffs: str, folder: Path) -> Delivered:
    """Deliver worlds of this seed, and export what the peers read to `tables` in the folder."""
    random_worlds, period, as_of = oracle_worlds.random_worlds(seed, count)
    of_ties = ties.world_of_ties(oracle_worlds.PERIODS[period]["middle"], received_at=as_of)
    worlds = [*(world for _, world in random_worlds), of_ties]
    product = product_of(oracle_worlds.merged(worlds), tariffs=tariffs, folder=folder)
    export_tables(product.warehouse, folder / "tables", NOW)
    return Delivered(worlds, period, tariffs, product)


def by_the_oracle(worlds: Delivered) -> pa.Table:
    """What the oracle finds in each of the worlds, as of now."""
    documents = oracle_worlds.TARIFFS[worlds.tariffs]
    rows = [
        row
        for world in worlds.worlds
        for row in oracle_settle(world, documents, worlds.period, f"{NOW.isoformat()}Z").rows[
            "dr_achievement"
        ]
    ]
    columns = {name: [row[name] for row in rows] for name in PERFORMANCES.names}
    return pa.table(columns).cast(PERFORMANCES)


def by_the_product(worlds: Delivered) -> pa.Table:
    """What the product verifies in all of the worlds, as of now."""
    warehouse, period = worlds.product.warehouse, SettlementPeriod.parse(worlds.period)
    verify(warehouse=warehouse, period=period, as_of=NOW, tariffs=worlds.product.tariffs.book)
    return verified(warehouse)


def with_fault(tables: Path, fault: str, folder: Path) -> Path:
    """The tables in another folder, one column of one of them made other."""
    table, column = FAULTS[fault]
    for each in TABLES:
        if each != table:
            (folder / f"{each}.parquet").symlink_to(tables / f"{each}.parquet")
    rows = duckdb.sql(f"select * replace ({column}) from '{tables}/{table}.parquet'")
    rows.write_parquet(str(folder / f"{table}.parquet"))
    return folder


def with_rule_broken(module: str, folder: Path) -> ModuleType:
    """A peer's module whose ties go the other way."""
    right, wrong = TIES_THE_OTHER_WAY[module]
    found = importlib.util.find_spec(f"benchmarks.peers.{module}")
    assert found is not None and found.origin is not None
    source = Path(found.origin).read_text()
    assert source.count(right) == 1
    planted = folder / f"{module}.py"
    planted.write_text(source.replace(right, wrong))
    spec = importlib.util.spec_from_file_location(module, planted)
    assert spec is not None and spec.loader is not None
    broken = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(broken)
    return broken


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Month:
    folder = tmp_path_factory.mktemp("peers")
    worlds = delivered(seed=4, count=12, tariffs="tokyo", folder=folder)
    return Month(folder / "tables", worlds.instants, by_the_oracle(worlds))


@pytest.mark.parametrize("peer", PEERS)
def test_a_peer_finds_what_the_oracle_finds(peer: str, month: Month) -> None:
    assert month.performances.num_rows > 100
    assert month.differences(peer) == []


@pytest.mark.parametrize("peer", PEERS)
def test_left_over_watt_hours_go_by_hand_to_the_earlier_and_the_smaller_id(peer: str, month: Month) -> None:
    found = PEERS[peer](month.tables, *month.period).to_pylist()
    achieved = {row["vehicle_id"]: row["achieved"] for row in found if row["dr_event_id"] == ties.EVENT}
    assert achieved == {
        ties.FIRST_VEHICLE: ties.FIRST_ACHIEVED_WH,
        ties.SECOND_VEHICLE: ties.SECOND_ACHIEVED_WH,
    }


@pytest.mark.parametrize("module", TIES_THE_OTHER_WAY)
def test_ties_the_other_way_are_noticed(module: str, month: Month, tmp_path: Path) -> None:
    found = with_rule_broken(module, tmp_path).performances(month.tables, *month.period)
    assert any(ties.EVENT in line for line in differences(month.performances, found))


@pytest.mark.slow
@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("fault", FAULTS)
def test_what_a_rule_rests_on_is_noticed(fault: str, peer: str, month: Month, tmp_path: Path) -> None:
    assert month.differences(peer, with_fault(month.tables, fault, tmp_path)) != []


def test_only_what_is_current_is_exported(month: Month, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="was last changed at"):
        export_tables(month.tables.parent / "vgi.duckdb", tmp_path, datetime.fromisoformat("2023-10-09"))


@pytest.mark.slow
@pytest.mark.parametrize(("tariffs", "seed"), [("tokyo", 11), ("london", 12), ("tokyo", 13), ("london", 14)])
def test_hundreds_of_worlds_agree_with_the_product(tariffs: str, seed: int, tmp_path: Path) -> None:
    worlds = delivered(seed=seed, count=60, tariffs=tariffs, folder=tmp_path)
    month = Month(tmp_path / "tables", worlds.instants, by_the_product(worlds))
    assert {peer: month.differences(peer) for peer in PEERS} == {peer: [] for peer in PEERS}
