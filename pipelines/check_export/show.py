"""A check of an export on a terminal."""

from rich.console import Console
from rich.text import Text

from pipelines.check_export.check import ExportCheck, Signature
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
