"""The settings of sources.yaml by which each meter file was read, and whether they changed since.

Known bytes are not read again, so a change of settings does nothing by itself and has to be said.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

import duckdb

from pipelines.journal import Event, record
from pipelines.sources import MeterSource


@dataclass(frozen=True)
class MeterSettings:
    """What decides how the meters of one file are read; each of its NMIs has its metering point."""

    utc_offset: str
    metering_point_ids: Mapping[str, str]

    @classmethod
    def of(cls, nmis: Iterable[str], *, source: MeterSource) -> "MeterSettings":
        """The settings that a source has for these meters."""
        return cls(source.utc_offset, {nmi: source.metering_point_ids.get(nmi, nmi) for nmi in nmis})

    def changes(self, source: MeterSource) -> tuple[str, ...]:
        """What a source says otherwise of these meters, in words."""
        now = MeterSettings.of(self.metering_point_ids, source=source)
        changes = [
            f"the metering point of NMI {nmi} was {before} and is {now.metering_point_ids[nmi]}"
            for nmi, before in self.metering_point_ids.items()
            if now.metering_point_ids[nmi] != before
        ]
        if now.utc_offset != self.utc_offset:
            changes.append(f"utc_offset was {self.utc_offset} and is {now.utc_offset}")
        return tuple(changes)


def note_settings(
    connection: duckdb.DuckDBPyConnection, *, delivery_no: int, settings: MeterSettings, noted_at: datetime
) -> bool:
    """Write down how a file would be read now, unless that was noted last; tell whether it was written.

    The first note is how the file was read.
    """
    noted = noted_settings(connection, delivery_no=delivery_no)
    if noted and noted[-1] == settings:
        return False
    connection.execute(
        "insert into raw.meter_settings values (?, ?, ?, ?)",
        [delivery_no, len(noted) + 1, noted_at, json.dumps(asdict(settings), sort_keys=True)],
    )
    return True


def note_change(
    connection: duckdb.DuckDBPyConnection, *, delivery_no: int, settings: MeterSettings, noted_at: datetime
) -> None:
    """Note how a known file would be read now, and tell the journal if that is another way than before."""
    if note_settings(connection, delivery_no=delivery_no, settings=settings, noted_at=noted_at):
        document = {"delivery_no": delivery_no, "settings": asdict(settings)}
        record(connection, event=Event.NOTED, at=noted_at, document=document)


def noted_settings(connection: duckdb.DuckDBPyConnection, *, delivery_no: int) -> list[MeterSettings]:
    """All that was noted of a delivery, first to last; nothing for canonical CSV and refused files."""
    rows = connection.execute(
        "select settings from raw.meter_settings where delivery_no = ? order by note_no", [delivery_no]
    ).fetchall()
    return [MeterSettings(**json.loads(text)) for (text,) in rows]
