"""The catalogue of the nine export tables.

The one place that knows their columns. The tables of schema `results`, the views of schema `published`, the
CSV files and the typed schemas of `datapackage.json` all follow from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ColumnType(StrEnum):
    """What a cell of a column is: as SQL, as CSV text and as a Table Schema field."""

    TEXT = "text"  # empty where the key does not apply, never null
    DECIMAL = "decimal"  # exact decimal text
    INTEGER = "integer"
    INSTANT = "instant"  # UTC, whole seconds
    DATE = "date"  # local date of the programme


_SQL_TYPES = {
    ColumnType.TEXT: "varchar",
    ColumnType.DECIMAL: "varchar",
    ColumnType.INTEGER: "bigint",
    ColumnType.INSTANT: "timestamp",
    ColumnType.DATE: "date",
}


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of an export. `required` says that no cell of it may be empty."""

    name: str
    type: ColumnType
    description: str
    required: bool = True
    values: tuple[str, ...] = ()
    pattern: str | None = None
    minimum: int | None = None

    @property
    def sql_type(self) -> str:
        """Its type in DuckDB, with `not null` where the warehouse never holds a null."""
        never_null = self.required or self.type is ColumnType.TEXT
        return _SQL_TYPES[self.type] + (" not null" if never_null else "")


@dataclass(frozen=True, kw_only=True)
class ForeignKey:
    """Columns whose values stand in the columns of the same names of another export."""

    columns: tuple[str, ...]
    export: str


@dataclass(frozen=True, kw_only=True)
class Export:
    """One export table: its grain (the primary key), its columns in order, and what it refers to."""

    name: str
    description: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()

    @property
    def file_name(self) -> str:
        return f"{self.name}.csv"

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def without(self, *dropped: str, name: str) -> Export:
        """The table `name` with the columns of this one but the `dropped`."""
        columns = tuple(column for column in self.columns if column.name not in dropped)
        return Export(name=name, description=self.description, columns=columns)

    def columns_sql(self) -> str:
        """The column list of a `create table`."""
        return ", ".join(f"{column.name} {column.sql_type}" for column in self.columns)


# A spreadsheet runs a cell that begins so; a control character tears the line for many readers.
UNSAFE_TEXT = r"^[=+\-@]|[\x00-\x1f\x7f]"
_ID_PATTERN = "[A-Za-z0-9][A-Za-z0-9._:*/-]{0,63}"
_QUALITIES_PATTERN = r"[AENS](\+[AENS])*"
_RATE_PATTERN = r"[0-9]+\.[0-9]{4}"
_MONEY_PATTERN = r"[0-9]+(\.[0-9]{1,6})?"

EXCEPTION_CODES = (
    "missing_read",
    "unattributed_backfeed",
    "unpermitted_use",
    "meter_charger_mismatch",
    "backfeed_from_incapable_evse",
    "overlapping_sessions",
    "overlapping_leases",
    "double_dispatch",
    "late_signal",
    "signal_direction_mismatch",
    "signal_without_session",
    "vehicle_in_two_places",
    "lapsed_lease",
    "lease_during_specific_use",
    "unclosed_session",
    "unknown_reference",
)
_ELIGIBLE_CLASSES = ("specific", "public", "leased")


def _id(name: str, description: str, *, required: bool = True) -> Column:
    return Column(
        name=name, type=ColumnType.TEXT, description=description, required=required, pattern=_ID_PATTERN
    )


def _enum(name: str, values: tuple[str, ...], description: str, *, required: bool = True) -> Column:
    return Column(name=name, type=ColumnType.TEXT, description=description, required=required, values=values)


def _integer(name: str, description: str, *, required: bool = True, minimum: int | None = 0) -> Column:
    return Column(
        name=name, type=ColumnType.INTEGER, description=description, required=required, minimum=minimum
    )


def _decimal(name: str, pattern: str, description: str, *, required: bool = True) -> Column:
    return Column(
        name=name, type=ColumnType.DECIMAL, description=description, required=required, pattern=pattern
    )


