"""The gates of a scheduled settlement: what must hold before and after it. Each raises, or lets it pass."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import settlement
from pipelines.books import open_books, read_result
from pipelines.errors import JobFailed
from pipelines.exports import ENERGY_BALANCE, SETTLED
from pipelines.settle import Verified, verify_period
from pipelines.tariff_files import TariffFiles
from settlement import BalanceError, Settlement, SettlementPeriod


class GateFailed(JobFailed):
    """What must hold does not: the sentence names the rule, the keys and the remedy."""


def before_settlement(  # noqa: PLR0913 -- all keyword-only
    *,
    warehouse: Path,
    period: SettlementPeriod,
    tariffs: TariffFiles,
    as_of: datetime,
    now: datetime,
    progress: Callable[[str], None],
) -> Verified:
    """The period verifies: every dbt test passes, and a tariff is in force.

    GateFailed names the tests that failed and what they found, TariffError the date without a tariff.
    """
    try:
        return verify_period(
            warehouse=warehouse,
            period=period,
            tariffs=tariffs,
            as_of=as_of,
            now=now,
            progress=progress,
            detail=progress,
        )
    except JobFailed as error:
        raise GateFailed(
            f"{error} Nothing was settled: look at the rows that the named test finds, have them mended by a"
            f" delivery (or report the model), and settle {period} again."
        ) from error


def before_issue(*, warehouse: Path, run_id: str) -> None:
    """What a run stored balances (R26), read back from the warehouse: GateFailed names each figure."""
    with open_books(warehouse) as connection:
        stored = {table.name: read_result(connection, run_id=run_id, table=table) for table in SETTLED}
        energy_balance = read_result(connection, run_id=run_id, table=ENERGY_BALANCE)
    try:
        settlement.check_stored(settlement=Settlement(**stored), energy_balance=energy_balance)
    except BalanceError as error:
        raise GateFailed(
            f"{error}\nNothing of run {run_id} was issued: what is stored is not what was audited. Keep the"
            " warehouse, find out what wrote to it, and restore it from a copy."
        ) from error
