"""Secrets planted into an environment, and where they and people's ids must not turn up."""

import csv
import json
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.security.keys import pem

_CONNECTION_PASSWORD = "p4ssw0rd-of-a-partner"
_TOKEN = "t0ken-of-an-interface"
SIGNING_SEED = 7


def environment(*, signing_key: str) -> dict[str, str]:
    """An environment with secrets; the signing key is in the variable or the connection named."""
    key = pem(SIGNING_SEED)
    keys = {
        "VGI_SIGNING_KEY": key,
        "AIRFLOW_CONN_VGI_SIGNING_KEY": json.dumps({"conn_type": "generic", "password": key}),
    }
    return {
        signing_key: keys[signing_key],
        "AIRFLOW_CONN_PARTNER": json.dumps(
            {"conn_type": "sftp", "host": "partner.example", "login": "vgi", "password": _CONNECTION_PASSWORD}
        ),
        "VGI_API_TOKEN": _TOKEN,
        "VGI_DATABASE_PASSWORD": _TOKEN[::-1],
    }


def secrets() -> tuple[bytes, ...]:
    """What must not be found, each long enough to be found by no accident."""
    return tuple(
        text.encode()
        for text in (pem(SIGNING_SEED).splitlines()[1], _CONNECTION_PASSWORD, _TOKEN, _TOKEN[::-1])
    )


def ids_of(exports: Path) -> tuple[bytes, ...]:
    """The users and vehicles of all exports below a folder."""
    columns = {"user_points.csv": "user_id", "dr_achievement.csv": "vehicle_id"}
    found: set[str] = set()
    for name, column in columns.items():
        for path in exports.rglob(name):
            with path.open() as file:
                found |= {row[column] for row in csv.DictReader(file)}
    return tuple(sorted(each.encode() for each in found))


def files_below(*places: Path) -> Iterator[Path]:
    for place in places:
        yield from (path for path in (place, *place.rglob("*")) if path.is_file() and not path.is_symlink())


def holders(files: Iterable[Path], needles: Iterable[bytes]) -> list[tuple[str, str]]:
    """Each file that holds one of some texts, with the text."""
    wanted = tuple(needles)
    return [
        (str(path), needle.decode())
        for path in files
        for content in [path.read_bytes()]
        for needle in wanted
        if needle in content
    ]


def open_to_others(*places: Path) -> list[str]:
    """Every file and folder that anybody but its owner may read, write or enter."""
    return [
        f"{path} {stat.filemode(mode)}"
        for place in places
        for path in (place, *place.rglob("*"))
        for mode in [path.lstat().st_mode]
        if mode & 0o077 and not path.is_symlink()
    ]
