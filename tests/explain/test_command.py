"""The command `vgi explain`: what it says where there is nothing, what it shows, what it leaves alone."""

import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines import cli
from pipelines.explain import evidence
from pipelines.ingest import ingest
from pipelines.render import json_text
from pipelines.store import store_of
from pipelines.warehouse import open_warehouse
from tests.agreement.product import NOW, instant
from tests.explain.by_hand import LEASE_ID, OTHER_METER, OTHER_SESSION
from tests.explain.forgetful import POWER_LIMIT, forgetful
from tests.explain.proof import amount_again
from tests.explain.settled import Settled


@dataclass(frozen=True)
class Said:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.out)
        return answer


Explain = Callable[..., Said]


@pytest.fixture
def explain(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], settled: Settled) -> Explain:
    """`vgi explain` on the settled worlds, in this process."""

    def explain(*words: str, warehouse: Path = settled.warehouse) -> Said:
        monkeypatch.setattr(sys, "argv", ["vgi", "--warehouse", str(warehouse), "explain", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        return Said(int(ended.value.code or 0), printed.out, printed.err)

    return explain


def _asked(settled: Settled, kind: str) -> tuple[str, ...]:
    return settled.amounts[kind][0].asked


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("usr", "U"), "'usr' cannot be explained; give one of user, manager,"),
        (("performance", "D"), "Name the performance by 2: vgi explain performance DR_EVENT_ID VEHICLE_ID."),
        (("user", "U", "--lease", "L"), "A user is not chosen by --lease."),
        (("lease", "nobody-knows-it"), "No approved run has a lease nobody-knows-it"),
        (("booking", "0" * 32), f"No approved run has a booking {'0' * 32}"),
        (("user", "U", "--run", "2024-03-0"), "There is no run 2024-03-0; `vgi status` lists the runs."),
        (("user", "U", "--period", "1999-01"), "No run of 1999-01 is approved yet; name one with --run"),
    ],
)
def test_what_is_not_there_is_one_sentence(words: tuple[str, ...], sentence: str, explain: Explain) -> None:
    said = explain(*words)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(sentence)


def test_a_misspelt_id_is_answered_with_the_nearest_one(settled: Settled, explain: Explain) -> None:
    _, user_id = _asked(settled, "user")
    said = explain("user", user_id + "0")
    assert said.code == 2
    assert said.err == f"No approved run has a user {user_id}0; did you mean {user_id}?\n"


def test_a_line_named_by_too_little_is_told_apart_by_options(settled: Settled, explain: Explain) -> None:
    with duckdb.connect(str(settled.warehouse), read_only=True) as connection:
        named = connection.execute(
            """
            select dr_event_id, vehicle_id, evse_id, any_value(access_class)
            from results.settlement_lines where run_id = ?
            group by dr_event_id, vehicle_id, evse_id
            having count(distinct access_class) > 1
            order by all limit 1
            """,
            [settled.last_run],
        ).fetchall()
    assert named, "the worlds hold a vehicle with two lines at one EVSE"
    *ids, access_class = named[0]
    several = explain("line", *ids)
    assert several.code == 2
    assert "say which: " in several.err
    assert f"--access-class {access_class}" in several.err
    assert explain("line", *ids, "--access-class", access_class).code == 0


def test_the_tree_leads_from_the_amount_to_the_line_of_a_file(settled: Settled, explain: Explain) -> None:
    asked = _asked(settled, "shared half hour")
    said = explain(*asked, "--all")
    found = explain(*asked, "--json").json
    assert said.out.splitlines()[0].startswith(f"Run {settled.last_run}, settlement of ")
    assert f"{found['amount']:,} points = " in said.out
    assert "shared with " in said.out
    for row in found["rows"]:
        assert f"{row['feed']}/{row['file_name']}:{row['line']} " in said.out


@pytest.mark.parametrize("kind", ["shared half hour", "capped reduction", "power limit", "user"])
def test_the_rows_listed_give_the_amount_again(kind: str, settled: Settled, explain: Explain) -> None:
    """One amount of a kind by the oracle; test_proof holds many."""
    amount = settled.amounts[kind][0]
    found = explain(*amount.asked, "--json").json
    assert str(found["amount"]) == amount.exported
    assert str(amount_again(found, warehouse=settled.warehouse)) == amount.exported


