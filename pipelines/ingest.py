"""Ingest: registers, checks and loads whatever is new in a landing folder, in one transaction (R6)."""

import dataclasses
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from expectations.catalogue import Gate
from expectations.judgement import GateReport, Judgement
from pipelines.books import transaction
from pipelines.deliveries import (
    LOADED,
    REFUSED,
    Delivery,
    KnownDelivery,
    find_known,
    known_bytes,
    load_rows,
    next_delivery_no,
    quarantine_file,
    register,
)
from pipelines.errors import JobFailed
from pipelines.feeds import FEEDS, METER_INTERVALS
from pipelines.formats import ReadRows, RefusedFile
from pipelines.formats.canonical_csv import read_canonical_csv
from pipelines.formats.nem12 import HALF_HOURS_OF_DAY, read_nem12
from pipelines.formats.plain_text import count_lines_with_text
from pipelines.gate_results import store
from pipelines.gates import GateFailed, judge_landing, landing_subject
from pipelines.instants import instant_text
from pipelines.journal import Event, record
from pipelines.landing import Landing, LandingFile, survey
from pipelines.meter_settings import MeterSettings, note_settings, noted_settings
from pipelines.receipt import as_utc, overtaken_runs, receipt_instant
from pipelines.sources import source_of
from pipelines.store import NotReadable, ReceivedFile, receive, sha256_of
from pipelines.warehouse import open_warehouse
from pipelines.wording import counted

CSV, NEM12 = "csv", "nem12"
_MOST_NAMES = 5

Progress = Callable[[str], None]


@dataclass(frozen=True)
class AlreadyKnown:
    """A file whose bytes were delivered before: nothing was changed; the sentence says what that means.

    `settings_changed` of a meter file: what its source in sources.yaml says otherwise than when it was read.
    """

    feed: str
    file_name: str
    sha256: str
    delivery_no: int
    first_file_name: str
    outcome: str
    rows_superseded: int
    settings_changed: tuple[str, ...]
    sentence: str

    @property
    def asks_for_a_look(self) -> bool:
        """Whether the warehouse does not hold what the file's sender may expect."""
        return self.outcome == REFUSED or self.rows_superseded > 0 or bool(self.settings_changed)


@dataclass(frozen=True)
class IngestReport:
    """What an ingest did, file by file; `received_at` is naive UTC and shared by all of its deliveries.

    `gate_warnings` are what the gate `landing` found and let pass.
    """

    received_at: datetime
    deliveries: tuple[Delivery, ...]
    already_known: tuple[AlreadyKnown, ...]
    warnings: tuple[str, ...]
    next_action: str
    gate_warnings: tuple[str, ...] = ()

    @property
    def rows_in(self) -> int:
        """Rows of all new deliveries: accepted + duplicates + quarantined."""
        return sum(delivery.rows_in for delivery in self.deliveries)

    @property
    def rows_accepted(self) -> int:
        """Rows loaded."""
        return sum(delivery.rows_accepted for delivery in self.deliveries)

    @property
    def rows_duplicate(self) -> int:
        """Rows that repeat another of their file."""
        return sum(delivery.rows_duplicate for delivery in self.deliveries)

    @property
    def rows_quarantined(self) -> int:
        """Rows set aside, those of refused files included."""
        return sum(delivery.rows_quarantined for delivery in self.deliveries)

    @property
    def totals(self) -> dict[str, int]:
        """The four counts of rows, by name."""
        counts = ("rows_in", "rows_accepted", "rows_duplicate", "rows_quarantined")
        return {name: getattr(self, name) for name in counts}

    def as_dict(self) -> dict[str, Any]:
        """The report for machines: instants as ISO text with Z."""
        document = dataclasses.asdict(self)
        for part in (document, *document["deliveries"]):
            part["received_at"] = instant_text(part["received_at"])
        return {**document, "totals": self.totals}


