"""What a `datapackage.json` says of the files beside it, read without trusting it."""

import json
import re
from dataclasses import dataclass
from typing import Any

_TYPES = ("string", "integer", "datetime", "date")


class NotDescribed(Exception):
    """The text is no description of an export."""


@dataclass(frozen=True, kw_only=True)
class DescribedColumn:
    """A column with its constraints."""

    name: str
    type: str
    required: bool
    values: tuple[str, ...]
    pattern: str | None
    minimum: int | None


@dataclass(frozen=True, kw_only=True)
class DescribedKey:
    """Columns whose values stand in another table."""

    columns: tuple[str, ...]
    table: str
    referenced: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class DescribedTable:
    """A CSV file: its size, hash and rows, and what its cells may be."""

    name: str
    bytes: int
    sha256: str
    rows: int
    schema: dict[str, Any]
    columns: tuple[DescribedColumn, ...]
    primary_key: tuple[str, ...]
    foreign_keys: tuple[DescribedKey, ...]

    @property
    def file_name(self) -> str:
        return f"{self.name}.csv"

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


@dataclass(frozen=True, kw_only=True)
class Description:
    """What is said of a run's export as a whole."""

    run_id: str
    settlement_period: str
    state: str
    as_of: str
    rules_version: str
    control_totals: dict[str, Any]
    tables: tuple[DescribedTable, ...]


def read_description(content: bytes) -> Description:
    """The description in the bytes of a `datapackage.json`. Raises NotDescribed."""
    try:
        document = json.loads(content)
        description = Description(
            **{
                name: _text(document[name])
                for name in ("run_id", "settlement_period", "state", "as_of", "rules_version")
            },
            control_totals=dict(document["control_totals"]),
            tables=tuple(_table(resource) for resource in document["resources"]),
        )
    except KeyError as error:
        raise NotDescribed(f"does not describe an export: it lacks {error.args[0]!r}") from error
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise NotDescribed("is no description of an export that can be read") from error
    _check_references(description.tables)
    return description


def _table(resource: dict[str, Any]) -> DescribedTable:
    name, schema = _text(resource["name"]), resource["schema"]
    if not re.fullmatch("[a-z_]{1,64}", name) or resource["path"] != f"{name}.csv":
        raise NotDescribed(f"names a file {resource['path']!r} that no export has")
    columns = tuple(_column(field) for field in schema["fields"])
    names = [column.name for column in columns]
    if len(set(names)) < len(names):
        raise NotDescribed(f"doubles a column of {name}")
    return DescribedTable(
        name=name,
        bytes=_whole(resource["bytes"]),
        sha256=_text(resource["hash"]).removeprefix("sha256:"),
        rows=_whole(resource["rows"]),
        schema=schema,
        columns=columns,
        primary_key=_some_of(names, schema.get("primaryKey", [])),
        foreign_keys=tuple(
            DescribedKey(
                columns=_some_of(names, key["fields"]),
                table=_text(key["reference"]["resource"]),
                referenced=tuple(key["reference"]["fields"]),
            )
            for key in schema.get("foreignKeys", [])
        ),
    )


def _column(field: dict[str, Any]) -> DescribedColumn:
    constraints = field.get("constraints", {})
    if field["type"] not in _TYPES:
        raise NotDescribed(f"gives column {field['name']!r} a type that no export has: {field['type']!r}")
    pattern = constraints.get("pattern")
    if pattern is not None:
        re.compile(_text(pattern))
    minimum = constraints.get("minimum")
    return DescribedColumn(
        name=_text(field["name"]),
        type=field["type"],
        required=constraints.get("required") is True,
        values=tuple(_text(value) for value in constraints.get("enum", ())),
        pattern=pattern,
        minimum=None if minimum is None else _whole(minimum),
    )


def _check_references(tables: tuple[DescribedTable, ...]) -> None:
    """A table that is referred to refers to none itself, so that it can be read first."""
    leaves = {table.name: table.column_names for table in tables if not table.foreign_keys}
    for table in tables:
        for key in table.foreign_keys:
            known = set(leaves.get(key.table, ()))
            if not known.issuperset(key.referenced) or len(key.columns) != len(key.referenced):
                raise NotDescribed(f"lets {table.name} refer to what {key.table!r} has not")


def _some_of(names: list[str], chosen: list[str]) -> tuple[str, ...]:
    if not set(chosen) <= set(names):
        raise NotDescribed("names a key of columns that are not there")
    return tuple(chosen)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError
    return value
