"""What leaves must balance, or nothing leaves (R26)."""

from collections.abc import Callable
from dataclasses import dataclass, field

import polars as pl

from settlement.errors import BalanceError
from settlement.exact import wide
from settlement.frames import Bookings, Entries, FrameSet, ManagerFeeReductions, UserPoints
from settlement.ledger import LEDGER_KEY
from settlement.lines import PERFORMANCE
from settlement.settle import Settlement, VerifiedPeriod
from settlement.vocabulary import ENERGY_UNIT, MANAGER, PAYEE_KINDS, USER

_SENTENCES_PER_CHECK = 20
_Row = dict[str, object]


@dataclass(frozen=True)
class Books(FrameSet):
    """The books of a run that is booked: its bookings, the earlier ones of its period, and what payees are shown.

    `entries` are those of `booked_now` at least, and of no booking that is in neither frame.
    """

    booked_before: pl.DataFrame = field(metadata={"schema": Bookings})
    booked_now: pl.DataFrame = field(metadata={"schema": Bookings})
    entries: pl.DataFrame = field(metadata={"schema": Entries})
    user_points: pl.DataFrame = field(metadata={"schema": UserPoints})
    manager_fee_reductions: pl.DataFrame = field(metadata={"schema": ManagerFeeReductions})


def check_balances(*, verified: VerifiedPeriod, settlement: Settlement, books: Books | None = None) -> None:
    """BalanceError with a sentence for each figure that does not balance (R26).

    Without `books` (a replay, which is never booked, or a run that waits for approval) all but the ledger is checked.
    """
    faults = [
        *_meters(verified.energy_balance, settlement.dr_achievement),
        *_performances(settlement.dr_achievement, settlement.settlement_lines),
        *_utility(settlement.dr_achievement, settlement.aggregator_achievement),
        *_children(settlement.dr_achievement, settlement.aggregator_achievement),
        *_parents(settlement.aggregator_achievement),
        *_instructed(settlement.aggregator_achievement),
        *_claims_of_users(settlement),
        *_claims_of_managers(settlement),
    ]
    if books is not None:
        bookings = pl.concat([books.booked_before, books.booked_now])
        faults += [
            *_debits_and_credits(books, bookings),
            *_claims_and_bookings(settlement.claims, bookings),
            *_user_totals(settlement.user_amounts, books.user_points, bookings),
            *_manager_totals(settlement.fee_reductions, books.manager_fee_reductions, bookings),
            *_payees_without_booking(settlement, bookings),
        ]
    if faults:
        raise BalanceError(*faults)


def _meters(balance: pl.DataFrame, dr_achievement: pl.DataFrame) -> list[str]:
    """Metered = attributed + unattributed, in both directions."""
    frame = balance.with_columns(
        left=wide("metered_wh"), right=wide("attributed_wh") + wide("unattributed_wh")
    )
    faults = _unequal(
        frame,
        lambda row: (
            f"R26: {row['direction']} metered is {row['left']} Wh, but attributed ({row['attributed_wh']}) + "
            f"unattributed ({row['unattributed_wh']}) is {row['right']} Wh."
        ),
    )
    achieved = _energy(dr_achievement)["achieved"].sum()
    missing = [side for side in ("import", "backfeed") if side not in balance["direction"].to_list()]
    # Where nothing was metered in either direction, there may be no row at all.
    if missing and (balance.height or achieved):
        faults += [
            f"R26: {side} has no energy balance, though energy was metered or achieved." for side in missing
        ]
    return faults


def _performances(dr_achievement: pl.DataFrame, lines: pl.DataFrame) -> list[str]:
    """A performance's payable and achieved = the sums of its lines."""
    faults = []
    for amount in ("payable", "achieved"):
        frame = _both(
            _sums(dr_achievement, PERFORMANCE, amount, "left"),
            _sums(lines, PERFORMANCE, amount, "right"),
            PERFORMANCE,
        )
        faults += _unequal(
            frame,
            lambda row, amount=amount: (  # type: ignore[misc]
                f"R26: performance {_shown(row, PERFORMANCE)} has {amount} {row['left']}, but its lines sum to "
                f"{row['right']}."
            ),
        )
    return faults


def _utility(dr_achievement: pl.DataFrame, aggregators: pl.DataFrame) -> list[str]:
    """Per DR event: the vehicles' achieved energy = the utility's."""
    key = ["dr_event_id"]
    vehicles = _sums(_energy(dr_achievement), key, "achieved", "left")
    utility = _sums(_level(aggregators, "utility"), key, "achieved_wh", "right")
    return _unequal(
        _both(vehicles, utility, key),
        lambda row: (
            f"R26: the vehicles of event {row['dr_event_id']} achieved {row['left']} Wh, but the utility "
            f"{row['right']} Wh."
        ),
    )


