"""A history: what happens in half a year, step by step, with the laws checked after each."""

import heapq
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from tests.histories.deliveries import BEGIN, DAY, END, File, half_a_year
from tests.histories.known import Known, Received, Run
from tests.histories.laws import LawBroken, Laws
from tests.histories.worker import Answer, Kill, Killed, Worker
from tests.oracle.base import period_span, text_of
from tests.oracle.worlds import TARIFFS, write_tariffs

# Where a kill hurts most: around what commits, what is renamed, and what is told of it.
TENDER = (
    "_place", "_swap_in", "_sync", "append_bookings", "book_run", "keep", "load_rows", "open_warehouse",
    "record", "record_state", "register", "store_result", "store_run", "transaction", "write_out",
    "_append_entries", "_issue", "_store",
)  # fmt: skip
INGESTS = 7
REBUILT_EVERY = 5
Step = Callable[[int], None]


@dataclass
class Figures:
    """What a history, or many, went through."""

    counts: Counter[str] = field(default_factory=Counter)

    @property
    def told(self) -> dict[str, int]:
        """The counts in the order in which a person reads them; a law that was broken would have ended it."""
        names = (
            "histories", "steps", "deliveries", "known again", "withdrawals", "runs", "replays", "bookings",
            "exports",
        )  # fmt: skip
        counts = {"played" if name == "histories" else name: self.counts[name] for name in names}
        return {**counts, "kills survived": self.counts["kills"], "lost": 0, "doubled": 0}


