"""Settlement of vehicle-grid integration: points, fee reductions and books from verified achievement.

Pure: no I/O, no clock, no environment, no float. Instants are naive UTC (R1), amounts whole numbers (R3).
"""

from settlement.balances import check_balances, check_books
from settlement.errors import (
    AmountTooLarge,
    BalanceError,
    FrameError,
    LedgerError,
    PeriodError,
    SettlementError,
    TariffError,
)
from settlement.frames import Bookings, Claims, Entries, FrameSet, ManagerFeeReductions, UserPoints
from settlement.ledger import book, entries, refuse_conflicts
from settlement.ledger_balances import Books
from settlement.periods import SettlementPeriod
from settlement.settle import Settlement, VerifiedPeriod, settle
from settlement.statements import Statements, with_booked
from settlement.tariffs import PerformanceTier, PointsRate, Tariff, TariffBook, parse_tariff

# The version of the rules that the code implements; to be raised when the same inputs give another amount.
RULES_VERSION = "1"

__all__ = [
    "RULES_VERSION",
    "AmountTooLarge",
    "BalanceError",
    "Bookings",
    "Books",
    "Claims",
    "Entries",
    "FrameError",
    "FrameSet",
    "LedgerError",
    "ManagerFeeReductions",
    "PerformanceTier",
    "PeriodError",
    "PointsRate",
    "Settlement",
    "SettlementError",
    "SettlementPeriod",
    "Statements",
    "Tariff",
    "TariffBook",
    "TariffError",
    "UserPoints",
    "VerifiedPeriod",
    "book",
    "check_balances",
    "check_books",
    "entries",
    "parse_tariff",
    "refuse_conflicts",
    "settle",
    "with_booked",
]
