"""The stages of a month, each a task: what an operator's `vgi run` does in turn."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks.tasks import Clock, task

# The instant at which everything is said to happen: after all that is simulated.
NOW = "2030-01-01T00:00:00Z"
BY = "benchmark"
INGEST_PARTS = {
    "register": "pipelines.ingest:receive",
    "check": "pipelines.intake:_read",
    "load": "pipelines.intake:load_rows",
    "gate": "pipelines.ingest:pass_landing",
}
_GATES = ("expectations.judge", "great_expectations")
_DBT = ("dbt.cli.main", "dbt.adapters.duckdb.connections")


def _now() -> Any:
    from pipelines.instants import parse_instant

    return parse_instant(NOW)


@task("pipelines.ingest", *_GATES)
def ingest(clock: Clock, *, landing: str, warehouse: str, received_at: str | None = None) -> dict[str, Any]:
    """Register, check, load and judge a landing folder."""
    from pipelines.ingest import ingest as ingest_folder
    from pipelines.instants import parse_instant

    clock.time_calls(INGEST_PARTS)
    report = ingest_folder(
        Path(landing),
        warehouse=Path(warehouse),
        received_at=parse_instant(received_at) if received_at else None,
        clock=_now,
    )
    return report.totals


@task("pipelines.settle", *_DBT)
def verify(
    clock: Clock, *, warehouse: str, tariffs: str, period: str, as_of: str | None = None
) -> dict[str, Any]:
    """Verify the period; give the wall seconds of each model, and of all tests together."""
    from pipelines.instants import parse_instant
    from pipelines.settle import verify_period
    from pipelines.tariff_files import read_tariffs
    from settlement import SettlementPeriod

    nodes = node_seconds(clock)
    verify_period(
        warehouse=Path(warehouse),
        period=SettlementPeriod.parse(period),
        now=_now(),
        tariffs=read_tariffs(Path(tariffs)),
        as_of=parse_instant(as_of) if as_of else None,
    )
    return {"nodes": nodes}


def node_seconds(clock: Clock) -> dict[str, float]:
    """Filled by the next invocations of dbt: wall seconds by model, those of tests summed."""
    from dbt.cli.main import dbtRunner

    clock.time_calls({"parse": "pipelines.verify:parsed_project"})
    seconds: dict[str, float] = {}
    invoke = dbtRunner.invoke

    def noting(runner: Any, *arguments: Any, **options: Any) -> Any:
        result = invoke(runner, *arguments, **options)
        for each in getattr(result.result, "results", ()):
            name = each.node.name if each.node.resource_type == "model" else "(tests)"
            seconds[name] = seconds.get(name, 0.0) + each.execution_time
        return result

    dbtRunner.invoke = noting  # type: ignore[method-assign,assignment]
    return seconds


@task("pipelines.settle", "settlement", *_GATES)
def settle(clock: Clock, *, warehouse: str, tariffs: str, period: str) -> dict[str, Any]:
    """Judge and settle what was verified for the period, and hold the run; give its id."""
    from pipelines.settle import settle as settle_period
    from pipelines.tariff_files import read_tariffs
    from settlement import SettlementPeriod

    clock.time_calls({"gate": "pipelines.settle:before_settlement", "verify": "pipelines.verify:_build"})
    settled = settle_period(
        warehouse=Path(warehouse),
        period=SettlementPeriod.parse(period),
        tariffs=read_tariffs(Path(tariffs)),
        now=_now(),
        by=BY,
        hold_for_approval=True,
    )
    assert "verify" not in clock.costs, "what stands verified is not verified again"
    return {"run_id": settled.run_id}


@task("pipelines.approval", "settlement")
def book(clock: Clock, *, warehouse: str, run_id: str) -> dict[str, Any]:
    """Approve the run; give the number of bookings."""
    from pipelines.approval import approve

    return {"bookings": approve(warehouse=Path(warehouse), run_id=run_id, now=_now(), by=BY)}


@task("pipelines.export", *_GATES)
def export(clock: Clock, *, warehouse: str, run_id: str, out: str) -> dict[str, Any]:
    """Write the run's export folder."""
    from pipelines.export import export_run

    clock.time_calls({"gate": "pipelines.export:before_export"})
    now = _now() + timedelta(seconds=1)
    exported = export_run(warehouse=Path(warehouse), run_id=run_id, out=Path(out), now=now, by=BY)
    return {"rows": dict(exported.rows)}
