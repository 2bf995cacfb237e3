"""Exact arithmetic on columns of whole numbers (R3): wide products, checked results, no float anywhere."""

import polars as pl

from settlement.errors import AmountTooLarge

_LARGEST = 2**63 - 1


def wide(column: str) -> pl.Expr:
    """A 64-bit column in 128 bits, in which the product of any two 64-bit numbers is exact."""
    return pl.col(column).cast(pl.Int128)


def narrowed(frame: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """The frame with its 128-bit columns back in 64 bits; AmountTooLarge if one does not fit."""
    refuse_larger(frame, *columns)
    return frame.with_columns(pl.col(*columns).cast(pl.Int64))


def refuse_larger(frame: pl.DataFrame, *columns: str, scale: int = 1) -> None:
    """AmountTooLarge, naming column and row, if a value / scale of the columns does not fit in 64 bits."""
    limit = pl.lit(_LARGEST * scale, dtype=pl.Int128)
    for column in columns:
        beyond = frame.filter((pl.col(column) > limit) | (pl.col(column) < -limit))
        if beyond.height:
            row = beyond.row(0, named=True)
            names = ", ".join(str(value) for value in row.values() if isinstance(value, str) and value)
            raise AmountTooLarge(
                f"{column} {row[column] // scale} is larger than the {_LARGEST} that is settled ({names}); "
                "look for a mistyped amount, fee or rate behind it."
            )


def halves_up(numerator: pl.Expr, denominator: int) -> pl.Expr:
    """Numerator / denominator, rounded half up to a whole number (R19)."""
    return (numerator * 2 + denominator) // (denominator * 2)


def decimal_text(scaled: pl.Expr, *, decimals: int) -> pl.Expr:
    """A whole number >= 0, scaled by 10^decimals, as text with exactly that many decimals."""
    scale = 10**decimals
    whole: pl.Expr = (scaled // scale).cast(pl.String)
    fraction: pl.Expr = (scaled % scale).cast(pl.String).str.zfill(decimals)
    return pl.concat_str(whole, pl.lit("."), fraction)


def trimmed(text: pl.Expr) -> pl.Expr:
    """Decimal text without superfluous zeros, and without a point that nothing follows."""
    stripped: pl.Expr = text.str.strip_chars_end("0").str.strip_chars_end(".")
    return stripped
