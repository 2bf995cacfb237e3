"""The main job: ingest, settle (verification inside), approve unless held, export; all in turn."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipelines.export import Exported, export_run, refuse_unwritable
from pipelines.ingest import IngestReport, ingest
from pipelines.runs import refuse_future
from pipelines.settle import Progress, Settled, settle
from pipelines.signing import SigningKey
from pipelines.summary import Summary, summarise
from pipelines.tariff_files import TariffFiles
from settlement import SettlementPeriod


@dataclass(frozen=True, kw_only=True)
class MainJob:
    """What the main job did, stage by stage; `exported` is None while the run awaits approval."""

    ingested: IngestReport
    settled: Settled
    exported: Exported | None
    summary: Summary


def run_main_job(  # noqa: PLR0913 -- all keyword-only
    *,
    landing_dir: Path,
    warehouse: Path,
    period: SettlementPeriod,
    tariffs: TariffFiles,
    out: Path,
    clock: Callable[[], datetime],
    by: str,
    received_at: datetime | None = None,
    as_of: datetime | None = None,
    hold_for_approval: bool = False,
    signing_key: SigningKey | None = None,
    progress: Progress = lambda _: None,
    detail: Progress = lambda _: None,
) -> MainJob:
    """Settle a period from a landing folder to its export folder.

    A second time it finds the run, books nothing and exports the same bytes. Each stage is whole or not at
    all, so that a failed job is simply run again. What is wrong with the arguments is said before anything is
    ingested.
    """
    if as_of is not None:
        refuse_future(as_of, now=clock())
    refuse_unwritable(out)
    tariffs.of_period(period)
    progress(f"Ingesting {landing_dir}.")
    ingested = ingest(landing_dir, warehouse=warehouse, received_at=received_at, clock=clock, progress=detail)
    settled = settle(
        warehouse=warehouse,
        period=period,
        tariffs=tariffs,
        now=clock(),
        by=by,
        as_of=as_of,
        hold_for_approval=hold_for_approval,
        progress=progress,
        detail=detail,
    )
    exported = None
    if not settled.awaits_approval:
        progress(f"Exporting {settled.run_id}.")
        exported = export_run(
            warehouse=warehouse,
            run_id=settled.run_id,
            out=out,
            now=clock(),
            by=by,
            signing_key=signing_key,
        )
    summary = summarise(
        warehouse=warehouse, run_id=settled.run_id, export_folder=exported.folder if exported else None
    )
    return MainJob(ingested=ingested, settled=settled, exported=exported, summary=summary)
