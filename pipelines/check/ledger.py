"""The ledger against itself: numbers, hash chain, double entry, and the heads that were written down (R24).

Everything is set-based: a million bookings take seconds.
"""

from collections.abc import Iterator

import duckdb

from pipelines.books import CHAIN_START
from pipelines.check.verdict import Fault
from pipelines.damage import RESTORE
from pipelines.exports import BOOKINGS

_MOST = 5


def chain_faults(connection: duckdb.DuckDBPyConnection) -> Iterator[Fault]:
    """Gaps in the numbers, and bookings that do not follow from the one before by the recipe of the chain."""
    bookings, distinct, last = _one(connection, _NUMBERS)
    if not bookings == distinct == last:
        yield _fault(
            f"The ledger has {bookings:,} bookings, of {distinct:,} numbers up to {last:,}: some are missing"
            " or stand twice."
        )
    broken = connection.execute(_BROKEN_LINKS, {"start": CHAIN_START}).fetchall()
    if broken:
        named = ", ".join(f"{number:,}" for (number,) in broken[:_MOST])
        more = " and later ones" if len(broken) > _MOST else ""
        yield _fault(f"The ledger's hash chain is broken at booking {named}{more}: contents were changed.")


def head_faults(connection: duckdb.DuckDBPyConnection) -> Iterator[Fault]:
    """Heads of the chain, written down when a run changed its state, that the chain does not hold."""
    for run_id, state, booking_no in connection.execute(_LOST_HEADS, {"start": CHAIN_START}).fetchall():
        yield _fault(
            f"When run {run_id} became {state} the ledger ended at booking {booking_no:,}, with a hash that"
            " the chain does not hold now."
        )


def double_entry_faults(connection: duckdb.DuckDBPyConnection) -> Iterator[Fault]:
    """Bookings without exactly their debit and credit, and entries of no booking; so debits are credits."""
    odd = connection.execute(_ODD_ENTRIES).fetchall()
    if odd:
        named = ", ".join(f"{number:,}" for (number,) in odd[:_MOST])
        more = f" and {len(odd) - _MOST:,} more" if len(odd) > _MOST else ""
        yield _fault(f"The entries of booking {named}{more} are not its debit and its credit.")


def count_bookings(connection: duckdb.DuckDBPyConnection) -> int:
    """How many bookings there are."""
    return int(_one(connection, "select count(*) from books.bookings")[0])


def _fault(found: str) -> Fault:
    return Fault(part="ledger", found=found, remedy=RESTORE)


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[int, ...]:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row


_NUMBERS = """
    select count(*), count(distinct booking_no) filter (where booking_no > 0), coalesce(max(booking_no), 0)
    from books.bookings
"""

# The recipe of `pipelines.books.canonical_booking`, said once more by other means; docs/books.md explains it.
_BROKEN_LINKS = f"""
    select bookings.booking_no
    from books.bookings
    left join books.bookings as before on before.booking_no = bookings.booking_no - 1
    where
        bookings.chain_hash <> sha256(
            case when bookings.booking_no = 1 then $start else coalesce(before.chain_hash, '') end
            || json_array(
                bookings.booking_no,
                bookings.run_id,
                {", ".join(f"bookings.{name}" for name in BOOKINGS.column_names)}
            )::varchar
        )
    order by bookings.booking_no
    limit {_MOST + 1}
"""

_LOST_HEADS = f"""
    select run_events.run_id, run_events.state, run_events.booking_no
    from books.run_events
    left join books.bookings using (booking_no)
    where
        run_events.chain_hash is distinct from
        case when run_events.booking_no = 0 then $start else bookings.chain_hash end
    order by run_events.seq
    limit {_MOST}
"""

_ODD_ENTRIES = """
    with
    expected as (
        select
            booking_no,
            booking_id,
            settlement_period,
            if(amount > 0, 'debit', 'credit') as side,
            'programme' as account_kind,
            '' as account_id,
            abs(amount) as amount,
            unit,
        from books.bookings
        union all
        select
            booking_no,
            booking_id,
            settlement_period,
            if(amount > 0, 'credit', 'debit'),
            payee_kind,
            payee_id,
            abs(amount),
            unit,
        from books.bookings
    ),
    lacking as (select * from expected except all select * from books.entries),
    superfluous as (select * from books.entries except all select * from expected)
    select distinct booking_no
    from (select booking_no from lacking union all select booking_no from superfluous)
    order by booking_no
"""