_PERIOD = Column(
    name="settlement_period",
    type=ColumnType.TEXT,
    description="Settlement period, a local calendar month YYYY-MM (R4)",
    pattern="[0-9]{4}-(0[1-9]|1[0-2])",
)
_EVENT = _id("dr_event_id", "DR event: one call of the utility in one region (R12)")
_VEHICLE = _id("vehicle_id", "Vehicle that was signalled or let in, by its registered id")
_EVSE = _id("evse_id", "Charging and discharging equipment")
_LEASE = _id("lease_id", "Permission lease; empty where there is none", required=False)
_USER = _id("user_id", "User of the vehicle, to whom points are owed")
_UNIT = _enum("unit", ("Wh", "interval"), "Unit of requested, achieved and payable (R12)")
_QUALITIES = Column(
    name="qualities",
    type=ColumnType.TEXT,
    description="Qualities of the needed reads (R15), sorted, joined by +; N for a missing one; empty"
    " where none is needed",
    required=False,
    pattern=_QUALITIES_PATTERN,
)
_TARIFF_VERSION = _id(
    "tariff_version", "Tariff file, by the name it gives itself, that the amount was rated by (R21)"
)
_PERFORMANCE = ("settlement_period", "dr_event_id", "vehicle_id")
_OF_PERFORMANCE = ForeignKey(columns=_PERFORMANCE, export="dr_achievement")

DR_ACHIEVEMENT = Export(
    name="dr_achievement",
    description="What each vehicle achieved in each DR event: one row per performance (R12 to R17)",
    primary_key=_PERFORMANCE,
    columns=(
        _PERIOD,
        _EVENT,
        _VEHICLE,
        _USER,
        _id("child_aggregator_id", "Child aggregator of the vehicle at the event's start"),
        _enum("direction", ("suppression", "increase"), "What the utility called for: less load, or more"),
        _enum(
            "amount_kind",
            ("discharge_energy", "charging_power_limit", "charge_energy", "charging_power"),
            "What the signal asks for (R12)",
        ),
        _UNIT,
        _integer("requested", "What the signal asks for, in units", minimum=1),
        _integer("achieved", "What the vehicle achieved, in units"),
        _decimal("achievement_rate", _RATE_PATTERN, "achieved / requested with 4 decimals, cut off (R14)"),
        _integer("payable", "What is paid of it, in units (R17, R18)"),
        _enum("status", ("held", "provisional", "final"), "Whether it is paid and may still change (R15)"),
        _QUALITIES,
    ),
)

DR_INTERVALS = Export(
    name="dr_intervals",
    description="The eligible energy behind each performance: one row per performance, EVSE and half hour",
    primary_key=(*_PERFORMANCE, "evse_id", "interval_start"),
    foreign_keys=(_OF_PERFORMANCE,),
    columns=(
        _PERIOD,
        _EVENT,
        _VEHICLE,
        _EVSE,
        Column(
            name="interval_start",
            type=ColumnType.INSTANT,
            description="Start of the metering interval, UTC (R2)",
        ),
        _integer("import_wh", "Eligible import in Wh; empty if the read is missing", required=False),
        _integer("backfeed_wh", "Eligible backfeed in Wh; empty if the read is missing", required=False),
        _QUALITIES,
    ),
)

SETTLEMENT_LINES = Export(
    name="settlement_lines",
    description="What is paid and why: one row per performance, EVSE, lease and access class (R18, R19)",
    primary_key=(*_PERFORMANCE, "evse_id", "lease_id", "access_class"),
    foreign_keys=(_OF_PERFORMANCE,),
    columns=(
        _PERIOD,
        _EVENT,
        _VEHICLE,
        _EVSE,
        _LEASE,
        _enum("access_class", _ELIGIBLE_CLASSES, "On what ground the vehicle used the EVSE (R10)"),
        _UNIT,
        _integer("achieved", "Achieved over the line's eligible segments, in units"),
        _integer("payable", "The line's share of the performance's payable, in units (R18)"),
        _integer("points", "What the line earns its user, whole points (R19)"),
        _TARIFF_VERSION,
    ),
)

USER_POINTS = Export(
    name="user_points",
    description="Points of each user for the period: one row per user with points or bookings",
    primary_key=("settlement_period", "user_id"),
    columns=(
        _PERIOD,
        _USER,
        _integer("points", "Points of the period as this run finds them"),
        _integer("booked_before", "Points booked for the period before this run", minimum=None),
        _integer("booked_now", "Points booked by this run", minimum=None),
    ),
)

