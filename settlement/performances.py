"""What of a performance is payable, before it is shared among its lines (R17)."""

import polars as pl

from settlement.exact import narrowed, wide
from settlement.tariffs import TariffBook
from settlement.vocabulary import ENERGY_UNIT


def capped_performances(performances: pl.DataFrame, *, tariffs: TariffBook) -> pl.DataFrame:
    """Performances with `tariff_version` (R21) and `capped`: payable by R17, in the performance's unit."""
    of_dates = _tariffs_of_dates(performances["event_local_date"], tariffs)
    requested, achieved = wide("requested"), wide("achieved")
    cap = requested * pl.col("over_delivery_cap_bp") // 10_000
    net = wide("achieved") - wide("circular_wh")
    limited = pl.min_horizontal(achieved, cap)
    netted = pl.when(pl.col("unit") == ENERGY_UNIT).then(pl.min_horizontal(limited, net)).otherwise(limited)
    unpaid = (
        (pl.col("status") == "held")
        | (achieved * 10_000 < requested * pl.col("minimum_achievement_bp"))
        | (netted < 0)
    )
    frame = performances.join(of_dates, on="event_local_date", how="left", validate="m:1").with_columns(
        capped=pl.when(unpaid).then(pl.lit(0, dtype=pl.Int128)).otherwise(netted)
    )
    return narrowed(frame, "capped").drop("minimum_achievement_bp", "over_delivery_cap_bp")


def _tariffs_of_dates(local_dates: pl.Series, tariffs: TariffBook) -> pl.DataFrame:
    """What R17 needs of the tariff in force on each date of an event's start."""
    days = local_dates.unique().sort().to_list()
    in_force = [tariffs.in_force_on(day) for day in days]
    return pl.DataFrame(
        {
            "event_local_date": days,
            "tariff_version": [tariff.version for tariff in in_force],
            "minimum_achievement_bp": [tariff.minimum_achievement_bp for tariff in in_force],
            "over_delivery_cap_bp": [tariff.over_delivery_cap_bp for tariff in in_force],
        },
        schema={
            "event_local_date": pl.Date,
            "tariff_version": pl.String,
            "minimum_achievement_bp": pl.Int128,
            "over_delivery_cap_bp": pl.Int128,
        },
    )
