"""The report shows what the run found, all of it in one file, whoever wrote the texts in it."""

import csv
import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines.errors import BadInput
from pipelines.export import Exported
from pipelines.report import figures as limits
from pipelines.report.figures import figures_of
from pipelines.report.write import report_page, write_report, write_reports_of_periods
from pipelines.warehouse import open_warehouse
from tests.pipeline.world import JANUARY_5, JANUARY_9, JANUARY_12, World
from tests.report.conftest import Programme
from tests.report.looking import Page, number

HOSTILE = "</script><script>alert('1')</script><img src=x onerror=alert(2)> \"q\" & <!-- \u2028 {{ 7 * 7 }}"


def page_of(warehouse: Path, run_id: str | None = None) -> Page:
    with open_warehouse(warehouse, read_only=True) as connection:
        return Page(report_page(figures_of(connection, run_id or _last(connection))))


def _last(connection: Any) -> str:
    return str(
        connection.execute("select run_id from books.runs order by created_at, as_of").fetchall()[-1][0]
    )


@pytest.fixture(scope="module")
def first(programme: Programme) -> Page:
    return page_of(programme.warehouse, programme.first.run_id)


@pytest.fixture(scope="module")
def correction(programme: Programme) -> Page:
    return page_of(programme.warehouse, programme.correction.run_id)


def rows_of(job: Exported, name: str) -> list[dict[str, str]]:
    with (job.folder / f"{name}.csv").open() as file:
        return list(csv.DictReader(file))


def total(rows: list[dict[str, str]], column: str) -> int:
    return sum(int(row[column] or 0) for row in rows)


# The figures are those of the exports.


@pytest.mark.parametrize("which", ["first", "correction"])
def test_the_plots_add_up_to_the_control_totals(
    programme: Programme, which: str, request: pytest.FixtureRequest
) -> None:
    page: Page = request.getfixturevalue(which)
    job: Exported = getattr(programme, which)
    assert disagreements(page, job) == []


def disagreements(page: Page, job: Exported) -> list[str]:
    """Where a page's plots say otherwise than the export's control totals."""
    totals = json.loads((job.folder / "datapackage.json").read_text())["control_totals"]
    intervals = rows_of(job, "dr_intervals")
    by_direction = {
        direction: sum(row["wh"] for row in page.data("half_hours") if row["direction"] == direction)
        for direction in ("backfeed", "import")
    }
    utility = [row for row in page.data("levels") if row["who"] == "utility"]
    outcomes = {row["outcome"].replace(" ", "_"): row["leases"] for row in page.data("leases")}
    compared = {
        "points": (page.sum("users", "points"), totals["user_points"]["sum_of_points"]),
        "reductions": (
            sum(row["reduction_minor"] for row in page.data("managers") if row["part"] == "offering"),
            totals["manager_fee_reductions"]["sum_of_reduction_minor"],
        ),
        "achieved": (
            page.sum("achievement", "achieved_wh"),
            totals["aggregator_achievement"]["achieved_wh_by_level"]["utility"],
        ),
        "levels": (
            sum(row["achieved_wh"] for row in utility),
            totals["aggregator_achievement"]["achieved_wh_by_level"]["utility"],
        ),
        "backfeed": (by_direction["backfeed"], total(intervals, "backfeed_wh")),
        "import": (by_direction["import"], total(intervals, "import_wh")),
        "leases": (outcomes, totals["lease_outcomes"]["rows_by_outcome"]),
        "exceptions": (
            {row["code"]: row["exceptions"] for row in page.data("exceptions")},
            totals["exceptions"]["rows_by_code"],
        ),
        "bookings": (
            sum(number(row["Bookings"]) for row in page.rows("bookings")),
            totals["bookings"]["rows"],
        ),
    }
    return [name for name, (shown, found) in compared.items() if shown != found]


def test_a_page_of_another_run_is_noticed(programme: Programme, correction: Page) -> None:
    assert set(disagreements(correction, programme.first)) >= {"points", "achieved", "backfeed"}


def test_the_tables_say_the_same(programme: Programme, first: Page) -> None:
    users = rows_of(programme.first, "user_points")
    assert {row["User"]: number(row["Points"]) for row in first.rows("users")} == {
        row["user_id"]: int(row["points"]) for row in users if row["points"] != "0"
    }
    (event,) = first.rows("events")
    assert event["Local time (Asia/Tokyo)"] == "2023-12-04 17:00 to 19:00"
    assert event["Achieved"] == "7.000 kWh"
    assert event["Instructed"] == "8.000 kWh"
    assert event["Held"] == "1"


