"""The frames at the border of the settlement: what the verification hands in, and what leaves.

Text keys are never null; "" means none. Energy is in Wh, power in W, money in the currency's smallest unit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import dataframely as dy
import polars as pl
from dataframely.exc import SchemaError, ValidationError

from settlement.errors import FrameError
from settlement.vocabulary import (
    AMOUNT_KINDS,
    DIRECTIONS,
    ENERGY_UNIT,
    INTERVAL_KINDS,
    INTERVAL_UNIT,
    LEASED,
    LEVELS,
    METER_DIRECTIONS,
    OUTCOMES,
    PAYEE_KINDS,
    PERMITTED_CLASSES,
    REASONS,
    STATUSES,
    SUPPRESSION_KINDS,
)

_PERIOD = r"^[0-9]{4}-[0-9]{2}$"
_RATE = r"^[0-9]+\.[0-9]{4}$"
_DECIMAL = r"^[0-9]+(\.[0-9]{0,5}[1-9])?$"


def _key() -> dy.String:
    return dy.String(primary_key=True)


def _period() -> dy.String:
    return dy.String(primary_key=True, regex=_PERIOD)


def _one_of(words: Sequence[str], *, primary_key: bool = False) -> dy.String:
    return dy.String(primary_key=primary_key, check=lambda column: column.is_in(list(words)))


def _amount(description: str | None = None) -> dy.Int64:
    return dy.Int64(min=0, description=description)


def _unit_fits_kind() -> pl.Expr:
    of_intervals = pl.col("amount_kind").is_in(list(INTERVAL_KINDS))
    return (pl.col("unit") == INTERVAL_UNIT) == of_intervals


def _kind_fits_direction() -> pl.Expr:
    of_suppression = pl.col("amount_kind").is_in(list(SUPPRESSION_KINDS))
    return (pl.col("direction") == DIRECTIONS[0]) == of_suppression


def _leased_names_its_lease() -> pl.Expr:
    return (pl.col("access_class") == LEASED) == (pl.col("lease_id") != "")


# What the verification hands in: the marts of the schema `verified`.


class Performances(dy.Schema):
    """Every performance of the period: one row per (DR event, vehicle) (R12, R15)."""

    dr_event_id = _key()
    vehicle_id = _key()
    user_id = dy.String()
    child_aggregator_id = dy.String()
    direction = _one_of(DIRECTIONS)
    amount_kind = _one_of(AMOUNT_KINDS)
    unit = _one_of((ENERGY_UNIT, INTERVAL_UNIT))
    starts_at = dy.Datetime(time_unit="us", description="UTC, as every instant (R1)")
    ends_at = dy.Datetime(time_unit="us")
    event_local_date = dy.Date(description="of the event's start (R4)")
    requested = dy.Int64(min=1)
    achieved = _amount("before cap, net and forfeiture")
    circular_wh = _amount("what R17 subtracts: import of discharge_energy, backfeed of increase, else 0")
    status = _one_of(STATUSES)
    qualities = dy.String(description="letters of the needed reads, joined by +")

    @dy.rule()
    def unit_fits_kind(cls) -> pl.Expr:
        """Intervals for a guard value, Wh for the others."""
        return _unit_fits_kind()

    @dy.rule()
    def kind_fits_direction(cls) -> pl.Expr:
        """R12's table."""
        return _kind_fits_direction()


class Lines(dy.Schema):
    """Every line with an eligible segment, up to its achieved (R18).

    One row per (DR event, vehicle, EVSE, lease or none, access class).
    """

    dr_event_id = _key()
    vehicle_id = _key()
    evse_id = _key()
    lease_id = _key()
    access_class = _one_of(PERMITTED_CLASSES, primary_key=True)
    unit = _one_of((ENERGY_UNIT, INTERVAL_UNIT))
    amount_kind = _one_of(AMOUNT_KINDS)
    direction = _one_of(DIRECTIONS)
    user_id = dy.String()
    event_local_date = dy.Date()
    achieved = _amount()
    contract_id = dy.String(description="of the EVSE at the event's start; empty if unknown")
    contract_in_force = dy.Bool(description="at the event's start")
    rated_w = _amount("of discharge for suppression, of charge for increase; 0 if unknown")

    @dy.rule()
    def unit_fits_kind(cls) -> pl.Expr:
        """Intervals for a guard value, Wh for the others."""
        return _unit_fits_kind()

    @dy.rule()
    def leased_names_its_lease(cls) -> pl.Expr:
        """A lease for the class leased, none for the others."""
        return _leased_names_its_lease()


class Contracts(dy.Schema):
    """One row per electricity contract that the period's fee reductions name (R20)."""

    contract_id = _key()
    manager_id = dy.String()
    monthly_fee_minor = _amount()


class Offerings(dy.Schema):
    """One row per contract with offered, unoccupied half hours (R20)."""

    contract_id = _key()
    offered_w_half_hours = dy.Int64(min=1, description="rated_discharge_w summed over those half hours")


