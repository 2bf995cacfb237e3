"""What became of each lease (R22), and the exceptions of those that lapsed (R27)."""

from datetime import datetime

import polars as pl

from settlement.lines import exchange_wh

LAPSED_LEASE = "lapsed_lease"


def lease_outcomes(
    lease_exchanges: pl.DataFrame, *, as_of: datetime, minimum_exchange_wh: int
) -> pl.DataFrame:
    """One row per lease that overlaps the period, with its `outcome`: the first of R22's that holds."""
    not_needed = ~pl.col("has_leased_segment") & pl.any_horizontal(
        "public_at_start", "specific_at_start", "eligible_in_cover"
    )
    outcome = (
        pl.when(not_needed)
        .then(pl.lit("not_needed"))
        .when(pl.col("cover_is_empty"))
        .then(pl.lit("revoked"))
        .when(pl.col("ends_at") > as_of)
        .then(pl.lit("pending"))
        .when(exchange_wh() >= minimum_exchange_wh)
        .then(pl.lit("fulfilled"))
        .when(pl.col("lacks_read") | pl.col("open_session"))
        .then(pl.lit("pending"))
        .otherwise(pl.lit("lapsed"))
    )
    return lease_exchanges.filter("overlaps_period").with_columns(outcome=outcome)


def lapsed_lease_exceptions(outcomes: pl.DataFrame, *, minimum_exchange_wh: int) -> pl.DataFrame:
    """One row per lapsed lease, as VerifiedExceptions, with what to do about it (R27)."""
    detail = pl.format(
        "Only {} Wh of the {} Wh that the lease requires were exchanged, and its lines earn nothing:"
        " ask the user of the vehicle why. If reads or sessions are missing, have them delivered and "
        "settle the period again.",
        exchange_wh(), pl.lit(minimum_exchange_wh),
    )  # fmt: skip
    return outcomes.filter(pl.col("outcome") == "lapsed").select(
        code=pl.lit(LAPSED_LEASE),
        metering_point_id=pl.lit(""),
        evse_id="evse_id",
        vehicle_id="vehicle_id",
        dr_event_id=pl.lit(""),
        lease_id="lease_id",
        session_id=pl.lit(""),
        local_date=pl.lit(None, dtype=pl.Date),
        energy_wh=pl.lit(None, dtype=pl.Int64),
        detail=detail,
    )
