"""Sharing a performance's payable among its lines, and what a line forfeits (R18)."""

import polars as pl

from settlement.apportion import apportioned
from settlement.errors import FrameError
from settlement.exact import narrowed, wide
from settlement.vocabulary import LEASED

PERFORMANCE = ["dr_event_id", "vehicle_id"]
LINE = [*PERFORMANCE, "evse_id", "lease_id", "access_class"]


def payable_lines(
    lines: pl.DataFrame,
    *,
    performances: pl.DataFrame,
    lease_exchanges: pl.DataFrame,
    minimum_exchange_wh: int,
) -> pl.DataFrame:
    """Lines with `payable` and `tariff_version` (R18); `performances` as capped by R17.

    FrameError if a line has no performance, or a leased one no exchange.
    """
    of_performances = performances.select(*PERFORMANCE, "capped", "tariff_version")
    known = lines.join(of_performances, on=PERFORMANCE, how="left", validate="m:1")
    _refuse_missing(known, "capped", "has no performance")
    shared = apportioned(
        known, by=PERFORMANCE, amount="capped", weight="achieved",
        ties=["evse_id", "lease_id", "access_class"],
    )  # fmt: skip
    return _without_forfeits(shared, lease_exchanges, minimum_exchange_wh).drop("capped", "share")


def _without_forfeits(
    lines: pl.DataFrame, lease_exchanges: pl.DataFrame, minimum_exchange_wh: int
) -> pl.DataFrame:
    """Payable: a leased line's share only once its lease has exchanged the minimum; else nobody's."""
    exchanges = lease_exchanges.select("lease_id", exchange_wh=exchange_wh())
    known = lines.join(exchanges, on="lease_id", how="left", validate="m:1")
    leased = pl.col("access_class") == LEASED
    _refuse_missing(known.filter(leased), "exchange_wh", "names a lease without a row of its exchange")
    forfeits = leased & (pl.col("exchange_wh") < minimum_exchange_wh)
    return known.with_columns(payable=pl.when(forfeits).then(0).otherwise(pl.col("share"))).drop(
        "exchange_wh"
    )


def exchange_wh() -> pl.Expr:
    """A lease's exchange (R22), over its row of lease_exchanges; in 128 bits."""
    return wide("backfeed_wh") + wide("dr_import_wh")


def with_payable(performances: pl.DataFrame, *, lines: pl.DataFrame) -> pl.DataFrame:
    """Performances with `payable`: the sum of their lines after what these forfeit (R18)."""
    sums = narrowed(lines.group_by(PERFORMANCE).agg(payable=wide("payable").sum()), "payable")
    joined = performances.join(sums, on=PERFORMANCE, how="left", validate="1:1")
    return joined.with_columns(pl.col("payable").fill_null(0))


def _refuse_missing(lines: pl.DataFrame, column: str, what: str) -> None:
    missing = lines.filter(pl.col(column).is_null())
    if missing.height:
        names = ", ".join(missing.select(LINE).row(0))
        raise FrameError(f"The line ({names}) {what}; the verification must hand in both.")
