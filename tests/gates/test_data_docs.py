"""Data Docs: every page opens without network, and says which gate failed, why, and what to do."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from expectations.catalogue import CHECKS
from pipelines.gates import GateFailed
from pipelines.quality_docs import build_quality_docs, quality_folder, quality_page
from tests.pipeline.world import JANUARY_9, World


class _Loads(HTMLParser):
    """What a page would fetch, and what it would run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "link", "img", "iframe", "object", "embed", "base"):
            self.found.append(tag)
        self.found += [
            f"{tag} {name}={value}"
            for name, value in attributes
            if name.startswith("on") or "//" in (value or "")
        ]


def loads_of(text: str) -> list[str]:
    parser = _Loads()
    parser.feed(text)
    return parser.found + re.findall(r"@import|url\(", text)


@pytest.mark.parametrize(
    "planted",
    [
        '<script src="https://x.example/a.js"></script>',
        '<link rel="stylesheet" href="style.css">',
        '<p onclick="a()">x</p>',
        '<a href="https://x.example">x</a>',
        "<style>@import 'a.css'</style>",
    ],
)
def test_what_a_page_would_fetch_or_run_is_found(planted: str) -> None:
    assert loads_of(planted)


@pytest.fixture
def pages(world: World) -> dict[str, str]:
    """The pages after an export, and one that a gate stopped."""
    world.export(world.settle().run_id)
    world.deliver(JANUARY_9, sha256="b" * 64)
    run_id = world.settle().run_id
    evil = "=<script>alert('x')</script>"
    world.rows("update results.exceptions set detail = ? where run_id = ?", evil, run_id)
    with pytest.raises(GateFailed):
        world.export(run_id)
    folder = quality_folder(world.warehouse)
    folder.mkdir()
    (folder / "gate-99.html").write_text("a page of old")
    index = build_quality_docs(warehouse=world.warehouse, out=folder)
    assert index == folder / "index.html"
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_pages_open_offline_and_tell_what_failed(pages: dict[str, str]) -> None:
    assert set(pages) == {"index.html", *(f"gate-{number}.html" for number in range(1, 5))}
    assert [load for text in pages.values() for load in loads_of(text)] == []
    linked = set(re.findall(r'href="([^"]+)"', pages["index.html"]))
    assert linked == set(pages) - {"index.html"}
    check = CHECKS["cells_are_formula_safe"]
    for page in (pages["index.html"], pages["gate-4.html"]):
        assert '<span class="verdict blocking">shut</span>' in page
        for said in (check.fault, check.rule, check.name, check.remedy, "exceptions.csv detail"):
            assert said in page
        assert "&lt;script&gt;" in page
        assert "<script" not in page
    assert '<span class="verdict passed">passed</span>' in pages["gate-2.html"]
    for page in (page for name, page in pages.items() if name != "index.html"):
        assert "unexpected Exception" not in page
        assert "fa-check-circle" in page, "Great Expectations rendered what holds"


@pytest.mark.parametrize(
    "name", ["notes.txt", "../vgi.duckdb", "gate-1.html/..", "gate-.html", "", "index.html\n"]
)
def test_nothing_but_pages_is_given_out(world: World, name: str) -> None:
    folder = quality_folder(world.warehouse)
    build_quality_docs(warehouse=world.warehouse, out=folder)
    (folder / "notes.txt").write_text("mine")
    assert quality_page(world.warehouse, name) is None
    assert quality_page(world.warehouse, "index.html") == Path(folder / "index.html").resolve()
