"""Withdrawing a delivery: from an instant on its rows are not seen, and those it superseded count again (R6).

Nothing is deleted: a run as of an earlier instant sees the rows still, and what was booked by them is booked
back by the next correction.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from pipelines.books import open_books, transaction
from pipelines.deliveries import REFUSED, rows_superseded
from pipelines.errors import BadInput
from pipelines.instants import instant_text
from pipelines.journal import Event, record
from pipelines.receipt import receipt_instant, runs_that_still_see
from pipelines.touched import periods_to_settle_again
from pipelines.versions import SEEN_NOW

_DIGITS_OF_A_NUMBER = 9
_FEWEST_HEX_DIGITS = 6


@dataclass(frozen=True, kw_only=True)
class Withdrawal:
    """A withdrawn delivery, why and by whom; `rows_withdrawn` of it counted until then, and `rows_restored`
    earlier versions count again. `settle_again` are the settled periods that it may have moved.
    """

    delivery_no: int
    feed: str
    file_name: str
    sha256: str
    withdrawn_at: datetime
    reason: str
    by: str
    rows_withdrawn: int
    rows_restored: int
    settle_again: tuple[str, ...]
    warnings: tuple[str, ...]


def withdraw(  # noqa: PLR0913 -- all keyword-only
    *,
    warehouse: Path,
    delivery: str,
    reason: str,
    by: str,
    now: datetime,
    withdrawn_at: datetime | None = None,
) -> Withdrawal:
    """Withdraw a delivery, given by its number, by feed/file name or by the begin of its SHA-256.

    `withdrawn_at` defaults to `now`. Raises BadInput if no delivery or several are meant, for one that was
    refused or is withdrawn already, for an empty reason, and for an instant in the future or before the last
    receipt or withdrawal.
    """
    if not reason.strip():
        raise BadInput("A withdrawal needs a reason (--reason TEXT).")
    with open_books(warehouse) as connection:
        found = _find(connection, delivery)
        number = found["delivery_no"]
        instant = receipt_instant(withdrawn_at, clock=now, connection=connection, named="withdrawn_at")
        rows_withdrawn = found["rows_accepted"] - rows_superseded(connection, number)
        document = {
            "delivery_no": number,
            "feed": found["feed"],
            "sha256": found["sha256"],
            "file_name": found["file_name"],
            "withdrawn_at": instant_text(instant),
            "reason": reason,
            "by": by,
        }
        with transaction(connection):
            connection.execute(
                "insert into raw.withdrawals values (?, ?, ?, ?)", [number, instant, reason, by]
            )
            record(connection, event=Event.WITHDRAWN, at=instant, document=document)
        again = periods_to_settle_again(connection, changed_from=instant)
        return Withdrawal(
            delivery_no=number,
            feed=found["feed"],
            file_name=found["file_name"],
            sha256=found["sha256"],
            withdrawn_at=instant,
            reason=reason,
            by=by,
            rows_withdrawn=rows_withdrawn,
            rows_restored=_rows_restored(connection, number),
            settle_again=tuple(str(period) for period in again),
            warnings=runs_that_still_see(connection, delivery_no=number, withdrawn_at=instant),
        )


def _find(connection: duckdb.DuckDBPyConnection, delivery: str) -> dict[str, Any]:
    """The delivery that is meant. BadInput if it cannot be withdrawn."""
    meant = _all_meant(connection, delivery)
    if not meant:
        raise BadInput(
            f"There is no delivery '{delivery}'; give its number, its feed and file name"
            f" (meter_intervals/reads.csv) or the first {_FEWEST_HEX_DIGITS} or more digits of its SHA-256:"
            " `vgi status --all --json` lists them."
        )
    if len(meant) > 1:
        numbers = ", ".join(
            f"{each['delivery_no']} ({each['file_name']}, {instant_text(each['received_at'])})"
            for each in meant
        )
        raise BadInput(f"'{delivery}' may be any of the deliveries {numbers}; give the number.")
    found = meant[0]
    name = f"Delivery {found['delivery_no']} ({found['feed']}/{found['file_name']})"
    if found["outcome"] == REFUSED:
        raise BadInput(f"{name} was refused whole: it has no rows to withdraw.")
    if found["withdrawn_at"] is not None:
        raise BadInput(
            f"{name} was withdrawn already at {instant_text(found['withdrawn_at'])} by {found['by']}:"
            f" {found['withdrawal_reason']}"
        )
    return found


def _all_meant(connection: duckdb.DuckDBPyConnection, delivery: str) -> list[dict[str, Any]]:
    text = delivery.strip()
    is_number = text.isascii() and text.isdigit() and len(text) <= _DIGITS_OF_A_NUMBER
    rows = connection.execute(
        """
        select
            delivery_no, feed, file_name, sha256, received_at, outcome, rows_accepted,
            withdrawn_at, "by", withdrawals.reason as withdrawal_reason
        from raw.deliveries
        left join raw.withdrawals using (delivery_no)
        where
            delivery_no = $number
            or feed || '/' || file_name = $text
            or ($number is null and length($text) >= $fewest and starts_with(sha256, lower($text)))
        order by delivery_no
        """,
        {"number": int(text) if is_number else None, "text": text, "fewest": _FEWEST_HEX_DIGITS},
    )
    names = [column[0] for column in rows.description or ()]
    return [dict(zip(names, row, strict=True)) for row in rows.fetchall()]


def _rows_restored(connection: duckdb.DuckDBPyConnection, delivery_no: int) -> int:
    """The rows that count now and were superseded by the delivery."""
    rows = connection.execute(
        f"""
        select count(*)
        from raw.supersessions as superseded
        where
            superseded_by_delivery_no = ?
            and delivery_no in ({SEEN_NOW})
            and not exists (
                select 1
                from raw.supersessions as other
                where
                    other.delivery_no = superseded.delivery_no
                    and other.row_no = superseded.row_no
                    and other.superseded_by_delivery_no in ({SEEN_NOW})
            )
        """,
        [delivery_no],
    ).fetchall()
    return int(rows[0][0])