class LeaseExchanges(dy.Schema):
    """One row per lease that overlaps the period or that a line names (R22)."""

    lease_id = _key()
    evse_id = dy.String()
    vehicle_id = dy.String()
    overlaps_period = dy.Bool()
    ends_at = dy.Datetime(time_unit="us", description="the earlier of valid_to and revoked_at")
    cover_is_empty = dy.Bool(description="R10")
    has_leased_segment = dy.Bool()
    public_at_start = dy.Bool(description="the EVSE, at valid_from")
    specific_at_start = dy.Bool(description="the vehicle, at valid_from")
    eligible_in_cover = dy.Bool()
    backfeed_wh = _amount()
    dr_import_wh = _amount()
    lacks_read = dy.Bool()
    open_session = dy.Bool()


class VerifiedDrIntervals(dy.Schema):
    """Energies of the eligible segments per performance, EVSE and half hour; missing is null."""

    dr_event_id = _key()
    vehicle_id = _key()
    evse_id = _key()
    interval_start = dy.Datetime(primary_key=True, time_unit="us")
    import_wh = dy.Int64(nullable=True, min=0)
    backfeed_wh = dy.Int64(nullable=True, min=0)
    qualities = dy.String()


class VerifiedAggregatorAchievement(dy.Schema):
    """Achieved Wh per DR event and aggregator; the utility has an empty aggregator_id."""

    dr_event_id = _key()
    level = _one_of(LEVELS, primary_key=True)
    aggregator_id = _key()
    parent_aggregator_id = dy.String(description="whom a child's energy counts for besides it; empty: nobody")
    instructed_wh = dy.Int64(nullable=True, min=0)
    achieved_wh = _amount()


class VerifiedExceptions(dy.Schema):
    """What an operator has to look at, all codes but lapsed_lease (R27)."""

    code = dy.String()
    metering_point_id = dy.String()
    evse_id = dy.String()
    vehicle_id = dy.String()
    dr_event_id = dy.String()
    lease_id = dy.String()
    session_id = dy.String()
    local_date = dy.Date(nullable=True)
    energy_wh = dy.Int64(nullable=True)
    detail = dy.String(description="a sentence that says what to do")


class EnergyBalance(dy.Schema):
    """Both sides of the meters, one row per direction (R26)."""

    direction = _one_of(METER_DIRECTIONS, primary_key=True)
    metered_wh = _amount()
    attributed_wh = _amount()
    unattributed_wh = _amount()


# What leaves.


class DrAchievement(dy.Schema):
    """Every performance of the period."""

    settlement_period = _period()
    dr_event_id = _key()
    vehicle_id = _key()
    user_id = dy.String()
    child_aggregator_id = dy.String()
    direction = _one_of(DIRECTIONS)
    amount_kind = _one_of(AMOUNT_KINDS)
    unit = _one_of((ENERGY_UNIT, INTERVAL_UNIT))
    requested = dy.Int64(min=1)
    achieved = _amount()
    achievement_rate = dy.String(regex=_RATE, description="4 decimals, cut off (R14)")
    payable = _amount("the sum of its lines (R18)")
    status = _one_of(STATUSES)
    qualities = dy.String()


class DrIntervals(dy.Schema):
    """Energies of the eligible segments per performance, EVSE and half hour; missing is null."""

    settlement_period = _period()
    dr_event_id = _key()
    vehicle_id = _key()
    evse_id = _key()
    interval_start = dy.Datetime(primary_key=True, time_unit="us")
    import_wh = dy.Int64(nullable=True, min=0)
    backfeed_wh = dy.Int64(nullable=True, min=0)
    qualities = dy.String()


class SettlementLines(dy.Schema):
    """Every line with an eligible segment, paid or not (R18, R19)."""

    settlement_period = _period()
    dr_event_id = _key()
    vehicle_id = _key()
    evse_id = _key()
    lease_id = _key()
    access_class = _one_of(PERMITTED_CLASSES, primary_key=True)
    unit = _one_of((ENERGY_UNIT, INTERVAL_UNIT))
    achieved = _amount()
    payable = _amount("after the forfeiture of R18")
    points = _amount()
    tariff_version = dy.String(description="in force on the event's local start date (R21)")


class AggregatorAchievement(dy.Schema):
    """Achieved Wh per DR event and aggregator; the utility has an empty aggregator_id."""

    settlement_period = _period()
    dr_event_id = _key()
    level = _one_of(LEVELS, primary_key=True)
    aggregator_id = _key()
    instructed_wh = dy.Int64(nullable=True, min=0)
    achieved_wh = _amount()
    achievement_rate = dy.String(nullable=True, regex=_RATE, description="null where nothing was instructed")


