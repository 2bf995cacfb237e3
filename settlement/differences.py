"""Two figures that should be equal, and a sentence for each pair that is not (R26)."""

from collections.abc import Callable

import polars as pl

from settlement.exact import wide

_SENTENCES_PER_CHECK = 20
Row = dict[str, object]


def sums(frame: pl.DataFrame, key: list[str], amount: str, into: str) -> pl.DataFrame:
    """The amount summed per key, in 128 bits."""
    return frame.group_by(key).agg(wide(amount).sum().alias(into))


def side_by_side(left: pl.DataFrame, right: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """Two sums per key beside each other; one that is not there is 0."""
    joined = left.join(right, on=key, how="full", coalesce=True)
    return joined.with_columns(pl.exclude(key).fill_null(0))


def unequal(frame: pl.DataFrame, sentence: Callable[[Row], str]) -> list[str]:
    """A sentence for each row whose `left` is not its `right`."""
    return named(frame.filter(pl.col("left") != pl.col("right")), sentence)


def named(faults: pl.DataFrame, sentence: Callable[[Row], str]) -> list[str]:
    """A sentence per row, up to a number that a person can read."""
    rows = faults.sort(faults.columns)
    sentences = [sentence(row) for row in rows.head(_SENTENCES_PER_CHECK).iter_rows(named=True)]
    more = rows.height - len(sentences)
    return [*sentences, f"R26: {more} more of the kind of the last one named."] if more else sentences


def shown(row: Row, key: list[str]) -> str:
    """The key of a row, for a sentence."""
    return "(" + ", ".join(str(row[name]) for name in key if row[name]) + ")"
