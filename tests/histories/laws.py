"""What must hold after every step, whatever happened; read by SQL, with nothing of the product."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from tests.histories.deliveries import File
from tests.histories.known import LEDGER_KEY, Known, Owed
from tests.oracle.base import COLUMNS, INSTANTS, parse

BOOKING = (
    "booking_id", "settlement_period", "booked_in_period", "payee_kind", "payee_id", "dr_event_id",
    "vehicle_id", "evse_id", "lease_id", "access_class", "contract_id", "reason", "amount", "unit",
    "tariff_version",
)  # fmt: skip
Rows = list[dict[str, Any]]


class LawBroken(AssertionError):
    """A law that does not hold, in a sentence."""


class Laws:
    """The laws over one warehouse, its store and its exports; remembers what the ledger held before."""

    def __init__(self, *, warehouse: Path, out: Path, known: Known) -> None:
        self._warehouse, self._out, self._known = warehouse, out, known
        self._chain: list[str] = []
        self._hashed: set[Path] = set()
        self._delivered: set[tuple[str, str]] = set()

    def check_at_rest(self) -> None:
        """What holds at any instant, also where a process was killed a moment ago."""
        if not self._warehouse.exists():
            return
        with self._opened() as connection:
            if not _has(connection, "deliveries"):
                return
            self._deliveries_stand(connection)
            # The books are made by the first command that needs them.
            if not _has(connection, "bookings"):
                return
            self._books_balance(connection)
            self._ledger_only_grows(connection)
            self._what_is_booked_is_owed(connection)
            self._statements_agree(connection)
            self._journal_tells(connection, complete=False)
        self._exports_are_whole()

    def check_done(self) -> None:
        """After a command that was answered: the rest as well."""
        self.check_at_rest()
        with self._opened() as connection:
            self._all_that_was_accepted_is_there(connection)
            self._runs_stand_as_answered(connection)
            self._journal_tells(connection, complete=True)
        self._delivered = set(self._known.received)

    def check_contents(self) -> None:
        """Every accepted row stands as it was delivered, value by value."""
        with self._opened() as connection:
            for each in self._known.received.values():
                file = each.file
                want = Counter(_values(vars(parse(file.feed, row)), row) for row in file.accepted)
                columns = ", ".join(
                    f"epoch({name})::bigint as {name}" if name in INSTANTS else name
                    for name in (*COLUMNS[file.feed], "row_status")
                )
                rows = _rows(
                    connection,
                    f"select {columns} from raw.{file.feed} inner join raw.deliveries using (delivery_no)"
                    " where sha256 = ?",
                    [file.sha256],
                )
                have = Counter(_values(row, row) for row in rows)
                _hold(
                    have == want, f"{file.feed}/{file.name} stands otherwise: {(have - want) or want - have}"
                )

    def number_of(self, file: File) -> str:
        """The number that the warehouse gave to a delivery: names and hashes may be those of several."""
        with self._opened() as connection:
            (row,) = _rows(
                connection,
                "select delivery_no from raw.deliveries where feed = ? and sha256 = ?",
                [file.feed, file.sha256],
            )
        return str(row["delivery_no"])

    def booked(self) -> dict[str, Owed]:
        """The sum of all bookings by period and ledger key; nothing of 0."""
        with self._opened() as connection:
            return _booked(connection)

    def chain(self) -> list[str]:
        """The chain hashes of the ledger as it is."""
        with self._opened() as connection:
            rows = _rows(connection, "select chain_hash from books.bookings order by booking_no")
        return [row["chain_hash"] for row in rows]

    def ledger_length(self) -> int:
        """How many bookings there were when the laws were last checked."""
        return len(self._chain)

    @contextmanager
    def _opened(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with duckdb.connect(str(self._warehouse), read_only=True, config={"threads": 1}) as connection:
            yield connection

    def _books_balance(self, connection: duckdb.DuckDBPyConnection) -> None:
        ids = Counter(row["booking_id"] for row in _rows(connection, "select booking_id from books.bookings"))
        twice = [booking_id for booking_id, count in ids.items() if count > 1]
        _hold(not twice, f"booked twice: {twice}")
        unbalanced = _rows(
            connection,
            """
            select unit, sum(amount) filter (side = 'debit') as debits,
                sum(amount) filter (side = 'credit') as credits
            from books.entries group by unit having debits is distinct from credits
            """,
        )
        _hold(not unbalanced, f"debits and credits differ: {unbalanced}")
        torn = _rows(
            connection,
            """
            select booking_no from books.bookings full join books.entries using (booking_no)
            group by booking_no
            having count(*) <> 2 or count(distinct side) <> 2
                or max(entries.amount) is distinct from abs(max(bookings.amount))
            """,
        )
        _hold(not torn, f"bookings without their two entries: {torn}")

    def _ledger_only_grows(self, connection: duckdb.DuckDBPyConnection) -> None:
        names = ", ".join(BOOKING)
        rows = _rows(
            connection,
            f"select booking_no, run_id, chain_hash, {names} from books.bookings order by booking_no",
        )
        _hold([row["booking_no"] for row in rows] == list(range(1, len(rows) + 1)), "numbers have gaps")
        head = "0" * 64
        for row in rows:
            values = [row["booking_no"], row["run_id"], *(row[name] for name in BOOKING)]
            text = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
            head = hashlib.sha256(head.encode() + text.encode()).hexdigest()
            _hold(row["chain_hash"] == head, f"the chain is broken at booking {row['booking_no']}")
            until = self._known.closed.get(row["settlement_period"], row["booking_no"])
            is_elsewhere = row["booked_in_period"] > row["settlement_period"]
            _hold(
                is_elsewhere == (row["booking_no"] > until),
                f"booking {row['booking_no']} of {row['settlement_period']} is in {row['booked_in_period']}",
            )
        chain = [row["chain_hash"] for row in rows]
        _hold(chain[: len(self._chain)] == self._chain, "bookings that were there are gone or changed")
        self._chain = chain

    def _what_is_booked_is_owed(self, connection: duckdb.DuckDBPyConnection) -> None:
        booked = _booked(connection)
        counts = {row["settlement_period"]: row for row in _rows(connection, _RUNS_THAT_COUNT)}
        _hold(set(booked) <= set(counts), f"booked without an approved run: {set(booked) - set(counts)}")
        for period, run in counts.items():
            owed = self._known.owed(period, run["as_of"])
            have, want = booked[period].items(), owed.items()
            _hold(
                have == want,
                f"{period}: booked {dict(have - want)} but owed {dict(want - have)} by run {run['run_id']}",
            )

    def _statements_agree(self, connection: duckdb.DuckDBPyConnection) -> None:
        for row in _rows(connection, _STATEMENTS_BESIDE_BOOKS):
            _hold(
                row["shown"] == row["booked"] == row["shown_as_booked"],
                f"what is shown of {row['payee']} in {row['settlement_period']} is not what is booked: {row}",
            )

    def _deliveries_stand(self, connection: duckdb.DuckDBPyConnection) -> None:
        rows = _rows(connection, "select delivery_no, feed, sha256, rows_accepted from raw.deliveries")
        have = {(row["feed"], row["sha256"]) for row in rows}
        _hold(have in (self._delivered, set(self._known.received)), "half an ingest is there")
        _hold(
            sorted(row["delivery_no"] for row in rows) == list(range(1, len(rows) + 1)),
            "numbers of deliveries have gaps",
        )
        for row in rows:
            stored = Path(f"{self._warehouse}.deliveries") / row["feed"] / row["sha256"]
            _hold(stored.is_file(), f"the bytes of delivery {row['delivery_no']} are lost")
            if stored not in self._hashed:
                is_whole = hashlib.sha256(stored.read_bytes()).hexdigest() == row["sha256"]
                _hold(is_whole, f"the bytes of delivery {row['delivery_no']} are others")
                self._hashed.add(stored)
        for feed in COLUMNS:
            loaded = _counts(connection, f"select delivery_no, count(*) from raw.{feed} group by all")
            want = {
                row["delivery_no"]: row["rows_accepted"]
                for row in rows
                if row["feed"] == feed and row["rows_accepted"]
            }
            _hold(loaded == want, f"rows of {feed} by delivery are {loaded}, accepted were {want}")

    def _all_that_was_accepted_is_there(self, connection: duckdb.DuckDBPyConnection) -> None:
        rows = _rows(
            connection,
            """
            select feed, sha256, file_name, epoch(received_at)::bigint as received_at, rows_in, rows_accepted
            from raw.deliveries
            """,
        )
        withdrawn = _rows(
            connection,
            """
            select feed, sha256, epoch(withdrawn_at)::bigint as withdrawn_at
            from raw.withdrawals inner join raw.deliveries using (delivery_no)
            """,
        )
        have = Counter(tuple(row.values()) for row in withdrawn)
        want = Counter(
            (feed, sha256, each.withdrawn_at)
            for (feed, sha256), each in self._known.received.items()
            if each.withdrawn_at is not None
        )
        _hold(have == want, f"withdrawn were {want}, the warehouse has {have}")
        have = Counter(tuple(row.values()) for row in rows)
        want = Counter(
            (feed, sha256, each.file.name, each.at, len(each.file.rows), len(each.file.accepted))
            for (feed, sha256), each in self._known.received.items()
        )
        _hold(have == want, f"accepted were {want - have}, but there are {have - want}")

    def _runs_stand_as_answered(self, connection: duckdb.DuckDBPyConnection) -> None:
        rows = _rows(
            connection, "select run_id, arg_max(state, seq) as state from books.run_events group by 1"
        )
        have = {row["run_id"]: row["state"] for row in rows}
        want = {run.run_id: run.state for run in self._known.runs.values()}
        _hold(have == want, f"runs stand as {have}, answered was {want}")
        bookings = _rows(connection, "select distinct run_id from books.bookings")
        never = {row["run_id"] for row in bookings} - set(self._known.approved)
        _hold(not never, f"booked without approval: {never}")
        for run_id in self._known.issued:
            there = (self._out / self._known.runs[run_id].period / run_id / "datapackage.json").is_file()
            _hold(there, f"the export of {run_id} is gone")

    def _journal_tells(self, connection: duckdb.DuckDBPyConnection, *, complete: bool) -> None:
        path = Path(f"{self._warehouse}.deliveries") / "journal.jsonl"
        lines = path.read_bytes().splitlines(keepends=True) if path.is_file() else []
        if not complete and lines and not lines[-1].endswith(b"\n"):
            lines.pop()
        told = [json.loads(line) for line in lines]
        rows = _rows(
            connection,
            """
            select seq, event, strftime("at", '%Y-%m-%dT%H:%M:%SZ') as "at", document, chain_hash
            from books.journal order by seq
            """,
        )
        entries = [row | {"document": json.loads(row["document"])} for row in rows]
        _hold(told == entries if complete else told == entries[: len(told)], "file and journal differ")
        events = Counter(entry["event"] for entry in entries)
        for event, table in _TOLD_OF.items():
            (held,) = connection.execute(f"select count(*) from {table}").fetchone() or (0,)
            _hold(events[event] == held, f"{table} has {held} rows, the journal tells of {events[event]}")

    def _exports_are_whole(self) -> None:
        for folder in self._out.glob("*/[!.]*"):
            manifest = folder / "datapackage.json"
            _hold(manifest.is_file(), f"{folder} is not complete")
            package = json.loads(manifest.read_bytes())
            files = {path.name: path.read_bytes() for path in folder.iterdir()}
            for resource in package["resources"]:
                content = files.get(resource["path"])
                _hold(content is not None, f"{folder} has no {resource['path']}")
                digest = hashlib.sha256(content or b"").hexdigest()
                _hold(resource["hash"].endswith(digest), f"{folder}: {resource['path']} is another")
            issued = self._known.issued.setdefault(folder.name, files)
            _hold(files == issued, f"{folder} changed after it was issued")


_RUNS_THAT_COUNT = """
    select settlement_period, run_id, epoch(as_of)::bigint as as_of
    from books.runs
    inner join (
        select run_id, seq from books.run_events where state = 'approved'
    ) as approvals using (run_id)
    qualify row_number() over (partition by settlement_period order by approvals.seq desc) = 1
