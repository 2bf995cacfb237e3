"""`sources.yaml` of a landing folder: how the meter files of each source are to be read."""

import re
import stat
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.errors import BadInput
from pipelines.feeds import ID_PATTERN
from pipelines.plain_yaml import LONGEST_DOCUMENT, load_plain
from pipelines.wording import printable, shortened

FILE_NAME = "sources.yaml"
DEFAULT_OFFSET = "+10:00"
_KNOWN_KEYS = ("utc_offset", "metering_point_ids", "records_100_900")


@dataclass(frozen=True)
class MeterSource:
    """One source of NEM12 files: its meters' offset from UTC and the names of their metering points."""

    utc_offset: str = DEFAULT_OFFSET
    metering_point_ids: Mapping[str, str] = field(default_factory=dict)
    needs_records_100_900: bool = True

    @property
    def offset_minutes(self) -> int:
        """Minutes by which the meter's clock is ahead of UTC."""
        hours, minutes = int(self.utc_offset[1:3]), int(self.utc_offset[4:6])
        return (hours * 60 + minutes) * (-1 if self.utc_offset[0] == "-" else 1)


Sources = Mapping[str, MeterSource]


def source_of(file_name: str, *, sources: Sources) -> MeterSource:
    """The source with the longest name that the file name starts with; the defaults where there is none."""
    names = [name for name in sources if file_name.startswith(name)]
    return sources[max(names, key=len)] if names else MeterSource()


def read_sources(path: Path) -> Sources:
    """Read and check a sources.yaml; no file means no sources. Raises BadInput naming file and key."""
    text = _text_of(path)
    if text is None:
        return {}
    document, _ = load_plain(text, source=str(path))
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise BadInput(f"{path} must map each source (the prefix of its file names) to its settings.")
    return {_name(name, path=path): _source(name, value, path=path) for name, value in document.items()}


def _text_of(path: Path) -> str | None:
    try:
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            raise BadInput(f"{path} is a symbolic link, which is not followed; put the file itself there.")
        if not stat.S_ISREG(status.st_mode):
            raise BadInput(f"{path} is not a regular file; put a file there or nothing.")
        # Each character takes a byte at least and four at most: what is longer in bytes need not be read.
        if status.st_size > 4 * LONGEST_DOCUMENT:
            raise BadInput(f"{path} is larger than any such file; it holds {status.st_size:,} bytes.")
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not UTF-8 text (byte {error.start}).") from error


def _name(name: object, *, path: Path) -> str:
    if not isinstance(name, str) or not name:
        raise BadInput(
            f"{path}: the source {_shown(name)} must be text, the prefix of its file names; put it in quotes."
        )
    return name


def _source(name: str, settings: object, *, path: Path) -> MeterSource:
    where = f"{path}: {printable(shortened(name))}"
    if settings is None:
        return MeterSource()
    if not isinstance(settings, dict):
        raise BadInput(f"{where} must hold settings, of {', '.join(_KNOWN_KEYS)}.")
    unknown = [str(key) for key in settings if key not in _KNOWN_KEYS]
    if unknown:
        raise BadInput(
            f"{where}.{printable(shortened(unknown[0]))} is not known; a source has {', '.join(_KNOWN_KEYS)}."
        )
    return MeterSource(
        utc_offset=_offset(settings.get("utc_offset", DEFAULT_OFFSET), where=where),
        metering_point_ids=_metering_point_ids(settings.get("metering_point_ids", {}), where=where),
        needs_records_100_900=_required(settings.get("records_100_900", "required"), where=where),
    )


def _offset(value: object, *, where: str) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[+-](?:0[0-9]|1[0-4]):[0-5][0-9]", value):
        raise BadInput(f'{where}.utc_offset is {_shown(value)}; give an offset such as "+10:00".')
    if value[4:] not in ("00", "30"):
        raise BadInput(
            f"{where}.utc_offset is {value}: its half hours do not start at :00 or :30 UTC, as R2 has them; "
            "meters on such a clock cannot be read."
        )
    return value


def _metering_point_ids(value: object, *, where: str) -> Mapping[str, str]:
    if not isinstance(value, dict):
        raise BadInput(f"{where}.metering_point_ids must map each NMI to a metering point.")
    for nmi, metering_point_id in value.items():
        if not isinstance(nmi, str):
            raise BadInput(
                f"{where}.metering_point_ids: put the NMI {_shown(nmi)} in quotes, so that it stays text."
            )
        if not isinstance(metering_point_id, str) or not re.fullmatch(ID_PATTERN, metering_point_id):
            raise BadInput(
                f"{where}.metering_point_ids: {_shown(nmi)} is {_shown(metering_point_id)}, "
                "which is no valid id."
            )
    doubled = sorted(name for name, times in Counter(value.values()).items() if times > 1)
    if doubled:
        raise BadInput(
            f"{where}.metering_point_ids names {doubled[0]} for more than one NMI; give each its own."
        )
    return dict(value)


def _shown(value: object) -> str:
    return shortened(repr(value))


def _required(value: object, *, where: str) -> bool:
    if value not in ("required", "optional"):
        raise BadInput(f"{where}.records_100_900 is {_shown(value)}; give required or optional.")
    return value == "required"
