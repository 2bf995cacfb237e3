"""A file that somebody asks for over the network: given if it stands in its place."""

from pathlib import Path


def standing_file(path: Path) -> Path | None:
    """The file of a resolved path; None if there is none, or a link leads elsewhere."""
    return path if path.is_file() and path.resolve() == path else None
