"""Checks of what is stored: whether it is still what was written, and what to do where it is not."""

from pipelines.check.verdict import Fault, WarehouseCheck
from pipelines.check.warehouse import check_warehouse

__all__ = ["Fault", "WarehouseCheck", "check_warehouse"]
