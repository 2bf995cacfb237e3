"""Rows of every feed that the contract takes, to be spoilt cell by cell."""

from tests.hostile.contract import columns_of

# A start and an end so far apart that what is put in the place of either leaves the row in order.
_START, _END = "2001-01-01T00:00:00Z", "2090-01-01T00:00:00Z"
_ENDS = ("valid_to", "offered_to", "ended_at", "ends_at", "revoked_at")


def good_cells(feed: str, *, key: str) -> dict[str, str]:
    """A row of a feed, as text by column; its first key column is `key`."""
    cells = {name: _cell(name, domain) for name, domain in columns_of(feed).items()}
    cells[next(iter(cells))] = key
    return cells


def _cell(name: str, domain: str) -> str:
    kind = domain.rstrip("*?")
    if name == "level":
        return "child"
    return {"at": _END if name in _ENDS else _START, "int": "7", "id": "X-1"}.get(kind, kind.split("|")[0])


def csv_of(header: list[str], *rows: list[str]) -> str:
    """A file of these cells, quoted where they have to be."""
    return "".join(",".join(map(quoted, cells)) + "\n" for cells in (header, *rows))


def quoted(cell: str) -> str:
    """A cell as RFC 4180 writes it."""
    return '"' + cell.replace('"', '""') + '"' if any(character in cell for character in ',"') else cell
