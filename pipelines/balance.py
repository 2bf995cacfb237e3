"""What was booked for a payee, or for all of them, as of any instant (R24).

A balance is the sum of bookings. Below 0 it is a debt: what was paid too much is carried forward, and the
awards that follow pay it off first.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from pipelines import runs
from pipelines.check.ledger import double_entry_faults
from pipelines.errors import BadInput, DamageFound
from pipelines.tariff_files import applied_tariffs
from pipelines.warehouse import open_warehouse
from pipelines.wording import money_text

# Where each kind of payee stands in the deliveries, booked or not.
_DELIVERED = {"user": ("vehicles", "user_id"), "manager": ("contracts", "manager_id")}


@dataclass(frozen=True, kw_only=True)
class Currency:
    """The programme's money: amounts are in smallest units, 10^-digits of it."""

    code: str
    digits: int


@dataclass(frozen=True, kw_only=True)
class UnitBalance:
    """What stands for a payee in one unit: `owed` to him, or his `debt`, one of them 0."""

    unit: str
    bookings: int
    balance: int

    @property
    def owed(self) -> int:
        """What the programme owes the payee."""
        return max(0, self.balance)

    @property
    def debt(self) -> int:
        """What the payee was paid too much, and later awards pay off first."""
        return max(0, -self.balance)


@dataclass(frozen=True, kw_only=True)
class PeriodSum:
    """What was booked of a settlement period in a period: another one if the first was closed."""

    settlement_period: str
    booked_in_period: str
    unit: str
    bookings: int
    amount: int


@dataclass(frozen=True, kw_only=True)
class Booked:
    """One booking, with the payee's balance in its unit from then on."""

    booking_no: int
    booking_id: str
    booked_at: datetime
    run_id: str
    reason: str
    settlement_period: str
    booked_in_period: str
    dr_event_id: str
    vehicle_id: str
    evse_id: str
    lease_id: str
    access_class: str
    contract_id: str
    tariff_version: str
    unit: str
    amount: int
    balance: int

    @property
    def key(self) -> str:
        """What it was booked for, in words."""
        parts = (self.dr_event_id, self.vehicle_id, self.evse_id, self.lease_id, self.access_class)
        return " ".join(part for part in (*parts, self.contract_id) if part)


@dataclass(frozen=True, kw_only=True)
class Balance:
    """What was booked for one payee up to an instant (None: up to now); `history` in order of booking."""

    payee_kind: str
    payee_id: str
    as_of: datetime | None
    currency: Currency | None
    units: tuple[UnitBalance, ...]
    periods: tuple[PeriodSum, ...]
    history: tuple[Booked, ...]

    def as_dict(self, *, with_history: bool) -> dict[str, object]:
        """The balance for machines, amounts in smallest units."""
        document = dict(vars(self))
        document["units"] = [{**vars(unit), "owed": unit.owed, "debt": unit.debt} for unit in self.units]
        if not with_history:
            del document["history"]
        return document


@dataclass(frozen=True, kw_only=True)
class UnitTotal:
    """What was booked for all payees of a kind in a unit: bookings above 0 and below, and who is in debt."""

    payee_kind: str
    unit: str
    payees: int
    bookings: int
    booked_more: int
    booked_back: int
    balance: int
    payees_in_debt: int
    debt: int


@dataclass(frozen=True, kw_only=True)
class EntrySum:
    """Debits and credits of a unit: equal, or the totals are not given."""

    unit: str
    debits: int
    credits: int


@dataclass(frozen=True, kw_only=True)
class Totals:
    """What was booked for all payees up to an instant (None: up to now)."""

    as_of: datetime | None
    currency: Currency | None
    totals: tuple[UnitTotal, ...]
    entries: tuple[EntrySum, ...]


def amount_text(amount: int, *, unit: str, currency: Currency | None) -> str:
    """An amount with its unit: 1,234 points, 12.34 GBP."""
    if currency is not None and unit == currency.code:
        return money_text(amount, currency=unit, digits=currency.digits)
    return f"{amount:,} {unit}{'' if abs(amount) == 1 else 's'}"


def read_balance(
    *, warehouse: Path, payee_kind: str, payee_id: str, now: datetime, as_of: datetime | None = None
) -> Balance:
    """What was booked for a `user` or `manager` by an instant (default: ever).

    BadInput if nobody of that id was ever booked or delivered, or if the instant lies in the future.
    """
    with open_warehouse(warehouse, read_only=True) as connection:
        _refuse_future(as_of, now=now)
        history = _history(connection, payee_kind=payee_kind, payee_id=payee_id, as_of=as_of)
        if not history:
            _refuse_unknown(connection, payee_kind=payee_kind, payee_id=payee_id)
        return Balance(
            payee_kind=payee_kind,
            payee_id=payee_id,
            as_of=as_of,
            currency=_currency(connection),
            units=tuple(
                UnitBalance(unit=unit, bookings=len(some), balance=some[-1].balance)
                for unit in sorted({booked.unit for booked in history})
                for some in [[booked for booked in history if booked.unit == unit]]
            ),
            periods=tuple(_periods(history)),
            history=history,
        )


