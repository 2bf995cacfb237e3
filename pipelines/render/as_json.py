"""Results as JSON for machines."""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from pipelines.instants import instant_text


def json_text(value: object) -> str:
    """A result as one JSON object, in ASCII: instants as text with Z, paths as text."""
    return json.dumps(_plain(value), indent=2)


def _plain(value: object) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, (StrEnum, date, Path)):
        return str(value)
    return value
