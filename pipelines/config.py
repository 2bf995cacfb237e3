"""What the environment and the machine say: for the command and the DAGs, the outermost layer only.

VGI_THREADS alone is read further inside, wherever DuckDB is opened: it changes no result, only the time.
"""

import getpass
import os
from pathlib import Path

from pipelines.errors import BadInput

WAREHOUSE_VARIABLE = "VGI_WAREHOUSE"
TARIFFS_VARIABLE = "VGI_TARIFFS"
OPERATOR_VARIABLE = "VGI_OPERATOR"
HOLD_VARIABLE = "VGI_HOLD_FOR_APPROVAL"
DEBUG_VARIABLE = "VGI_DEBUG"
THREADS_VARIABLE = "VGI_THREADS"
DEFAULT_WAREHOUSE = Path("vgi.duckdb")
APPROVED_BY_ITSELF = "vgi"
_YES, _NO = ("1", "true", "t", "yes", "y", "on"), ("", "0", "false", "f", "no", "n", "off")


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
    """Whether runs are left to be approved by a person (VGI_HOLD_FOR_APPROVAL). Raises BadInput."""
    given = os.environ.get(HOLD_VARIABLE, "").strip().lower()
    if given not in (*_YES, *_NO):
        raise BadInput(f"{HOLD_VARIABLE} is '{given}'; give true or false, or leave it out.")
    return given in _YES


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