def read_totals(*, warehouse: Path, now: datetime, as_of: datetime | None = None) -> Totals:
    """What was booked for all payees by an instant (default: ever), by kind and unit.

    BadInput if the instant lies in the future; DamageFound if debits are not credits, or the entries are not
    those of the bookings.
    """
    with open_warehouse(warehouse, read_only=True) as connection:
        _refuse_future(as_of, now=now)
        parameters = {"as_of": as_of}
        totals = tuple(UnitTotal(**row) for row in _rows(connection, _TOTALS, parameters))
        entries = tuple(EntrySum(**row) for row in _rows(connection, _ENTRIES, parameters))
        _refuse_unbalanced(connection, entries)
        return Totals(as_of=as_of, currency=_currency(connection), totals=totals, entries=entries)


def _refuse_future(as_of: datetime | None, *, now: datetime) -> None:
    if as_of is not None:
        runs.refuse_future(as_of, now=now)


def _history(
    connection: duckdb.DuckDBPyConnection, *, payee_kind: str, payee_id: str, as_of: datetime | None
) -> tuple[Booked, ...]:
    parameters = {"kind": payee_kind, "payee": payee_id, "as_of": as_of}
    return tuple(Booked(**row) for row in _rows(connection, _HISTORY, parameters))


def _periods(history: Iterable[Booked]) -> Iterable[PeriodSum]:
    sums: dict[tuple[str, str, str], list[int]] = {}
    for booked in history:
        key = (booked.settlement_period, booked.booked_in_period, booked.unit)
        sums.setdefault(key, []).append(booked.amount)
    for (period, booked_in, unit), amounts in sorted(sums.items()):
        yield PeriodSum(
            settlement_period=period,
            booked_in_period=booked_in,
            unit=unit,
            bookings=len(amounts),
            amount=sum(amounts),
        )


def _refuse_unknown(connection: duckdb.DuckDBPyConnection, *, payee_kind: str, payee_id: str) -> None:
    """BadInput unless the payee was booked for at another time, or stands in a delivery."""
    feed, column = _DELIVERED[payee_kind]
    known = connection.execute(
        f"""
        select true from books.bookings where payee_kind = $kind and payee_id = $payee
        union all
        select true from raw.{feed} where {column} = $payee
        limit 1
        """,
        {"kind": payee_kind, "payee": payee_id},
    ).fetchone()
    if known is None:
        raise BadInput(
            f"There is no {payee_kind} {payee_id}: nothing was ever booked for such a one, and no delivery of"
            f" {feed} names one. `vgi status` names the runs, whose exports list their payees."
        )


def _refuse_unbalanced(connection: duckdb.DuckDBPyConnection, sums: Iterable[EntrySum]) -> None:
    faults = list(double_entry_faults(connection))
    if faults:
        raise DamageFound("\n".join(fault.sentence for fault in faults))
    assert all(each.debits == each.credits for each in sums)  # as every booking has its two entries


def _currency(connection: duckdb.DuckDBPyConnection) -> Currency | None:
    """The programme's currency, equal in all tariff versions (R21); None before the first run."""
    row = connection.execute("select run_id from books.runs order by created_at desc limit 1").fetchone()
    if row is None:
        return None
    tariffs = applied_tariffs(runs.get_run(connection, row[0])).book
    return Currency(code=tariffs.currency, digits=tariffs.currency_digits)


def _rows(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: Mapping[str, object]
) -> list[dict[str, Any]]:
    answer = connection.execute(query, parameters)
    names = [column[0] for column in answer.description or ()]
    return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


_HISTORY = """
    select
        booking_no, booking_id, booked_at, run_id, reason, settlement_period, booked_in_period,
        dr_event_id, vehicle_id, evse_id, lease_id, access_class, contract_id, tariff_version, unit, amount,
        (sum(amount) over (partition by unit order by booking_no))::bigint as balance,
    from books.bookings
    where payee_kind = $kind and payee_id = $payee and ($as_of::timestamp is null or booked_at <= $as_of)
    order by booking_no
"""

_TOTALS = """
    with
    payees as (
        select
            payee_kind,
            unit,
            payee_id,
            count(*) as bookings,
            coalesce(sum(amount) filter (where amount > 0), 0) as booked_more,
            coalesce(-sum(amount) filter (where amount < 0), 0) as booked_back,
            sum(amount) as balance,
        from books.bookings
        where $as_of::timestamp is null or booked_at <= $as_of
        group by payee_kind, unit, payee_id
    )
    select
        payee_kind,
        unit,
        count(*) as payees,
        sum(bookings)::bigint as bookings,
        sum(booked_more)::bigint as booked_more,
        sum(booked_back)::bigint as booked_back,
        sum(balance)::bigint as balance,
        count(*) filter (where balance < 0) as payees_in_debt,
        sum(greatest(0, -balance))::bigint as debt,
    from payees
    group by payee_kind, unit
    order by payee_kind, unit
"""

_ENTRIES = """
    select
        entries.unit,
        coalesce(sum(entries.amount) filter (where side = 'debit'), 0)::bigint as debits,
        coalesce(sum(entries.amount) filter (where side = 'credit'), 0)::bigint as credits,
    from books.entries
    inner join books.bookings using (booking_no)
    where $as_of::timestamp is null or booked_at <= $as_of
    group by entries.unit
    order by entries.unit
"""
