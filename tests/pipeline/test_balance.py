"""`vgi balance`: what was booked for whom by when; a debt is carried forward and paid off by later awards."""

import json
from datetime import timedelta

import pytest

from pipelines import cli
from pipelines.balance import UnitBalance, read_balance, read_totals
from pipelines.errors import BadInput, DamageFound
from pipelines.instants import instant_text
from pipelines.warehouse import open_warehouse
from tests.pipeline.world import JANUARY_9, NOW, World

LATER = NOW + timedelta(days=30)
END = LATER + timedelta(days=1)


@pytest.fixture
def corrected(world: World) -> World:
    """Settled at NOW with 60 points to U-2, and LATER booked down to 50: V-2 has achieved 2,500 Wh only."""
    world.settle()
    world.deliver(JANUARY_9, sha256="b" * 64)
    world.achieved_wh["V-2"] = 2500
    world.settle(now=LATER)
    return world


def test_a_balance_is_what_was_booked_with_its_history(corrected: World) -> None:
    balance = read_balance(warehouse=corrected.warehouse, payee_kind="user", payee_id="U-2", now=END)
    assert balance.units == (UnitBalance(unit="point", bookings=2, balance=50),)
    assert [(each.settlement_period, each.booked_in_period, each.amount) for each in balance.periods] == [
        ("2023-12", "2023-12", 50)
    ]
    assert [
        (each.booked_at, each.reason, each.key, each.amount, each.balance) for each in balance.history
    ] == [
        (NOW, "award", "D-1 V-2 E-2 specific", 60, 60),
        (LATER, "correction", "D-1 V-2 E-2 specific", -10, 50),
    ]
    runs = [run_id for (run_id,) in corrected.rows("select run_id from books.runs order by as_of")]
    assert [each.run_id for each in balance.history] == runs


def test_as_of_an_instant_counts_what_was_booked_by_then(corrected: World) -> None:
    def points(as_of: object) -> list[int]:
        balance = read_balance(
            warehouse=corrected.warehouse, payee_kind="user", payee_id="U-2", now=END, as_of=as_of
        )
        return [unit.balance for unit in balance.units]

    second = timedelta(seconds=1)
    assert [points(each) for each in (NOW - second, NOW, LATER - second, LATER)] == [[], [60], [60], [50]]
    with pytest.raises(BadInput, match="future"):
        points(END + second)


def test_a_balance_below_0_is_a_debt_that_the_next_awards_pay_off(corrected: World) -> None:
    """The points may be used already: the programme asks for nothing back, and forgets nothing."""

    def standing() -> UnitBalance:
        [unit] = read_balance(warehouse=corrected.warehouse, payee_kind="user", payee_id="U-2", now=END).units
        return unit

    with open_warehouse(corrected.warehouse) as connection:
        _book(connection, number=101, amount=-70)
    assert (standing().balance, standing().owed, standing().debt) == (-20, 0, 20)
    with open_warehouse(corrected.warehouse) as connection:
        _book(connection, number=102, amount=15)
    assert (standing().owed, standing().debt) == (0, 5)
    with open_warehouse(corrected.warehouse) as connection:
        _book(connection, number=103, amount=30)
    assert (standing().owed, standing().debt) == (25, 0)
    totals = read_totals(warehouse=corrected.warehouse, now=END).totals
    assert [each.payees_in_debt for each in totals] == [0, 0]


def _book(connection: object, *, number: int, amount: int) -> None:
    """A booking of another month for U-2, with its entries."""
    connection.execute(  # type: ignore[attr-defined]
        f"""
        insert into books.bookings
        select * replace (
            {number} as booking_no, md5('{number}') as booking_id, '2024-01' as settlement_period,
            '2024-01' as booked_in_period, {amount} as amount
        )
        from books.bookings where payee_id = 'U-2' order by booking_no limit 1;
        insert into books.entries
        select
            {number}, md5('{number}'), '2024-01',
            if(({amount} > 0) = (kind = 'programme'), 'debit', 'credit'), kind, id, abs({amount}), 'point'
        from (values ('programme', ''), ('user', 'U-2')) as accounts (kind, id)
        """
    )


def test_who_was_delivered_but_never_booked_has_nothing_and_a_stranger_is_refused(world: World) -> None:
    with open_warehouse(world.warehouse) as connection:
        connection.execute(
            "insert into raw.contracts by name"
            " select 1 as delivery_no, 1 as row_no, 2 as line, 'C-9' as contract_id,"
            "  timestamp '2023-01-01' as valid_from, 'M-9' as manager_id, 'hotel' as manager_kind,"
            " 0 as monthly_fee_minor, 'active' as row_status"
        )
    known = read_balance(warehouse=world.warehouse, payee_kind="manager", payee_id="M-9", now=NOW)
    assert (known.units, known.history) == ((), ())
    for kind, payee_id in (("manager", "M-99"), ("user", "M-9")):
        with pytest.raises(BadInput, match=f"There is no {kind} {payee_id}"):
            read_balance(warehouse=world.warehouse, payee_kind=kind, payee_id=payee_id, now=NOW)


def test_totals_by_kind_and_unit_with_debits_equal_to_credits(corrected: World) -> None:
    found = read_totals(warehouse=corrected.warehouse, now=END)
    shown = [
        (
            each.payee_kind,
            each.unit,
            each.payees,
            each.bookings,
            each.booked_more,
            each.booked_back,
            each.balance,
        )
        for each in found.totals
    ]
    # C-1: 4 kWh x 6.0 by the lease, 144 kW half hours x 0.5 h x 0.05 of offering, rounded down.
    assert shown == [("manager", "JPY", 1, 1, 27, 0, 27), ("user", "point", 2, 3, 220, 10, 210)]
    assert [(each.unit, each.debits, each.credits) for each in found.entries] == [
        ("JPY", 27, 27),
        ("point", 230, 230),
    ]
    assert [
        each.bookings for each in read_totals(warehouse=corrected.warehouse, now=END, as_of=NOW).totals
    ] == [
        1,
        2,
    ]


def test_totals_of_books_that_do_not_balance_are_refused(corrected: World) -> None:
    with open_warehouse(corrected.warehouse) as connection:
        connection.execute(
            "update books.entries set amount = amount + 1 where booking_no = 1 and side = 'debit'"
        )
    with pytest.raises(DamageFound, match=r"entries of booking 1 .*backup"):
        read_totals(warehouse=corrected.warehouse, now=END)


def test_the_command(
    corrected: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*arguments: str) -> tuple[object, str, str]:
        monkeypatch.setattr(
            "sys.argv", ["vgi", "--warehouse", str(corrected.warehouse), "balance", *arguments]
        )
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return (ended.value.code, *capsys.readouterr())

    assert run("--user", "U-2")[1].startswith("user U-2: 50 points owed, by 2 bookings.")
    document = json.loads(run("--user", "U-2", "--history", "--json")[1])
    assert [each["balance"] for each in document["history"]] == [60, 50]
    assert document["units"] == [{"unit": "point", "bookings": 2, "balance": 50, "owed": 50, "debt": 0}]
    document = json.loads(run("--user", "U-2", "--as-of", instant_text(NOW), "--json")[1])
    assert document["units"][0]["balance"] == 60
    assert "history" not in document
    assert "Debits = credits: 230 points." in run()[1]
    assert run("--user", "U-2", "--manager", "M-1")[0] == 2
    assert run("--user", "U-99")[0] == 2
