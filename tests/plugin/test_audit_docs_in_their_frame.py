"""The audit docs run in a frame of the settlement's pages, under the policy that the pages are sent with."""

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Route, sync_playwright

from pipelines.config import Places
from plugins.settlement_pages import PREFIX
from tests.audit_docs.browser import CHROMIUM, OFFLINE
from tests.audit_docs.project import described_project, page_of

ORIGIN = "http://airflow.test"


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_the_audit_docs_run_in_their_frame(client: TestClient, here: Places) -> None:
    here.docs.mkdir()
    (here.docs / "index.html").write_text(page_of(described_project()))
    answers = {f"{ORIGIN}{PREFIX}/{path}": client.get(f"{PREFIX}/{path}") for path in ("audit", "audit/docs")}
    said: list[str] = []

    def answer(route: Route) -> None:
        found = answers.get(route.request.url)
        if found is None:
            said.append(route.request.url)
            route.abort()
            return
        kept = ("content-type", "content-security-policy")
        headers = {name: found.headers[name] for name in kept}
        route.fulfill(status=found.status_code, headers=headers, body=found.text)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OFFLINE)
        page = browser.new_page()
        page.route("**/*", answer)
        page.on("console", lambda message: said.append(message.text))
        page.goto(f"{ORIGIN}{PREFIX}/audit")
        frame = page.frame_locator("iframe")
        frame.get_by_role("heading", name="How a settlement is made").wait_for()
        frame.locator("a:text-is('R17')").first.click()
        frame.get_by_text("Energy that goes in a circle earns nothing.").wait_for()
        browser.close()
    assert said == []