def _children(dr_achievement: pl.DataFrame, aggregators: pl.DataFrame) -> list[str]:
    """Per DR event and child aggregator: its vehicles' achieved energy = its own.

    A vehicle whose aggregator has no row as a child counts at the utility directly (R25), so only rows are compared.
    """
    key = ["dr_event_id", "aggregator_id"]
    vehicles = _sums(
        _energy(dr_achievement).rename({"child_aggregator_id": "aggregator_id"}), key, "achieved", "left"
    )
    children = _sums(_level(aggregators, "child"), key, "achieved_wh", "right")
    return _unequal(
        children.join(vehicles, on=key, how="left").with_columns(pl.col("left").fill_null(0)),
        lambda row: (
            f"R26: the vehicles of child aggregator {row['aggregator_id']} in event {row['dr_event_id']} achieved "
            f"{row['left']} Wh, but the aggregator {row['right']} Wh."
        ),
    )


def _parents(aggregators: pl.DataFrame) -> list[str]:
    """Per DR event: parents <= children <= utility; the rest counts at the utility directly (R25)."""
    faults = []
    for upper, lower in (("parent", "child"), ("child", "utility")):
        key = ["dr_event_id"]
        frame = _both(
            _sums(_level(aggregators, upper), key, "achieved_wh", "left"),
            _sums(_level(aggregators, lower), key, "achieved_wh", "right"),
            key,
        )
        faults += _named(
            frame.filter(pl.col("left") > pl.col("right")),
            lambda row, upper=upper, lower=lower: (  # type: ignore[misc]
                f"R26: level {upper} of event {row['dr_event_id']} achieved {row['left']} Wh, more than the "
                f"{row['right']} Wh of level {lower}."
            ),
        )
    return faults


def _instructed(aggregators: pl.DataFrame) -> list[str]:
    """Per DR event: what the utility instructed = the sum over its parents."""
    key = ["dr_event_id"]
    instructed = aggregators.with_columns(pl.col("instructed_wh").fill_null(0))
    utility = _sums(_level(instructed, "utility"), key, "instructed_wh", "left")
    parents = _sums(_level(instructed, "parent"), key, "instructed_wh", "right")
    return _unequal(
        _both(utility, parents, key),
        lambda row: (
            f"R26: the utility instructed {row['left']} Wh in event {row['dr_event_id']}, but its parent aggregators "
            f"were instructed {row['right']} Wh."
        ),
    )


def _claims_of_users(settlement: Settlement) -> list[str]:
    """Per user: points = points of the lines of the user's vehicles = claims."""
    key = ["user_id"]
    users = _sums(settlement.user_amounts, key, "points", "left")
    owners = settlement.dr_achievement.select(*PERFORMANCE, "user_id")
    lines = settlement.settlement_lines.join(owners, on=PERFORMANCE, how="left")
    faults = []
    for what, frame, amount in (
        ("the lines", lines, "points"),
        ("the claims", _of_kind(settlement.claims, USER).rename({"payee_id": "user_id"}), "amount"),
    ):
        faults += _unequal(
            _both(users, _sums(frame, key, amount, "right"), key),
            lambda row, what=what: (  # type: ignore[misc]
                f"R26: user {row['user_id']} has {row['left']} points, but {what} sum to {row['right']}."
            ),
        )
    return faults


def _claims_of_managers(settlement: Settlement) -> list[str]:
    """Per manager and contract: reduction = claim."""
    key = ["manager_id", "contract_id"]
    claims = _of_kind(settlement.claims, MANAGER).rename({"payee_id": "manager_id"})
    return _unequal(
        _both(
            _sums(settlement.fee_reductions, key, "reduction_minor", "left"),
            _sums(claims, key, "amount", "right"),
            key,
        ),
        lambda row: (
            f"R26: the fee reduction of manager and contract {_shown(row, key)} is {row['left']}, but the claim "
            f"{row['right']}."
        ),
    )


def _debits_and_credits(books: Books, bookings: pl.DataFrame) -> list[str]:
    """Per booking: debits = credits = the size of the booking."""
    key = ["booking_id"]
    sides = [
        _sums(books.entries.filter(pl.col("side") == side), key, "amount", side)
        for side in ("debit", "credit")
    ]
    sizes = bookings.select("booking_id", size=wide("amount").abs())
    needed = pl.col("booking_id").is_in(books.booked_now["booking_id"].implode())
    frame = (
        _both(*sides, key)
        .join(sizes, on=key, how="full", coalesce=True)
        .with_columns(pl.col("debit", "credit", "size").fill_null(0))
    )
    has_entries = (pl.col("debit") != 0) | (pl.col("credit") != 0)
    wrong = (pl.col("debit") != pl.col("credit")) | (pl.col("debit") != pl.col("size"))
    return _named(
        frame.filter(wrong & (needed | has_entries)),
        lambda row: (
            f"R26: booking {row['booking_id']} of {row['size']} has debits of {row['debit']} and credits of "
            f"{row['credit']}."
        ),
    )


