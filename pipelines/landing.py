"""The landing folder: which of its entries are deliveries, and a sentence for each that is not."""

import os
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import BadInput
from pipelines.feeds import FEEDS
from pipelines.sources import FILE_NAME as SOURCES_FILE_NAME
from pipelines.sources import Sources, read_sources
from pipelines.wording import printable

_FEED_NAMES = ", ".join(sorted(FEEDS))
_HALF_WRITTEN = (".part", ".tmp", ".crdownload", ".partial", "~")
# What people lay beside data for people: never a delivery that somebody put in the wrong place.
_NOTES = (".md", ".txt", "license", "readme", "notice")


@dataclass(frozen=True)
class LandingFile:
    """One file that lies directly in the folder of a feed."""

    feed: str
    name: str
    path: Path


@dataclass(frozen=True)
class Landing:
    """What lies in a landing folder: files in the order of deliveries (R6), and a sentence for all else."""

    files: tuple[LandingFile, ...]
    warnings: tuple[str, ...]
    sources: Sources


def survey(landing_dir: Path) -> Landing:
    """List the files of all feeds. Raises BadInput for a folder that is missing or holds no feed at all."""
    if not landing_dir.is_dir():
        raise BadInput(f"The landing folder {landing_dir} does not exist or is no folder.")
    try:
        entries = sorted(os.scandir(landing_dir), key=lambda entry: entry.name)
    except OSError as error:
        raise BadInput(f"The landing folder {landing_dir} cannot be read: {error.strerror}.") from error
    files: list[LandingFile] = []
    warnings: list[str] = []
    feed_folders = 0
    for entry in entries:
        if entry.name in FEEDS and entry.is_dir(follow_symlinks=False):
            feed_folders += 1
            _survey_feed(entry.name, Path(entry.path), files=files, warnings=warnings)
        elif (warning := _warning_of_root_entry(entry)) is not None:
            warnings.append(warning)
    if feed_folders == 0:
        raise BadInput(
            f"The landing folder {landing_dir} holds no folder of a feed; the feeds are {_FEED_NAMES}."
            + "".join(f" {warning}" for warning in warnings)
        )
    return Landing(tuple(files), tuple(warnings), read_sources(landing_dir / SOURCES_FILE_NAME))


def _warning_of_root_entry(entry: os.DirEntry[str]) -> str | None:
    name = printable(entry.name)
    if entry.is_symlink() and entry.name in FEEDS:
        return f"{name} is a symbolic link and was not followed."
    if entry.name.startswith(".") or entry.name == SOURCES_FILE_NAME or entry.name.lower().endswith(_NOTES):
        return None
    if entry.is_dir(follow_symlinks=False):
        return f"The folder {name} is not a feed, so nothing in it was read; the feeds are {_FEED_NAMES}."
    return f"{name} lies beside the feed folders and was not read; put it into the folder of its feed."


def _survey_feed(feed: str, folder: Path, *, files: list[LandingFile], warnings: list[str]) -> None:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise BadInput(f"The folder {folder} cannot be read: {error.strerror}.") from error
    for entry in entries:
        fault = _why_no_delivery(entry)
        if fault is None:
            files.append(LandingFile(feed=feed, name=entry.name, path=Path(entry.path)))
        else:
            warnings.append(f"{feed}/{printable(entry.name)} {fault}")


def _why_no_delivery(entry: os.DirEntry[str]) -> str | None:
    reasons = (
        (printable(entry.name) != entry.name, "has a name that cannot be written down; rename it."),
        (entry.is_symlink(), "is a symbolic link and was not followed; put the file itself there."),
        (
            entry.is_dir(follow_symlinks=False),
            "is a folder and was not read; files lie directly in the folder of their feed.",
        ),
        (entry.name.startswith("."), "is hidden and was not read."),
        (
            entry.name.lower().endswith(_HALF_WRITTEN),
            "looks half written and was left alone; rename it when it is whole.",
        ),
        (not entry.is_file(follow_symlinks=False), "is not a regular file and was not read."),
    )
    return next((reason for holds, reason in reasons if holds), None)