"""
_STATEMENTS_BESIDE_BOOKS = f"""
    with counting as ({_RUNS_THAT_COUNT}),
    shown as (
        select settlement_period, 'user ' || user_id as payee, points as shown,
            booked_before + booked_now as shown_as_booked
        from results.user_points inner join counting using (run_id, settlement_period)
        union all
        select settlement_period, 'manager ' || manager_id || ' ' || contract_id, reduction_minor,
            booked_before + booked_now
        from results.manager_fee_reductions inner join counting using (run_id, settlement_period)
    ),
    booked as (
        select settlement_period,
            payee_kind || ' ' || payee_id || if(payee_kind = 'user', '', ' ' || contract_id) as payee,
            sum(amount)::bigint as booked
        from books.bookings group by all
    )
    select settlement_period, payee, coalesce(shown, 0) as shown, coalesce(booked, 0) as booked,
        coalesce(shown_as_booked, 0) as shown_as_booked
    from shown full join booked using (settlement_period, payee)
    where shown is not null or booked <> 0
"""
_TOLD_OF = {
    "received": "raw.deliveries",
    "withdrawn": "raw.withdrawals",
    "closed": "books.closings",
    "run": "books.runs",
    "state": "books.run_events",
}


def _booked(connection: duckdb.DuckDBPyConnection) -> dict[str, Owed]:
    keys = ", ".join(LEDGER_KEY)
    booked: dict[str, Owed] = defaultdict(dict)
    for row in _rows(
        connection,
        f"select settlement_period, {keys}, sum(amount)::bigint as amount from books.bookings group by all",
    ):
        if row["amount"]:
            booked[row["settlement_period"]][tuple(row[name] or "" for name in LEDGER_KEY)] = row["amount"]
    return booked


def _hold(holds: bool, otherwise: str) -> None:
    if not holds:
        raise LawBroken(otherwise)


def _rows(connection: duckdb.DuckDBPyConnection, query: str, parameters: object = None) -> Rows:
    found = connection.execute(query, parameters)
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _has(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    return bool(connection.execute("from duckdb_tables() where table_name = ?", [table]).fetchall())


def _counts(connection: duckdb.DuckDBPyConnection, query: str) -> dict[int, int]:
    return dict(connection.execute(query).fetchall())


def _values(values: dict[str, Any], row: dict[str, Any]) -> tuple[object, ...]:
    return (
        *(value if value is not None else "" for name, value in values.items() if name != "row_status"),
        row.get("row_status") or "active",
    )
