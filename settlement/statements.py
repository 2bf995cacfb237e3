"""What users and managers are shown beside what is booked for them (R24)."""

from dataclasses import dataclass, field

import polars as pl

from settlement.exact import narrowed, wide
from settlement.frames import Bookings, FrameSet, ManagerFeeReductions, UserPoints, in_row_order, validated
from settlement.vocabulary import MANAGER, USER

_BOOKED = ("booked_before", "booked_now")


@dataclass(frozen=True)
class Statements(FrameSet):
    """The two frames of payees."""

    user_points: pl.DataFrame = field(metadata={"schema": UserPoints})
    manager_fee_reductions: pl.DataFrame = field(metadata={"schema": ManagerFeeReductions})


def with_booked(
    *,
    user_amounts: pl.DataFrame,
    fee_reductions: pl.DataFrame,
    booked_before: pl.DataFrame,
    booked_now: pl.DataFrame,
) -> Statements:
    """The amounts of a run beside the sums of the period's bookings, of earlier runs and of this one.

    A user with earlier bookings stays listed with 0 points, unless these come to 0 as well. A manager is
    listed with the contracts of the run only; R26 sees to it that the bookings of any other come to 0.
    """
    before, now = validated(booked_before, Bookings), validated(booked_now, Bookings)
    return Statements(
        user_points=_user_points(user_amounts, before, now),
        manager_fee_reductions=_manager_fee_reductions(fee_reductions, before, now),
    )


def _user_points(user_amounts: pl.DataFrame, before: pl.DataFrame, now: pl.DataFrame) -> pl.DataFrame:
    key = ["settlement_period", "user_id"]
    frame = user_amounts
    for column, bookings in zip(_BOOKED, (before, now), strict=True):
        sums = booked_sums(bookings, payee_kind=USER, by=["settlement_period", "payee_id"], into=column)
        frame = frame.join(
            sums.rename({"payee_id": "user_id"}), on=key, how="full", coalesce=True, validate="1:1"
        )
    amounts = pl.col("points", *_BOOKED)
    frame = frame.with_columns(amounts.fill_null(0)).filter(pl.any_horizontal(amounts != 0))
    return in_row_order(frame.select(UserPoints.column_names()))


def _manager_fee_reductions(
    fee_reductions: pl.DataFrame, before: pl.DataFrame, now: pl.DataFrame
) -> pl.DataFrame:
    key = ["settlement_period", "manager_id", "contract_id"]
    frame = fee_reductions
    for column, bookings in zip(_BOOKED, (before, now), strict=True):
        sums = booked_sums(
            bookings, payee_kind=MANAGER, by=["settlement_period", "payee_id", "contract_id"], into=column
        )
        frame = frame.join(sums.rename({"payee_id": "manager_id"}), on=key, how="left", validate="1:1")
    return in_row_order(
        frame.with_columns(pl.col(*_BOOKED).fill_null(0)).select(ManagerFeeReductions.column_names())
    )


def booked_sums(bookings: pl.DataFrame, *, payee_kind: str, by: list[str], into: str) -> pl.DataFrame:
    """Sums of the bookings of one kind of payee, a row per `by`."""
    of_kind = bookings.filter(pl.col("payee_kind") == payee_kind)
    return narrowed(of_kind.group_by(by).agg(wide("amount").sum().alias(into)), into)
