"""A statement says what one payee is paid and why, and nothing of anybody else."""

from pathlib import Path

import pytest

from pipelines.errors import BadInput
from pipelines.report.statement import Statement, statement_of, write_statement
from pipelines.warehouse import open_warehouse
from tests.pipeline.world import JANUARY_9, JANUARY_12, World
from tests.report.conftest import Programme
from tests.report.looking import Page
from tests.report.test_report import HOSTILE, rows_of, total


def statement(warehouse: Path, run_id: str, **payee: str) -> Statement:
    ((kind, payee_id),) = payee.items()
    with open_warehouse(warehouse, read_only=True) as connection:
        return statement_of(connection, run_id, payee_kind=kind, payee_id=payee_id)


def page(warehouse: Path, run_id: str, out: Path, **payee: str) -> Page:
    ((kind, payee_id),) = payee.items()
    written = write_statement(warehouse=warehouse, run_id=run_id, out=out, payee_kind=kind, payee_id=payee_id)
    return Page(written.file.read_text())


def said(found: Page) -> str:
    return " ".join(found.visible.split())


def foreign(text: str, *ids: str) -> list[str]:
    """Which of other people's ids stand in a text."""
    return [each for each in ids if each in text]


@pytest.mark.parametrize("which", ["first", "correction"])
def test_the_amounts_are_those_of_the_exports(programme: Programme, which: str) -> None:
    run = getattr(programme, which)
    for row in rows_of(run, "user_points"):
        found = statement(programme.warehouse, run.run_id, user=row["user_id"])
        assert f"{found.amount} {found.booked_before} {found.booked_now}" == (
            f"{row['points']} {row['booked_before']} {row['booked_now']}"
        )
        assert sum(line["booked_now"] for line in found.lines) == found.booked_now
    reductions = rows_of(run, "manager_fee_reductions")
    found = statement(programme.warehouse, run.run_id, manager="M-1")
    assert found.amount == total(reductions, "reduction_minor")
    assert found.booked_now == total(reductions, "booked_now")
    assert found.booked_before == total(reductions, "booked_before")


def test_a_users_lines_in_words(programme: Programme, tmp_path: Path) -> None:
    text = said(page(programme.warehouse, programme.first.run_id, tmp_path, user="U-1"))
    for part in (
        "160 points",
        "Booked by earlier runs of the period: 0 points. By this one: 160 points.",
        "D-1 2023-12-04 17:00",
        "E-1 leased by L-1",
        "4.000 kWh 4.000 kWh 40 a kWh 160 +160",
        "nothing below 50 % of what was asked for, nothing above 120 % of it",
        "at least 500 Wh",
    ):
        assert part in text


def test_what_is_held_and_why(programme: Programme, tmp_path: Path) -> None:
    text = said(page(programme.warehouse, programme.first.run_id, tmp_path, user="U-2"))
    assert "0 points" in text
    assert (
        "D-1, vehicle V-2: 3.000 kWh of 4.000 kWh; meter and charger disagree by more than the tariff allows;"
        " a meter read that is needed is missing."
    ) in text
    assert "held, see below" in text


def test_a_correction_names_both(programme: Programme, tmp_path: Path) -> None:
    text = said(page(programme.warehouse, programme.correction.run_id, tmp_path, user="U-1"))
    assert "Booked by earlier runs of the period: 160 points. By this one: -32 points." in text
    (line,) = statement(programme.warehouse, programme.correction.run_id, user="U-1").lines
    ids = {row["booking_id"] for row in rows_of(programme.correction, "bookings")}
    assert line["booking_id"] in ids
    assert line["booking_id"][:12] in text


def test_nobody_elses_data(programme: Programme, tmp_path: Path) -> None:
    run_id = programme.correction.run_id
    one = page(programme.warehouse, run_id, tmp_path, user="U-1").text
    other = page(programme.warehouse, run_id, tmp_path, user="U-2").text
    manager = page(programme.warehouse, run_id, tmp_path, manager="M-1").text
    of_one, of_other = ("U-1", "V-1", "E-1", "L-1", "MP-1"), ("U-2", "V-2", "E-2", "MP-2")
    assert foreign(one, *of_other, "M-1", "C-1") == []
    assert foreign(other, *of_one, "M-1", "C-1") == []
    assert foreign(manager, "U-1", "U-2", "V-1", "V-2") == []
    assert foreign(one + other, *of_one, *of_other) == [
        "U-1", "V-1", "E-1", "L-1", "U-2", "V-2", "E-2"
    ]  # fmt: skip


