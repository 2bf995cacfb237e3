"""What leaves must balance, or nothing leaves (R26): energy, achievement, amounts and claims."""

import polars as pl

from settlement.differences import Row, shown, side_by_side, sums, unequal
from settlement.errors import BalanceError
from settlement.exact import wide
from settlement.ledger_balances import Books, ledger_faults
from settlement.lines import PERFORMANCE
from settlement.settle import Settlement, VerifiedPeriod
from settlement.vocabulary import ENERGY_UNIT, MANAGER, METER_DIRECTIONS, USER


def check_balances(*, verified: VerifiedPeriod, settlement: Settlement) -> None:
    """BalanceError with a sentence for each figure of a settlement that does not balance (R26)."""
    _refuse(
        *_meters(verified.energy_balance, settlement.dr_achievement),
        *_utility(settlement.dr_achievement, settlement.aggregator_achievement),
        *_children(settlement.dr_achievement, settlement.aggregator_achievement),
        *_parents(verified.aggregator_achievement, settlement.aggregator_achievement),
        *_instructed(settlement.aggregator_achievement),
        *_amounts(settlement),
    )


def check_books(*, settlement: Settlement, books: Books) -> None:
    """BalanceError with a sentence for each figure on which books and settlement differ (R26)."""
    _refuse(*_amounts(settlement), *ledger_faults(settlement=settlement, books=books))


def _refuse(*faults: str) -> None:
    if faults:
        raise BalanceError(*faults)


def _amounts(settlement: Settlement) -> list[str]:
    """From performances over lines to what is claimed."""
    return [
        *_performances(settlement.dr_achievement, settlement.settlement_lines, "payable"),
        *_performances(settlement.dr_achievement, settlement.settlement_lines, "achieved"),
        *_points(settlement),
        *_claims_of_users(settlement),
        *_claims_of_managers(settlement),
    ]


def _meters(balance: pl.DataFrame, dr_achievement: pl.DataFrame) -> list[str]:
    """Metered = attributed + unattributed, in both directions."""
    frame = balance.with_columns(
        left=wide("metered_wh"), right=wide("attributed_wh") + wide("unattributed_wh")
    )
    faults = unequal(
        frame,
        lambda row: (
            f"R26: {row['direction']} metered is {row['left']} Wh, but attributed ({row['attributed_wh']}) "
            f"and unattributed ({row['unattributed_wh']}) come to {row['right']} Wh."
        ),
    )
    achieved_wh = _energy(dr_achievement)["achieved"].sum()
    missing = [side for side in METER_DIRECTIONS if side not in balance["direction"].to_list()]
    # Where nothing was metered in either direction, there may be no row at all.
    if missing and (balance.height or achieved_wh):
        faults += [
            f"R26: {side} has no energy balance (0 rows), but {achieved_wh} Wh are achieved and "
            f"{balance.height} directions metered."
            for side in missing
        ]
    return faults


def _performances(dr_achievement: pl.DataFrame, lines: pl.DataFrame, amount: str) -> list[str]:
    """A performance's amount = the sum of its lines."""

    def sentence(row: Row) -> str:
        return (
            f"R26: performance {shown(row, PERFORMANCE)} has {amount} {row['left']}, but its lines sum to "
            f"{row['right']}."
        )

    left = sums(dr_achievement, PERFORMANCE, amount, "left")
    right = sums(lines, PERFORMANCE, amount, "right")
    return unequal(side_by_side(left, right, PERFORMANCE), sentence)


def _utility(dr_achievement: pl.DataFrame, aggregators: pl.DataFrame) -> list[str]:
    """Per DR event: the vehicles' achieved energy = the utility's."""
    key = ["dr_event_id"]
    vehicles = sums(_energy(dr_achievement), key, "achieved", "left")
    utility = sums(_level(aggregators, "utility"), key, "achieved_wh", "right")
    return unequal(
        side_by_side(vehicles, utility, key),
        lambda row: (
            f"R26: the vehicles of event {row['dr_event_id']} achieved {row['left']} Wh, but the utility "
            f"{row['right']} Wh."
        ),
    )


