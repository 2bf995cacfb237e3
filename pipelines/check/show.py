"""A check on a terminal."""

from rich.console import Console
from rich.text import Text

from pipelines.check.exports import ExportCheck, Signature
from pipelines.check.verdict import WarehouseCheck
from pipelines.wording import counted


def print_export_check(console: Console, checked: ExportCheck) -> None:
    """What was found, one sentence per fault, and what the signature proves."""
    if checked.run_id is not None:
        console.print(
            Text(
                f"Run {checked.run_id} of {checked.settlement_period}, as of {checked.as_of}, {checked.state}"
            )
        )
    for fault in checked.faults:
        console.print(Text(fault.sentence))
    for remark in checked.remarks:
        console.print(Text(remark))
    console.print(Text(_signature_sentence(checked)))
    if checked.faults:
        console.print(
            Text(f"{counted(len(checked.faults), 'fault')}: do not use this export; ask for it again.")
        )
    else:
        console.print(
            Text(f"The folder holds what its manifest says: {counted(checked.rows, 'row')}, no fault.")
        )


def _signature_sentence(checked: ExportCheck) -> str:
    key = checked.key_fingerprint
    return {
        Signature.BY_KEY_GIVEN: f"The manifest is signed by the key given, {key}.",
        Signature.BY_KEY_BESIDE: f"The manifest is signed by the key beside it, {key}: this proves integrity,"
        " not origin, until that is known to be the operator's key (--public-key FILE).",
        Signature.NONE: "Not signed: whoever could write to it could change files and manifest together.",
        Signature.DOES_NOT_HOLD: "The signature does not hold.",
    }[checked.signature]


def print_warehouse_check(console: Console, check: WarehouseCheck) -> None:
    """What was looked at, and every fault with what to do about it."""
    looked_at = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in check.examined.items())
    console.print(Text(f"Checked {check.warehouse}: {looked_at}."))
    for fault in check.faults:
        console.print(Text(f"{fault.part}: {fault.sentence}", style="red"))
    verdict = "All is what was written." if check.is_sound else f"{counted(len(check.faults), 'fault')}."
    console.print(Text(verdict, style="bold"))
