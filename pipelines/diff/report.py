"""What differs between two runs of a period, and what caused it: `diff_runs` reads, and changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb

from pipelines import runs
from pipelines.diff.causes import AS_OF, NOT_DELIVERED, RULES, TARIFFS, Terms, find_causes
from pipelines.diff.delivered import columns_read, compare_deliveries
from pipelines.diff.found import BY_KEY, EXCEPTION_KEY, EXCEPTION_VALUES, compare_results
from pipelines.diff.known import find_known
from pipelines.errors import BadInput
from pipelines.feeds import FEEDS, ROW_STATUS
from pipelines.instants import instant_text
from pipelines.runs import Kind, Run, State
from pipelines.tariff_files import applied_tariffs
from pipelines.verify import range_of_reads
from pipelines.warehouse import open_warehouse
from settlement import SettlementPeriod, TariffBook


@dataclass(frozen=True, kw_only=True)
class ComparedRun:
    """One of the two runs."""

    run_id: str
    as_of: datetime
    kind: Kind
    state: State
    rules_version: str
    tariff_versions: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Moved:
    """A column that differs, as run A and as run B have it."""

    column: str
    a: object
    b: object


@dataclass(frozen=True, kw_only=True)
class DeliveredRow:
    """The version of a delivered row that a run sees: where it stands, and whether it cancels its key."""

    delivery_no: int
    file_name: str
    line: int
    received_at: datetime
    row_status: str


@dataclass(frozen=True, kw_only=True)
class Cause:
    """What one run rests on and the other does not. `kind` is `delivered`, `as_of`, `tariffs` or `rules`; of
    a delivered row: its feed, its key, the version that either run sees, what differs between them, the
    files that only one of the runs rests on, and those of them that were withdrawn for the other.
    """

    cause_no: int
    kind: str
    detail: str
    feed: str = ""
    key: Mapping[str, object]
    a: DeliveredRow | None = None
    b: DeliveredRow | None = None
    columns: tuple[Moved, ...] = ()
    files: tuple[str, ...] = ()
    withdrawn: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Change:
    """A key that the runs found differently: `added` by run B, `removed` by it, or `changed`; `causes` are
    numbers of causes, empty where none was found.
    """

    table: str
    change: str
    key: Mapping[str, object]
    columns: tuple[Moved, ...]
    causes: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class OnlyDelivery:
    """A delivery that one run rests on and the other does not, as it came in later or was `withdrawn`. Of
    its rows: how many the other run sees otherwise or not at all; and how many changes they bear on.
    """

    only_in: str
    delivery_no: int
    feed: str
    file_name: str
    received_at: datetime
    withdrawn: bool
    rows: int
    rows_seen_otherwise: int
    changes: int


@dataclass(frozen=True, kw_only=True)
class Total:
    """A number of the whole period, as run A and as run B found it."""

    what: str
    a: int
    b: int


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Two runs of a period compared."""

    settlement_period: str
    currency: str
    currency_digits: int
    run_a: ComparedRun
    run_b: ComparedRun
    totals: tuple[Total, ...]
    deliveries: tuple[OnlyDelivery, ...]
    changes: tuple[Change, ...]
    causes: tuple[Cause, ...]


def diff_runs(*, warehouse: Path, run_a: str, run_b: str) -> Difference:
    """Compare two runs of one period, by key, with the causes of each change; nothing is written.

    Raises BadInput for a run that does not exist, and for runs of two periods.
    """
    with open_warehouse(warehouse, read_only=True) as connection:
        a, b = runs.get_run(connection, run_a), runs.get_run(connection, run_b)
        if a.settlement_period != b.settlement_period:
            raise BadInput(
                f"Run {run_a} settles {a.settlement_period} and run {run_b} {b.settlement_period}; name two"
                " runs of one period (`vgi status` lists them)."
            )
        return _Comparison(connection, a, b).difference()


