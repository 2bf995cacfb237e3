"""The words of the contract that decide amounts."""

SUPPRESSION_KINDS = ("discharge_energy", "charging_power_limit")
INCREASE_KINDS = ("charge_energy", "charging_power")
AMOUNT_KINDS = SUPPRESSION_KINDS + INCREASE_KINDS
INTERVAL_KINDS = ("charging_power_limit",)

ENERGY_UNIT = "Wh"
INTERVAL_UNIT = "interval"
POINT = "point"

LEASED = "leased"
PERMITTED_CLASSES = ("specific", "public", LEASED)
READ_QUALITIES = ("A", "S", "E")

METER_DIRECTIONS = ("import", "backfeed")
DIRECTIONS = ("suppression", "increase")
STATUSES = ("held", "provisional", "final")
LEVELS = ("utility", "parent", "child")
OUTCOMES = ("not_needed", "revoked", "pending", "fulfilled", "lapsed")

PROGRAMME = "programme"
USER = "user"
MANAGER = "manager"
PAYEE_KINDS = (USER, MANAGER)
AWARD = "award"
CORRECTION = "correction"
REASONS = (AWARD, CORRECTION)
