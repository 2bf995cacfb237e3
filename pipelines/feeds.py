"""The feed catalogue: the one place that knows the canonical columns, keys and row rules of every feed.

Grain of a feed: one row per key and delivery (R6). Instants are UTC in whole seconds (R1), energy is in Wh,
power in W (R3).
"""

from dataclasses import dataclass
from enum import StrEnum

ID_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._:*/-]{0,63}"
LARGEST_INTEGER = 10**12
FIRST_YEAR, LAST_YEAR = 1900, 9998
ROW_STATUS = "row_status"
METER_INTERVALS = "meter_intervals"


class Kind(StrEnum):
    """The domain of a column."""

    ID = "id"
    INSTANT = "instant"
    INTEGER = "integer"
    ENUM = "enum"
    BOOLEAN = "boolean"


SQL_TYPES = {
    Kind.ID: "VARCHAR",
    Kind.INSTANT: "TIMESTAMP",
    Kind.INTEGER: "BIGINT",
    Kind.ENUM: "VARCHAR",
    Kind.BOOLEAN: "BOOLEAN",
}


@dataclass(frozen=True)
class Column:
    """One canonical column; `values` for enums, `minimum` for integers."""

    name: str
    kind: Kind
    nullable: bool = False
    values: tuple[str, ...] = ()
    minimum: int = 0

    @property
    def sql_type(self) -> str:
        """Type of the column in the warehouse; an instant is a naive TIMESTAMP that holds UTC."""
        return SQL_TYPES[self.kind]


@dataclass(frozen=True)
class RowRule:
    """A rule over several columns of one row: `broken_when` is SQL over the typed columns, never null."""

    column: str
    broken_when: str
    reason: str


