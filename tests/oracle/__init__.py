"""An independent oracle: a slow, plain-Python reading of the rulebook (R1-R27), and worlds to try it on.

It is written from RULEBOOK.md and CONTRACTS.md alone; it does not import the product and the product does not import it.
"""

from .base import Delivery, Trace, World
from .branches import BRANCHES
from .rewards import TariffError
from .rules import EXPORTS, Settlement, settle

__all__ = ["BRANCHES", "EXPORTS", "Delivery", "Settlement", "TariffError", "Trace", "World", "settle"]
