"""What the environment and the machine say: for the command and the DAGs, the outermost layer only."""

import getpass
import os
from pathlib import Path

WAREHOUSE_VARIABLE = "VGI_WAREHOUSE"
TARIFFS_VARIABLE = "VGI_TARIFFS"
OPERATOR_VARIABLE = "VGI_OPERATOR"
HOLD_VARIABLE = "VGI_HOLD_FOR_APPROVAL"
DEBUG_VARIABLE = "VGI_DEBUG"
DEFAULT_WAREHOUSE = Path("vgi.duckdb")
APPROVED_BY_ITSELF = "vgi"


def operator() -> str:
    """Who decides: VGI_OPERATOR, or else the user of the machine."""
    named = os.environ.get(OPERATOR_VARIABLE, "").strip()
    if named:
        return named
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        return f"uid {os.getuid()}"


def debugging() -> bool:
    """Whether tracebacks are wanted (VGI_DEBUG=1)."""
    return os.environ.get(DEBUG_VARIABLE, "") not in ("", "0")
