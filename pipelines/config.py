"""What the environment and the machine say: for the command and the DAGs, the outermost layer only.

VGI_THREADS alone is read further inside, wherever DuckDB is opened: it changes no result, only the time.
"""

import getpass
import os
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import BadInput

WAREHOUSE_VARIABLE = "VGI_WAREHOUSE"
TARIFFS_VARIABLE = "VGI_TARIFFS"
OPERATOR_VARIABLE = "VGI_OPERATOR"
HOLD_VARIABLE = "VGI_HOLD_FOR_APPROVAL"
DEBUG_VARIABLE = "VGI_DEBUG"
SIGNING_KEY_VARIABLE = "VGI_SIGNING_KEY"
THREADS_VARIABLE = "VGI_THREADS"
# The umask of whatever makes files: settlement data is for the user alone who runs the settlement.
OWN_FILES_ONLY = 0o077
DEFAULT_WAREHOUSE = Path("vgi.duckdb")
APPROVED_BY_ITSELF = "vgi"
_YES, _NO = ("1", "true", "t", "yes", "y", "on"), ("0", "false", "f", "no", "n", "off")


@dataclass(frozen=True)
class Places:
    """Where scheduled work finds and leaves things; the command is told by its options."""

    landing: Path
    warehouse: Path
    tariffs: Path
    exports: Path
    docs: Path


def places() -> Places:
    """VGI_LANDING, VGI_WAREHOUSE, VGI_TARIFFS, VGI_EXPORTS, VGI_DOCS; else folders below the current one."""

    def named(variable: str, default: str) -> Path:
        return Path(os.environ.get(variable) or default).absolute()

    return Places(
        landing=named("VGI_LANDING", "landing"),
        warehouse=named(WAREHOUSE_VARIABLE, str(DEFAULT_WAREHOUSE)),
        tariffs=named(TARIFFS_VARIABLE, "tariffs"),
        exports=named("VGI_EXPORTS", "exports"),
        docs=named("VGI_DOCS", "audit-docs"),
    )


def approval_by_person() -> bool:
    """Whether scheduled runs wait for a person (VGI_HOLD_FOR_APPROVAL, on by default). Raises BadInput."""
    return _is_on(HOLD_VARIABLE, default=True)


def correction_months() -> tuple[int, ...]:
    """How many months after its initial settlement a period is settled again (VGI_CORRECTION_MONTHS).

    Raises BadInput for anything but whole numbers from 1 on, separated by commas.
    """
    given = os.environ.get("VGI_CORRECTION_MONTHS", "1,3,6")
    parts = [part.strip() for part in given.split(",") if part.strip()]
    if not all(part.isascii() and part.isdigit() and int(part) > 0 for part in parts):
        raise BadInput(f"VGI_CORRECTION_MONTHS is '{given}'; give whole months such as 1,3,6.")
    return tuple(int(part) for part in parts)


def operator() -> str:
    """Who decides: VGI_OPERATOR, or else the user of the machine."""
    named = os.environ.get(OPERATOR_VARIABLE, "").strip()
    if named:
        return named
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        return f"uid {os.getuid()}"


def hold_for_approval() -> bool:
    """Whether the command leaves runs to a person (the same variable, off by default). Raises BadInput."""
    return _is_on(HOLD_VARIABLE, default=False)


def _is_on(variable: str, *, default: bool) -> bool:
    given = os.environ.get(variable, "").strip().lower()
    if given not in ("", *_YES, *_NO):
        raise BadInput(f"{variable} is '{given}'; give true or false, or leave it out.")
    return given in _YES if given else default


def signing_key() -> str | None:
    """The PEM text of the key that exports are signed with (VGI_SIGNING_KEY): a secret, never to be shown."""
    return os.environ.get(SIGNING_KEY_VARIABLE) or None


def debugging() -> bool:
    """Whether tracebacks are wanted (VGI_DEBUG=1)."""
    return os.environ.get(DEBUG_VARIABLE, "") not in ("", "0")


def threads() -> int | None:
    """How many threads DuckDB may use (VGI_THREADS); None leaves it to DuckDB, which takes all processors.

    Raises BadInput for anything but a number of 1 to 999.
    """
    given = os.environ.get(THREADS_VARIABLE, "").strip()
    if not given:
        return None
    if not (given.isascii() and given.isdigit() and 1 <= int(given) <= 999):
        raise BadInput(
            f"{THREADS_VARIABLE} is '{given}'; give a number of threads, 1 to 999, or leave it out."
        )
    return int(given)
