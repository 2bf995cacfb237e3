"""The books: what is claimed, what is booked of it, and double entry (R24)."""

import hashlib
from collections.abc import Iterable

import polars as pl

from settlement.errors import LedgerError
from settlement.exact import narrowed, wide
from settlement.frames import Bookings, Claims, Entries, in_row_order, validated
from settlement.vocabulary import AWARD, CORRECTION, MANAGER, POINT, PROGRAMME, USER

LEDGER_KEY = [
    "settlement_period", "payee_kind", "payee_id", "dr_event_id", "vehicle_id", "evse_id", "lease_id",
    "access_class", "contract_id", "unit",
]  # fmt: skip
_SEPARATOR = "\x1f"  # stands in no id, so that no two keys run together
_ID_DIGITS = 32


def claims_of(*, lines: pl.DataFrame, fee_reductions: pl.DataFrame) -> pl.DataFrame:
    """What is owed, as Claims: a row per line with its points, and per contract with its reduction (R24)."""
    none = pl.lit("")
    points = lines.select(
        "settlement_period", "dr_event_id", "vehicle_id", "evse_id", "lease_id", "access_class",
        "tariff_version", payee_kind=pl.lit(USER), payee_id="user_id", contract_id=none,
        unit=pl.lit(POINT), amount="points",
    )  # fmt: skip
    reductions = fee_reductions.select(
        "settlement_period", "contract_id", "tariff_version",
        payee_kind=pl.lit(MANAGER), payee_id="manager_id", dr_event_id=none, vehicle_id=none, evse_id=none,
        lease_id=none, access_class=none, unit="currency", amount="reduction_minor",
    )  # fmt: skip
    claims = pl.concat([points, reductions], how="diagonal")
    return in_row_order(claims.select(Claims.column_names()))


def book(
    *, claims: pl.DataFrame, booked: pl.DataFrame, initial: bool, booked_in_period: str | None = None
) -> pl.DataFrame:
    """The bookings of an approved run, as Bookings: per ledger key, the claim less what is booked (R24).

    `booked` holds all earlier bookings of the period. Zero differences are not booked, and a key that is
    claimed no more is booked back to 0. `booked_in_period` names another period only where the settled one
    is closed.
    LedgerError if an initial run finds bookings, or if the rows are of several periods.
    """
    claims, booked = validated(claims, Claims), validated(booked, Bookings)
    _refuse_mixed_periods(claims, booked)
    if initial and booked.height:
        period = booked["settlement_period"][0]
        raise LedgerError(
            f"The first approved run of {period} found {booked.height} bookings of it; book a correction."
        )
    standing = booked.group_by(LEDGER_KEY).agg(
        booked_amount=wide("amount").sum(), ordinal=pl.len().cast(pl.Int64)
    )
    differences = (
        claims.join(standing, on=LEDGER_KEY, how="full", coalesce=True, validate="1:1")
        .with_columns(
            amount=wide("amount").fill_null(0) - pl.col("booked_amount").fill_null(0),
            ordinal=pl.col("ordinal").fill_null(0) + 1,
        )
        .filter(pl.col("amount") != 0)
    )
    made = _with_last_tariff(narrowed(differences, "amount"), booked)
    made = made.with_columns(
        booking_id=_booking_ids(made, "ordinal"),
        booked_in_period=pl.lit(booked_in_period) if booked_in_period else pl.col("settlement_period"),
        reason=pl.lit(AWARD if initial else CORRECTION),
    )
    return validated(in_row_order(made.select(Bookings.column_names())), Bookings)


