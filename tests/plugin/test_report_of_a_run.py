"""The route of a run's report: the page that was written for that run, and no other file."""

from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from pipelines.audit_docs import REPORTS
from pipelines.config import Places
from plugins.settlement_pages import PREFIX
from tests.pipeline.world import World
from tests.plugin.test_settlement_pages import HTML, status_of

REPORT = "<!doctype html><p>of the run</p>"


@pytest.fixture
def run_id(world: World) -> str:
    return world.settle().run_id


def placed(docs: Path, run_id: str) -> Path:
    """A report where the pages look for it."""
    file = docs / REPORTS / f"{run_id}.html"
    file.parent.mkdir(parents=True)
    file.write_text(REPORT)
    return file


def route(run_id: str) -> str:
    return f"{PREFIX}/runs/{run_id}/report"


def test_the_page_of_a_run_leads_to_its_report(client: TestClient, here: Places, run_id: str) -> None:
    link = f'href="{route(run_id)}"'
    assert link not in client.get(f"{PREFIX}/runs/{run_id}").text
    placed(here.docs, run_id)
    assert link in client.get(f"{PREFIX}/runs/{run_id}").text


def test_it_is_sent_as_the_audit_docs_are(client: TestClient, here: Places, run_id: str) -> None:
    placed(here.docs, run_id)
    (here.docs / "index.html").write_text("<h1>Every model</h1>")
    answer, docs = client.get(route(run_id)), client.get(f"{PREFIX}/audit/docs")
    assert (answer.status_code, answer.text) == (200, REPORT)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert "content-disposition" not in answer.headers
    policy = answer.headers["content-security-policy"]
    assert policy == docs.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert policy.endswith("sandbox allow-scripts")


def test_a_report_that_was_not_written_yet(client: TestClient, run_id: str) -> None:
    answer = client.get(route(run_id))
    assert answer.status_code == 404
    assert "The report of this run was not written yet." in answer.text


def test_who_did_not_sign_in_sees_nothing(
    app: FastAPI, stranger: TestClient, here: Places, run_id: str, signing: Callable[[str | None], str]
) -> None:
    placed(here.docs, run_id)
    assert stranger.get(route(run_id)).status_code == 401
    assert stranger.get(route(run_id), headers=HTML).headers["location"].startswith("/auth/login?next=")
    assert status_of(app, route(run_id), token=str(signing(None))) == 403


def test_a_run_that_the_warehouse_does_not_know(client: TestClient, here: Places, run_id: str) -> None:
    unknown = "2023-12-0000000000000000"
    placed(here.docs, run_id).with_name(f"{unknown}.html").write_text(REPORT)
    answer = client.get(route(unknown))
    assert answer.status_code == 404
    assert "There is no such run." in answer.text


NOT_SERVED = (
    "runs/../report",
    "runs/%2e%2e/report",
    "runs/..%2findex/report",
    "runs/%2e%2e%2findex/report",
    "runs/..%5cindex/report",
    "runs/.%2f{run}/report",
    "runs/%2fetc%2fpasswd/report",
    "runs/{run}.html/report",
    "runs/{run}%00/report",
    "runs/{run}/report/",
    "runs/{run}/report/..%2f..%2findex.html",
    "runs/{run}/../index/report",
)


def test_nothing_beside_the_reports_is_served(
    app: FastAPI, here: Places, run_id: str, signing: Callable[[str | None], str]
) -> None:
    placed(here.docs, run_id)
    (here.docs / "index.html").write_text("<h1>Every model</h1>")
    token = signing("viewer")
    assert status_of(app, route(run_id), token=token) == 200
    paths = [f"{PREFIX}/{path.format(run=run_id)}" for path in NOT_SERVED]
    found = {path: status_of(app, path, token=token) for path in paths}
    # A slash too many is redirected to the route, as everywhere.
    assert {path: status for path, status in found.items() if status not in (307, 404)} == {}
    assert [path for path, status in found.items() if status == 307] in ([], [f"{route(run_id)}/"])


@pytest.mark.parametrize("linked", ["file", "folder"])
def test_a_link_out_of_the_folder_is_not_followed(
    client: TestClient, here: Places, world: World, run_id: str, linked: str
) -> None:
    file = placed(here.docs, run_id)
    elsewhere = world.folder / "elsewhere"
    file.parent.rename(elsewhere)
    if linked == "folder":
        file.parent.symlink_to(elsewhere)
    else:
        file.parent.mkdir()
        file.symlink_to(elsewhere / file.name)
    assert file.read_text() == REPORT
    assert client.get(route(run_id)).status_code == 404
    assert route(run_id) not in client.get(f"{PREFIX}/runs/{run_id}").text


def test_the_docs_may_lie_behind_a_link(client: TestClient, here: Places, run_id: str) -> None:
    placed(here.docs, run_id)
    kept = here.docs.with_name("kept")
    here.docs.rename(kept)
    here.docs.symlink_to(kept)
    assert client.get(route(run_id)).text == REPORT
