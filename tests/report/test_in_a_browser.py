"""Report and statements in a browser without network: all is drawn, nothing is said on the console."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from pipelines.report.statement import write_statement
from pipelines.report.write import write_report
from tests.pipeline.world import World
from tests.report.conftest import Programme
from tests.report.looking import Page, browser
from tests.report.test_report import HOSTILE

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(browser() is None, reason="no browser is installed"),
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=browser(), args=["--no-sandbox"])
        yield running
        running.close()


def seen(chromium: Browser, file: Path, *, width: int = 1280) -> tuple[BrowserContext, list[str]]:
    """Open a page offline, until its plots are drawn; what went wrong meanwhile."""
    context = chromium.new_context(viewport={"width": width, "height": 900}, offline=True)
    page, wrong = context.new_page(), list[str]()
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("requestfailed", lambda request: wrong.append(request.url))
    page.on("request", lambda request: None if request.url == file.as_uri() else wrong.append(request.url))
    page.goto(file.as_uri())
    page.locator("html[data-drawn]").wait_for(state="attached")
    return context, wrong


@pytest.mark.parametrize("width", [390, 1280])
def test_all_plots_are_drawn_offline(
    chromium: Browser, programme: Programme, tmp_path: Path, width: int
) -> None:
    file = write_report(warehouse=programme.warehouse, out=tmp_path).file
    context, wrong = seen(chromium, file, width=width)
    (page,) = context.pages
    assert wrong == []
    assert page.locator("[data-plot] svg").count() == len(Page(file.read_text()).specs)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    drawn = page.evaluate(
        "[...document.querySelectorAll('[data-plot] svg')].map(e => e.getBoundingClientRect())"
    )
    assert all(rectangle["width"] <= width and rectangle["height"] > 40 for rectangle in drawn)
    context.close()


def test_hostile_texts_run_nowhere(chromium: Browser, world: World, tmp_path: Path) -> None:
    run_id = world.settle().run_id
    for table, column in (("user_points", "user_id"), ("exceptions", "detail"), ("exceptions", "evse_id")):
        world.rows(f"update results.{table} set {column} = ? || {column}", HOSTILE)
    context, wrong = seen(chromium, write_report(warehouse=world.warehouse, run_id=run_id, out=tmp_path).file)
    (page,) = context.pages
    assert wrong == []
    page.locator("[data-plot=users] .mark-rect path").first.hover()
    tip = page.locator("#vg-tooltip-element")
    tip.wait_for()
    assert "<img src=x" in tip.inner_text()
    assert page.locator("img").count() == 0
    context.close()


def test_what_the_page_did_not_bring_along_does_not_run(
    chromium: Browser, programme: Programme, tmp_path: Path
) -> None:
    file = write_report(warehouse=programme.warehouse, out=tmp_path).file
    planted = "<script>document.title = 'planted'</script><img src='http://127.0.0.1:9/x.png'></main>"
    file.write_text(file.read_text().replace("</main>", planted))
    context, wrong = seen(chromium, file)
    assert context.pages[0].title() != "planted"
    assert len([message for message in wrong if "Content Security Policy" in message]) == 2
    context.close()


def pages_printed(chromium: Browser, file: Path) -> int:
    context = chromium.new_context()
    page = context.new_page()
    page.goto(file.as_uri())
    printed = page.pdf(prefer_css_page_size=True)
    context.close()
    return len(re.findall(rb"/Type\s*/Page\b", printed))


def test_a_full_statement_is_one_printed_page(chromium: Browser, world: World, tmp_path: Path) -> None:
    world.achieved_wh = {f"V-VEHICLE{n:07}": 4000 + n for n in range(40)}
    run_id = world.settle().run_id
    world.rows("update results.dr_achievement set user_id = 'U-1'")
    held = "status = 'held'"
    world.rows(f"update results.dr_achievement set {held}, payable = 0 where vehicle_id > 'V-VEHICLE0000020'")
    world.rows(
        "insert into results.held_performances select run_id, dr_event_id, vehicle_id, ?"
        f" from results.dr_achievement where {held}",
        "meter_charger_mismatch+missing_read+open_session_at_metering_point",
    )
    user = write_statement(
        warehouse=world.warehouse, out=tmp_path, payee_kind="user", payee_id="U-1", run_id=run_id
    )
    text = Page(user.file.read_text()).visible
    assert "And 26 lines more" in text
    assert "And 15 more performances" in text
    assert pages_printed(chromium, user.file) == 1
    long = user.file.with_name("long.html")
    long.write_text(user.file.read_text().replace("</tbody>", "<tr><td>one more</td></tr>" * 60 + "</tbody>"))
    assert pages_printed(chromium, long) > 1


def test_a_managers_statement_is_one_printed_page(
    chromium: Browser, programme: Programme, tmp_path: Path
) -> None:
    written = write_statement(
        warehouse=programme.warehouse, out=tmp_path, payee_kind="manager", payee_id="M-1"
    )
    assert pages_printed(chromium, written.file) == 1