def test_what_is_held_and_why(first: Page, correction: Page) -> None:
    (held,) = first.rows("unsettled")
    assert (held["Vehicle"], held["Status"], held["Achieved"]) == ("V-2", "held", "3.000 kWh")
    assert held["Why"] == (
        "meter and charger disagree by more than the tariff allows; a meter read that is needed is missing"
    )
    assert {row["reason"]: row["performances"] for row in first.data("hold_reasons")} == {
        "meter charger mismatch": 1,
        "missing read": 1,
    }
    assert "every performance is final" in correction.visible
    assert "hold_reasons" not in correction.specs


def test_every_exception_is_in_words(programme: Programme, first: Page) -> None:
    for row in rows_of(programme.first, "exceptions"):
        assert row["detail"] in first.visible


def test_a_correction_tells_what_was_booked_before_and_now(first: Page, correction: Page) -> None:
    # 4 kWh at 40; then 3.2 kWh at 40, and 3 kWh at 20.
    assert "It found 160 points for 1 user" in first.visible
    assert "It booked 160 points" in first.visible
    assert "A later run of the period was approved since" in first.visible
    assert "It found 188 points for 2 users" in correction.visible
    assert "It booked 28 points" in correction.visible
    assert "the differences to the 160 points" in correction.visible
    changes = {
        row["Payee"]: (row["Before"], row["Booked now"], row["After"]) for row in correction.rows("changes")
    }
    assert changes["U-1"] == ("160", "-32", "128")
    assert changes["U-2"] == ("0", "60", "60")
    assert "table-changes" not in first.tables


# One file, the same bytes, nothing from elsewhere.


@pytest.mark.slow
def test_the_same_run_gives_the_same_bytes(programme: Programme, tmp_path: Path) -> None:
    run_id = programme.first.run_id
    here = write_report(warehouse=programme.warehouse, run_id=run_id, out=tmp_path / "here.html").file
    script = (
        "import sys; from pathlib import Path; from pipelines.report.write import write_report;"
        "write_report(warehouse=Path(sys.argv[1]), run_id=sys.argv[2], out=Path(sys.argv[3]))"
    )
    there = tmp_path / "there.html"
    subprocess.run(
        [sys.executable, "-c", script, str(programme.warehouse), run_id, str(there)],
        env={"PYTHONHASHSEED": "7", "PYTHONPATH": ":".join(sys.path), "VGI_THREADS": "1", "TZ": "Asia/Tokyo"},
        check=True,
    )
    assert here.read_bytes() == there.read_bytes()


def test_the_page_loads_nothing_and_runs_its_own_scripts_only(first: Page, correction: Page) -> None:
    assert first.faults() == correction.faults() == []
    assert len(first.text) < 1_500_000


@pytest.mark.parametrize(
    ("planted", "fault"),
    [
        ('<script src="https://cdn.example/vega.js"></script>', "links to https://cdn.example"),
        ('<img src="//elsewhere.example/a.png">', "links to //elsewhere"),
        ("<script>alert(1)</script>", "scripts are not those"),
        ('<p onclick="alert(1)">', "handler onclick"),
        ("<iframe></iframe>", "<iframe>"),
        ("<style>@import 'x.css'</style>", "style loads"),
    ],
)
def test_a_page_that_would_is_noticed(first: Page, planted: str, fault: str) -> None:
    assert fault in " ".join(Page(first.text.replace("</main>", f"{planted}</main>")).faults())


def test_texts_from_outside_stay_texts(world: World) -> None:
    run_id = world.settle().run_id
    plain = page_of(world.warehouse, run_id)
    for table, columns in {
        "dr_achievement": ("dr_event_id", "vehicle_id", "user_id"),
        "user_points": ("user_id",),
        "manager_fee_reductions": ("manager_id",),
        "aggregator_achievement": ("dr_event_id", "aggregator_id"),
        "exceptions": ("metering_point_id", "detail"),
    }.items():
        for column in columns:
            world.rows(f"update results.{table} set {column} = ? || {column}", HOSTILE)
    world.rows("update results.dr_achievement set status = 'held'")
    world.rows('update books.run_events set "by" = ?, reason = ?', HOSTILE, HOSTILE)
    world.rows("update books.run_deliveries set file_name = ?", HOSTILE)
    page = page_of(world.warehouse, run_id)
    assert page.faults() == []
    assert page.tags.count("script") == plain.tags.count("script")
    assert page.tags.count("img") == 0
    assert page.data("users")[0]["user"].startswith(HOSTILE)
    assert page.rows("users")[0]["User"].startswith(HOSTILE)
    assert f"{HOSTILE}Deliver the 2 half hours" in page.visible
    assert "49" not in page.data("users")[0]["user"]


