"""Points of lines (R19)."""

import polars as pl

from settlement.exact import halves_up, narrowed, wide
from settlement.tariffs import TariffBook
from settlement.vocabulary import ENERGY_UNIT

_MILLI = 1000
_WH_PER_KWH = 1000
_RATE = {
    "tariff_version": pl.String,
    "amount_kind": pl.String,
    "access_class": pl.String,
    "rate_milli": pl.Int128,
}


def with_points(lines: pl.DataFrame, *, tariffs: TariffBook) -> pl.DataFrame:
    """Lines with `points`, by their tariff's rate of kind and access class, rounded half up once (R19)."""
    rated = lines.join(
        _rates(tariffs), on=["tariff_version", "amount_kind", "access_class"], how="left", validate="m:1"
    )
    milli_points = wide("payable") * pl.col("rate_milli").fill_null(0)
    per_kwh = pl.col("unit") == ENERGY_UNIT
    points = (
        pl.when(per_kwh)
        .then(halves_up(milli_points, _MILLI * _WH_PER_KWH))
        .otherwise(halves_up(milli_points, _MILLI))
    )
    return narrowed(rated.with_columns(points=points), "points").drop("rate_milli")


def _rates(tariffs: TariffBook) -> pl.DataFrame:
    rows = [
        (tariff.version, rate.amount_kind, rate.access_class, rate.rate_milli)
        for tariff in tariffs.tariffs
        for rate in tariff.rates
    ]
    return pl.DataFrame(rows, schema=_RATE, orient="row")
