"""Achievement rates (R14)."""

import polars as pl

from settlement.exact import decimal_text, wide

_DECIMALS = 4


def achievement_rate(*, achieved: str, requested: str) -> pl.Expr:
    """Achieved / requested as text with 4 decimals, cut off; null where requested is 0 or null (R14)."""
    scaled = wide(achieved) * 10**_DECIMALS // wide(requested)
    return pl.when(pl.col(requested) > 0).then(decimal_text(scaled, decimals=_DECIMALS))
