"""Sharing a whole amount among rows by largest remainder, so that nothing is lost (R9, R18)."""

import polars as pl

from settlement.exact import wide


def apportioned(
    frame: pl.DataFrame, *, by: list[str], amount: str, weight: str, ties: list[str]
) -> pl.DataFrame:
    """Each group's amount (equal in its rows) shared in proportion to weight, as the 64-bit column `share`.

    A row gets `floor(amount x weight / total weight)`; what is left over goes one each to the largest
    remainders, ties to the smaller `ties`. Where all weights of a group are 0, nothing is shared. The grain
    stays; the rows come out in the order of `by` and `ties`.
    """
    product = wide(amount) * wide(weight)
    total = wide(weight).sum().over(by)
    shares = frame.with_columns(
        # A total of 0 divides to null, which is a share of 0.
        _share=(product // total).fill_null(0),
        _remainder=(product % total).fill_null(0),
        _total=total,
    )
    left_over = (
        pl.when(pl.col("_total") > 0).then(wide(amount) - pl.col("_share").sum().over(by)).otherwise(0)
    )
    return (
        shares.with_columns(_left_over=left_over)
        .sort([*by, "_remainder", *ties], descending=[*[False] * len(by), True, *[False] * len(ties)])
        .with_columns(_place=pl.int_range(pl.len()).over(by))
        .with_columns(
            (pl.col("_share") + (pl.col("_place") < pl.col("_left_over"))).cast(pl.Int64).alias("share")
        )
        .drop("_share", "_remainder", "_total", "_left_over", "_place")
        .sort([*by, *ties])
    )