# Runs of every kind.


def test_a_run_that_awaits_approval(world: World) -> None:
    page = page_of(world.warehouse, world.settle(hold=True).run_id)
    assert "Nothing of it is booked or owed yet: it awaits approval." in page.visible
    assert "The run awaits approval: vgi approve" in page.visible
    assert page.sum("users", "points") == 220
    assert "table-bookings" not in page.tables


def test_a_rejected_run(world: World) -> None:
    run_id = world.settle(hold=True).run_id
    world.reject(run_id, "reads in doubt")
    assert "It was rejected by Ann (reads in doubt)" in page_of(world.warehouse, run_id).visible


def test_a_replay_is_said_to_owe_nothing(world: World) -> None:
    world.deliver(JANUARY_12, sha256="b" * 64)
    world.settle()
    page = page_of(world.warehouse, world.settle(JANUARY_9).run_id)
    assert "This is a replay" in page.visible
    assert "Nothing of a replay is booked or owed." in page.visible
    assert "awaits" not in page.visible


def test_a_correction_without_any_difference(world: World) -> None:
    world.settle()
    world.deliver(JANUARY_9, sha256="b" * 64)
    page = page_of(world.warehouse, world.settle().run_id)
    assert "It booked 0 points and 0 JPY, in 0 bookings: the differences to the 220 points" in page.visible
    assert "table-changes" not in page.tables