@dataclass(frozen=True)
class Feed:
    """One feed of the landing folder; columns in canonical order, without row_status."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    row_rules: tuple[RowRule, ...] = ()
    has_row_status: bool = True

    @property
    def column_names(self) -> tuple[str, ...]:
        """Canonical columns, without row_status."""
        return tuple(column.name for column in self.columns)

    @property
    def file_columns(self) -> tuple[Column, ...]:
        """Every column that a file of this feed may have."""
        return (*self.columns, ROW_STATUS_COLUMN) if self.has_row_status else self.columns


ROW_STATUS_COLUMN = Column(ROW_STATUS, Kind.ENUM, values=("active", "cancelled"))


def _id(name: str, *, nullable: bool = False) -> Column:
    return Column(name, Kind.ID, nullable=nullable)


def _instant(name: str, *, nullable: bool = False) -> Column:
    return Column(name, Kind.INSTANT, nullable=nullable)


def _integer(name: str, *, nullable: bool = False, minimum: int = 0) -> Column:
    return Column(name, Kind.INTEGER, nullable=nullable, minimum=minimum)


def _enum(name: str, *values: str) -> Column:
    return Column(name, Kind.ENUM, values=values)


def _ends_after_it_starts(start: str, end: str) -> RowRule:
    return RowRule(
        end,
        f"coalesce({end} <= {start}, false)",
        f"{end} is not after {start}; give an end later than its start",
    )


def _all_or_none(*columns: str) -> RowRule:
    given = " + ".join(f"({column} is not null)::integer" for column in columns)
    return RowRule(
        columns[0],
        f"({given}) not in (0, {len(columns)})",
        f"{', '.join(columns[:-1])} and {columns[-1]} stand together or not at all; give all of them or none",
    )


_VALIDITY = (_instant("valid_from"), _instant("valid_to", nullable=True))
_VALIDITY_RULE = _ends_after_it_starts("valid_from", "valid_to")

_PARENT_OF_A_CHILD_ONLY = RowRule(
    "parent_aggregator_id",
    "level = 'parent' and parent_aggregator_id is not null",
    "a parent aggregator has no parent; leave parent_aggregator_id empty or give level child",
)

_METER_ROW_RULES = (
    RowRule(
        "interval_start",
        "epoch(interval_start)::bigint % 1800 <> 0",
        "interval_start is off the half hour; intervals start at :00 or :30 UTC",
    ),
    RowRule(
        "quality",
        "quality = 'N' and (import_wh is not null or backfeed_wh is not null)",
        "quality is N (no read) but an energy is given; leave both empty or give the read's quality",
    ),
    RowRule(
        "quality",
        "quality <> 'N' and import_wh is null and backfeed_wh is null",
        "quality says that there is a read but both energies are empty; give one or quality N",
    ),
)

_ALL_FEEDS = (
    Feed(
        "aggregators",
        (
            _id("aggregator_id"),
            *_VALIDITY,
            _enum("level", "parent", "child"),
            _id("parent_aggregator_id", nullable=True),
        ),
        key=("aggregator_id", "valid_from"),
        row_rules=(_VALIDITY_RULE, _PARENT_OF_A_CHILD_ONLY),
    ),
    Feed(
        "vehicles",
        (
            _id("vehicle_id"),
            *_VALIDITY,
            _id("user_id"),
            _id("child_aggregator_id"),
            _enum("ownership", "pov", "maas"),
            _enum("powertrain", "bev", "phev", "fcev"),
        ),
        key=("vehicle_id", "valid_from"),
        row_rules=(_VALIDITY_RULE,),
    ),
    Feed(
        "contracts",
        (
            _id("contract_id"),
            *_VALIDITY,
            _id("manager_id"),
            _enum("manager_kind", "company", "individual", "real_estate", "rental", "hotel"),
            _integer("monthly_fee_minor"),
        ),
        key=("contract_id", "valid_from"),
        row_rules=(_VALIDITY_RULE,),
    ),
    Feed(
        "evses",
        (
            _id("evse_id"),
            *_VALIDITY,
            _id("contract_id"),
            _id("parking_lot_id"),
            _id("region"),
            _id("metering_point_id"),
            _enum("access", "specific", "public"),
            _enum("supply", "ac", "dc"),
            Column("backfeed_capable", Kind.BOOLEAN),
            _integer("rated_charge_w"),
            _integer("rated_discharge_w"),
        ),
        key=("evse_id", "valid_from"),
        row_rules=(_VALIDITY_RULE,),
    ),
    Feed(
        "specific_vehicles",
        (_id("evse_id"), _id("vehicle_id"), *_VALIDITY),
        key=("evse_id", "vehicle_id", "valid_from"),
        row_rules=(_VALIDITY_RULE,),
    ),
    Feed(
        "evse_offers",
        (
            _id("offer_id"),
            _id("evse_id"),
            _instant("published_at"),
            _instant("offered_from"),
            _instant("offered_to"),
        ),
        key=("offer_id",),
        row_rules=(_ends_after_it_starts("offered_from", "offered_to"),),
    ),
    Feed(
        "permission_leases",
        (
            _id("lease_id"),
            _id("evse_id"),
            _id("vehicle_id"),
            _enum("kind", "direct", "indirect"),
            _instant("granted_at"),
            # A direct lease with a consent is accepted: R10 looks at the consent of indirect ones only.
            _instant("consent_at", nullable=True),
            _instant("valid_from"),
            _instant("valid_to"),
            _instant("revoked_at", nullable=True),
        ),
        key=("lease_id",),
        row_rules=(_VALIDITY_RULE,),
    ),
    Feed(
        METER_INTERVALS,
        (
            _id("metering_point_id"),
            _instant("interval_start"),
            _integer("import_wh", nullable=True),
            _integer("backfeed_wh", nullable=True),
            _enum("quality", "A", "E", "S", "N"),
        ),
        key=("metering_point_id", "interval_start"),
        row_rules=_METER_ROW_RULES,
        has_row_status=False,
    ),
    Feed(
        "charger_sessions",
        (
            _id("session_id"),
            _id("evse_id"),
            _id("vehicle_id", nullable=True),
            _instant("started_at"),
            _instant("ended_at", nullable=True),
            _integer("charged_wh", nullable=True),
            _integer("discharged_wh", nullable=True),
        ),
        key=("session_id",),
        row_rules=(
            _ends_after_it_starts("started_at", "ended_at"),
            _all_or_none("ended_at", "charged_wh", "discharged_wh"),
        ),
    ),
    Feed(
        "dr_events",
        (
            _id("dr_event_id"),
            _id("region"),
            _enum("direction", "suppression", "increase"),
            _instant("starts_at"),
            _instant("ends_at"),
        ),
        key=("dr_event_id",),
        row_rules=(_ends_after_it_starts("starts_at", "ends_at"),),
    ),
    Feed(
        "dr_instructions",
        (_id("dr_event_id"), _id("aggregator_id"), _instant("issued_at"), _integer("amount_wh")),
        key=("dr_event_id", "aggregator_id", "issued_at"),
    ),
    Feed(
        "dr_signals",
        (
            _id("dr_event_id"),
            _id("vehicle_id"),
            _instant("issued_at"),
            _enum(
                "amount_kind",
                "discharge_energy",
                "charging_power_limit",
                "charge_energy",
                "charging_power",
            ),
            _integer("amount", minimum=1),
        ),
        key=("dr_event_id", "vehicle_id", "issued_at"),
    ),
)

FEEDS: dict[str, Feed] = {feed.name: feed for feed in _ALL_FEEDS}
