"""The landing folders: every feed's rows by delivery, as canonical CSV."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pipelines.simulate import reads
from pipelines.simulate.bad_rows import BadRow, as_lines
from pipelines.simulate.world import Progress

FOLDERS = ("01-initial", "02-late", "03-revised")

# Columns in the order of each feed's files, with how an instant is written: charge points log local time. The
# order is not always that of the contract, which goes by name.
COLUMNS = {
    "aggregators": "aggregator_id valid_from:utc valid_to:utc level parent_aggregator_id",
    "vehicles": "vehicle_id user_id child_aggregator_id ownership powertrain valid_from:local valid_to:local",
    "contracts": "contract_id valid_from:utc valid_to:utc manager_id manager_kind monthly_fee_minor",
    "evses": "evse_id valid_from:utc valid_to:utc contract_id parking_lot_id region metering_point_id access"
    " supply backfeed_capable rated_charge_w rated_discharge_w",
    "specific_vehicles": "evse_id vehicle_id valid_from:utc valid_to:utc",
    "evse_offers": "offer_id evse_id published_at:utc offered_from:utc offered_to:utc",
    "permission_leases": "lease_id evse_id vehicle_id kind granted_at:utc consent_at:utc valid_from:utc"
    " valid_to:utc revoked_at:utc",
    "meter_intervals": "metering_point_id interval_start:utc import_wh backfeed_wh quality",
    "charger_sessions": "session_id evse_id vehicle_id started_at:local ended_at:local charged_wh"
    " discharged_wh",
    "dr_events": "dr_event_id region direction starts_at:utc ends_at:utc",
    "dr_instructions": "dr_event_id aggregator_id issued_at:utc amount_wh",
    "dr_signals": "dr_event_id vehicle_id issued_at:utc amount_kind amount",
}
METER = "meter_intervals"

# Some partners export twice what they sent once; the second time their instants look different.
REPEATED = {
    "vehicles": "vehicle_id, valid_from",
    "permission_leases": "lease_id",
    "charger_sessions": "session_id",
}
EVERY = 2000

# Written by spreadsheets of another kind: byte-order mark and carriage returns.
WITH_BYTE_ORDER_MARK = "aggregators"
WITH_CARRIAGE_RETURNS = ("aggregators", "dr_events")


@dataclass(frozen=True)
class LandingFile:
    """A delivered file and what ingest should find in it: rows = accepted + duplicates + quarantined."""

    path: str
    rows: int
    duplicates: int
    quarantined: int
    bytes: int


class Landing:
    """Writes the landing folders below `out_dir`, and remembers the files in the order of writing."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, out_dir: Path, bad: tuple[BadRow, ...]) -> None:
        self._connection = connection
        self._out_dir = out_dir
        self._bad = bad
        self.files: list[LandingFile] = []

    def write(self, progress: Progress) -> None:
        """Every folder; the reads of the first one day by day, as they are made."""
        progress("registries, sessions, leases and signals")
        for feed in COLUMNS:
            if feed != METER:
                self._write_feed(feed, 1)
        for label in reads.make_days(self._connection):
            progress(f"reads of {label}")
            self._write_day(label)
        for folder in (2, 3):
            progress(f"delivery {FOLDERS[folder - 1]}")
            for feed in COLUMNS:
                self._write_feed(feed, folder)
        self._send_again("contracts")

    def _write_feed(self, feed: str, folder: int) -> None:
        if not self._count(f"select count(*) from {_table(feed)} where folder = {folder}"):
            return
        path = self._path(feed, folder, feed.replace("_", "-"))
        has_status = feed != METER and folder == 3
        select = f"select {_cells(feed, has_status)} from {_table(feed)} where folder = {folder}"
        duplicates = 0
        if folder == 1 and feed in REPEATED:
            again = f"{select.replace('local_text', 'utc_text')} {_one_in(EVERY, REPEATED[feed])}"
            duplicates = self._count(f"select count(*) from ({again})")
            select = f"{select} union all {again}"
        rows = self._count(
            f"copy (select * from ({select}) order by all) to {_quoted(path)} (format csv, header)"
        )
        quarantined = self._append_bad_rows(feed, path, has_status) if folder == 1 else 0
        self._dress(feed, path)
        self._remember(path, rows + quarantined, duplicates, quarantined)

    def _write_day(self, label: str) -> None:
        path = self._path(METER, 1, f"meter-{label}")
        rows = self._count(reads.COPY_DAY.format(path=str(path).replace("'", "''")))
        duplicates = self._count("select count(*) from first_told where times = 2")
        is_first = not any("/meter-" in file.path for file in self.files)
        quarantined = self._append_bad_rows(METER, path, False) if is_first else 0
        self._remember(path, rows + quarantined, duplicates, quarantined)

    def _append_bad_rows(self, feed: str, path: Path, has_status: bool) -> int:
        rows = tuple(row for row in self._bad if row.feed == feed)
        with path.open("a", encoding="utf-8", newline="") as file:
            file.write(as_lines(rows, _names(feed, has_status)))
        return len(rows)

    def _dress(self, feed: str, path: Path) -> None:
        if feed in WITH_CARRIAGE_RETURNS:
            path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
        if feed == WITH_BYTE_ORDER_MARK:
            path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())

    def _send_again(self, feed: str) -> None:
        """The same bytes under another name, which change nothing."""
        first = self._path(feed, 1, feed)
        path = self._path(feed, 2, f"{feed}-sent-again")
        shutil.copyfile(first, path)
        self._remember(path, 0, 0, 0)

    def _path(self, feed: str, folder: int, name: str) -> Path:
        parent = self._out_dir / FOLDERS[folder - 1] / feed
        parent.mkdir(parents=True, exist_ok=True)
        return parent / f"{name}.csv"

    def _remember(self, path: Path, rows: int, duplicates: int, quarantined: int) -> None:
        name = path.relative_to(self._out_dir).as_posix()
        self.files.append(LandingFile(name, rows, duplicates, quarantined, path.stat().st_size))

    def _count(self, statement: str) -> int:
        row = self._connection.execute(statement).fetchone()
        assert row is not None, "a count and a copy return one row"
        return int(row[0])


TEXTS = """
create macro utc_text(s) as strftime(make_timestamp(s::bigint * 1000000), '%Y-%m-%dT%H:%M:%SZ');
create macro local_text(s) as
    strftime(make_timestamp((s::bigint + getvariable('zone_offset_s')) * 1000000),
        '%Y-%m-%dT%H:%M:%S') || getvariable('zone_offset');
create view told_intervals as select *, slot * 1800 as interval_start from told_later;
"""


def prepare_texts(connection: duckdb.DuckDBPyConnection) -> None:
    """Macros that write instants, and the view of the late and revised reads."""
    connection.execute(TEXTS)


def _table(feed: str) -> str:
    return "told_intervals" if feed == METER else feed


def _names(feed: str, has_status: bool) -> tuple[str, ...]:
    names = tuple(column.partition(":")[0] for column in COLUMNS[feed].split())
    return (*names, "row_status") if has_status else names


def _cells(feed: str, has_status: bool) -> str:
    cells = []
    for column in COLUMNS[feed].split():
        name, _, form = column.partition(":")
        cells.append(f"{form}_text({name}) as {name}" if form else name)
    return ", ".join([*cells, "row_status"] if has_status else cells)


def _one_in(every: int, key: str) -> str:
    return f"qualify row_number() over (order by {key}) % {every} = 1"


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