def ingest(  # noqa: PLR0913 -- all keyword-only but the first
    landing_dir: Path,
    *,
    warehouse: Path,
    received_at: datetime | None,
    clock: Callable[[], datetime],
    feeds: Collection[str] = tuple(FEEDS),
    progress: Progress | None = None,
) -> IngestReport:
    """Load all new files of a landing folder, or of some of its feeds: all, or none where the job fails.

    Bad rows and bad files go to quarantine and do not stop the rest. `received_at` is naive UTC or aware, in
    whole seconds, and defaults to the clock, whose instants may be either too; `progress` one line a file.
    Raises BadInput for a folder, sources.yaml or received_at that cannot be used, GateFailed if what was
    loaded is not what was delivered, JobFailed for anything else that keeps good input from being loaded.
    """
    landing = survey(Path(landing_dir))
    warehouse = Path(warehouse).resolve()
    with open_warehouse(warehouse) as connection:
        now = as_utc(clock())
        instant = receipt_instant(received_at, clock=now, connection=connection)
        job = _Ingest(
            connection=connection,
            warehouse=warehouse,
            received_at=instant,
            landing=landing,
            say=progress or (lambda sentence: None),
        )
        try:
            connection.execute("begin")
            files = [file for file in landing.files if file.feed in feeds]
            for number, file in enumerate(files, start=1):
                job.take(file, place=f"{number} of {len(files)}")
            job.pass_gate(at=now)
            connection.execute("commit")
        except duckdb.Error as error:
            raise JobFailed(f"The ingest failed and loaded nothing: {str(error).splitlines()[0]}") from error
        except OSError as error:
            raise JobFailed(f"The ingest failed and loaded nothing: {error.strerror or error}.") from error
        return job.report()


def feeds_with_news(landing_dir: Path, *, warehouse: Path) -> tuple[str, ...]:
    """The feeds that hold a file whose bytes were never delivered; nothing is loaded.

    Raises BadInput for a folder that cannot be used.
    """
    files = survey(Path(landing_dir)).files
    known: set[tuple[str, str]] = set()
    if warehouse.exists():
        with open_warehouse(warehouse) as connection:
            known = known_bytes(connection)
    return tuple(sorted({file.feed for file in files if _is_news(file, known=known)}))


def _is_news(file: LandingFile, *, known: set[tuple[str, str]]) -> bool:
    # What cannot be read is for the ingest to say; here it is no news.
    with suppress(NotReadable):
        return (file.feed, sha256_of(file.path)) not in known
    return False


