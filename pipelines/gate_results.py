"""What the gates found, kept in the warehouse: schema `control`, append-only.

So that it can be shown later, by the command, the page and the Data Docs, and nothing is judged again.
"""

from dataclasses import dataclass
from datetime import datetime

import duckdb

from expectations.catalogue import Gate, Severity
from expectations.judgement import Judgement

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
    remedy varchar not null,
    expectation varchar not null,
    result varchar not null
);
"""


@dataclass(frozen=True, kw_only=True)
class GateResult:
    """One expectation as it was judged: whether it held, how many things are at fault, some of them, and a
    sentence. Rule, severity and remedy are those of then; `expectation` and `result` are Great Expectations'
    own words, as JSON.
    """

    name: str
    evidence: str
    rule: str
    severity: str
    success: bool
    faults: int
    keys: tuple[str, ...]
    sentence: str
    remedy: str
    expectation: str
    result: str


@dataclass(frozen=True, kw_only=True)
class GateReport:
    """What a gate found at an instant of its subject: a run, or the deliveries of an ingest."""

    gate_run_no: int
    gate: Gate
    subject: str
    at: datetime
    blocked: bool
    results: tuple[GateResult, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        """A sentence for each expectation that did not hold and lets things pass."""
        return self._sentences(Severity.WARNING)

    @property
    def faults(self) -> tuple[str, ...]:
        """A sentence for each expectation that did not hold and lets nothing pass."""
        return self._sentences(Severity.BLOCKING)

    def _sentences(self, severity: Severity) -> tuple[str, ...]:
        return tuple(
            each.sentence for each in self.results if not each.success and each.severity == severity
        )


def store(
    connection: duckdb.DuckDBPyConnection,
    *,
    gate: Gate,
    subject: str,
    at: datetime,
    judgements: list[Judgement],
) -> GateReport:
    """Append what a gate found, inside the caller's transaction, and give it."""
    query = "select coalesce(max(gate_run_no), 0) + 1 from control.gate_runs"
    number = int(connection.execute(query).fetchall()[0][0])
    report = GateReport(
        gate_run_no=number,
        gate=gate,
        subject=subject,
        at=at,
        blocked=any(judgement.blocks for judgement in judgements),
        results=tuple(_result(judgement) for judgement in judgements),
    )
    connection.execute(
        "insert into control.gate_runs values (?, ?, ?, ?, ?)",
        [number, str(gate), subject, at, report.blocked],
    )
    connection.executemany(
        f"insert into control.gate_results values ({', '.join('?' * 13)})",
        [[number, order, *vars(result).values()] for order, result in enumerate(report.results, start=1)],
    )
    return report


def _result(judgement: Judgement) -> GateResult:
    check = judgement.check
    return GateResult(
        name=check.name,
        evidence=check.evidence,
        rule=check.rule,
        severity=str(check.severity),
        success=judgement.success,
        faults=judgement.count,
        keys=judgement.keys,
        sentence=judgement.sentence,
        remedy=check.remedy,
        expectation=judgement.expectation,
        result=judgement.result,
    )


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
            chosen.gate_run_no, gate, subject, "at", blocked,
            name, evidence, rule, severity, success, faults, keys, sentence, remedy, expectation, result
        from chosen
        inner join control.gate_results using (gate_run_no)
        order by chosen.gate_run_no desc, result_no
        """,
        parameters,
    ).fetchall()
    results: dict[tuple[int, str, str, datetime, bool], list[GateResult]] = {}
    for number, gate, subject, at, blocked, *values in rows:
        results.setdefault((number, gate, subject, at, blocked), []).append(_kept(values))
    return tuple(
        GateReport(
            gate_run_no=number,
            gate=Gate(gate),
            subject=subject,
            at=at,
            blocked=blocked,
            results=tuple(kept),
        )
        for (number, gate, subject, at, blocked), kept in results.items()
    )


def _kept(values: list[object]) -> GateResult:
    names = GateResult.__dataclass_fields__
    kept = dict(zip(names, values, strict=True))
    return GateResult(**{**kept, "keys": tuple(kept["keys"])})  # type: ignore[arg-type]
