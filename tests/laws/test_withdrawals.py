"""R6, R24: a withdrawn delivery might as well never have come: what it moved, and no more, is booked back."""

import random
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pipelines.journal import FILE_NAME
from pipelines.store import store_of
from pipelines.warehouse import open_warehouse
from pipelines.withdraw import withdraw
from tests.agreement.agreement import _differences, _settle, _together
from tests.agreement.product import NOW, Product, empty_product, instant, read_exports
from tests.laws.given import csv_bytes
from tests.oracle import EXPORTS, Delivery, World
from tests.oracle import worlds as oracle_worlds
from tests.oracle.base import instant as seconds_of
from tests.oracle.base import text_of

pytestmark = pytest.mark.slow

HOUR = 3600
STATE_THE_BOOKS = {"bookings", "user_points", "manager_fee_reductions"}
Worlds = list[tuple[str, World]]
Name = tuple[str, str, str]


@dataclass
class History:
    """A warehouse that receives, withdraws and settles in turn, and the worlds as they stand without what was
    withdrawn.
    """

    product: Product
    tariffs: str
    period: str
    worlds: Worlds
    standing: Worlds
    rng: random.Random
    folders: dict[str, Path] = field(default_factory=dict)
    known: dict[str, Worlds] = field(default_factory=dict)
    withdrawn: list[Name] = field(default_factory=list)
    disagreements: list[str] = field(default_factory=list)
    booked: dict[str, list[dict[str, str]]] = field(default_factory=dict)

    def receive(self, received_at: str) -> None:
        """The files of a receipt."""
        arrived = [
            (prefix, World([file for file in world.deliveries if same_instant(file, received_at)]))
            for prefix, world in self.worlds
        ]
        self._deliver(arrived)

    def deliver_again(self, received_at: str, names: Iterable[Name]) -> None:
        """The rows of withdrawn files in new ones: one empty line more makes other bytes."""
        wanted = set(names)
        self._deliver(
            [
                (
                    prefix,
                    World(
                        [
                            Delivery(received_at, file.feed, f"again-{file.file_name}", file.rows)
                            for file in world.deliveries
                            if name_of(file) in wanted
                        ]
                    ),
                )
                for prefix, world in self.worlds
            ],
            one_line_more=True,
        )

    def _deliver(self, arrived: Worlds, *, one_line_more: bool = False) -> None:
        landing = self.product.folder / f"landing-{self.rng.random()}"
        for folder, received_at in oracle_worlds.write_landing(oracle_worlds.merged(arrived), landing):
            for path in Path(folder).rglob("*.csv") if one_line_more else ():
                path.write_bytes(path.read_bytes() + b"\n")
            self.product.deliver(Path(folder), received_at)
        self.standing = [
            (prefix, World([*world.deliveries, *more.deliveries]))
            for (prefix, world), (_, more) in zip(self.standing, arrived, strict=True)
        ]

    def withdraw(self, share: float, *, at: str) -> list[Name]:
        """Withdraw some of the files that stand."""
        names = sorted({name_of(file) for _, world in self.standing for file in world.deliveries})
        chosen = self.rng.sample(names, max(1, int(len(names) * share)))
        for received_at, feed, file_name in chosen:
            withdraw(
                warehouse=self.product.warehouse,
                delivery=self._number_of(received_at, feed, file_name),
                reason="law",
                by="test",
                now=NOW,
                withdrawn_at=instant(at),
            )
        self.withdrawn += chosen
        self.standing = [
            (prefix, World([file for file in world.deliveries if name_of(file) not in chosen]))
            for prefix, world in self.standing
        ]
        return chosen

    def _number_of(self, received_at: str, feed: str, file_name: str) -> str:
        with open_warehouse(self.product.warehouse) as connection:
            row = connection.execute(
                "select delivery_no from raw.deliveries where received_at = ? and feed = ? and file_name = ?",
                [instant(received_at), feed, file_name],
            ).fetchone()
        assert row is not None
        return str(row[0])

    def settle(self, as_of: str) -> None:
        """Settle, and hold what is exported against the oracle, world by world on what stands."""
        folder = self.product.export(self.period, as_of)
        expected = [
            _settle(world, self.tariffs, self.period, as_of, booked=self.booked.get(prefix))
            for prefix, world in self.standing
        ]
        for (prefix, _), settlement in zip(self.standing, expected, strict=True):
            self.booked[prefix] = [*self.booked.get(prefix, []), *settlement.bookings]
        self.disagreements += _differences(read_exports(folder), _together(expected), label=as_of)
        self.folders[as_of], self.known[as_of] = folder, list(self.standing)