def test_a_manager_sees_his_contract_and_leases(programme: Programme, tmp_path: Path) -> None:
    found = page(programme.warehouse, programme.first.run_id, tmp_path, manager="M-1")
    (row,) = rows_of(programme.first, "manager_fee_reductions")
    text = said(found)
    assert f"{int(row['reduction_minor']):,} JPY off the fee" in text
    assert "L-1 E-1 2023-12-04 09:00 2023-12-04 21:00 fulfilled 4.000 kWh" in text
    assert "at most 50 % of the monthly fee" in text
    assert found.faults() == []


def test_what_was_paid_less_than_achieved_and_why(world: World) -> None:
    world.achieved_wh = {"V-1": 400, "V-2": 9000, "V-3": 1000}
    run_id = world.settle().run_id
    whys = {
        user: [line["why"] for line in statement(world.warehouse, run_id, user=user).lines]
        for user in ("U-1", "U-2", "U-3")
    }
    assert whys == {
        "U-1": ["less than 50 % of what was asked for"],
        "U-2": ["paid up to 120 % of what was asked for"],
        "U-3": ["less than 50 % of what was asked for"],
    }


def test_a_line_that_is_gone_is_booked_back(world: World) -> None:
    world.settle()
    world.deliver(JANUARY_9, sha256="b" * 64)
    del world.achieved_wh["V-2"]
    found = statement(world.warehouse, world.settle().run_id, user="U-2")
    (line,) = found.lines
    assert (found.amount, found.booked_before, found.booked_now) == (0, 60, -60)
    assert (line["points"], line["booked_now"], line["why"]) == (0, -60, "no longer found: booked back")


def test_statements_of_runs_that_owe_nothing(world: World, tmp_path: Path) -> None:
    held = world.settle(hold=True).run_id
    text = said(page(world.warehouse, held, tmp_path, user="U-1"))
    assert "This run was not approved yet: nothing of it is booked or owed." in text
    assert "By this one" not in text
    world.reject(held)
    assert "This run was rejected" in said(page(world.warehouse, held, tmp_path, user="U-1"))
    world.deliver(JANUARY_12, sha256="b" * 64)
    last = world.settle().run_id
    replay = world.settle(JANUARY_9).run_id
    assert "A replay" in said(page(world.warehouse, replay, tmp_path, user="U-1"))
    assert statement(world.warehouse, replay, user="U-1").booked_before == 0
    assert statement(world.warehouse, last, user="U-1").booked_before == 0


def test_a_later_correction_leaves_an_earlier_statement_as_it_was(world: World) -> None:
    first = world.settle().run_id
    before = statement(world.warehouse, first, user="U-1")
    world.deliver(JANUARY_9, sha256="b" * 64)
    world.achieved_wh["V-1"] = 2000
    world.export(world.settle().run_id)
    after = statement(world.warehouse, first, user="U-1")
    assert (after.amount, after.booked_before, after.booked_now) == (160, 0, 160)
    assert after.lines == before.lines


@pytest.mark.parametrize(
    "payee", [{"user": "U-9"}, {"user": "M-1"}, {"manager": "U-1"}, {"user": "' or 1=1 --"}]
)
def test_somebody_whom_the_run_does_not_know(programme: Programme, payee: dict[str, str]) -> None:
    with pytest.raises(BadInput, match="knows no"):
        statement(programme.warehouse, programme.first.run_id, **payee)


def test_texts_from_outside_stay_texts(world: World, tmp_path: Path) -> None:
    run_id = world.settle(hold=True).run_id
    for table in ("dr_achievement", "user_amounts"):
        world.rows(f"update results.{table} set user_id = ? where user_id = 'U-1'", HOSTILE)
    found = page(world.warehouse, run_id, tmp_path, user=HOSTILE)
    assert found.faults() == []
    assert "script" not in found.tags
    assert HOSTILE in found.visible
    (file,) = tmp_path.glob("*.html")
    assert "/" not in file.name


def test_the_name_of_the_file_keeps_ids_apart(programme: Programme, world: World, tmp_path: Path) -> None:
    run_id = world.settle(hold=True).run_id
    for user in ("A/B", "A_B", "..", "A*B"):
        world.rows("update results.dr_achievement set user_id = ?", user)
        written = write_statement(
            warehouse=world.warehouse, run_id=run_id, out=tmp_path / "out", payee_kind="user", payee_id=user
        )
        assert written.file.parent == tmp_path / "out"
    assert len(list((tmp_path / "out").iterdir())) == 4