class _Comparison:
    """The temporary tables of one comparison, and what is read from them."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, a: Run, b: Run) -> None:
        self._connection, self._a, self._b = connection, a, b
        self._book_a, self._book_b = applied_tariffs(a).book, applied_tariffs(b).book

    def difference(self) -> Difference:
        """Compare, unless it is one run twice: there all of it is alike."""
        is_one_run = self._a.run_id == self._b.run_id
        if not is_one_run:
            self._compare()
        return Difference(
            settlement_period=self._a.settlement_period,
            currency=self._book_b.currency,
            currency_digits=self._book_b.currency_digits,
            run_a=self._run(self._a),
            run_b=self._run(self._b),
            totals=self._totals(),
            deliveries=() if is_one_run else self._deliveries(),
            changes=() if is_one_run else self._changes(),
            causes=() if is_one_run else self._causes(),
        )

    def _compare(self) -> None:
        run_ids = {"run_a": self._a.run_id, "run_b": self._b.run_id}
        compare_results(self._connection, **run_ids)
        compare_deliveries(self._connection, **run_ids, causes_before=NOT_DELIVERED)
        period = SettlementPeriod.parse(self._a.settlement_period)
        reads_from, reads_to = range_of_reads(self._connection, *period.instants(self._book_a.time_zone))
        find_known(self._connection, reads_from=reads_from, reads_to=reads_to)
        find_causes(self._connection, self._terms(period.first_day))

    def _terms(self, first_day: date) -> Terms:
        first_a, first_b = self._book_a.in_force_on(first_day), self._book_b.in_force_on(first_day)
        return Terms(
            time_zone=self._book_a.time_zone,
            as_of_a=self._a.as_of,
            as_of_b=self._b.as_of,
            minimum_exchange_wh_a=first_a.minimum_exchange_wh,
            minimum_exchange_wh_b=first_b.minimum_exchange_wh,
            days_of_other_tariff=days_of_other_tariff(self._book_a, self._book_b),
            other_tariff_of_period=first_a.content_sha256 != first_b.content_sha256,
            other_rules=self._a.rules_version != self._b.rules_version,
        )

    def _run(self, run: Run) -> ComparedRun:
        state = runs.state_of(self._connection, run.run_id)
        assert state is not None
        return ComparedRun(
            run_id=run.run_id,
            as_of=run.as_of,
            kind=runs.kind_of(self._connection, run),
            state=state,
            rules_version=run.rules_version,
            tariff_versions=tuple(tariff.version for tariff in run.tariffs),
        )

    def _rows(self, query: str, parameters: object = None) -> list[dict[str, Any]]:
        found = self._connection.execute(query, parameters)
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def _totals(self) -> tuple[Total, ...]:
        rows = self._rows(_TOTALS, {"run_a": self._a.run_id, "run_b": self._b.run_id})
        return tuple(Total(what=row["what"], a=row["a"], b=row["b"]) for row in rows)

    def _deliveries(self) -> tuple[OnlyDelivery, ...]:
        seen = " union all ".join(f"select cause_no, a, b from ({_seen_of(feed)})" for feed in FEEDS)
        rows = self._rows(
            _ONLY_DELIVERIES.format(seen=seen), [self._a.run_id, self._b.run_id, self._a.run_id]
        )
        return tuple(OnlyDelivery(**row) for row in rows)

    def _changes(self) -> tuple[Change, ...]:
        numbers = self._rows(
            "select change_no, list(cause_no order by cause_no) as causes"
            " from change_causes group by change_no"
        )
        causes = {row["change_no"]: tuple(row["causes"]) for row in numbers}
        tables = [(each.export.name, each.key, each.values) for each in BY_KEY]
        tables.append(("exceptions", EXCEPTION_KEY, EXCEPTION_VALUES))
        return tuple(
            Change(
                table=table,
                change=row["change"],
                key={name: row[name] for name in key},
                columns=_moved(row["a"], row["b"], values),
                causes=causes.get(row["change_no"], ()),
            )
            for table, key, values in tables
            for row in self._rows(f"select * from changed_{table} {_ORDERS.get(table, 'order by change_no')}")
        )

    def _causes(self) -> tuple[Cause, ...]:
        used = self._rows("select distinct cause_no from change_causes where cause_no <= ?", [NOT_DELIVERED])
        said = [self._undelivered(row["cause_no"]) for row in sorted(used, key=lambda row: row["cause_no"])]
        files = {
            row["delivery_no"]: row
            for row in self._rows(
                """
                select
                    delivery_no, any_value(file_name) as file_name, any_value(received_at) as received_at,
                    count(*) filter (where outcome = 'loaded') = 1 as is_only,
                    count(*) filter (where outcome = 'withdrawn') > 0 as is_withdrawn
                from books.run_deliveries
                where run_id in (?, ?)
                group by delivery_no
                """,
                [self._a.run_id, self._b.run_id],
            )
        }
        for feed in FEEDS.values():
            shown = columns_read(feed)
            for row in self._rows(
                f"""
                select * from seen_{feed.name}
                where cause_no in (select cause_no from change_causes)
                order by cause_no
                """
            ):
                said.append(_delivered(row, feed_name=feed.name, key=feed.key, shown=shown, files=files))
        return tuple(said)

    def _undelivered(self, cause_no: int) -> Cause:
        kind, detail = {
            AS_OF: (
                "as_of",
                f"time went on from {instant_text(self._a.as_of)} to {instant_text(self._b.as_of)}",
            ),
            TARIFFS: (
                "tariffs",
                f"other tariffs: {', '.join(self._book_a.versions)} and {', '.join(self._book_b.versions)}",
            ),
            RULES: ("rules", f"other rules: {self._a.rules_version} and {self._b.rules_version}"),
        }[cause_no]
        return Cause(cause_no=cause_no, kind=kind, detail=detail, key={})


def days_of_other_tariff(a: TariffBook, b: TariffBook) -> tuple[tuple[date, date], ...]:
    """The local dates `[from, to)` on which one book applies another tariff than the other, or other contents
    under the same name.
    """
    starts = sorted({tariff.effective_from for book in (a, b) for tariff in book.tariffs})
    # Before the later of the two first versions only one book has any: not a date of the period.
    return tuple(
        (start, end)
        for start, end in pairwise([*starts, date.max])
        if _content_on(a, start) != _content_on(b, start)
    )


def _content_on(book: TariffBook, day: date) -> str | None:
    if day < book.tariffs[0].effective_from:
        return None
    return book.in_force_on(day).content_sha256


def _moved(
    a: Mapping[str, object] | None, b: Mapping[str, object] | None, names: tuple[str, ...]
) -> tuple[Moved, ...]:
    one, other = a or {}, b or {}
    return tuple(
        Moved(column=name, a=one.get(name), b=other.get(name))
        for name in names
        if one.get(name) != other.get(name)
    )


def _delivered(
    row: dict[str, Any],
    *,
    feed_name: str,
    key: tuple[str, ...],
    shown: tuple[str, ...],
    files: Mapping[int, dict[str, Any]],
) -> Cause:
    versions = [row["a"], row["b"]]
    a, b = (_version(version, files) for version in versions)
    only = [version for version in (a, b) if version is not None and files[version.delivery_no]["is_only"]]
    withdrawn = [version for version in only if files[version.delivery_no]["is_withdrawn"]]
    # What a cancelled row says beside its key counts for nothing.
    seen_a, seen_b = (
        version if version and version[ROW_STATUS] == "active" else None for version in versions
    )
    key_text = " ".join(_cell(row[name]) for name in key)
    return Cause(
        cause_no=row["cause_no"],
        kind="delivered",
        detail=f"{feed_name} {key_text}: {_happened(seen_a, seen_b)}"
        + "".join(f", as delivery {each.delivery_no} was withdrawn" for each in withdrawn),
        feed=feed_name,
        key={name: row[name] for name in key},
        a=a,
        b=b,
        columns=_moved(seen_a, seen_b, shown),
        files=tuple(f"{feed_name}/{each.file_name}" for each in only),
        withdrawn=tuple(f"{feed_name}/{each.file_name}" for each in withdrawn),
    )


def _version(version: dict[str, Any] | None, files: Mapping[int, dict[str, Any]]) -> DeliveredRow | None:
    if version is None:
        return None
    delivery = files[version["delivery_no"]]
    return DeliveredRow(
        delivery_no=version["delivery_no"],
        file_name=delivery["file_name"],
        line=version["line"],
        received_at=delivery["received_at"],
        row_status=version[ROW_STATUS],
    )


def _happened(a: object, b: object) -> str:
    if a is None:
        return "only in run B"
    return "only in run A" if b is None else "with other contents"


def _cell(value: object) -> str:
    return instant_text(value) if isinstance(value, datetime) else str(value)


def _seen_of(feed: str) -> str:
    return f"select cause_no, a.delivery_no as a, b.delivery_no as b from seen_{feed}"


# Payees by the size of the difference; the rest by key.
_ORDERS = {
    "user_points": "order by abs(coalesce(b.points, 0) - coalesce(a.points, 0)) desc, change_no",
    "manager_fee_reductions": (
        "order by abs(coalesce(b.reduction_minor, 0) - coalesce(a.reduction_minor, 0)) desc, change_no"
    ),
}
_ONLY_DELIVERIES = """
    with
    deliveries as (
        select
            delivery_no,
            any_value(run_id) filter (where outcome <> 'withdrawn') as run_id,
            count(*) filter (where outcome = 'withdrawn') > 0 as withdrawn,
        from books.run_deliveries
        where run_id in (?, ?)
        group by delivery_no
        having count(*) filter (where outcome <> 'withdrawn') = 1
    ),
    seen as ({seen}),
    seen_by as (
        select deliveries.delivery_no, seen.cause_no
        from deliveries
        inner join seen on deliveries.delivery_no in (seen.a, seen.b)
    ),
    counted as (
        select
            seen_by.delivery_no,
            count(distinct seen_by.cause_no) as rows_seen_otherwise,
            count(distinct change_causes.change_no) as changes,
        from seen_by
        left join change_causes on seen_by.cause_no = change_causes.cause_no
        group by seen_by.delivery_no
    )
    select
        if(deliveries.run_id = ?, 'a', 'b') as only_in,
        deliveries.delivery_no,
        given.feed,
        given.file_name,
        given.received_at,
        deliveries.withdrawn,
        given.rows_accepted as rows,
        coalesce(counted.rows_seen_otherwise, 0) as rows_seen_otherwise,
        coalesce(counted.changes, 0) as changes,
    from deliveries
    inner join raw.deliveries as given on deliveries.delivery_no = given.delivery_no
    left join counted on deliveries.delivery_no = counted.delivery_no
    order by given.received_at, given.feed, given.file_name, deliveries.delivery_no