class _Ingest:
    """One ingest under way, inside its transaction."""

    def __init__(
        self,
        *,
        connection: duckdb.DuckDBPyConnection,
        warehouse: Path,
        received_at: datetime,
        landing: Landing,
        say: Progress,
    ) -> None:
        self._connection = connection
        self._warehouse = warehouse
        self._received_at = received_at
        self._sources = landing.sources
        self._say = say
        self._warnings = list(landing.warnings)
        self._deliveries: list[Delivery] = []
        self._already_known: list[AlreadyKnown] = []
        self._next_delivery_no = next_delivery_no(connection)
        self._gate: GateReport | None = None

    def take(self, file: LandingFile, *, place: str) -> None:
        """Register, check and load one file, unless its bytes are known."""
        self._say(f"{place}: {file.feed}/{file.name}")
        try:
            received = receive(file.path, warehouse=self._warehouse, feed=file.feed)
        except NotReadable as error:
            self._warnings.append(f"{file.feed}/{file.name} {error} and was left alone.")
            return
        try:
            self._take_received(file, received)
        finally:
            received.discard()

    def pass_gate(self, *, at: datetime) -> None:
        """Judge what was loaded. GateFailed if it must not stay: it is undone, and what was found kept."""
        if not self._deliveries:
            return
        judgements = judge_landing(
            self._connection, deliveries=self._deliveries, received_at=self._received_at
        )
        if any(judgement.blocks for judgement in judgements):
            self._connection.execute("rollback")
            with transaction(self._connection):
                self._keep(judgements, at=at)
            raise GateFailed(Gate.LANDING, "nothing was loaded.", judgements=judgements)
        self._gate = self._keep(judgements, at=at)

    def _keep(self, judgements: list[Judgement], *, at: datetime) -> GateReport:
        return store(
            self._connection,
            gate=Gate.LANDING,
            subject=landing_subject(self._deliveries),
            at=at,
            judgements=judgements,
        )

    def report(self) -> IngestReport:
        """What was done, once it is committed."""
        overtaken = overtaken_runs(self._connection, received_at=self._received_at)
        return IngestReport(
            received_at=self._received_at,
            deliveries=tuple(self._deliveries),
            already_known=tuple(self._already_known),
            warnings=(*self._warnings, *(overtaken if self._deliveries else ())),
            next_action=_next_action(self._deliveries, self._already_known),
            gate_warnings=self._gate.warnings if self._gate else (),
        )

    def _take_received(self, file: LandingFile, received: ReceivedFile) -> None:
        if not received.scan.is_binary and not file.name.lower().endswith(".csv"):
            # Not registered: under its right name the same bytes are a delivery of their own.
            self._warnings.append(
                f"{file.feed}/{file.name} does not end in .csv and was left alone; rename it."
            )
            return
        if self._is_known(file, received):
            return
        delivery = Delivery(
            delivery_no=self._next_delivery_no,
            feed=file.feed,
            sha256=received.sha256,
            file_name=file.name,
            format=_format_of(file),
            received_at=self._received_at,
            bytes=received.scan.size_bytes,
        )
        try:
            delivery = self._load(delivery, received)
        except RefusedFile as refusal:
            if self._was_refused_before(delivery):
                return
            delivery = self._refuse(delivery, received, refusal)
        received.keep()
        register(self._connection, delivery)
        self._tell(delivery)
        self._deliveries.append(delivery)
        self._next_delivery_no += 1

    def _tell(self, delivery: Delivery) -> None:
        """Into the journal: a delivery, and how its file was read."""
        document = dataclasses.asdict(delivery) | {"received_at": instant_text(delivery.received_at)}
        if delivery.format == NEM12:
            document["source"] = dataclasses.asdict(source_of(delivery.file_name, sources=self._sources))
        record(self._connection, event=Event.RECEIVED, at=delivery.received_at, document=document)

    def _load(self, delivery: Delivery, received: ReceivedFile) -> Delivery:
        read = self._read(delivery, received)
        counts = load_rows(self._connection, feed=FEEDS[delivery.feed], delivery=delivery, read=read)
        if delivery.format == NEM12:
            self._note_settings(delivery.delivery_no, nmis=read.nmis, file_name=delivery.file_name)
        return dataclasses.replace(
            delivery,
            outcome=LOADED,
            rows_in=read.rows_in,
            notes="; ".join(read.notes) or None,
            **dataclasses.asdict(counts),
        )

    def _read(self, delivery: Delivery, received: ReceivedFile) -> ReadRows:
        if delivery.format == NEM12:
            source = source_of(delivery.file_name, sources=self._sources)
            return read_nem12(self._connection, path=received.path, scan=received.scan, source=source)
        return read_canonical_csv(
            self._connection, feed=FEEDS[delivery.feed], path=received.path, scan=received.scan
        )

    def _refuse(self, delivery: Delivery, received: ReceivedFile, refusal: RefusedFile) -> Delivery:
        rows = _countable_rows(delivery, received)
        quarantine_file(self._connection, delivery_no=delivery.delivery_no, refusal=refusal)
        return dataclasses.replace(
            delivery, outcome=REFUSED, reason=refusal.reason, rows_in=rows, rows_quarantined=rows
        )

    def _is_known(self, file: LandingFile, received: ReceivedFile) -> bool:
        known = find_known(self._connection, feed=file.feed, sha256=received.sha256)
        if known is None:
            return False
        if known.outcome == REFUSED and _format_of(file) == NEM12:
            # Whether a meter file can be read depends on its name and sources.yaml too: it is judged anew.
            return False
        self._note_known(known, file.feed, file.name, received.sha256)
        return True

    def _was_refused_before(self, delivery: Delivery) -> bool:
        known = find_known(self._connection, feed=delivery.feed, sha256=delivery.sha256)
        if known is None:
            return False
        self._note_known(known, delivery.feed, delivery.file_name, delivery.sha256)
        return True

    def _note_known(self, known: KnownDelivery, feed: str, file_name: str, sha256: str) -> None:
        changes = self._changes_of_settings(known, file_name)
        self._already_known.append(
            AlreadyKnown(
                feed=feed,
                file_name=file_name,
                sha256=sha256,
                delivery_no=known.delivery_no,
                first_file_name=known.file_name,
                outcome=known.outcome,
                rows_superseded=known.rows_superseded,
                settings_changed=changes,
                sentence=_sentence_of_known(known, name=f"{feed}/{file_name}", changes=changes),
            )
        )

    def _changes_of_settings(self, known: KnownDelivery, file_name: str) -> tuple[str, ...]:
        noted = noted_settings(self._connection, delivery_no=known.delivery_no)
        if not noted:
            return ()
        # Under another name it may be another source's, whose settings say nothing of how it was read.
        if file_name == known.file_name:
            self._note_settings(known.delivery_no, nmis=noted[0].metering_point_ids, file_name=file_name)
        return noted[0].changes(source_of(file_name, sources=self._sources))

    def _note_settings(self, delivery_no: int, *, nmis: Iterable[str], file_name: str) -> None:
        settings = MeterSettings.of(nmis, source=source_of(file_name, sources=self._sources))
        note_settings(
            self._connection, delivery_no=delivery_no, settings=settings, noted_at=self._received_at
        )


