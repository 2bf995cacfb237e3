"""Two commands at the same moment: each ends with exit 0 or a clear sentence, and nothing is there twice."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.crashes import command
from tests.crashes.command import Ended
from tests.crashes.conftest import Undisturbed
from tests.crashes.deaths import forgets_its_runs
from tests.crashes.ends import check_same
from tests.crashes.world import INITIAL, LATE, End

pytestmark = pytest.mark.slow


def _at_once(
    *commands: list[str | Path], logs: Path, before: Callable[[], None] | None = None
) -> list[Ended]:
    begun = [
        command.begin(arguments, log=logs / f"{number}.jsonl", before=before)
        for number, arguments in enumerate(commands)
    ]
    ended = [each.wait() for each in begun]
    assert all("Traceback" not in each.said and "The job failed" not in each.said for each in ended), ended
    return ended


def test_two_main_jobs_of_a_period(undisturbed: Undisturbed, tmp_path: Path) -> None:
    world = undisturbed.begin(INITIAL, tmp_path / "world")
    ended = _at_once(world.main_job(INITIAL), world.main_job(INITIAL), logs=tmp_path)
    assert [each.code for each in ended] == [0, 0], ended
    check_same(world.state(), undisturbed.end[INITIAL])


def test_a_settlement_that_forgets_its_runs_is_noticed(undisturbed: Undisturbed, tmp_path: Path) -> None:
    world = undisturbed.begin(INITIAL, tmp_path / "world", stage="settle")
    ended = _at_once(world.main_job(INITIAL), world.main_job(INITIAL), logs=tmp_path, before=forgets_its_runs)
    assert sorted(each.code for each in ended) == [0, 1], ended
    assert any("cannot become computed" in each.said for each in ended), ended


def test_a_load_beside_a_settlement(undisturbed: Undisturbed, tmp_path: Path) -> None:
    world = undisturbed.begin(INITIAL, tmp_path / "world", stage="dbt")
    ended = _at_once(world.settle(INITIAL), world.ingest(LATE), logs=tmp_path)
    assert [each.code for each in ended] == [0, 0], ended
    ended = [
        command.run(arguments, log=tmp_path / "after.jsonl")
        for arguments in (world.export(world.run_ids()[0]), world.main_job(LATE))
    ]
    assert [each.code for each in ended] == [0, 0], ended
    check_same(_in_any_order(world.state()), _in_any_order(undisturbed.end[LATE]))


def _in_any_order(end: End) -> End:
    """Without the places of the journal's entries: which of the two was first is anybody's."""
    journal = Counter(row[1:] for row in end.rows["books.journal"].elements())
    return replace(end, rows=end.rows | {"books.journal": journal})


def test_two_exports_of_a_run(undisturbed: Undisturbed, tmp_path: Path) -> None:
    world = undisturbed.begin(INITIAL, tmp_path / "world", stage="export")
    settled = command.run(world.settle(INITIAL), log=tmp_path / "settled.jsonl")
    assert settled.code == 0, settled.said
    export = world.export(world.run_ids()[0])
    ended = _at_once(export, export, logs=tmp_path)
    assert [each.code for each in ended] == [0, 0], ended
    check_same(world.state(), undisturbed.end[INITIAL])
