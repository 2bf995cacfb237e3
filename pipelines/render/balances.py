"""What payees were booked, on the terminal."""

from __future__ import annotations

from datetime import datetime

from rich.console import Console
from rich.text import Text

from pipelines.balance import Balance, Totals, amount_text
from pipelines.instants import instant_text
from pipelines.render.tables import print_table, table_of
from pipelines.wording import counted


def print_balance(console: Console, balance: Balance, *, with_history: bool) -> None:
    """What stands for one payee, by unit and settlement period, and every booking if asked for."""
    name, when = f"{balance.payee_kind} {balance.payee_id}", _as_of_text(balance.as_of)
    if not balance.units:
        console.print(Text(f"Nothing was booked for {name}{when}."))
    for unit in balance.units:
        amount = amount_text(unit.debt or unit.owed, unit=unit.unit, currency=balance.currency)
        standing = f"a debt of {amount}, which later awards pay off first" if unit.debt else f"{amount} owed"
        console.print(Text(f"{name}{when}: {standing}, by {counted(unit.bookings, 'booking')}."))
    table = table_of("settlement period", "booked in", ">bookings", ">amount")
    for each in balance.periods:
        amount = amount_text(each.amount, unit=each.unit, currency=balance.currency)
        table.add_row(each.settlement_period, each.booked_in_period, f"{each.bookings:,}", amount)
    print_table(console, "By settlement period", table)
    if with_history:
        _print_history(console, balance)


def _print_history(console: Console, balance: Balance) -> None:
    table = table_of(">no", "booked at", "reason", "for", "run", ">amount", ">balance")
    for booked in balance.history:
        amounts = [
            amount_text(amount, unit=booked.unit, currency=balance.currency)
            for amount in (booked.amount, booked.balance)
        ]
        at = instant_text(booked.booked_at)
        table.add_row(f"{booked.booking_no}", at, booked.reason, Text(booked.key), booked.run_id, *amounts)
    print_table(console, "Bookings", table)


def print_totals(console: Console, totals: Totals) -> None:
    """What was booked for all payees, by kind and unit."""
    table = table_of(
        "payees", "unit", ">payees", ">bookings", ">booked", ">booked back", ">balance", ">debts"
    )
    for each in totals.totals:
        amounts = [
            amount_text(amount, unit=each.unit, currency=totals.currency)
            for amount in (each.booked_more, -each.booked_back, each.balance, each.debt)
        ]
        table.add_row(f"{each.payee_kind}s", each.unit, f"{each.payees:,}", f"{each.bookings:,}", *amounts)
    if not totals.totals:
        console.print(Text(f"Nothing was booked{_as_of_text(totals.as_of)}."))
    print_table(console, f"Booked{_as_of_text(totals.as_of)}", table)
    for entry in totals.entries:
        amount = amount_text(entry.debits, unit=entry.unit, currency=totals.currency)
        console.print(Text(f"Debits = credits: {amount}."))


def _as_of_text(as_of: datetime | None) -> str:
    return f" by {instant_text(as_of)}" if as_of is not None else ""
