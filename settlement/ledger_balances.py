"""What payees are shown must be what the ledger says (R24, R26)."""

from dataclasses import dataclass, field

import polars as pl

from settlement.differences import Row, named, shown, side_by_side, sums, unequal
from settlement.exact import wide
from settlement.frames import Bookings, Entries, FrameSet, ManagerFeeReductions, UserPoints
from settlement.ledger import LEDGER_KEY
from settlement.settle import Settlement
from settlement.vocabulary import MANAGER, USER


@dataclass(frozen=True)
class Books(FrameSet):
    """The books of a run that is booked: its bookings, the earlier ones of its period, what payees are shown.

    `entries` are those of `booked_now` at least, and of no booking that is in neither frame.
    """

    booked_before: pl.DataFrame = field(metadata={"schema": Bookings})
    booked_now: pl.DataFrame = field(metadata={"schema": Bookings})
    entries: pl.DataFrame = field(metadata={"schema": Entries})
    user_points: pl.DataFrame = field(metadata={"schema": UserPoints})
    manager_fee_reductions: pl.DataFrame = field(metadata={"schema": ManagerFeeReductions})


def ledger_faults(*, settlement: Settlement, books: Books) -> list[str]:
    """A sentence for each figure of the books that does not balance with the settlement."""
    bookings = pl.concat([books.booked_before, books.booked_now])
    of_users = bookings.filter(payee_kind=USER).rename({"payee_id": "user_id"})
    of_managers = bookings.filter(payee_kind=MANAGER).rename({"payee_id": "manager_id"})
    users = _Payees(frame=books.user_points, key=["user_id"], amount="points")
    managers = _Payees(
        frame=books.manager_fee_reductions, key=["manager_id", "contract_id"], amount="reduction_minor"
    )
    return [
        *_debits_and_credits(books, bookings),
        *_claims_and_bookings(settlement.claims, bookings),
        *users.against_columns(),
        *users.against(settlement.user_amounts, "points", "found"),
        *users.against(of_users, "amount", "in the ledger"),
        *managers.against_columns(),
        *managers.against(settlement.fee_reductions, "reduction_minor", "found"),
        *managers.against(of_managers, "amount", "in the ledger"),
        *_payees_without_booking(settlement.claims, bookings),
    ]


@dataclass(frozen=True)
class _Payees:
    """What payees of one kind are shown. One who is not shown counts with 0, and so must have come to 0."""

    frame: pl.DataFrame
    key: list[str]
    amount: str

    def against_columns(self) -> list[str]:
        """The amount shown = booked before + booked now."""
        frame = self.frame.with_columns(
            left=wide(self.amount), right=wide("booked_before") + wide("booked_now")
        )
        return unequal(
            frame,
            lambda row: (
                f"R26: {shown(row, self.key)} is shown with {self.amount} {row['left']}, but with "
                f"{row['booked_before']} booked before and {row['booked_now']} now."
            ),
        )

    def against(self, other: pl.DataFrame, amount: str, where: str) -> list[str]:
        """The amount shown = the other frame's sum."""

        def sentence(row: Row) -> str:
            return (
                f"R26: {shown(row, self.key)} is shown with {self.amount} {row['left']}, but {row['right']} "
                f"is {where}."
            )

        left = sums(self.frame, self.key, self.amount, "left")
        right = sums(other, self.key, amount, "right")
        return unequal(side_by_side(left, right, self.key), sentence)


def _debits_and_credits(books: Books, bookings: pl.DataFrame) -> list[str]:
    """Per booking: debits = credits = the size of the booking."""
    key = ["booking_id"]
    debits, credits_ = (
        sums(books.entries.filter(side=side), key, "amount", side) for side in ("debit", "credit")
    )
    sizes = bookings.select("booking_id", size=wide("amount").abs())
    frame = side_by_side(side_by_side(debits, credits_, key), sizes, key)
    needed = pl.col("booking_id").is_in(books.booked_now["booking_id"].implode())
    entered = (pl.col("debit") != 0) | (pl.col("credit") != 0)
    wrong = (pl.col("debit") != pl.col("credit")) | (pl.col("debit") != pl.col("size"))
    return named(
        frame.filter(wrong & (needed | entered)),
        lambda row: (
            f"R26: booking {row['booking_id']} of {row['size']} has debits of {row['debit']} and credits of "
            f"{row['credit']}."
        ),
    )


def _claims_and_bookings(claims: pl.DataFrame, bookings: pl.DataFrame) -> list[str]:
    """Per ledger key: all bookings of the period come to what a fresh settlement finds (R24)."""
    claimed = sums(claims, LEDGER_KEY, "amount", "left")
    booked = sums(bookings, LEDGER_KEY, "amount", "right")
    return unequal(
        side_by_side(claimed, booked, LEDGER_KEY),
        lambda row: (
            f"R26: {row['left']} is claimed for {shown(row, LEDGER_KEY)}, but {row['right']} is booked."
        ),
    )


def _payees_without_booking(claims: pl.DataFrame, bookings: pl.DataFrame) -> list[str]:
    """Every payee with an amount has a booking."""
    payee = ["payee_kind", "payee_id"]
    owed = sums(claims, payee, "amount", "left").filter(pl.col("left") > 0)
    return named(
        owed.join(bookings, on=payee, how="anti"),
        lambda row: f"R26: {row['payee_kind']} {row['payee_id']} is owed {row['left']}, but has 0 bookings.",
    )
