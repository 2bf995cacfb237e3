"""A flipped bit, a cut or a lost file is noticed before anything is issued, or provably changed nothing."""

import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from tests.damage.damages import Damage, do_damage
from tests.damage.settled_world import SettledWorld
from tests.damage.undamaged import Undamaged, contents_of, vgi

_HEADER_BYTES = 3 * 4096  # of a DuckDB file: its own header, and two of the database
_REMEDY = re.compile(
    r"from a backup|vgi rebuild|deliver the same file again|move the folder away|vgi approve"
)


def _outcome(undamaged: Undamaged, *, seed: int, folder: Path) -> tuple[Damage, str]:
    """Damage a copy, try to issue from it, check it, and say what came of it: nothing may be `missed`."""
    world = undamaged.world.copied(folder)
    damage = do_damage(world, seed=seed)
    run_id = world.issued if damage.target == "export" else world.approved
    before = world.exported(run_id)
    code, said = vgi("export", run_id, "--out", str(world.out), world=world)
    if code:
        assert code in (1, 2)
        is_told = _REMEDY.search(said) is not None and "Traceback" not in said
        return damage, "detected" if is_told and world.exported(run_id) == before else f"missed: {said}"
    wanted = undamaged.export if run_id == world.approved else undamaged.world.exported(run_id)
    if world.exported(run_id) != wanted:
        return damage, "missed: other bytes were issued"
    return damage, _verdict(undamaged, world, damage=damage)


def _verdict(undamaged: Undamaged, world: SettledWorld, *, damage: Damage) -> str:
    """What `vgi check` says of a world whose export came out right: a fault, or that all is there."""
    code, _ = vgi("check", world=world)
    if code:
        return "harmless to the export, named by the check"
    return "harmless" if _same(undamaged, world) else "missed by the check"


def _same(undamaged: Undamaged, world: SettledWorld) -> bool:
    """Whether a world that was exported from holds all that the undamaged one does."""
    written_by_the_export = {"books.run_events", "books.journal", "books.gate_results", "results.held"}
    now = contents_of(world.warehouse)
    names = undamaged.contents.keys() - written_by_the_export
    stored = {path.name: path.read_bytes() for path in undamaged.world.deliveries}
    return (
        {name: now.get(name) for name in names if "gate" not in name}
        == {name: undamaged.contents[name] for name in names if "gate" not in name}
        and {path.name: path.read_bytes() for path in world.deliveries} == stored
        and world.journal.read_bytes().startswith(undamaged.world.journal.read_bytes())
    )


def _outcomes(undamaged: Undamaged, *, seeds: range, folder: Path) -> Iterator[tuple[int, Damage, str]]:
    for seed in seeds:
        copy = folder / f"damage-{seed}"
        yield seed, *_outcome(undamaged, seed=seed, folder=copy)
        shutil.rmtree(copy)


def _judge(
    folded: Undamaged,
    logged: Undamaged,
    *,
    count: int,
    folder: Path,
    tell: Callable[[str, object], None],
) -> None:
    figures: Counter[tuple[str, str]] = Counter()
    missed = []
    for undamaged, seeds in ((folded, range(0, count, 2)), (logged, range(1, count, 2))):
        for seed, damage, outcome in _outcomes(undamaged, seeds=seeds, folder=folder):
            figures[damage.target, outcome.partition(":")[0]] += 1
            if outcome.startswith("missed"):
                missed.append(f"seed {seed}: {damage}: {outcome}")
    assert not missed, "\n".join(missed)
    for (target, outcome), number in sorted(figures.items()):
        tell("figures", ("damages", {f"{target} {outcome}": number}))
    tell("figures", ("damages", {"missed": 0}))
    assert {outcome for _, outcome in figures} >= {"detected", "harmless"}


@pytest.mark.slow
def test_damages_are_detected_or_harmless(
    folded: Undamaged, logged: Undamaged, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    _judge(folded, logged, count=int(os.environ.get("DAMAGES", "60")), folder=tmp_path, tell=record_property)


@pytest.mark.nightly
def test_many_damages_are_detected_or_harmless(
    folded: Undamaged, logged: Undamaged, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    _judge(folded, logged, count=500, folder=tmp_path, tell=record_property)


@pytest.mark.slow
@pytest.mark.parametrize("table", ["meter_intervals", "dr_signals"])
def test_delivered_rows_that_were_damaged_are_not_settled(
    folded: Undamaged, table: str, tmp_path: Path
) -> None:
    """The verification reads them by itself, through dbt: its words are told in ours."""
    world = folded.world.copied(tmp_path / "world")
    _flip_in_block_of(table, world=world)
    arguments = ("--tariffs", str(world.folder / "tariffs"), "--as-of", "2024-01-20T00:00:00Z")
    code, said = vgi("settle", "2023-12", *arguments, world=world)
    assert code == 1
    assert "vgi rebuild" in said
    assert "Traceback" not in said
    with duckdb.connect(str(world.warehouse), read_only=True) as connection:
        assert connection.execute("select count(*) from books.runs").fetchall() == [(2,)]


def _flip_in_block_of(table: str, *, world: SettledWorld) -> None:
    """Flip a bit in the middle of the first value's block, which holds other columns of the table too."""
    with duckdb.connect(str(world.warehouse), read_only=True) as connection:
        rows = connection.execute(
            "select min(block_id), min(block_offset)"
            f" from pragma_storage_info('raw.{table}') where block_id >= 0"
        ).fetchall()
        [(block_bytes,)] = connection.execute("select block_size from pragma_database_size()").fetchall()
    block_id, offset = rows[0]
    content = bytearray(world.warehouse.read_bytes())
    content[_HEADER_BYTES + block_id * block_bytes + 8 + offset] ^= 1
    world.warehouse.write_bytes(content)
