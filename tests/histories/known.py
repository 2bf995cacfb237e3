"""What the warehouse ought to know, kept beside it from what was answered: files, runs, exports."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.histories.deliveries import File
from tests.oracle import World
from tests.oracle import settle as oracle_settle
from tests.oracle.base import Delivery, text_of
from tests.oracle.worlds import TARIFFS

LEDGER_KEY = (
    "payee_kind", "payee_id", "dr_event_id", "vehicle_id", "evse_id", "lease_id", "access_class",
    "contract_id", "unit",
)  # fmt: skip
Owed = dict[tuple[str, ...], int]


@dataclass
class Received:
    """A file that was accepted as a delivery."""

    file: File
    at: int
    withdrawn_at: int | None = None

    def seen_as_of(self, as_of: int) -> bool:
        """Whether a run as of that instant sees its rows (R6)."""
        return self.at <= as_of and (self.withdrawn_at is None or as_of < self.withdrawn_at)


@dataclass
class Run:
    """A run as its answers told of it."""

    run_id: str
    period: str
    as_of: int
    state: str
    held: bool


@dataclass
class Known:
    """The files in the order of their receipt, by feed and hash; runs by id; approvals in their order."""

    tariffs: str
    received: dict[tuple[str, str], Received] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    approved: list[str] = field(default_factory=list)
    closed: dict[str, int] = field(default_factory=dict)  # period -> bookings made until then
    issued: dict[str, dict[str, bytes]] = field(default_factory=dict)
    _owed: dict[tuple[object, ...], Owed] = field(default_factory=dict)

    def take(self, files: Iterable[File], *, at: int) -> None:
        """The files of an ingest; bytes that are known change nothing."""
        for file in sorted(files, key=lambda file: (file.feed, file.name)):
            self.received.setdefault((file.feed, file.sha256), Received(file, at))

    def inputs_of(self, period: str, as_of: int) -> tuple[object, ...]:
        """What identifies a run besides tariffs and rules (R23)."""
        received = frozenset(key for key, each in self.received.items() if each.at <= as_of)
        withdrawn = frozenset(key for key in received if not self.received[key].seen_as_of(as_of))
        return period, as_of, received, withdrawn

    def owed(self, period: str, as_of: int) -> Owed:
        """What the oracle finds owed by ledger key, from the rows seen as of an instant; nothing of 0."""
        inputs = self.inputs_of(period, as_of)
        if inputs not in self._owed:
            self._owed[inputs] = self._found(period, as_of)
        return self._owed[inputs]

    def _found(self, period: str, as_of: int) -> Owed:
        seen = [
            Delivery(text_of(each.at), each.file.feed, each.file.name, list(each.file.accepted))
            for each in self.received.values()
            if each.seen_as_of(as_of)
        ]
        settled = oracle_settle(World(seen), TARIFFS[self.tariffs], period, text_of(as_of), initial=True)
        return {tuple(row[name] for name in LEDGER_KEY): int(row["amount"]) for row in settled.bookings}

    def approved_of(self, period: str) -> list[Run]:
        """The runs of a period that were approved, in the order of their approval."""
        return [self.runs[run_id] for run_id in self.approved if self.runs[run_id].period == period]

    def kind_of(self, run: Run) -> str:
        """What a run is to its period now (R23)."""
        approved = self.approved_of(run.period)
        if run in approved:
            return "initial" if approved[0] is run else "correction"
        if not approved:
            return "initial"
        return "replay" if run.as_of < approved[-1].as_of else "correction"

    def exportable(self) -> list[Run]:
        """Runs that were approved, and replays."""
        return [
            run
            for run in self.runs.values()
            if run.state != "rejected" and (run.run_id in self.approved or self.kind_of(run) == "replay")
        ]