def same_instant(file: Delivery, received_at: str) -> bool:
    return bool(seconds_of(file.received_at) == seconds_of(received_at))


def name_of(file: Delivery) -> Name:
    return (text_of(seconds_of(file.received_at)), file.feed, file.file_name)


@pytest.fixture(scope="module", params=[(7, "tokyo"), (8, "london")], ids=lambda param: param[1])
def history(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> History:
    """Three receipts; some files are withdrawn after two of them, and half of these are delivered again."""
    seed, tariffs = request.param
    worlds, period, as_of = oracle_worlds.random_worlds(seed, 16)
    product = empty_product(tariffs=tariffs, folder=tmp_path_factory.mktemp(f"withdrawals-{seed}"))
    nothing: Worlds = [(prefix, World([])) for prefix, _ in worlds]
    history = History(product, tariffs, period, worlds, nothing, random.Random(seed))
    last = seconds_of(as_of)
    first, second = last - 5 * 24 * HOUR, last - 2 * 24 * HOUR
    history.receive(text_of(first))
    history.settle(text_of(first))
    history.receive(text_of(second))
    withdrawn = history.withdraw(0.3, at=text_of(second + HOUR))
    history.settle(text_of(second + HOUR))
    history.receive(as_of)
    history.deliver_again(text_of(last + HOUR), withdrawn[::2])
    history.settle(text_of(last + HOUR))
    history.withdraw(0.2, at=text_of(last + 2 * HOUR))
    history.settle(text_of(last + 2 * HOUR))
    return history


def test_every_run_agrees_with_the_oracle_on_what_was_not_withdrawn(history: History) -> None:
    assert history.disagreements == []
    moved = [read_exports(folder)["bookings"] for folder in history.folders.values()]
    assert all(moved), "each run should have had something to book"


def test_it_is_as_if_the_withdrawn_had_never_come(history: History, tmp_path: Path) -> None:
    as_of = list(history.folders)[-1]
    product = empty_product(tariffs=history.tariffs, folder=tmp_path / "never")
    remaining = oracle_worlds.merged(history.standing)
    for landing, received_at in oracle_worlds.write_landing(remaining, tmp_path / "landing"):
        product.deliver(Path(landing), received_at)
    never, withdrawn = csv_bytes(product.export(history.period, as_of)), csv_bytes(history.folders[as_of])
    for name in set(EXPORTS) - STATE_THE_BOOKS:
        assert withdrawn[name] == never[name], name


def test_a_replay_sees_what_was_withdrawn_since(history: History, tmp_path: Path) -> None:
    """Another warehouse with the same deliveries and withdrawals, which settled the last instant first."""
    folder = tmp_path / "replayed"
    folder.mkdir()
    copied = folder / "vgi.duckdb"
    copied.write_bytes(history.product.warehouse.read_bytes())
    # Its journal begins anew: what it told of is forgotten.
    shutil.copytree(
        store_of(history.product.warehouse), store_of(copied), ignore=shutil.ignore_patterns(FILE_NAME)
    )
    _forget_runs(copied)
    replayed = Product(folder=folder, tariffs=history.product.tariffs)
    as_ofs = list(history.folders)
    replayed.export(history.period, as_ofs[-1])
    for as_of in as_ofs[:-1]:
        again = replayed.export(history.period, as_of)
        assert again.name == history.folders[as_of].name
        for name in set(EXPORTS) - STATE_THE_BOOKS:
            assert csv_bytes(again)[name] == csv_bytes(history.folders[as_of])[name], (as_of, name)


def _forget_runs(warehouse: Path) -> None:
    with open_warehouse(warehouse, compare_journal=False) as connection:
        tables = connection.execute(
            "select schema_name || '.' || table_name from duckdb_tables() where schema_name in"
            " ('books', 'results')"
        ).fetchall()
        for (table,) in tables:
            connection.execute(f"delete from {table}")