def test_an_empty_period(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = world.verified()
    nothing = {name: frame.clear() for name, frame in whole.items()} | {
        "energy_balance": whole["energy_balance"].with_columns(
            pl.lit(0, dtype=pl.Int64).alias(name)
            for name in ("metered_wh", "attributed_wh", "unattributed_wh")
        )
    }
    monkeypatch.setattr(world, "verified", lambda: nothing)
    page = page_of(world.warehouse, world.export(world.settle().run_id).run_id)
    assert page.specs == {}
    assert page.faults() == []
    for said in ("It found 0 points", "It booked 0 points", "What is still openNothing.", "Nobody."):
        assert said in page.visible.replace("\n", "")


def test_a_period_that_was_not_over(world: World) -> None:
    world.rows("update raw.deliveries set received_at = timestamp '2023-12-20'")
    page = page_of(world.warehouse, world.settle().run_id)
    assert "The period was not over when the run looked: it is at 2023-12-31T15:00:00Z" in page.visible


def test_pending_leases_are_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    lease = {**world._lease(), "ends_at": datetime(2024, 6, 1)}  # noqa: DTZ001 -- UTC, as stored
    monkeypatch.setattr(world, "_lease", lambda: lease)
    page = page_of(world.warehouse, world.settle().run_id)
    assert [row["Lease"] for row in page.rows("pending")] == ["L-1"]


def test_tariffs_are_shown_as_applied(programme: Programme, first: Page) -> None:
    with open_warehouse(programme.warehouse, read_only=True) as warehouse:
        (document,) = warehouse.execute(
            "select document from books.run_tariffs where run_id = ?", [programme.first.run_id]
        ).fetchone() or ("",)
    assert len(document) > 100
    assert " ".join(document.split()) in " ".join(first.visible.split())


def test_hold_reasons_of_an_earlier_version_are_not_made_up(world: World) -> None:
    run_id = world.settle().run_id
    world.rows("update results.dr_achievement set status = 'held'")
    assert {row["Why"] for row in page_of(world.warehouse, run_id).rows("unsettled")} == {
        "not written down with this run"
    }


# What is long is cut, and said to be.


def test_many_payees_and_exceptions(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.achieved_wh = {f"V-{n}": 2000 + n for n in range(40)}
    one = world._exception()
    whole = world.verified()
    many = [one | {"evse_id": f"E-{n:02}", "energy_wh": n} for n in range(30)]
    frames = whole | {"exceptions": pl.DataFrame(many, schema=whole["exceptions"].schema)}
    monkeypatch.setattr(world, "verified", lambda: frames)
    run_id = world.settle().run_id
    page = page_of(world.warehouse, run_id)
    points = sorted((n for (n,) in world.rows("select points from results.user_points")), reverse=True)
    assert [row["points"] for row in page.data("users")] == points[: limits.MOST_PAYEES]
    rest = points[limits.MOST_PAYEES :]
    assert f"the other {len(rest)} have {sum(rest)} together" in page.visible
    assert page.sum("users_distribution", "payees") == len(points)
    assert "Shown are 20 of 30" in page.visible
    assert f"vgi exceptions {run_id} --code missing_read" in page.visible
    assert "E-29" in page.visible
    assert "E-05" not in page.visible


def test_how_many_have_how_much_goes_by_1_2_5(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_PAYEES", 1)
    run_id = world.settle(hold=True).run_id
    amounts = [0, 1, 2, 4, 5, 9, 10, 19, 20, 49, 50, 99, 100, 999, 10**12]
    (one,) = world.rows("from results.user_amounts where user_id = 'U-1'")
    world.rows("delete from results.user_amounts")
    for n, points in enumerate(amounts):
        row = [f"U-{n}" if value == "U-1" else points if value == 160 else value for value in one]
        world.rows(f"insert into results.user_amounts values ({', '.join('?' * len(row))})", *row)
    bins = page_of(world.warehouse, run_id).data("users_distribution")
    assert {(row["least"], row["below"]): row["payees"] for row in bins} == {
        (1, 2): 1, (2, 5): 2, (5, 10): 2, (10, 20): 2, (20, 50): 2, (50, 100): 2, (100, 200): 1,
        (500, 1000): 1, (10**12, 2 * 10**12): 1,
    }  # fmt: skip


def test_the_aggregators_beyond_the_first_are_one_row(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = world.verified()
    achieved = sum(world.achieved_wh.values())
    children = [
        world._aggregator("child", f"CA-{n:02}")
        | {"instructed_wh": 1000 + n, "achieved_wh": achieved if n == 1 else 0}
        for n in range(30)
    ]
    children[1]["aggregator_id"] = "CA-1"
    rows = [world._aggregator("utility", ""), world._aggregator("parent", "PA-1"), *children]
    schema = whole["aggregator_achievement"].schema
    frames = whole | {"aggregator_achievement": pl.DataFrame(rows, schema=schema)}
    monkeypatch.setattr(world, "verified", lambda: frames)
    page = page_of(world.warehouse, world.settle().run_id)
    shown = [row for row in page.data("levels") if "child" in row["who"]]
    assert len(shown) == limits.MOST_CHILDREN + 1
    assert shown[-1]["who"] == "the other 6 children"
    assert sum(row["instructed_wh"] for row in shown) == sum(1000 + n for n in range(30))


# Where it goes.


def test_it_takes_the_run_approved_last(programme: Programme, tmp_path: Path) -> None:
    written = write_report(warehouse=programme.warehouse, out=tmp_path / "new" / "folder")
    assert written.run_id == programme.correction.run_id
    assert written.file == tmp_path / "new" / "folder" / f"{written.run_id}.html"
    assert [path.name for path in written.file.parent.iterdir()] == [written.file.name]


def test_no_run_to_report_on(world: World, tmp_path: Path) -> None:
    world.settle(hold=True)
    with pytest.raises(BadInput, match="No run was approved yet"):
        write_report(warehouse=world.warehouse, out=tmp_path)
    with pytest.raises(BadInput, match="There is no run nobody"):
        write_report(warehouse=world.warehouse, out=tmp_path, run_id="nobody")


def test_a_place_that_cannot_be_written(world: World, tmp_path: Path) -> None:
    world.settle()
    (tmp_path / "file").write_text("mine")
    with pytest.raises(BadInput, match=r"cannot be written .* name another place"):
        write_report(warehouse=world.warehouse, out=tmp_path / "file" / "report.html")


def test_the_reports_of_a_period_are_written_anew(world: World, tmp_path: Path) -> None:
    one = world.export(world.settle(JANUARY_5).run_id).run_id
    write_reports_of_periods(warehouse=world.warehouse, out=tmp_path / "reports", run_ids=[one])
    world.deliver(JANUARY_9, sha256="b" * 64)
    two = world.export(world.settle().run_id).run_id
    written = write_reports_of_periods(warehouse=world.warehouse, out=tmp_path / "reports", run_ids=[two])
    assert {each.run_id for each in written} == {one, two}
    assert "superseded" in Page((tmp_path / "reports" / f"{one}.html").read_text()).visible


def test_the_warehouse_is_only_read(programme: Programme, tmp_path: Path) -> None:
    before = programme.warehouse.read_bytes()
    write_report(warehouse=programme.warehouse, out=tmp_path)
    assert programme.warehouse.read_bytes() == before