MANAGER_FEE_REDUCTIONS = Export(
    name="manager_fee_reductions",
    description="Reduction of each electricity contract's fee for the period: one row per contract (R20)",
    primary_key=("settlement_period", "manager_id", "contract_id"),
    columns=(
        _PERIOD,
        _id("manager_id", "Manager who has the contract in the period (R7)"),
        _id("contract_id", "Electricity contract whose fee is reduced (R20)"),
        _integer("performance_wh", "Payable energy of leased lines at the contract's EVSEs, Wh"),
        _integer(
            "offered_wh",
            "Energy offered: rated_discharge_w x 0.5 h over offered half hours, Wh, rounded down",
        ),
        _decimal(
            "performance_minor",
            _MONEY_PATTERN,
            "Performance part in smallest units, exact, cut off at 6 decimals",
        ),
        _decimal(
            "offering_minor", _MONEY_PATTERN, "Offering part in smallest units, exact, cut off at 6 decimals"
        ),
        _decimal("cap_minor", _MONEY_PATTERN, "Cap in smallest units, exact, cut off at 6 decimals"),
        _integer("reduction_minor", "Reduction of the fee in smallest units of the currency"),
        _integer(
            "booked_before", "Reduction booked for the period before this run, smallest units", minimum=None
        ),
        _integer("booked_now", "Reduction booked by this run, smallest units", minimum=None),
        Column(
            name="currency",
            type=ColumnType.TEXT,
            description="What the money is in, ISO 4217",
            pattern="[A-Z]{3}",
        ),
        _TARIFF_VERSION,
    ),
)

AGGREGATOR_ACHIEVEMENT = Export(
    name="aggregator_achievement",
    description="Energy instructed and achieved: one row per DR event and aggregator, and the utility",
    primary_key=("settlement_period", "dr_event_id", "level", "aggregator_id"),
    columns=(
        _PERIOD,
        _EVENT,
        _enum(
            "level",
            ("utility", "parent", "child"),
            "Where in the chain of instructions the row is summed (R25)",
        ),
        _id("aggregator_id", "Aggregator whose vehicles are summed; empty for the utility", required=False),
        _integer("instructed_wh", "Energy instructed, Wh; empty if none was", required=False),
        _integer("achieved_wh", "Energy achieved, Wh, held performances included"),
        _decimal(
            "achievement_rate",
            _RATE_PATTERN,
            "achieved / instructed with 4 decimals, cut off (R14); empty where nothing was instructed",
            required=False,
        ),
    ),
)

LEASE_OUTCOMES = Export(
    name="lease_outcomes",
    description="What became of each permission lease that overlaps the period: one row per lease of a known"
    " EVSE and vehicle (R22, R25)",
    primary_key=("settlement_period", "lease_id"),
    columns=(
        _PERIOD,
        _id("lease_id", "Permission lease that overlaps the period"),
        _EVSE,
        _VEHICLE,
        _enum(
            "outcome",
            ("not_needed", "revoked", "pending", "fulfilled", "lapsed"),
            "Whether the exchange on condition of which it was granted took place (R22)",
        ),
        _integer("backfeed_wh", "Eligible backfeed of the lease's segments, Wh"),
        _integer("dr_import_wh", "Import of the lease's segments that counts as exchange, Wh (R22)"),
    ),
)

EXCEPTIONS = Export(
    name="exceptions",
    description="What an operator has to look at (R27); several rows may be alike in all keys",
    columns=(
        _PERIOD,
        _enum("code", EXCEPTION_CODES, "What is wrong (R27)"),
        _id("metering_point_id", "Smart meter concerned; empty where the code is about none", required=False),
        _id("evse_id", "Charging equipment concerned; empty where the code is about none", required=False),
        _id("vehicle_id", "Electric vehicle concerned; empty where none, or not identified", required=False),
        _id(
            "dr_event_id", "Call of the utility concerned; empty where the code is about none", required=False
        ),
        _id("lease_id", "Permission lease concerned; empty where the code is about none", required=False),
        _id("session_id", "Charger session concerned; empty where the code is about none", required=False),
        Column(
            name="local_date",
            type=ColumnType.DATE,
            description="Local date, where it applies (R4)",
            required=False,
        ),
        _integer("energy_wh", "Energy concerned, Wh, where it applies", required=False),
        Column(name="detail", type=ColumnType.TEXT, description="What to do about it, in a sentence"),
    ),
)

