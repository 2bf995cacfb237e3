"""What can go wrong in a settlement. Every fault is one sentence that a person can act on."""


class SettlementError(Exception):
    """A settlement that cannot be made; `faults` holds one sentence per fault."""

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class PeriodError(SettlementError):
    """A settlement period that is not a calendar month (R4)."""


class TariffError(SettlementError):
    """A tariff that is not usable, or none in force (R21)."""


class FrameError(SettlementError):
    """A frame that is not what the border promises: a bug of whoever made it, never bad input."""


class AmountTooLarge(SettlementError):
    """An amount beyond 64 bits; it is refused, never wrapped (R3)."""


class LedgerError(SettlementError):
    """Bookings that contradict each other or the claims (R24)."""


class BalanceError(SettlementError):
    """Figures that do not balance, so nothing leaves (R26)."""
