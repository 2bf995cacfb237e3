"""The ledger: numbered, chained, double entry, append-only (R24)."""

import hashlib

from pipelines.books import CHAIN_START, canonical_booking
from pipelines.exports import BOOKINGS
from tests.pipeline.world import JANUARY_9, World

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