class LeaseOutcomes(dy.Schema):
    """One row per lease that overlaps the period (R22)."""

    settlement_period = _period()
    lease_id = _key()
    evse_id = dy.String()
    vehicle_id = dy.String()
    outcome = _one_of(OUTCOMES)
    backfeed_wh = _amount()
    dr_import_wh = _amount()


class Exceptions(dy.Schema):
    """What an operator has to look at (R27)."""

    settlement_period = dy.String(regex=_PERIOD)
    code = dy.String()
    metering_point_id = dy.String()
    evse_id = dy.String()
    vehicle_id = dy.String()
    dr_event_id = dy.String()
    lease_id = dy.String()
    session_id = dy.String()
    local_date = dy.Date(nullable=True)
    energy_wh = dy.Int64(nullable=True)
    detail = dy.String()


class UserAmounts(dy.Schema):
    """One row per user who earned points in the period."""

    settlement_period = _period()
    user_id = _key()
    points = dy.Int64(min=1)


class FeeReductions(dy.Schema):
    """One row per manager and contract of the period (R20); the parts are exact, cut off at 6 decimals."""

    settlement_period = _period()
    manager_id = _key()
    contract_id = _key()
    performance_wh = _amount("payable of the leased Wh lines")
    offered_wh = _amount("rounded down")
    performance_minor = dy.String(regex=_DECIMAL)
    offering_minor = dy.String(regex=_DECIMAL)
    cap_minor = dy.String(regex=_DECIMAL)
    reduction_minor = _amount()
    currency = dy.String()
    tariff_version = dy.String(description="in force on the period's first day (R21)")


class Claims(dy.Schema):
    """What a run found that is owed: one row per ledger key, zeros included (R24)."""

    settlement_period = _period()
    payee_kind = _one_of(PAYEE_KINDS, primary_key=True)
    payee_id = _key()
    dr_event_id = _key()
    vehicle_id = _key()
    evse_id = _key()
    lease_id = _key()
    access_class = _key()
    contract_id = _key()
    unit = _key()
    amount = _amount()
    tariff_version = dy.String()


class Bookings(dy.Schema):
    """Differences booked, one row per booking (R24)."""

    booking_id = dy.String(primary_key=True, regex=r"^[0-9a-f]{32}$")
    settlement_period = dy.String(regex=_PERIOD)
    booked_in_period = dy.String(regex=_PERIOD, description="another one only if the period is closed")
    payee_kind = _one_of(PAYEE_KINDS)
    payee_id = dy.String()
    dr_event_id = dy.String()
    vehicle_id = dy.String()
    evse_id = dy.String()
    lease_id = dy.String()
    access_class = dy.String()
    contract_id = dy.String()
    reason = _one_of(REASONS)
    amount = dy.Int64(check=lambda amount: amount != 0)
    unit = dy.String()
    tariff_version = dy.String()


class Entries(dy.Schema):
    """Double entry: a debit and a credit per booking, between the programme and the payee (R24)."""

    booking_id = _key()
    settlement_period = dy.String(regex=_PERIOD)
    side = _one_of(("debit", "credit"), primary_key=True)
    account_kind = _one_of(("programme", *PAYEE_KINDS))
    account_id = dy.String(description="the payee; empty for the programme")
    amount = dy.Int64(min=1)
    unit = dy.String()


class UserPoints(dy.Schema):
    """Every user with points or bookings of the period."""

    settlement_period = _period()
    user_id = _key()
    points = _amount()
    booked_before = dy.Int64()
    booked_now = dy.Int64()


class ManagerFeeReductions(dy.Schema):
    """One row per manager and contract of the period, with what is booked for them."""

    settlement_period = _period()
    manager_id = _key()
    contract_id = _key()
    performance_wh = _amount()
    offered_wh = _amount()
    performance_minor = dy.String(regex=_DECIMAL)
    offering_minor = dy.String(regex=_DECIMAL)
    cap_minor = dy.String(regex=_DECIMAL)
    reduction_minor = _amount()
    booked_before = dy.Int64()
    booked_now = dy.Int64()
    currency = dy.String()
    tariff_version = dy.String()


def validated(frame: pl.DataFrame, schema: type[dy.Schema]) -> pl.DataFrame:
    """The frame with the schema's columns in their order; FrameError if it breaks the schema."""
    try:
        return schema.validate(frame).select(schema.column_names())
    except (SchemaError, ValidationError) as error:
        what = " ".join(str(error).partition("Resolved plan")[0].split())
        raise FrameError(f"The frame {schema.__name__} is not what the border promises: {what}") from error


def in_row_order(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows ordered by the leading columns, text by code point, empty first: equal results, equal bytes."""
    return frame.sort(frame.columns)


@dataclass(frozen=True)
class FrameSet:
    """Frames that belong together, each checked against the schema that its field names."""

    def __post_init__(self) -> None:
        """FrameError if a frame breaks its schema."""
        for each in fields(self):
            frame = validated(getattr(self, each.name), each.metadata["schema"])
            object.__setattr__(self, each.name, frame)
