"""What the gates found, kept in the warehouse: schema `control`, append-only.

So that it can be shown later, by the command, the page and the Data Docs, and nothing is judged again.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import duckdb

from expectations.catalogue import Gate, Severity
from expectations.judgement import GateReport, Judgement

DEFINITIONS = """
create schema if not exists control;
create table if not exists control.gate_runs (
    gate_run_no bigint not null,
    gate varchar not null,
    subject varchar not null,
    "at" timestamp not null,
    blocked boolean not null
);
create table if not exists control.gate_results (
    gate_run_no bigint not null,
    result_no integer not null,
    name varchar not null,
    evidence varchar not null,
    rule varchar not null,
    severity varchar not null,
    success boolean not null,
    faults bigint not null,
    keys varchar[] not null,
    sentence varchar not null,
    found varchar not null,
    remedy varchar not null,
    expectation varchar not null,
    result varchar not null
);
"""


def store(
    connection: duckdb.DuckDBPyConnection,
    *,
    gate: Gate,
    subject: str,
    at: datetime,
    judgements: Sequence[Judgement],
) -> GateReport:
    """Append what a gate found, inside the caller's transaction, and give it."""
    query = "select coalesce(max(gate_run_no), 0) + 1 from control.gate_runs"
    number = int(connection.execute(query).fetchall()[0][0])
    report = GateReport(number=number, gate=gate, subject=subject, at=at, judgements=tuple(judgements))
    connection.execute(
        "insert into control.gate_runs values (?, ?, ?, ?, ?)",
        [number, str(gate), subject, at, report.blocked],
    )
    rows = [
        [number, order, *(_plain(value) for value in vars(judgement).values())]
        for order, judgement in enumerate(judgements, start=1)
    ]
    connection.executemany(f"insert into control.gate_results values ({', '.join('?' * len(rows[0]))})", rows)
    return report


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return list(value)
    return str(value) if isinstance(value, Severity) else value


def last_report(connection: duckdb.DuckDBPyConnection, *, gate: Gate, subject: str) -> GateReport | None:
    """What a gate found last of a subject; None if it never judged it."""
    found = _reports(connection, where="gate = ? and subject = ?", parameters=[str(gate), subject], most=1)
    return found[0] if found else None


def last_of_each_gate(connection: duckdb.DuckDBPyConnection) -> tuple[GateReport, ...]:
    """What each gate found last, of whatever it was."""
    return tuple(
        report
        for gate in Gate
        for report in _reports(connection, where="gate = ?", parameters=[str(gate)], most=1)
    )


def last_reports(connection: duckdb.DuckDBPyConnection, *, most: int) -> tuple[GateReport, ...]:
    """What the gates found last, the newest first."""
    return _reports(connection, where="true", parameters=[], most=most)


def _reports(
    connection: duckdb.DuckDBPyConnection, *, where: str, parameters: list[object], most: int
) -> tuple[GateReport, ...]:
    rows = connection.execute(
        f"""
        with chosen as (
            select * from control.gate_runs where {where} order by gate_run_no desc limit {most}
        )
        select
            chosen.gate_run_no, gate, subject, "at",
            name, evidence, rule, severity, success, faults, keys, sentence, found, remedy,
            expectation, result
        from chosen
        inner join control.gate_results using (gate_run_no)
        order by chosen.gate_run_no desc, result_no
        """,
        parameters,
    ).fetchall()
    found: dict[tuple[int, str, str, datetime], list[Judgement]] = {}
    for number, gate, subject, at, *values in rows:
        found.setdefault((number, gate, subject, at), []).append(_judgement(values))
    return tuple(
        GateReport(number=number, gate=Gate(gate), subject=subject, at=at, judgements=tuple(judgements))
        for (number, gate, subject, at), judgements in found.items()
    )


def _judgement(values: list[Any]) -> Judgement:
    kept = dict(zip(Judgement.__dataclass_fields__, values, strict=True))
    return Judgement(**{**kept, "severity": Severity(kept["severity"]), "keys": tuple(kept["keys"])})