def _sentence_of_known(known: KnownDelivery, *, name: str, changes: tuple[str, ...]) -> str:
    sentence = f"The bytes of {name} are those of delivery {known.delivery_no} ({known.file_name})"
    if known.outcome == REFUSED:
        return f"{sentence}, which was refused: {known.reason}. Nothing was changed; deliver a mended file."
    sentence += "; nothing was changed."
    if known.rows_superseded:
        verb = "was" if known.rows_superseded == 1 else "were"
        sentence += (
            f" Since then {known.rows_superseded:,} of its rows {verb} superseded; "
            "restoring them takes a new file."
        )
    if changes:
        sentence += (
            f" But sources.yaml changed since it was read: {'; '.join(changes)}. "
            "What was accepted stays as it was read, and what was quarantined stays out; to have it read "
            "anew, deliver it as a new file (one empty line more at its end makes it one)."
        )
    return sentence


def _format_of(file: LandingFile) -> str:
    return NEM12 if file.feed == METER_INTERVALS and file.name.lower().endswith(".nem12.csv") else CSV


def _countable_rows(delivery: Delivery, received: ReceivedFile) -> int:
    if received.scan.is_binary:
        return 0
    if delivery.format == NEM12:
        return HALF_HOURS_OF_DAY * count_lines_with_text(received.path, prefix="300,")
    return max(0, count_lines_with_text(received.path) - 1)


def _next_action(deliveries: list[Delivery], already_known: list[AlreadyKnown]) -> str:
    refused = [delivery for delivery in deliveries if delivery.outcome == REFUSED]
    quarantined = sum(delivery.rows_quarantined for delivery in deliveries if delivery.outcome == LOADED)
    outdated = [known for known in already_known if known.settings_changed]
    actions = []
    if refused:
        files = counted(len(refused), "refused file")
        actions.append(f"Have {files} mended and delivered again: {_names(refused)}.")
    if quarantined:
        rows = counted(quarantined, "quarantined row")
        actions.append(
            f"Look at {rows} (vgi status --quarantine) and have them delivered again in a new file."
        )
    if outdated:
        actions.append(f"Deliver as new files what sources.yaml has otherwise now: {_names(outdated)}.")
    if actions:
        return " ".join(actions)
    return "Settle the periods concerned." if deliveries else "Nothing new was delivered."


def _names(files: Sequence[Delivery | AlreadyKnown]) -> str:
    names = ", ".join(f"{file.feed}/{file.file_name}" for file in files[:_MOST_NAMES])
    more = len(files) - _MOST_NAMES
    return f"{names} and {more:,} more" if more > 0 else names
