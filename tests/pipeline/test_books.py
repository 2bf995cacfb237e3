"""The ledger: numbered, chained, double entry, append-only (R24)."""

import hashlib
from collections.abc import Iterator

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.books import CHAIN_START, append_bookings, canonical_booking, transaction
from pipelines.check.ledger import chain_faults, double_entry_faults
from pipelines.exports import BOOKINGS
from pipelines.warehouse import open_warehouse
from settlement import Bookings, Claims, LedgerError, SettlementError, book, entries
from settlement.ledger import LEDGER_KEY
from tests.pipeline.world import JANUARY_9, JANUARY_12, NOW, World

CHAINED = f"""
    select booking_no, run_id, {", ".join(BOOKINGS.column_names)}, chain_hash from books.bookings order by 1
"""


def test_the_chain_can_be_followed_from_its_start_over_runs(world: World) -> None:
    world.settle()
    world.deliver(JANUARY_9, sha256="b" * 64)
    world.achieved_wh["V-2"] = 2500
    world.settle()
    chain_hash = CHAIN_START
    rows = world.rows(CHAINED)
    for number, row in enumerate(rows, start=1):
        booking = canonical_booking(booking_no=row[0], run_id=row[1], values=row[2:-1])
        chain_hash = hashlib.sha256(chain_hash.encode() + booking).hexdigest()
        assert (row[0], row[-1]) == (number, chain_hash)
    assert len(rows) == 4
    heads = "select booking_no, chain_hash from books.run_events where state = 'approved' order by seq"
    assert world.rows(heads)[-1] == (4, chain_hash)


def test_debits_are_credits_and_every_booking_has_one_of_each(world: World) -> None:
    world.settle()
    world.deliver(JANUARY_9, sha256="b" * 64)
    world.achieved_wh["V-2"] = 2500
    world.settle()
    balance = """
        select unit, sum(case side when 'debit' then amount else -amount end)
        from books.entries group by 1 order by 1
    """
    assert world.rows(balance) == [("JPY", 0), ("point", 0)]
    assert world.rows(
        "select count(*), count(*) filter (where entries = 2) from (select booking_no, count(*) as entries"
        " from books.entries group by 1)"
    ) == [(4, 4)]
    owed = """
        select account_id, sum(case side when 'credit' then amount else -amount end)
        from books.entries where account_kind = 'user' group by 1 order by 1
    """
    assert world.rows(owed) == [("U-1", 160), ("U-2", 50)]


def test_a_run_keeps_what_it_rests_on(world: World) -> None:
    settled = world.settle()
    assert world.rows(
        "select feed, sha256, file_name from books.run_deliveries where run_id = ?", settled.run_id
    ) == [("meter_intervals", "a" * 64, f"{'a' * 64}.csv")]
    [(version, content_hash, document)] = world.rows(
        "select version, content_hash, document from books.run_tariffs where run_id = ?", settled.run_id
    )
    assert (version, len(content_hash)) == ("jp-2023-10", 64)
    assert document.startswith("version: jp-2023-10\n")


def test_nothing_earlier_changes_when_a_run_is_added(world: World) -> None:
    first = world.settle()
    world.export(first.run_id)
    tables = ("books.bookings", "books.entries", "books.runs", "books.run_events", "results.user_points")
    before = {table: world.rows(f"select * from {table}") for table in tables}
    world.deliver(JANUARY_9, sha256="b" * 64)
    world.achieved_wh["V-2"] = 2500
    world.export(world.settle().run_id)
    for table in tables:
        after = world.rows(f"select * from {table}")
        assert all(row in after for row in before[table])
        assert len(after) > len(before[table])


def _some(bookings: int) -> pl.DataFrame:
    """The bookings of an initial settlement of so many lines."""
    claims = pl.DataFrame(
        [
            {
                **dict.fromkeys(LEDGER_KEY, ""),
                "settlement_period": "2023-12", "payee_kind": "user", "payee_id": f"U-{number}",
                "dr_event_id": f"E-{number}", "unit": "point", "amount": number, "tariff_version": "t1",
            }
            for number in range(1, bookings + 1)
        ],
        schema=Claims.create_empty().schema,
        orient="row",
    )  # fmt: skip
    return book(claims=claims, booked=Bookings.create_empty(), initial=True)


def _append(connection: duckdb.DuckDBPyConnection, bookings: pl.DataFrame) -> None:
    with transaction(connection):
        append_bookings(connection, run_id="run", bookings=bookings, entries=entries(bookings), booked_at=NOW)


@pytest.fixture(scope="module")
def empty_books(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_warehouse(tmp_path_factory.mktemp("books") / "vgi.duckdb") as connection:
        yield connection


@settings(max_examples=25, deadline=None)
@given(
    batches=st.lists(
        st.lists(
            st.tuples(st.integers(1, 8), st.sampled_from(["same", "same", "same", "other"])), max_size=6
        ),
        min_size=1,
        max_size=5,
    )
)
def test_the_same_booking_again_is_nothing_and_with_other_contents_stops_all(
    empty_books: duckdb.DuckDBPyConnection, batches: list[list[tuple[int, str]]]
) -> None:
    """Whatever is appended in whatever order, the ledger is what its distinct bookings make, gapless."""
    empty_books.execute("truncate books.bookings; truncate books.entries")
    every = _some(8)
    standing: set[str] = set()
    for batch in batches:
        wanted = dict(batch)
        some = every.filter(pl.col("amount").is_in(list(wanted)))
        others = [number for number, contents in wanted.items() if contents == "other"]
        changed = some.with_columns(
            amount=pl.when(pl.col("amount").is_in(others)).then(pl.col("amount") + 100).otherwise("amount")
        )
        ids = dict(some.select("amount", "booking_id").iter_rows())
        if any(ids[number] in standing for number in others):
            with pytest.raises(LedgerError, match="stands in the books already with other contents"):
                _append(empty_books, changed)
        elif not others:
            _append(empty_books, changed)
            standing |= set(ids.values())
        assert list(chain_faults(empty_books)) == []
        assert list(double_entry_faults(empty_books)) == []
        booked_ids = [
            row[0] for row in empty_books.execute("select booking_id from books.bookings").fetchall()
        ]
        assert len(booked_ids) == len(standing)
        assert set(booked_ids) == standing


def test_a_run_that_meets_other_contents_under_its_keys_books_nothing(world: World) -> None:
    """An earlier booking of the key is lost: the next would come under the id of the one that stands."""
    world.settle()
    for instant, sha256, achieved_wh in ((JANUARY_9, "b" * 64, 2500), (JANUARY_12, "c" * 64, 3500)):
        world.deliver(instant, sha256=sha256)
        world.achieved_wh["V-2"] = achieved_wh
        if instant == JANUARY_9:
            world.settle()
    with open_warehouse(world.warehouse) as connection:
        connection.execute("delete from books.bookings where payee_id = 'U-2' and reason = 'award'")
    head = "select count(*), max(booking_no) from books.bookings"
    before = world.rows(head)
    with pytest.raises(SettlementError):
        world.settle()
    assert world.rows(head) == before
    assert world.rows("select state from books.run_events order by seq desc limit 1") == [("audited",)]
