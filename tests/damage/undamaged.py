"""A world before it is damaged, with what must come out of it."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from pipelines.cli import main
from tests.damage.settled_world import SettledWorld, settled_world


@dataclass(frozen=True)
class Undamaged:
    """A world, what its second run exports, and all that its warehouse holds."""

    world: SettledWorld
    export: dict[str, bytes]
    contents: dict[str, object]


def undamaged_world(folder: Path, *, killed: bool) -> Undamaged:
    """Make a world, and find out what its second run exports."""
    world = settled_world(folder / "world", killed=killed)
    copy = world.copied(folder / "copy")
    assert vgi("export", world.approved, "--out", str(copy.out), world=copy)[0] == 0
    exported = copy.exported(world.approved)
    assert exported is not None
    contents = contents_of(world.copied(folder / "read").warehouse)
    shutil.rmtree(folder / "read")
    return Undamaged(world, exported, contents)


def contents_of(warehouse: Path) -> dict[str, object]:
    """A hash of every table."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        names = connection.execute("select schema_name, table_name from duckdb_tables()").fetchall()
        return {
            f"{schema}.{name}": connection.execute(
                f'select count(*), bit_xor(hash(rows)) from "{schema}"."{name}" as rows'
            ).fetchone()
            for schema, name in names
        }


def vgi(*arguments: str, world: SettledWorld) -> tuple[int, str]:
    """The exit code of the command and what it said of faults."""
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["vgi", "--warehouse", str(world.warehouse), *arguments])
        patch.setattr("typer.echo", lambda text="", err=False: said.append(text) if err else None)
        with pytest.raises(SystemExit) as ended:
            main()
    return int(ended.value.code or 0), "\n".join(said)
