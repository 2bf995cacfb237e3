"""The pictures of the documents, taken anew: `python -m docs.pictures.take` (`make screenshots`).

An Airflow below a temporary folder settles the sample; its report, a statement, the audit docs and Airflow's
own pages are looked at in the browser of the machine.
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from playwright.sync_api import Browser, Error, Page, sync_playwright

from dags.serve import Server, settle_the_sample, start
from pipelines.audit_docs import PAGE, REPORTS
from pipelines.report.statement import write_statement

HERE = Path(__file__).resolve().parent
WIDTH, HEIGHT, NARROW = 1280, 800, 390
MOST_BYTES = 250_000
USER_WITH_MUCH_TO_TELL = "U-0000012"
_PATIENCE_MS = 120_000
_RUN = "/dags/settle/runs/sample"
_QUESTION = "/dags/settle/dagRuns/sample/taskInstances/ask_a_person"
_LINEAGE = "#!/exposure/exposure.vgi.settlement_lines?g_v=1&g_i=2%2Bexposure:settlement_lines"
# Airflow fails a task whose answer comes before it has put the task aside.
_PUT_ASIDE_SECONDS = 8


def main() -> int:
    """Take all of them; 2 if there is no browser."""
    executable = _browser()
    if executable is None:
        print(
            "There is no browser; install chromium, or name one (BROWSER=/path/to/chromium).", file=sys.stderr
        )
        return 2
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="vgi-pictures-") as folder, _opened(executable) as browser:
        server = start(Path(folder))
        try:
            _take_all(browser, server)
        finally:
            server.stop()
    print(f"Took {len(list(HERE.glob('*.png')))} pictures in {time.monotonic() - began:.0f} s: {HERE}")
    return 0


def _browser() -> str | None:
    named = os.environ.get("BROWSER", "")
    candidates = (named, "chromium", "chromium-browser", "google-chrome")
    return next((found for each in candidates if each and (found := shutil.which(each))), None)


@contextmanager
def _opened(executable: str) -> Iterator[Browser]:
    arguments = ["--disable-gpu", "--disable-background-networking"]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=arguments)
        yield browser
        browser.close()


def _take_all(browser: Browser, server: Server) -> None:
    settle_the_sample(server)
    with _signed_in(browser, server) as page:
        _wait_for_the_question(server)
        _take_the_question(page)
        _approve(server)
        server.wait_for("settle", "sample")
        server.wait_for_first_run("audit_docs")
        _take_airflow(page)
    _take_the_pages_of_the_run(browser, server)


@contextmanager
def _signed_in(browser: Browser, server: Server) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": WIDTH, "height": HEIGHT}, base_url=server.url, timezone_id="UTC", locale="en-GB"
    )
    context.set_default_timeout(_PATIENCE_MS)
    context.add_cookies([{"name": "_token", "value": server.token(), "url": server.url}])
    yield context.new_page()
    context.close()


def _wait_for_the_question(server: Server) -> None:
    server.wait_for("settle", "sample", states=("running",))
    while server.call("GET", _QUESTION)["state"] != "awaiting_input":
        if server.state_of("settle", "sample") != "running":
            raise RuntimeError("The sample month was not settled; make airflow shows why.")
        time.sleep(1)


def _approve(server: Server) -> None:
    time.sleep(_PUT_ASIDE_SECONDS)
    answer = {"chosen_options": ["Approve"], "params_input": {"reason": ""}}
    server.call("PATCH", f"{_QUESTION}/-1/hitlDetails", answer)


def _take_the_question(page: Page) -> None:
    page.goto(f"{_RUN}/tasks/ask_a_person/required_actions")
    page.get_by_role("button", name="Approve").wait_for()
    _take(page, "airflow-approval", height=1000)


def _take_airflow(page: Page) -> None:
    page.goto("/dags")
    page.get_by_text("audit_docs").first.wait_for()
    _take(page, "airflow-dags", height=960)
    page.evaluate("localStorage.setItem('default_dag_view', JSON.stringify('graph'))")
    page.goto(_RUN)
    page.locator(".react-flow__node").first.wait_for()
    page.get_by_label("Collapse Details Panel").click()
    page.wait_for_timeout(1_000)
    page.get_by_label("Fit View").click()
    _take(page, "airflow-settle", height=560)
    page.goto("/plugin/settlement")
    frame = page.frame_locator("iframe")
    frame.get_by_role("heading", name="All runs").wait_for()
    _take(page, "airflow-settlement", height=560)
    frame.locator("td a").first.click()
    frame.get_by_role("heading", name="Totals").wait_for()
    _take(page, "airflow-run", height=1000)


def _take_the_pages_of_the_run(browser: Browser, server: Server) -> None:
    docs = server.home / "audit-docs"
    (report,) = (docs / REPORTS).glob("*.html")
    statement = write_statement(
        warehouse=server.home / "vgi.duckdb",
        out=server.home / "statement.html",
        payee_kind="user",
        payee_id=USER_WITH_MUCH_TO_TELL,
    ).file
    for name, width in (("report", WIDTH), ("report-narrow", NARROW)):
        with _offline(browser, report, width=width) as page:
            page.locator("html[data-drawn]").wait_for(state="attached")
            _take(page, name, height=1200)
    with _offline(browser, statement) as page:
        _take(page, "statement")
    with _offline(browser, docs / PAGE) as page:
        page.get_by_text("How a settlement is made").first.wait_for()
        _take(page, "docs-start")
    with _offline(browser, docs / PAGE, fragment=_LINEAGE) as page:
        page.locator("canvas").first.wait_for()
        _take(page, "docs-lineage")


@contextmanager
def _offline(browser: Browser, file: Path, *, width: int = WIDTH, fragment: str = "") -> Iterator[Page]:
    context = browser.new_context(viewport={"width": width, "height": HEIGHT}, offline=True)
    page = context.new_page()
    page.goto(f"{file.as_uri()}{fragment}")
    yield page
    context.close()


def _take(page: Page, name: str, *, height: int = HEIGHT) -> None:
    """One picture, when the page has come to rest."""
    assert page.viewport_size is not None
    page.set_viewport_size({"width": page.viewport_size["width"], "height": height})
    with suppress(Error):
        page.wait_for_load_state("networkidle", timeout=5_000)
    page.wait_for_timeout(1_000)
    file = HERE / f"{name}.png"
    page.screenshot(path=file, animations="disabled")
    if file.stat().st_size > MOST_BYTES:
        raise RuntimeError(f"{file} has {file.stat().st_size:,} bytes; show less of the page.")


if __name__ == "__main__":
    sys.exit(main())