def test_a_lease_rests_on_what_else_is_in_a_half_hour_under_a_power_limit(
    settled: Settled, explain: Explain
) -> None:
    found = explain("lease", LEASE_ID, "--json").json
    assert [step["value"] for step in found["step"]["steps"]] == [400], "all that was charged under the lease"
    assert _rests_on_the_other_evse(found["rows"])
    assert amount_again(found, warehouse=settled.warehouse) == found["amount"]


def test_forgetting_what_else_is_in_the_half_hour_is_noticed(settled: Settled) -> None:
    """The planted fault of the test above."""
    with open_warehouse(settled.warehouse, read_only=True) as connection:
        period = instant("2024-03-01T00:00:00Z"), instant("2024-04-01T00:00:00Z")
        gathered = {
            gather: json.loads(json_text({"rows": gather(connection, asked, touching=period).rows}))["rows"]
            for module in (evidence, forgetful(POWER_LIMIT))
            for gather, asked in [(module.gather, module.Asked(leases=[LEASE_ID]))]
        }
    assert [_rests_on_the_other_evse(rows) for rows in gathered.values()] == [True, False]


def _rests_on_the_other_evse(rows: Sequence[dict[str, Any]]) -> bool:
    values = [row["values"] for row in rows]
    return any(each.get("session_id") == OTHER_SESSION for each in values) and any(
        "interval_start" in each and each["metering_point_id"] == OTHER_METER for each in values
    )


def test_a_past_that_changed_is_not_explained(settled: Settled, explain: Explain, tmp_path: Path) -> None:
    changed = tmp_path / "changed.duckdb"
    shutil.copy(settled.warehouse, changed)
    shutil.copytree(store_of(settled.warehouse), store_of(changed))
    landing = tmp_path / "landing"
    (landing / "vehicles").mkdir(parents=True)
    (landing / "vehicles" / "late.csv").write_text(
        "vehicle_id,valid_from,valid_to,user_id,child_aggregator_id,ownership,powertrain\n"
        "V-LATE,2023-01-01T00:00:00Z,,U-LATE,,pov,bev\n"
    )
    with duckdb.connect(str(changed), read_only=True) as connection:
        as_of = connection.execute(
            "select as_of from books.runs where run_id = ?", [settled.last_run]
        ).fetchall()[0][0]
    ingest(landing, warehouse=changed, received_at=as_of, clock=lambda: NOW)
    said = explain(*_asked(settled, "user"), "--run", settled.last_run, warehouse=changed)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(f"Deliveries came in after run {settled.last_run} with an instant of receipt")


def test_a_long_tree_is_cut_and_says_so(settled: Settled, explain: Explain) -> None:
    whole = {amount.asked: explain(*amount.asked, "--all").out for amount in settled.amounts["manager"][:4]}
    asked, everything = max(whole.items(), key=lambda item: len(item[1]))
    short = explain(*asked).out
    assert len(short) < len(everything)
    assert "--all shows them" in short
    assert "--all shows them" not in everything


def test_equal_questions_get_equal_answers_and_change_nothing(settled: Settled, explain: Explain) -> None:
    asked = _asked(settled, "user")
    before = _sha256(settled.warehouse)
    assert explain(*asked, "--json").out == explain(*asked, "--json").out
    assert _sha256(settled.warehouse) == before


def test_arithmetic_that_does_not_give_the_amount_is_never_shown(
    settled: Settled, explain: Explain, tmp_path: Path
) -> None:
    asked = _asked(settled, "increase")
    _, dr_event_id, vehicle_id = asked
    tampered = tmp_path / "tampered.duckdb"
    shutil.copy(settled.warehouse, tampered)
    with duckdb.connect(str(tampered)) as connection:
        connection.execute(
            "update results.settlement_lines set points = points + 1"
            " where dr_event_id = ? and vehicle_id = ?",
            [dr_event_id, vehicle_id],
        )
    said = explain(*asked, warehouse=tampered)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("The arithmetic of a line's points gives ")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
