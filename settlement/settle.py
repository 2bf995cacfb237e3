"""The settlement of one period: what is payable, earned and claimed (R17 to R22, R24)."""

from dataclasses import dataclass, field
from datetime import datetime

import dataframely as dy
import polars as pl

from settlement.errors import FrameError, SettlementError
from settlement.exact import narrowed, wide
from settlement.fee_reductions import fee_reductions
from settlement.frames import (
    AggregatorAchievement,
    Claims,
    Contracts,
    DrAchievement,
    DrIntervals,
    EnergyBalance,
    Exceptions,
    FeeReductions,
    FrameSet,
    LeaseExchanges,
    LeaseOutcomes,
    Lines,
    Offerings,
    Performances,
    SettlementLines,
    UserAmounts,
    VerifiedAggregatorAchievement,
    VerifiedDrIntervals,
    VerifiedExceptions,
    in_row_order,
)
from settlement.leases import lapsed_lease_exceptions, lease_outcomes
from settlement.ledger import claims_of
from settlement.lines import payable_lines, with_payable
from settlement.performances import capped_performances
from settlement.periods import SettlementPeriod
from settlement.points import with_points
from settlement.rates import achievement_rate
from settlement.tariffs import TariffBook


@dataclass(frozen=True)
class VerifiedPeriod(FrameSet):
    """What the verification found for one period: the marts of the schema `verified`, by their names."""

    performances: pl.DataFrame = field(metadata={"schema": Performances})
    lines: pl.DataFrame = field(metadata={"schema": Lines})
    contracts: pl.DataFrame = field(metadata={"schema": Contracts})
    offerings: pl.DataFrame = field(metadata={"schema": Offerings})
    lease_exchanges: pl.DataFrame = field(metadata={"schema": LeaseExchanges})
    dr_intervals: pl.DataFrame = field(metadata={"schema": VerifiedDrIntervals})
    aggregator_achievement: pl.DataFrame = field(metadata={"schema": VerifiedAggregatorAchievement})
    exceptions: pl.DataFrame = field(metadata={"schema": VerifiedExceptions})
    energy_balance: pl.DataFrame = field(metadata={"schema": EnergyBalance})


@dataclass(frozen=True)
class Settlement(FrameSet):
    """What a run found for one period. All but the last three are exports as they leave."""

    dr_achievement: pl.DataFrame = field(metadata={"schema": DrAchievement})
    dr_intervals: pl.DataFrame = field(metadata={"schema": DrIntervals})
    settlement_lines: pl.DataFrame = field(metadata={"schema": SettlementLines})
    aggregator_achievement: pl.DataFrame = field(metadata={"schema": AggregatorAchievement})
    lease_outcomes: pl.DataFrame = field(metadata={"schema": LeaseOutcomes})
    exceptions: pl.DataFrame = field(metadata={"schema": Exceptions})
    user_amounts: pl.DataFrame = field(metadata={"schema": UserAmounts})
    fee_reductions: pl.DataFrame = field(metadata={"schema": FeeReductions})
    claims: pl.DataFrame = field(metadata={"schema": Claims})


def settle(
    *, verified: VerifiedPeriod, tariffs: TariffBook, period: SettlementPeriod, as_of: datetime
) -> Settlement:
    """Settle one period as of an instant (naive UTC).

    TariffError if no tariff is in force on the first day; FrameError if the verified frames contradict each
    other; AmountTooLarge if an amount leaves 64 bits.
    """
    if as_of.tzinfo is not None:
        raise SettlementError(f"The as-of {as_of.isoformat()} has a zone; hand in naive UTC.")
    monthly = tariffs.in_force_on(period.first_day)
    _refuse_other_periods(verified.performances, period)

    performances = capped_performances(verified.performances, tariffs=tariffs)
    shared = payable_lines(
        verified.lines,
        performances=performances,
        lease_exchanges=verified.lease_exchanges,
        minimum_exchange_wh=monthly.minimum_exchange_wh,
    )
    lines = with_points(shared, tariffs=tariffs).with_columns(settlement_period=pl.lit(str(period)))
    reductions = fee_reductions(
        lines=lines,
        contracts=verified.contracts,
        offerings=verified.offerings,
        tariff=monthly,
        period=period,
    )
    outcomes = lease_outcomes(
        verified.lease_exchanges, as_of=as_of, minimum_exchange_wh=monthly.minimum_exchange_wh
    )
    lapsed = lapsed_lease_exceptions(outcomes, minimum_exchange_wh=monthly.minimum_exchange_wh)
    return Settlement(
        dr_achievement=_published(_rated(with_payable(performances, lines=lines)), DrAchievement, period),
        dr_intervals=_published(verified.dr_intervals, DrIntervals, period),
        settlement_lines=_published(lines, SettlementLines, period),
        aggregator_achievement=_published(
            _rated(verified.aggregator_achievement, achieved="achieved_wh", requested="instructed_wh"),
            AggregatorAchievement,
            period,
        ),
        lease_outcomes=_published(outcomes, LeaseOutcomes, period),
        exceptions=_published(pl.concat([verified.exceptions, lapsed]), Exceptions, period),
        user_amounts=_published(_user_amounts(lines), UserAmounts, period),
        fee_reductions=_published(reductions, FeeReductions, period),
        claims=claims_of(lines=lines, fee_reductions=reductions),
    )


def _rated(frame: pl.DataFrame, *, achieved: str = "achieved", requested: str = "requested") -> pl.DataFrame:
    return frame.with_columns(achievement_rate=achievement_rate(achieved=achieved, requested=requested))


def _user_amounts(lines: pl.DataFrame) -> pl.DataFrame:
    sums = lines.group_by("user_id").agg(points=wide("points").sum()).filter(pl.col("points") > 0)
    return narrowed(sums, "points")


def _published(frame: pl.DataFrame, schema: type[dy.Schema], period: SettlementPeriod) -> pl.DataFrame:
    """The columns that leave, in the order of their rows."""
    dated = frame.with_columns(settlement_period=pl.lit(str(period)))
    return in_row_order(dated.select(schema.column_names()))


def _refuse_other_periods(performances: pl.DataFrame, period: SettlementPeriod) -> None:
    """A DR event, whole, belongs to the period of its start (R4)."""
    others = [day for day in performances["event_local_date"].unique().sort() if not period.contains(day)]
    if others:
        raise FrameError(
            f"Performances of events on {others[0]} were handed in for {period}; hand in its own only."
        )
