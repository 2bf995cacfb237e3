"""`datapackage.json`: what an export folder holds, typed and summed, as a tabular data package."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from pipelines.exports import (
    AGGREGATOR_ACHIEVEMENT,
    BOOKINGS,
    DR_ACHIEVEMENT,
    EXCEPTIONS,
    LEASE_OUTCOMES,
    MANAGER_FEE_REDUCTIONS,
    SETTLEMENT_LINES,
    USER_POINTS,
    Column,
    ColumnType,
    Export,
)
from pipelines.instants import instant_text
from pipelines.runs import Kind, Run, RunEvent

FILE_NAME = "datapackage.json"

_FIELD_TYPES = {
    ColumnType.TEXT: {"type": "string"},
    ColumnType.DECIMAL: {"type": "string"},
    ColumnType.INTEGER: {"type": "integer"},
    ColumnType.INSTANT: {"type": "datetime", "format": "%Y-%m-%dT%H:%M:%SZ"},
    ColumnType.DATE: {"type": "date", "format": "%Y-%m-%d"},
}

# What the control totals of an export are, besides its rows.
SUMMED: dict[Export, tuple[str, ...]] = {
    SETTLEMENT_LINES: ("points",),
    USER_POINTS: ("points", "booked_before", "booked_now"),
    MANAGER_FEE_REDUCTIONS: ("reduction_minor", "booked_before", "booked_now"),
}
SUMMED_BY: dict[Export, tuple[tuple[str, str], ...]] = {
    DR_ACHIEVEMENT: (("requested", "unit"), ("achieved", "unit"), ("payable", "unit")),
    AGGREGATOR_ACHIEVEMENT: (("achieved_wh", "level"),),
    BOOKINGS: (("amount", "unit"),),
}
COUNTED_BY: dict[Export, tuple[str, ...]] = {
    DR_ACHIEVEMENT: ("status",),
    LEASE_OUTCOMES: ("outcome",),
    EXCEPTIONS: ("code",),
}


@dataclass(frozen=True, kw_only=True)
class UnsafeCells:
    """Text cells that a spreadsheet would run as a formula or that tear their line, and some of them."""

    count: int
    examples: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class WrittenFile:
    """A CSV file of an export, as written; `lines` counts its header too."""

    export: Export
    rows: int
    lines: int
    unsafe_cells: UnsafeCells
    bytes: int
    sha256: str
    control_totals: dict[str, Any]


def package_descriptor(
    *,
    run: Run,
    kind: Kind,
    approval: RunEvent | None,
    files: Sequence[WrittenFile],
) -> dict[str, Any]:
    """The descriptor of a run's export. It depends on the run alone, never on the clock, so that it is the
    same bytes whenever it is written.

    `approval` is None for a replay. Its state is the one that the run has once the folder stands: `issued` or
    `replay`.
    """
    return {
        "profile": "tabular-data-package",
        "name": run.run_id,
        "title": f"Settlement of {run.settlement_period}",
        "description": _description(run, kind),
        "run_id": run.run_id,
        "settlement_period": run.settlement_period,
        "state": "replay" if kind is Kind.REPLAY else "issued",
        "kind": kind.value,
        "replay": kind is Kind.REPLAY,
        "as_of": instant_text(run.as_of),
        "rules_version": run.rules_version,
        "tariff_versions": _tariff_versions(run),
        "deliveries": _deliveries(run),
        "control_totals": {file.export.name: file.control_totals for file in files},
        "ledger_head": _ledger_head(approval),
        "resources": [_resource(file) for file in files],
    }


def descriptor_bytes(descriptor: Mapping[str, Any]) -> bytes:
    """The bytes of `datapackage.json`."""
    return (json.dumps(descriptor, ensure_ascii=False, indent=2) + "\n").encode()


def _description(run: Run, kind: Kind) -> str:
    said = {
        Kind.INITIAL: "The first settlement of the period",
        Kind.CORRECTION: "A correction of the settlement of the period",
        Kind.REPLAY: "A replay: the period as an earlier as-of shows it; nothing of it is booked or owed",
    }[kind]
    return (
        f"{said}, as of {instant_text(run.as_of)}. Energy is in Wh from 30-minute reads, which prove a"
        " mean power, not a peak; money is in the currency's smallest unit; instants are UTC."
    )


def _tariff_versions(run: Run) -> list[dict[str, str]]:
    return [
        {
            "version": tariff.version,
            "effective_from": tariff.effective_from.isoformat(),
            "sha256": tariff.content_hash,
        }
        for tariff in run.tariffs
    ]


def _deliveries(run: Run) -> list[dict[str, str]]:
    return [
        {
            "feed": delivery.feed,
            "sha256": delivery.sha256,
            "file_name": delivery.file_name,
            "received_at": instant_text(delivery.received_at),
            "outcome": delivery.outcome,
        }
        for delivery in run.deliveries
    ]


def _ledger_head(approval: RunEvent | None) -> dict[str, Any] | None:
    if approval is None:
        return None
    return {"booking_no": approval.head.booking_no, "chain_hash": approval.head.chain_hash}


def control_totals(export: Export, frame: pl.DataFrame) -> dict[str, Any]:
    """Sums over one export frame, by which a receiver checks what was read: exact integers."""
    return {
        "rows": frame.height,
        **{f"sum_of_{column}": _sum(frame, column) for column in SUMMED.get(export, ())},
        **{f"{column}_by_{by}": _sums(frame, column, by=by) for column, by in SUMMED_BY.get(export, ())},
        **{f"rows_by_{by}": _counts(frame, by=by) for by in COUNTED_BY.get(export, ())},
    }


def _sum(frame: pl.DataFrame, column: str) -> int:
    # In Python's integers: a Polars sum wraps silently.
    return sum(frame[column].to_list())


def _sums(frame: pl.DataFrame, column: str, *, by: str) -> dict[str, int]:
    sums: dict[str, int] = {}
    for key, amount in frame.select(by, column).iter_rows():
        sums[key] = sums.get(key, 0) + amount
    return dict(sorted(sums.items()))


def _counts(frame: pl.DataFrame, *, by: str) -> dict[str, int]:
    counts = frame.group_by(by).len().sort(by)
    return dict(counts.iter_rows())


def _resource(file: WrittenFile) -> dict[str, Any]:
    return {
        "name": file.export.name,
        "path": file.export.file_name,
        "profile": "tabular-data-resource",
        "description": file.export.description,
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "dialect": {
            "delimiter": ",",
            "lineTerminator": "\n",
            "quoteChar": '"',
            "doubleQuote": True,
            "header": True,
        },
        "bytes": file.bytes,
        "hash": f"sha256:{file.sha256}",
        "rows": file.rows,
        "schema": table_schema(file.export),
    }


def table_schema(export: Export) -> dict[str, Any]:
    """The typed schema of an export table."""
    schema: dict[str, Any] = {
        "fields": [_field(column) for column in export.columns],
        "missingValues": [""],
    }
    if export.primary_key:
        schema["primaryKey"] = list(export.primary_key)
    if export.foreign_keys:
        schema["foreignKeys"] = [
            {
                "fields": list(key.columns),
                "reference": {"resource": key.export, "fields": list(key.columns)},
            }
            for key in export.foreign_keys
        ]
    return schema


def _field(column: Column) -> dict[str, Any]:
    constraints: dict[str, Any] = {}
    if column.required:
        constraints["required"] = True
    if column.values:
        constraints["enum"] = list(column.values)
    if column.pattern is not None:
        constraints["pattern"] = f"^({column.pattern})$"
    if column.minimum is not None:
        constraints["minimum"] = column.minimum
    field: dict[str, Any] = {
        "name": column.name,
        **_FIELD_TYPES[column.type],
        "description": column.description,
    }
    return {**field, "constraints": constraints} if constraints else field