"""
_TOTALS = """
    with
    found as (
        select 1 as place, 'points' as what, run_id, points as amount from results.user_amounts
        union all
        select 2, 'users with points', run_id, 1 from results.user_amounts where points > 0
        union all
        select 3, 'fee reductions', run_id, reduction_minor from results.fee_reductions
        union all
        select 4, 'bookings made', run_id, 1 from books.bookings
        union all
        select 5, 'points booked', run_id, amount from books.bookings where payee_kind = 'user'
        union all
        select 6, 'fee reductions booked', run_id, amount from books.bookings where payee_kind = 'manager'
        union all
        select 7, 'achieved Wh', run_id, achieved from results.dr_achievement where unit = 'Wh'
        union all
        select 8, 'compliant intervals', run_id, achieved from results.dr_achievement where unit = 'interval'
        union all
        select 9, 'payable Wh', run_id, payable from results.dr_achievement where unit = 'Wh'
        union all
        select 10, 'performances ' || status, run_id, 1 from results.dr_achievement
        union all
        select 11, 'leases ' || outcome, run_id, 1 from results.lease_outcomes
        union all
        select 12, 'metered Wh of ' || direction, run_id, metered_wh from results.energy_balance
        union all
        select 13, 'unattributed Wh of ' || direction, run_id, unattributed_wh from results.energy_balance
        union all
        select 14, 'exceptions ' || code, run_id, 1 from results.exceptions
    )
    select
        what,
        cast(coalesce(sum(amount) filter (where run_id = $run_a), 0) as bigint) as a,
        cast(coalesce(sum(amount) filter (where run_id = $run_b), 0) as bigint) as b,
    from found
    where run_id in ($run_a, $run_b)
    group by place, what
    order by place, what
"""
