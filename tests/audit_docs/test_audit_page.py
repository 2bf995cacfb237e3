"""The page stands alone: nothing is fetched, every link leads somewhere, and every rule can be looked up."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Frame, Page, sync_playwright

from pipelines.audit_docs import build_docs, dbt_template
from pipelines.audit_page import DOCUMENTS, audit_page
from pipelines.errors import BadInput, JobFailed
from pipelines.exports import EXPORTS
from tests.audit_docs.browser import CHROMIUM, OFFLINE
from tests.audit_docs.project import NO_TABLES, page_of

RULES = {f"R{number}" for number in range(1, 28)}
ROUTE = re.compile(r"\]\(#!/(\w+)/([^)?]+)\)")
FROM_ELSEWHERE = re.compile(r"""<script[^>]+src=|<link[^>]+href=|url\(["'](?!data:)|\.src="[^"]|@import\s""")


@pytest.fixture(scope="module")
def page_text(manifest: dict[str, Any]) -> str:
    return page_of(manifest)


@pytest.fixture(scope="module")
def described(page_text: str) -> dict[str, Any]:
    """The manifest within the page."""
    start = page_text.index("var n={manifest:") + len("var n={manifest:")
    return json.JSONDecoder().raw_decode(page_text[start:])[0]


def _blocks(described: dict[str, Any]) -> dict[str, str]:
    return {block["name"].strip("_"): block["block_contents"] for block in described["docs"].values()}


def test_nothing_is_asked_for_from_elsewhere(page_text: str) -> None:
    assert FROM_ELSEWHERE.findall(page_text) == []


def test_dbts_own_page_asks_for_fonts_images_and_a_script() -> None:
    assert len(FROM_ELSEWHERE.findall(dbt_template())) == 6


def test_another_page_of_dbt_is_refused(manifest: dict[str, Any]) -> None:
    other = dbt_template().replace("../img/carets/down.svg", "../img/carets/below.svg")
    with pytest.raises(JobFailed, match=r"this version of dbt has no .*down\.svg"):
        audit_page(other, manifest=manifest, catalog=NO_TABLES)


def test_without_a_warehouse_there_is_nothing_to_document(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"There is no warehouse at .*none\.duckdb"):
        build_docs(warehouse=tmp_path / "none.duckdb", out=tmp_path / "docs")
    assert list(tmp_path.iterdir()) == []


def test_every_rule_is_a_page_in_the_words_of_the_rulebook(described: dict[str, Any]) -> None:
    rulebook = (DOCUMENTS / "rulebook.md").read_text()
    blocks = _blocks(described)
    assert blocks.keys() >= RULES
    for rule in RULES:
        text = blocks[rule].split("\n\n[All rules]")[0]
        assert text.startswith(f"### {rule}. ")
        assert text in rulebook
        assert rulebook.split(text)[1].lstrip().startswith(("#", "---"))


def _dead_links(described: dict[str, Any]) -> set[tuple[str, str]]:
    parts = ("nodes", "sources", "unit_tests", "macros", "exposures")
    pages = {(node["resource_type"], key) for part in parts for key, node in described[part].items()}
    blocks = _blocks(described)
    links = {link for text in blocks.values() for link in ROUTE.findall(text)}
    return links - pages - {("overview", block) for block in blocks}


def test_every_link_leads_somewhere(described: dict[str, Any]) -> None:
    assert _dead_links(described) == set()


def test_a_link_to_what_is_gone_is_found(described: dict[str, Any]) -> None:
    key = "exposure.vgi.user_points"
    gone = {**described, "exposures": {**described["exposures"]}}
    del gone["exposures"][key]
    assert _dead_links(gone) == {("exposure", key)}


def test_no_link_leads_out_of_the_page(described: dict[str, Any]) -> None:
    targets = {
        target for text in _blocks(described).values() for target in re.findall(r"\]\(([^)\s]+)\)", text)
    }
    assert {target for target in targets if not target.startswith("#!/")} == set()


def test_every_export_shows_its_columns(described: dict[str, Any]) -> None:
    shown = {exposure["label"]: exposure["description"] for exposure in described["exposures"].values()}
    for export in EXPORTS:
        rows = re.findall(r"^\| \**(\w+?)\** \| \w+ \|", shown[export.file_name], re.MULTILINE)
        assert rows == ["column", *export.column_names]


@pytest.fixture(scope="module")
def browser_page(
    page_text: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Page, list[str]]]:
    """The page in a browser without network, with all that the browser had to say."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    file = tmp_path_factory.mktemp("page") / "index.html"
    file.write_text(page_text)
    said: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OFFLINE)
        page = browser.new_context(offline=True).new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: said.append(request.url))
        page.goto(file.as_uri())
        yield page, said
        browser.close()


def test_a_browser_opens_it_offline_and_has_nothing_to_complain(
    browser_page: tuple[Page, list[str]],
) -> None:
    page, said = browser_page
    _go(page.main_frame, "overview", waits_for="How a settlement is made")
    _go(page.main_frame, "overview/R17", waits_for="Energy that goes in a circle earns nothing.")
    _go(page.main_frame, "exposure/exposure.vgi.user_points", waits_for="booked_before")
    _go(page.main_frame, "test/test.vgi.r26_energy_balances", waits_for="At stake: energy counted by a meter")
    _go(page.main_frame, "model/model.vgi.lines", waits_for="Every eligible segment of an event")
    assert page.inner_text("tr:has-text('event_local_date') td:nth-child(3)").endswith("(R21).")
    page.click("section:has-text('Description') a:text-is('R18')")
    page.wait_for_selector("text=A line is (DR event, vehicle, EVSE, lease or none, access class).")
    # The file itself, and images that stand in it.
    assert [each for each in said if not each.startswith((page.url.partition("#")[0], "data:"))] == []


def _go(frame: Frame, route: str, *, waits_for: str) -> None:
    frame.evaluate("route => { location.hash = '#!/' + route }", route)
    frame.wait_for_selector(f"text={waits_for}", timeout=10_000)