BOOKINGS = Export(
    name="bookings",
    description="What this run booked: one row per booking (R24)",
    primary_key=("booking_id",),
    columns=(
        Column(
            name="booking_id",
            type=ColumnType.TEXT,
            description="Hash of what is booked: the same whenever the same run is computed (R24)",
            pattern="[0-9a-f]{32}",
        ),
        _PERIOD,
        Column(
            name="booked_in_period",
            type=ColumnType.TEXT,
            description="Period whose books carry the booking: the same, unless that is closed",
            pattern=_PERIOD.pattern,
        ),
        _enum(
            "payee_kind",
            ("user", "manager"),
            "Whether points are owed to a user or a fee reduction to a manager",
        ),
        _id("payee_id", "Whom the amount is owed to: a user or a manager, as payee_kind says"),
        _id(
            "dr_event_id",
            "Call of the utility that the points are for; empty for fee reductions",
            required=False,
        ),
        _id(
            "vehicle_id", "Electric vehicle that earned the points; empty for fee reductions", required=False
        ),
        _id(
            "evse_id",
            "Charging equipment where the points were earned; empty for fee reductions",
            required=False,
        ),
        _LEASE,
        _enum(
            "access_class",
            _ELIGIBLE_CLASSES,
            "On what ground the EVSE was used (R10); empty for fee reductions",
            required=False,
        ),
        _id("contract_id", "Electricity contract of the fee reduction; empty for points", required=False),
        _enum("reason", ("award", "correction"), "Why: of the first approved run, or of a later one"),
        _integer("amount", "Amount booked, never 0; negative when booked back", minimum=None),
        Column(
            name="unit",
            type=ColumnType.TEXT,
            description="point, or the currency whose smallest unit the amount counts",
            pattern="point|[A-Z]{3}",
        ),
        _TARIFF_VERSION,
    ),
)

EXPORTS: tuple[Export, ...] = (
    DR_ACHIEVEMENT,
    DR_INTERVALS,
    SETTLEMENT_LINES,
    USER_POINTS,
    MANAGER_FEE_REDUCTIONS,
    AGGREGATOR_ACHIEVEMENT,
    LEASE_OUTCOMES,
    EXCEPTIONS,
    BOOKINGS,
)

# What a run found before it is booked; the exports of the same columns are written when it is.
CLAIMS = BOOKINGS.without("booking_id", "booked_in_period", "reason", name="claims")
USER_AMOUNTS = USER_POINTS.without("booked_before", "booked_now", name="user_amounts")
FEE_REDUCTIONS = MANAGER_FEE_REDUCTIONS.without("booked_before", "booked_now", name="fee_reductions")
# The exports and findings of a settlement, by the names of its frames: what a run stores when it is computed.
SETTLED: tuple[Export, ...] = (
    DR_ACHIEVEMENT,
    DR_INTERVALS,
    SETTLEMENT_LINES,
    AGGREGATOR_ACHIEVEMENT,
    LEASE_OUTCOMES,
    EXCEPTIONS,
    USER_AMOUNTS,
    FEE_REDUCTIONS,
    CLAIMS,
)
ENERGY_BALANCE = Export(
    name="energy_balance",
    description="Both sides of the meters: one row per direction (R26)",
    columns=(
        _enum("direction", ("backfeed", "import"), "Direction of the energy"),
        _integer("metered_wh", "Metered at metering points of known EVSEs, Wh"),
        _integer("attributed_wh", "Attributed to segments, Wh (R9)"),
        _integer("unattributed_wh", "Metered while no segment overlapped, Wh"),
    ),
)
FINDINGS: tuple[Export, ...] = (CLAIMS, USER_AMOUNTS, FEE_REDUCTIONS, ENERGY_BALANCE)
# The verification is replaced by the next one, and with it why it held anything: so that is kept.
HELD_PERFORMANCES = Export(
    name="held_performances",
    description="Why performances are held: one row per held performance (R15)",
    columns=(
        _EVENT,
        _VEHICLE,
        Column(name="hold_reasons", type=ColumnType.TEXT, description="Reasons, sorted, joined by + (R15)"),
    ),
)
