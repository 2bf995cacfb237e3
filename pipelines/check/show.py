"""A check of the warehouse on a terminal."""

from rich.console import Console
from rich.text import Text

from pipelines.check.verdict import WarehouseCheck
from pipelines.wording import counted


def print_warehouse_check(console: Console, check: WarehouseCheck) -> None:
    """What was looked at, and every fault with what to do about it."""
    looked_at = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in check.examined.items())
    console.print(Text(f"Checked {check.warehouse}: {looked_at}."))
    for fault in check.faults:
        console.print(Text(f"{fault.part}: {fault.sentence}", style="red"))
    verdict = "All is what was written." if check.is_sound else f"{counted(len(check.faults), 'fault')}."
    console.print(Text(verdict, style="bold"))