class History:
    """The history of a seed, in a folder of its own. With `kill`, every command is killed there."""

    def __init__(
        self, seed: int, *, folder: Path, worker: Worker, figures: Figures, kill: Kill | None = None
    ) -> None:
        self._rng = random.Random(f"history {seed}")
        self._kills = random.Random(f"kills {seed}")
        self._later = random.Random(f"later {seed}")
        self._rebuilds = seed % REBUILT_EVERY == 0
        self._kill = kill
        self._worker = worker
        self._count = figures.counts
        self._tariffs = self._rng.choice(["tokyo", "london"])
        self._folder = folder
        self._known = Known(self._tariffs)
        self._warehouse, self._out = folder / "vgi.duckdb", folder / "out"
        self._laws = Laws(warehouse=self._warehouse, out=self._out, known=self._known)
        self._landings = count(1)
        self._turns = count()
        self._agenda: list[tuple[int, int, Step]] = []
        self._number = 0
        self.story: list[str] = []
        write_tariffs(TARIFFS[self._tariffs], folder / "tariffs")

    def play(self) -> None:
        """All steps. LawBroken with the story so far where a law does not hold."""
        try:
            self._plan()
            now = BEGIN
            while self._agenda:
                at, _, step = heapq.heappop(self._agenda)
                now = max(now + 1, at)
                step(now)
            self._laws.check_contents()
            self._settle_afresh()
            if self._rebuilds:
                self._rebuild()
        except LawBroken as broken:
            story = "\n".join(self.story)
            raise LawBroken(f"{broken}\nIt happened so ({self._tariffs}):\n{story}") from broken
        self._count["histories"] += 1
        self._count["bookings"] += self._laws.ledger_length()

    # ---------------------------------------------------------------- what happens when

    def _plan(self) -> None:
        rng = self._rng
        months, files = half_a_year(rng)
        ends = {month: period_span(month, "Europe/London")[1] for month in months}
        for at, some in _ingests(files, rng=rng, first=min(ends.values())):
            self._at(at, lambda now, some=some: self._deliver(some, now))
        for month, end in ends.items():
            self._at(end + rng.randrange(4 * DAY, 25 * DAY), self._settling(month))
        for _ in range(2):
            month = rng.choice(months)
            at = rng.randrange(ends[month] + 25 * DAY, END + 20 * DAY)
            self._at(at, self._settling(month, again=True))
        for _ in range(rng.randint(1, 3)):
            self._at(rng.randrange(ends[months[0]] + 10 * DAY, END), self._withdraw)
        self._at(END + 21 * DAY, self._export_again)
        if self._later.random() < 0.5:
            month = self._later.choice(months)
            at = self._later.randrange(ends[month] + 25 * DAY, END + 20 * DAY)
            self._at(at, lambda now: self._close(month, now))

    def _at(self, at: int, step: Step) -> None:
        heapq.heappush(self._agenda, (at, next(self._turns), step))

    # ---------------------------------------------------------------- steps

    def _deliver(self, files: list[File], now: int) -> None:
        # Of one name the folder holds the file that came last.
        placed = {(file.feed, file.name): file for file in files}
        landing = self._landing(list(placed.values()))
        told = ", ".join(f"{file.feed}/{file.name} ({file.what})" for file in placed.values())
        before = len(self._known.received)
        self._known.take(placed.values(), at=now)
        new = len(self._known.received) - before
        answer = self._do(now, f"deliver {told}", "deliver", landing=str(landing), at=text_of(now))
        if "killed" not in answer:
            _agree(answer, loaded=new, known=len(placed) - new)
        self._count["deliveries"] += new
        self._count["known again"] += len(placed) - new
        self._laws.check_done()

    def _settling(self, month: str, *, again: bool = False) -> Step:
        return lambda now: self._settle(month, now, again=again)

    def _settle(self, period: str, now: int, *, again: bool) -> None:
        rng, known = self._rng, self._known
        first = min(each.at for each in known.received.values())
        looks_back, hold = again and rng.random() < 0.3, rng.random() < 0.25
        as_of = rng.randrange(first, now) if looks_back else now
        is_new = not any((run.period, run.as_of) == (period, as_of) for run in known.runs.values())
        answer = self._do(
            now,
            f"settle {period} as of {text_of(as_of)}{', held' if hold else ''}",
            "settle",
            **self._arguments(period, as_of, now=now, hold=hold),
        )
        run = Run(answer["run_id"], period, as_of, "audited", hold)
        _hold(is_new and run.run_id not in known.runs, f"{run.run_id} is the id of two runs")
        known.runs[run.run_id] = run
        kind = known.kind_of(run)
        if kind != "replay" and not hold:
            run.state = "approved"
            known.approved.append(run.run_id)
        _agree(answer, kind=kind, state=run.state)
        self._count["runs"] += 1
        self._count["replays"] += kind == "replay"
        self._laws.check_done()
        if hold and kind != "replay":
            approved = rng.random() < 0.75
            at = now + rng.randrange(DAY // 2, 40 * DAY)
            self._at(at, lambda later: self._decide(run, later, approved=approved))
        elif rng.random() < 0.75:
            self._at(now + rng.randrange(60, 6 * DAY), lambda later: self._export(run, later))

    def _decide(self, run: Run, now: int, *, approved: bool) -> None:
        what = "approve" if approved else "reject"
        overtaken = self._known.kind_of(run) == "replay"
        answer = self._do(
            now,
            f"{what} {run.run_id}{', which was overtaken' if overtaken else ''}",
            "decide",
            may_refuse=overtaken,
            run_id=run.run_id,
            approved=approved,
            now=text_of(now),
        )
        _hold(("error" in answer) == overtaken, f"{what} was answered with {answer}")
        if not overtaken:
            run.state = "approved" if approved else "rejected"
            if approved:
                self._known.approved.append(run.run_id)
                self._at(now + self._rng.randrange(60, 3 * DAY), lambda later: self._export(run, later))
        self._laws.check_done()

    def _export(self, run: Run, now: int) -> None:
        known = self._known
        approved = known.approved_of(run.period)
        if run in approved and run.state == "approved":
            for earlier in approved[: approved.index(run)]:
                earlier.state = "superseded"
            run.state = "issued"
        answer = self._do(
            now, f"export {run.run_id}", "export", run_id=run.run_id, out=str(self._out), now=text_of(now)
        )
        _agree(answer, state=run.state)
        package = json.loads((Path(answer["folder"]) / "datapackage.json").read_bytes())
        _hold(run.run_id in json.dumps(package), f"{answer['folder']} is not the export of {run.run_id}")
        self._count["exports"] += 1
        self._laws.check_done()
        _hold(run.run_id in known.issued, f"{run.run_id} was answered as exported and is not there")

    def _export_again(self, now: int) -> None:
        """Whatever was exported before must come out as the same bytes; what was not, comes out now."""
        runs = self._known.exportable()
        if runs:
            self._export(self._rng.choice(runs), now)

    def _withdraw(self, now: int) -> None:
        there = [each for each in self._known.received.values() if each.withdrawn_at is None]
        if not there:
            return
        each = self._rng.choice(there)
        each.withdrawn_at = now
        file = each.file
        answer = self._do(
            now,
            f"withdraw {file.feed}/{file.name} of {text_of(each.at)}",
            "withdraw",
            may_refuse=True,
            delivery=self._laws.number_of(file),
            at=text_of(now),
        )
        # Asked again after a kill, it may have been done already.
        _hold(
            "withdrawn" in answer or ("killed" in answer and "withdrawn already" in answer["sentence"]),
            str(answer),
        )
        self._count["withdrawals"] += 1
        self._laws.check_done()

    def _close(self, period: str, now: int) -> None:
        may_be = bool(self._known.approved_of(period))
        if may_be:
            self._known.closed[period] = len(self._laws.chain())
        answer = self._do(now, f"close {period}", "close", may_refuse=True, period=period, now=text_of(now))
        # Asked again after a kill, it may have been done already.
        is_closed = "booked_in" in answer or ("killed" in answer and "closed" in answer["sentence"])
        _hold(is_closed == may_be, f"closing was answered with {answer}")
        self._laws.check_done()

    # ---------------------------------------------------------------- carrying out, with kills

    def _do(
        self, instant: int, told: str, command: str, /, *, may_refuse: bool = False, **arguments: object
    ) -> Answer:
        """Have a command carried out, and repeated by a new life each time one is killed."""
        self._count["steps"] += 1
        kills = list(self._deaths(command))
        self._number += 1
        self.story.append(f"{self._number:3}. {text_of(instant)} {told}")
        was_killed = False
        while True:
            kill = kills.pop(0) if kills else None
            try:
                answer = self._worker.do(command, kill=kill, warehouse=str(self._warehouse), **arguments)
            except Killed:
                was_killed = True
                self._count["kills"] += 1
                self.story.append(f"     killed {kill}; again")
                self._laws.check_at_rest()
                continue
            if "error" in answer and not may_refuse:
                raise LawBroken(f"{command}: {answer['sentence']}\n{answer['trace']}")
            return answer | {"killed": True} if was_killed else answer

    def _deaths(self, command: str) -> Iterator[Kill]:
        """How often and where a command is to be killed, drawn whether or not it comes to that."""
        if self._kill is not None:
            yield self._kill
            return
        rng = self._kills
        for chance in (0.12, 0.1):
            if rng.random() > chance:
                return
            way = rng.random()
            if way < 0.25:
                yield Kill(seconds=rng.uniform(0, 4 if command == "settle" else 0.5))
            elif way < 0.5:
                yield Kill(nth=int(10 ** rng.uniform(0, 3.3)))
            else:
                event = rng.choice(["call", "return"])
                yield Kill(nth=rng.randint(1, 3), function=rng.choice(TENDER), event=event)

    # ---------------------------------------------------------------- at the end

    def _settle_afresh(self) -> None:
        """An empty warehouse that receives the same at once finds, in one run, all that was ever booked."""
        if not self._known.approved:
            return
        run = self._known.runs[self._known.approved[-1]]
        run = self._known.approved_of(run.period)[-1]
        afresh = str(self._folder / "afresh" / "vgi.duckdb")
        by_receipt: dict[int, list[Received]] = {}
        for each in self._known.received.values():
            if each.at <= run.as_of:
                by_receipt.setdefault(each.at, []).append(each)
        happened = [(at, self._receiving(files)) for at, files in by_receipt.items()]
        happened += [
            (each.withdrawn_at, self._withdrawing(each))
            for files in by_receipt.values()
            for each in files
            if each.withdrawn_at is not None and each.withdrawn_at <= run.as_of
        ]
        for at, (command, arguments) in sorted(happened, key=lambda what: what[0]):
            answer = self._worker.do(command, warehouse=afresh, at=text_of(at), **arguments)
            _hold("error" not in answer, f"afresh: {answer}")
        answer = self._worker.do(
            "settle", warehouse=afresh, **self._arguments(run.period, run.as_of, now=run.as_of)
        )
        _agree(answer, run_id=run.run_id, kind="initial")
        owed = Laws(warehouse=Path(afresh), out=self._out, known=self._known).booked()
        _hold(owed[run.period] == self._laws.booked()[run.period], f"afresh, {run.run_id} finds another sum")

    def _rebuild(self) -> None:
        """The store alone makes the same books."""
        rebuilt = self._folder / "rebuilt" / "vgi.duckdb"
        rebuilt.parent.mkdir()
        store = f"{self._warehouse}.deliveries"
        answer = self._worker.do("rebuild", warehouse=str(rebuilt), store=store)
        _hold("error" not in answer, f"rebuild: {answer}")
        chain = Laws(warehouse=rebuilt, out=self._out, known=self._known).chain()
        _hold(chain == self._laws.chain(), "the rebuilt ledger is another")

    def _receiving(self, files: list[Received]) -> tuple[str, dict[str, object]]:
        landing = self._landing([each.file for each in files])
        return "deliver", {"landing": str(landing)}

    def _withdrawing(self, each: Received) -> tuple[str, dict[str, object]]:
        return "withdraw", {"delivery": each.file.sha256}

    def _arguments(self, period: str, as_of: int, *, now: int, hold: bool = False) -> dict[str, object]:
        return {
            "tariffs": str(self._folder / "tariffs"),
            "period": period,
            "as_of": text_of(as_of),
            "now": text_of(now),
            "hold": hold,
        }

    def _landing(self, files: list[File]) -> Path:
        """A landing folder with these files."""
        landing = self._folder / f"landing-{next(self._landings)}"
        for file in files:
            (landing / file.feed).mkdir(parents=True, exist_ok=True)
            (landing / file.feed / file.name).write_bytes(file.text)
        return landing


def _ingests(files: list[File], *, rng: random.Random, first: int) -> Iterator[tuple[int, list[File]]]:
    """A few instants of ingest; each takes what arrived since the one before."""
    instants = sorted({first, END, *(rng.randrange(first, END) for _ in range(INGESTS - 2))})
    before = 0
    for at in instants:
        some = [file for file in files if before < file.arrives <= at]
        before = at
        if some:
            yield at, some


def _agree(answer: Answer, **expected: object) -> None:
    for name, value in expected.items():
        _hold(answer[name] == value, f"{name} should be {value}: {answer}")


def _hold(holds: bool, otherwise: str) -> None:
    if not holds:
        raise LawBroken(otherwise)
