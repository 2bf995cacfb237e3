"""Fee reductions of managers, per electricity contract (R20)."""

import polars as pl

from settlement.errors import FrameError
from settlement.exact import decimal_text, narrowed, refuse_larger, trimmed, wide
from settlement.periods import SettlementPeriod
from settlement.tariffs import Tariff
from settlement.vocabulary import ENERGY_UNIT, LEASED

# Every part is a whole number of two-millionths of the smallest unit: Wh x milli-rate is in millionths, an
# offered half hour halves it, and the fee's basis points are in ten-thousandths.
_DENOMINATOR = 2_000_000
_PER_MILLIONTH = 2
_PER_BASIS_POINT = 200
_PARTS = ("performance", "offering", "cap")


def fee_reductions(
    *,
    lines: pl.DataFrame,
    contracts: pl.DataFrame,
    offerings: pl.DataFrame,
    tariff: Tariff,
    period: SettlementPeriod,
) -> pl.DataFrame:
    """One row per manager and contract, as FeeReductions (R20).

    `lines` with their payable; `tariff` the one in force on the period's first day. FrameError if a line or
    an offering counts for a contract that `contracts` does not have.
    """
    performed = _performed(lines, tariff)
    for named in (performed, offerings):
        _refuse_unknown_contracts(named, contracts)
    frame = (
        contracts.join(performed, on="contract_id", how="left", validate="1:1")
        .join(offerings, on="contract_id", how="left", validate="1:1")
        .with_columns(pl.col("performance", "performance_wh", "offered_w_half_hours").fill_null(0))
        .with_columns(
            offering=wide("offered_w_half_hours") * tariff.offering_per_kw_hour_milli,
            cap=wide("monthly_fee_minor") * (tariff.contract_fee_cap_bp * _PER_BASIS_POINT),
        )
    )
    refuse_larger(frame, *_PARTS, scale=_DENOMINATOR)
    reduction = pl.min_horizontal(pl.col("performance") + pl.col("offering"), pl.col("cap")) // _DENOMINATOR
    texts = {
        f"{part}_minor": trimmed(decimal_text(pl.col(part) // _PER_MILLIONTH, decimals=6)) for part in _PARTS
    }
    return narrowed(
        frame.with_columns(
            settlement_period=pl.lit(str(period)),
            offered_wh=wide("offered_w_half_hours") // 2,
            reduction_minor=reduction,
            currency=pl.lit(tariff.currency),
            tariff_version=pl.lit(tariff.version),
            **texts,
        ),
        "performance_wh", "offered_wh", "reduction_minor",
    )  # fmt: skip


def _performed(lines: pl.DataFrame, tariff: Tariff) -> pl.DataFrame:
    """Per contract: payable of its leased Wh lines, and their reduction in two-millionths of a unit."""
    counted = lines.filter(
        (pl.col("access_class") == LEASED) & (pl.col("unit") == ENERGY_UNIT) & pl.col("contract_in_force")
    ).with_columns(performance=wide("payable") * _per_kwh_milli(tariff) * _PER_MILLIONTH)
    # Checked per line, so that no sum of them can leave 128 bits.
    refuse_larger(counted, "performance", scale=_DENOMINATOR)
    return counted.group_by("contract_id").agg(
        performance=pl.col("performance").sum(), performance_wh=wide("payable").sum()
    )


def _per_kwh_milli(tariff: Tariff) -> pl.Expr:
    """The rate of the highest tier whose from_w is at most the line's rated_w, 0 if there is none."""
    rate = pl.lit(0, dtype=pl.Int128)
    for tier in tariff.performance_tiers:
        of_tier = pl.lit(tier.per_kwh_milli, dtype=pl.Int128)
        rate = pl.when(pl.col("rated_w") >= tier.from_w).then(of_tier).otherwise(rate)
    return rate


def _refuse_unknown_contracts(named: pl.DataFrame, contracts: pl.DataFrame) -> None:
    unknown = named.join(contracts, on="contract_id", how="anti")
    if unknown.height:
        contract_id = unknown["contract_id"].sort()[0]
        raise FrameError(
            f'The contract "{contract_id}" has lines or offerings but no row in contracts; '
            "the verification must hand in both."
        )
