"""The catalogue is what the settlement hands over, and what outsiders see."""

import polars as pl
import pytest

from pipelines.exports import EXPORTS, FINDINGS, ColumnType, Export
from settlement import frames
from tests.pipeline.world import JANUARY_9, World

DTYPES = {
    ColumnType.TEXT: pl.String,
    ColumnType.DECIMAL: pl.String,
    ColumnType.INTEGER: pl.Int64,
    ColumnType.INSTANT: pl.Datetime("us"),
    ColumnType.DATE: pl.Date,
}


def named(tables: tuple[Export, ...]) -> list[str]:
    return [table.name for table in tables]


@pytest.mark.parametrize("table", (*EXPORTS, *FINDINGS), ids=named((*EXPORTS, *FINDINGS)))
def test_the_catalogue_has_the_columns_of_the_settlement(table: Export) -> None:
    schema = getattr(frames, "".join(word.title() for word in table.name.split("_")))
    columns = schema.columns()
    assert sorted(table.column_names) == sorted(columns)
    if table not in FINDINGS:
        assert list(table.column_names) == list(columns)
    for column in table.columns:
        assert columns[column.name].dtype == DTYPES[column.type], column.name
        may_be_null = columns[column.name].nullable
        assert not (may_be_null and column.required), f"{column.name} may be empty"
        assert not (may_be_null and column.type is ColumnType.TEXT), f"{column.name} is text and never null"


@pytest.mark.parametrize("export", EXPORTS, ids=named(EXPORTS))
def test_keys_name_columns_that_are_there(export: Export) -> None:
    catalogue = {each.name: each for each in EXPORTS}
    assert set(export.primary_key) <= set(export.column_names)
    for key in export.foreign_keys:
        assert set(key.columns) <= set(export.column_names)
        assert key.columns == catalogue[key.export].primary_key


def test_outsiders_see_each_period_once_and_every_booking(world: World) -> None:
    world.settle()
    world.deliver(JANUARY_9, sha256="b" * 64)
    world.achieved_wh["V-2"] = 2500
    last = world.settle()
    for export in EXPORTS:
        described = world.rows(f"describe published.{export.name}")
        assert tuple(name for name, *_ in described) == export.column_names
    assert world.rows("select count(*) from published.bookings") == [(4,)]
    assert world.rows("select sum(points) from published.user_points") == world.rows(
        "select sum(points) from results.user_points where run_id = ?", last.run_id
    )


def test_a_held_run_is_not_published(world: World) -> None:
    world.settle(hold=True)
    assert world.rows("select count(*) from published.dr_achievement") == [(0,)]