def _with_last_tariff(differences: pl.DataFrame, booked: pl.DataFrame) -> pl.DataFrame:
    """A key that is claimed no more keeps the tariff version of its last booking."""
    gone = differences.filter(pl.col("tariff_version").is_null()).drop("tariff_version")
    # The ordinal is part of the id, so the last booking is known whatever the order of the rows.
    last_ids = _booking_ids(gone.with_columns(last=pl.col("ordinal") - 1), "last")
    last = booked.select("booking_id", "tariff_version")
    dated = gone.with_columns(booking_id=last_ids).join(last, on="booking_id", how="left").drop("booking_id")
    lost = dated.filter(pl.col("tariff_version").is_null())
    if lost.height:
        raise LedgerError(
            f"The last booking of {_shown_key(lost.row(0, named=True))} is not among the earlier bookings: "
            "the books are incomplete; restore them before booking."
        )
    claimed = differences.filter(pl.col("tariff_version").is_not_null())
    return pl.concat([claimed, dated.select(claimed.columns)])


def _booking_ids(frame: pl.DataFrame, ordinal: str) -> pl.Series:
    """The first 32 hex digits of SHA-256 over the ledger key and the ordinal of the booking of that key."""
    keys: Iterable[str] = frame.select(
        pl.concat_str([*LEDGER_KEY, pl.col(ordinal).cast(pl.String)], separator=_SEPARATOR)
    ).to_series()
    ids = [hashlib.sha256(key.encode()).hexdigest()[:_ID_DIGITS] for key in keys]
    return pl.Series("booking_id", ids, dtype=pl.String)


def _refuse_mixed_periods(claims: pl.DataFrame, booked: pl.DataFrame) -> None:
    periods = pl.concat([claims["settlement_period"], booked["settlement_period"]]).unique().sort().to_list()
    if len(periods) > 1:
        raise LedgerError(
            f"Claims and bookings of {', '.join(periods)} were given; book one period at a time."
        )


def refuse_conflicts(bookings: pl.DataFrame, booked: pl.DataFrame) -> None:
    """LedgerError if a booking id stands in both frames with different contents; the same are no fault."""
    new, old = validated(bookings, Bookings), validated(booked, Bookings)
    both = new.join(old, on="booking_id", how="inner", suffix="_booked")
    columns = [column for column in Bookings.column_names() if column != "booking_id"]
    differs = pl.any_horizontal(pl.col(column) != pl.col(f"{column}_booked") for column in columns)
    conflicts = both.filter(differs).sort("booking_id")
    if conflicts.height:
        row = conflicts.row(0, named=True)
        names = [column for column in columns if row[column] != row[f"{column}_booked"]]
        contents = "; ".join(f"{name} {row[name]}, booked as {row[f'{name}_booked']}" for name in names)
        raise LedgerError(
            f"Booking {row['booking_id']} of {_shown_key(row)} stands in the books already with other "
            f"contents ({contents}); nothing was booked. Settle again on the books as they are."
        )


def entries(bookings: pl.DataFrame) -> pl.DataFrame:
    """Two rows a booking, as Entries: what is owed more is a debit of the programme, a credit of the payee.

    A negative booking swaps the sides, so that every amount is above 0.
    """
    bookings = validated(bookings, Bookings)
    owed_more = pl.col("amount") > 0
    magnitude = narrowed(bookings.with_columns(amount=wide("amount").abs()), "amount")["amount"]
    debit, credit = pl.lit("debit"), pl.lit("credit")
    common = ["booking_id", "settlement_period", "unit"]
    of_programme = bookings.select(
        *common,
        side=pl.when(owed_more).then(debit).otherwise(credit),
        account_kind=pl.lit(PROGRAMME),
        account_id=pl.lit(""),
        amount=magnitude,
    )
    of_payees = bookings.select(
        *common,
        side=pl.when(owed_more).then(credit).otherwise(debit),
        account_kind="payee_kind",
        account_id="payee_id",
        amount=magnitude,
    )
    both = pl.concat([of_programme, of_payees]).select(Entries.column_names())
    return validated(in_row_order(both), Entries)


def _shown_key(row: dict[str, object]) -> str:
    return "(" + ", ".join(str(row[name]) for name in LEDGER_KEY if row[name]) + ")"
