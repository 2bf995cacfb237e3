"""A hostile file and its outcome.

`@@@@` in a file stands for ids of its own, so that all files can be delivered together. Lines count as an
editor counts them. What is loaded is written as the published columns joined by `|`.
"""

from dataclasses import dataclass

METERS = "meter_intervals"
Found = tuple[int | None, str | None, str]


@dataclass(frozen=True)
class Hostile:
    """A file: its rows by outcome, what stands in quarantine (line, column, words of the reason), and what is
    loaded.

    `refused` says that the file goes to quarantine whole; `found` then has its one entry.
    """

    name: str
    content: str | bytes
    feed: str = METERS
    encoding: str = "utf-8"
    file_name: str = "{number}.csv"
    accepted: int = 0
    duplicate: int = 0
    quarantined: int = 0
    refused: bool = False
    found: tuple[Found, ...] = ()
    loaded: tuple[str, ...] = ()
    note: str | None = None

    def bytes_for(self, key: str) -> bytes:
        """The file with ids of its own."""
        if isinstance(self.content, bytes):
            return self.content.replace(b"@@@@", key.encode())
        return self.content.replace("@@@@", key).encode(self.encoding, "surrogatepass")
