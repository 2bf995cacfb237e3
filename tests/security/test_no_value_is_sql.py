"""What comes from outside is a value of a statement, never a part of its text: ids, file names, arguments."""

import csv
import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines import cli, warehouse
from pipelines.simulate import simulate
from tests.pipeline.programme import write_tariffs
from tests.pipeline.world import JANUARY_5, World

HOSTILE = (
    "'; drop table books.bookings; --",
    '"; drop schema books cascade; --',
    "x' or '1'='1",
    "%",
    "U-1\0",
    "${x}",
)
MARK = "ZQX"


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., int]:
    """The command in this process, in a folder of its own; its exit code."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["vgi", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0)

    return run


# ---- arguments


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("world"))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("pipelines.settle.verify", world.verify)
        world.deliver(JANUARY_5, sha256="a" * 64)
        world.settle()
    yield world


COMMANDS = (
    ("approve", "{it}"),
    ("reject", "{it}", "--reason", "doubt"),
    ("export", "{it}", "--out", "out"),
    ("verify", "{it}"),
    ("verify", "2023-12", "--as-of", "{it}"),
    ("settle", "{it}", "--tariffs", "tariffs"),
    ("settle", "2023-12", "--tariffs", "tariffs", "--as-of", "{it}"),
    ("run", "landing", "--period", "{it}", "--tariffs", "tariffs", "--out", "out"),
    (
        "run",
        "landing",
        "--period",
        "2023-12",
        "--tariffs",
        "tariffs",
        "--out",
        "out",
        "--received-at",
        "{it}",
    ),
    ("exceptions", "{it}"),
    ("exceptions", "--code", "{it}"),
    ("explain", "{it}", "U-1"),
    ("explain", "user", "{it}"),
    ("explain", "user", "U-1", "--run", "{it}"),
    ("explain", "user", "U-1", "--period", "{it}"),
    ("explain", "manager", "{it}"),
    ("explain", "contract", "{it}"),
    ("explain", "performance", "{it}", "V-1"),
    ("explain", "performance", "D-1", "{it}"),
    ("explain", "line", "D-1", "V-1", "{it}"),
    ("explain", "line", "D-1", "V-1", "E-1", "--lease", "{it}"),
    ("explain", "line", "D-1", "V-1", "E-1", "--access-class", "{it}"),
    ("explain", "lease", "{it}"),
    ("explain", "booking", "{it}"),
    ("explain", "aggregator", "D-1", "{it}"),
    ("explain", "aggregator", "D-1", "PA-1", "--level", "{it}"),
    ("diff", "{it}", "{it}"),
    ("report", "{it}"),
    ("statement", "--user", "{it}"),
    ("statement", "--manager", "{it}"),
    ("statement", "--user", "U-1", "--run", "{it}"),
)


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_hostile_argument_is_bad_input_and_changes_nothing(
    command: Callable[..., int], settled: World, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    write_tariffs(tmp_path / "tariffs")
    (tmp_path / "landing").mkdir()
    before = _digests(settled.folder)
    for hostile in HOSTILE:
        given = [argument.format(it=hostile) for argument in arguments]
        assert command("--warehouse", str(settled.warehouse), *given) == 2, hostile
    assert _digests(settled.folder) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["landing", "tariffs"]


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


# ---- ids and file names


class Recorded:
    """A connection that writes down the text of every statement."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, texts: list[str]) -> None:
        self._connection, self._texts = connection, texts

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._connection, name)
        if name not in ("execute", "executemany", "sql", "query", "from_query"):
            return found

        def written_down(query: Any, *arguments: Any, **given: Any) -> Any:
            self._texts.append(str(query))
            return found(query, *arguments, **given)

        return written_down


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    texts: list[str] = []
    connect = warehouse._connect
    monkeypatch.setattr(
        warehouse, "_connect", lambda *args, **given: Recorded(connect(*args, **given), texts)
    )
    return texts


@pytest.mark.slow
def test_no_id_and_no_file_name_is_ever_part_of_a_statement(
    command: Callable[..., int], statements: list[str], tmp_path: Path
) -> None:
    """Every id and every file name of the fleet has a mark; no statement of any command may have it."""
    fleet = tmp_path / "fleet"
    simulate(out_dir=fleet, evses=40, days=28, first_day=date(2023, 12, 1), seed=3, id_prefix=f"{MARK}-")
    for file in sorted(fleet.glob("0*/*/*.csv")):
        file.rename(file.with_name(f"{MARK}'; drop table raw.deliveries; --[1]*{file.name}"))
    plan = json.loads((fleet / "plan.json").read_text())
    books = ("--warehouse", str(tmp_path / "w.duckdb"))
    for number, landing in enumerate(("01-initial", "02-late", "03-revised")):
        received = next(each["received_at"] for each in plan["deliveries"] if each["folder"] == landing)
        job = (
            "--period",
            "2023-12",
            "--tariffs",
            str(fleet / "tariffs"),
            "--out",
            str(tmp_path / f"{number}"),
        )
        assert command(*books, "run", str(fleet / landing), *job, "--received-at", received) == 0
    runs = [next((tmp_path / str(number) / "2023-12").iterdir()) for number in (0, 2)]
    for explained in _subjects(runs[1]):
        assert command(*books, "explain", *explained) == 0
    assert command(*books, "diff", runs[0].name, runs[1].name) == 0
    user = _first(runs[1] / "user_points.csv")["user_id"]
    assert command(*books, "statement", "--user", user, "--out", str(tmp_path / "statement.html")) == 0
    assert command(*books, "report", "--out", str(tmp_path / "report.html")) == 0
    assert command(*books, "status", "--quarantine") == 0
    assert command(*books, "exceptions", "--all") == 0
    assert user.startswith(MARK)
    assert len(statements) > 500
    assert [text for text in statements if MARK in text] == []
    shutil.rmtree(fleet)


def _first(path: Path) -> dict[str, str]:
    with path.open() as file:
        return next(csv.DictReader(file))


def _subjects(run: Path) -> Iterator[tuple[str, ...]]:
    line, manager = _first(run / "settlement_lines.csv"), _first(run / "manager_fee_reductions.csv")
    yield "user", _first(run / "user_points.csv")["user_id"]
    yield "manager", manager["manager_id"]
    yield "contract", manager["contract_id"]
    yield "performance", line["dr_event_id"], line["vehicle_id"]
    yield "lease", _first(run / "lease_outcomes.csv")["lease_id"]
    yield "aggregator", line["dr_event_id"]