def _children(dr_achievement: pl.DataFrame, aggregators: pl.DataFrame) -> list[str]:
    """Per DR event and child aggregator: its vehicles' achieved energy = its own.

    A vehicle whose aggregator has no row as a child counts at the utility directly (R25), so only rows are
    compared.
    """
    key = ["dr_event_id", "aggregator_id"]
    of_vehicles = _energy(dr_achievement).rename({"child_aggregator_id": "aggregator_id"})
    children = sums(_level(aggregators, "child"), key, "achieved_wh", "right")
    vehicles = sums(of_vehicles, key, "achieved", "left")
    return unequal(
        children.join(vehicles, on=key, how="left").with_columns(pl.col("left").fill_null(0)),
        lambda row: (
            f"R26: the vehicles of child aggregator {row['aggregator_id']} in event {row['dr_event_id']} "
            f"achieved {row['left']} Wh, but the aggregator {row['right']} Wh."
        ),
    )


def _parents(verified: pl.DataFrame, aggregators: pl.DataFrame) -> list[str]:
    """Per DR event and parent aggregator: its children's achieved energy = its own.

    A child without a known parent counts at the utility directly (R25).
    """
    key = ["dr_event_id", "aggregator_id"]
    with_parent = _level(verified, "child").filter(pl.col("parent_aggregator_id") != "")
    of_children = with_parent.drop("aggregator_id").rename({"parent_aggregator_id": "aggregator_id"})
    children = sums(of_children, key, "achieved_wh", "left")
    parents = sums(_level(aggregators, "parent"), key, "achieved_wh", "right")
    return unequal(
        side_by_side(children, parents, key),
        lambda row: (
            f"R26: the children of parent aggregator {row['aggregator_id']} in event {row['dr_event_id']} "
            f"achieved {row['left']} Wh, but the aggregator {row['right']} Wh."
        ),
    )


def _instructed(aggregators: pl.DataFrame) -> list[str]:
    """Per DR event: what the utility instructed = the sum over its parents."""
    key = ["dr_event_id"]
    instructed = aggregators.with_columns(pl.col("instructed_wh").fill_null(0))
    utility = sums(_level(instructed, "utility"), key, "instructed_wh", "left")
    parents = sums(_level(instructed, "parent"), key, "instructed_wh", "right")
    return unequal(
        side_by_side(utility, parents, key),
        lambda row: (
            f"R26: the utility instructed {row['left']} Wh in event {row['dr_event_id']}, but its parent "
            f"aggregators were instructed {row['right']} Wh."
        ),
    )


def _points(settlement: Settlement) -> list[str]:
    """Per user: points = points of the lines of the user's vehicles."""
    key = ["user_id"]
    users = settlement.dr_achievement.select(*PERFORMANCE, "user_id")
    lines = settlement.settlement_lines.join(users, on=PERFORMANCE, how="left")
    found = sums(settlement.user_amounts, key, "points", "left")
    return unequal(
        side_by_side(found, sums(lines, key, "points", "right"), key),
        lambda row: (
            f"R26: user {row['user_id']} has {row['left']} points, but the lines sum to {row['right']}."
        ),
    )


def _claims_of_users(settlement: Settlement) -> list[str]:
    """Per user: points = claims."""
    key = ["user_id"]
    claims = settlement.claims.filter(payee_kind=USER).rename({"payee_id": "user_id"})
    found = sums(settlement.user_amounts, key, "points", "left")
    return unequal(
        side_by_side(found, sums(claims, key, "amount", "right"), key),
        lambda row: (
            f"R26: user {row['user_id']} has {row['left']} points, but the claims sum to {row['right']}."
        ),
    )


def _claims_of_managers(settlement: Settlement) -> list[str]:
    """Per manager and contract: reduction = claim."""
    key = ["manager_id", "contract_id"]
    claims = settlement.claims.filter(payee_kind=MANAGER).rename({"payee_id": "manager_id"})
    found = sums(settlement.fee_reductions, key, "reduction_minor", "left")
    return unequal(
        side_by_side(found, sums(claims, key, "amount", "right"), key),
        lambda row: (
            f"R26: the fee reduction of manager and contract {shown(row, key)} is {row['left']}, but the "
            f"claim {row['right']}."
        ),
    )


def _energy(dr_achievement: pl.DataFrame) -> pl.DataFrame:
    return dr_achievement.filter(unit=ENERGY_UNIT)


def _level(aggregators: pl.DataFrame, level: str) -> pl.DataFrame:
    return aggregators.filter(level=level)