def _claims_and_bookings(claims: pl.DataFrame, bookings: pl.DataFrame) -> list[str]:
    """Per ledger key: all bookings of the period come to what a fresh settlement finds (R24)."""
    return _unequal(
        _both(
            _sums(claims, LEDGER_KEY, "amount", "left"),
            _sums(bookings, LEDGER_KEY, "amount", "right"),
            LEDGER_KEY,
        ),
        lambda row: (
            f"R26: {row['left']} is claimed for {_shown(row, LEDGER_KEY)}, but {row['right']} is booked."
        ),
    )


def _user_totals(amounts: pl.DataFrame, shown: pl.DataFrame, bookings: pl.DataFrame) -> list[str]:
    """Per user: points found = points shown = booked before + booked now = the user's bookings."""
    key = ["user_id"]
    ledger = _of_kind(bookings, USER).rename({"payee_id": "user_id"})
    return [
        *_shown_and_booked(shown, key, "points"),
        *_totals(shown, key, "points", ("found", amounts, "points"), "user"),
        *_totals(shown, key, "points", ("in the ledger", ledger, "amount"), "user"),
    ]


def _manager_totals(reductions: pl.DataFrame, shown: pl.DataFrame, bookings: pl.DataFrame) -> list[str]:
    """Per manager and contract: reduction found = shown = booked before + booked now = their bookings.

    A manager who no longer has the contract is not shown, so that manager's bookings must come to 0.
    """
    key = ["manager_id", "contract_id"]
    ledger = _of_kind(bookings, MANAGER).rename({"payee_id": "manager_id"})
    who = "manager and contract"
    return [
        *_shown_and_booked(shown, key, "reduction_minor"),
        *_totals(shown, key, "reduction_minor", ("found", reductions, "reduction_minor"), who),
        *_totals(shown, key, "reduction_minor", ("in the ledger", ledger, "amount"), who),
    ]


def _shown_and_booked(shown: pl.DataFrame, key: list[str], amount: str) -> list[str]:
    frame = shown.with_columns(left=wide(amount), right=wide("booked_before") + wide("booked_now"))
    return _unequal(
        frame,
        lambda row: (
            f"R26: {_shown(row, key)} is shown with {amount} {row['left']}, but with {row['booked_before']} booked "
            f"before and {row['booked_now']} now."
        ),
    )


def _totals(
    shown: pl.DataFrame, key: list[str], amount: str, other: tuple[str, pl.DataFrame, str], who: str
) -> list[str]:
    where, frame, column = other
    return _unequal(
        _both(_sums(shown, key, amount, "left"), _sums(frame, key, column, "right"), key),
        lambda row: (
            f"R26: {who} {_shown(row, key)} is shown with {amount} {row['left']}, but {row['right']} is {where}."
        ),
    )


def _payees_without_booking(settlement: Settlement, bookings: pl.DataFrame) -> list[str]:
    """Every payee with an amount has a booking."""
    owed = _sums(settlement.claims, ["payee_kind", "payee_id"], "amount", "left").filter(pl.col("left") > 0)
    return _named(
        owed.join(bookings, on=["payee_kind", "payee_id"], how="anti"),
        lambda row: (
            f"R26: {row['payee_kind']} {row['payee_id']} is owed {row['left']}, but has no booking (0)."
        ),
    )


def _energy(dr_achievement: pl.DataFrame) -> pl.DataFrame:
    return dr_achievement.filter(pl.col("unit") == ENERGY_UNIT)


def _level(aggregators: pl.DataFrame, level: str) -> pl.DataFrame:
    return aggregators.filter(pl.col("level") == level)


def _of_kind(frame: pl.DataFrame, payee_kind: str) -> pl.DataFrame:
    assert payee_kind in PAYEE_KINDS
    return frame.filter(pl.col("payee_kind") == payee_kind)


def _sums(frame: pl.DataFrame, key: list[str], amount: str, into: str) -> pl.DataFrame:
    return frame.group_by(key).agg(wide(amount).sum().alias(into))


def _both(left: pl.DataFrame, right: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """Two sums side by side; one that is not there is 0."""
    joined = left.join(right, on=key, how="full", coalesce=True)
    return joined.with_columns(pl.exclude(key).fill_null(0))


def _unequal(frame: pl.DataFrame, sentence: Callable[[_Row], str]) -> list[str]:
    return _named(frame.filter(pl.col("left") != pl.col("right")), sentence)


def _named(faults: pl.DataFrame, sentence: Callable[[_Row], str]) -> list[str]:
    """A sentence per row, up to a number that a person can read."""
    rows = faults.sort(faults.columns)
    sentences = [sentence(row) for row in rows.head(_SENTENCES_PER_CHECK).iter_rows(named=True)]
    more = rows.height - len(sentences)
    return [*sentences, f"R26: {more} more like the one before."] if more else sentences


def _shown(row: _Row, key: list[str]) -> str:
    return "(" + ", ".join(str(row[name]) for name in key if row[name]) + ")"
