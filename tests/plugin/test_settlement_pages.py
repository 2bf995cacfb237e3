"""The pages for operators and auditors: seen by who signed in, serving nothing else, disturbing no writer."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import duckdb
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from starlette.routing import Mount

from pipelines import pages
from pipelines.config import Places
from pipelines.exports import EXPORTS
from pipelines.quality_docs import build_quality_docs, quality_folder
from plugins.settlement_pages import PREFIX, SettlementPages
from tests.pipeline.world import JANUARY_5, JANUARY_9, World

HTML = {"Accept": "text/html,*/*"}
PARAMETERS = {"run_id": "2023-12-0123456789abcdef", "name": "bookings.csv"}


def guarded_app(app: FastAPI) -> FastAPI:
    mount = next(route for route in app.routes if isinstance(route, Mount))
    assert isinstance(mount.app, FastAPI)
    return mount.app


def paths_of(app: FastAPI) -> list[str]:
    """Every route of the pages with its parameters filled in; a route of any other make is a failure."""
    routes = guarded_app(app).routes
    assert all(isinstance(route, APIRoute) for route in routes), routes
    return [PREFIX + route.path.format(**PARAMETERS) for route in routes if isinstance(route, APIRoute)]


@contextmanager
def held_by_a_writer(warehouse: Path) -> Iterator[None]:
    """Another process that has the warehouse open, and writes."""
    script = (
        "import duckdb, sys\n"
        "connection = duckdb.connect(sys.argv[1])\n"
        "connection.execute('create or replace table control.held as select 1 as a')\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(warehouse)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"held\n"
        try:
            yield
        finally:
            writer.communicate()


# Who may look.


def test_no_route_answers_a_stranger(app: FastAPI, stranger: TestClient, world: World) -> None:
    run_id = world.export(world.settle().run_id).run_id
    paths = paths_of(app)
    assert len(paths) >= 6
    for path in [*paths, *(path.replace(PARAMETERS["run_id"], run_id) for path in paths)]:
        answer = stranger.get(path)
        assert answer.status_code == 401, path
        assert run_id not in answer.text


def test_only_reading_methods_exist(app: FastAPI) -> None:
    assert all(route.methods == {"GET"} for route in guarded_app(app).routes if isinstance(route, APIRoute))


@pytest.mark.parametrize("path", ["docs", "redoc", "openapi.json"])
def test_the_application_does_not_describe_itself(stranger: TestClient, path: str) -> None:
    assert stranger.get(f"{PREFIX}/{path}").status_code == 404


def test_a_browser_is_sent_to_the_login(stranger: TestClient) -> None:
    answer = stranger.get(f"{PREFIX}/", headers=HTML)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/auth/login?next=")


def test_a_false_token_is_refused(app: FastAPI) -> None:
    forger = TestClient(app, cookies={"_token": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9."})
    assert {forger.get(path).status_code for path in paths_of(app)} == {403}


def test_who_may_not_see_the_runs_of_the_dag_is_refused(
    app: FastAPI, signing: Callable[[str | None], str]
) -> None:
    nobody = TestClient(app, headers={"Authorization": f"Bearer {signing(None)}"})
    assert {nobody.get(path).status_code for path in paths_of(app)} == {403}


# What they see.


def test_runs_newest_first_with_what_is_open(client: TestClient, world: World) -> None:
    first = world.export(world.settle().run_id).run_id
    world.deliver(JANUARY_9, sha256="b" * 64)
    world.achieved_wh["V-1"] = 2000
    second = world.settle(hold=True).run_id
    answer = client.get(f"{PREFIX}/")
    assert answer.status_code == 200
    text = answer.text
    assert text.index(f"{second}</a> awaits approval") < text.index("All runs")
    table = text[text.index("All runs") :]
    assert table.index(second) < table.index(first)
    assert "2024-01-05T00:00:00Z" in table
    assert [word in table for word in ("issued", "audited", "correction", "Ann")] == [True] * 4
    points = re.findall(r'data-name="Points">(\d+)<', table)
    assert points == ["140", "220"]  # 40 a kWh where leased, 20 where specific


def test_a_run_with_totals_states_exceptions_and_files(client: TestClient, world: World) -> None:
    run_id = world.export(world.settle().run_id).run_id
    answer = client.get(f"{PREFIX}/runs/{run_id}")
    assert answer.status_code == 200
    for expected in ("<td>Points</td>", "missing_read", "MP-1", "Deliver the 2 half hours missing", "issued"):
        assert expected in answer.text
    for export in EXPORTS:
        assert f'href="{PREFIX}/runs/{run_id}/files/{export.file_name}"' in answer.text
    assert f'href="{PREFIX}/runs/{run_id}/files/datapackage.json"' in answer.text


def test_a_run_without_export_offers_no_file(client: TestClient, world: World) -> None:
    run_id = world.settle(hold=True).run_id
    text = client.get(f"{PREFIX}/runs/{run_id}").text
    assert "was not exported" in text
    assert client.get(f"{PREFIX}/runs/{run_id}/files/bookings.csv").status_code == 404


def test_exceptions_by_code_and_by_page(
    client: TestClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = world._exception()
    some = [one | {"evse_id": f"E-{number}"} for number in range(5)] + [one | {"code": "late_signal"}]
    _verified = world.verified
    monkeypatch.setattr(world, "verified", lambda: with_exceptions(_verified(), some))
    monkeypatch.setattr("pipelines.pages.EXCEPTIONS_A_PAGE", 2)
    monkeypatch.setattr("plugins.web.app.EXCEPTIONS_A_PAGE", 2)
    run_id = world.settle().run_id

    def shown(query: str) -> str:
        answer = client.get(f"{PREFIX}/runs/{run_id}{query}")
        assert answer.status_code == 200
        return answer.text.partition('id="exceptions"')[2]

    assert "1 to 2 of 6." in shown("")
    filtered = shown("?code=missing_read&page=3")
    assert "E-4" in filtered
    assert "E-3" not in filtered
    assert "5 to 5 of 5 of" in filtered
    assert "page=2&amp;code=missing_read" in filtered
    assert "None of" in shown("?code=unknown")
    assert "on page 99" in shown("?page=99")
    assert client.get(f"{PREFIX}/runs/{run_id}?page=0").status_code == 422


def with_exceptions(frames: dict[str, Any], rows: list[dict[str, object]]) -> dict[str, Any]:
    import polars as pl

    return frames | {"exceptions": pl.DataFrame(rows, schema=frames["exceptions"].schema)}


def test_what_came_from_outside_is_escaped(client: TestClient, world: World) -> None:
    run_id = world.settle().run_id
    evil = "<script>alert('x')</script>"
    world.rows("update results.exceptions set evse_id = ?, detail = ?", evil, evil)
    world.rows('update books.run_events set "by" = ?, reason = ?', evil, evil)
    world.rows("update raw.deliveries set file_name = ?, outcome = 'refused', reason = ?", evil, evil)
    for path in ("/", f"/runs/{run_id}", f"/runs/{run_id}?code={evil}", f"/runs/{evil.replace('/', '')}"):
        answer = client.get(PREFIX + path)
        assert "<script" not in answer.text
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "&lt;script&gt;" in client.get(f"{PREFIX}/").text


def test_audit_docs_and_quality(client: TestClient, here: Places) -> None:
    assert "not built yet" in client.get(f"{PREFIX}/audit").text
    assert client.get(f"{PREFIX}/audit/docs").status_code == 404
    here.docs.mkdir()
    (here.docs / "index.html").write_text("<h1>Every model</h1>")
    assert f'src="{PREFIX}/audit/docs"' in client.get(f"{PREFIX}/audit").text
    answer = client.get(f"{PREFIX}/audit/docs")
    assert answer.text == "<h1>Every model</h1>"
    assert "sandbox allow-scripts" in answer.headers["content-security-policy"]


def test_data_quality_shows_the_data_docs_of_the_gates(client: TestClient, world: World) -> None:
    assert "no data-quality pages yet" in client.get(f"{PREFIX}/quality").text
    assert client.get(f"{PREFIX}/quality/docs/index.html").status_code == 404
    world.export(world.settle().run_id)
    build_quality_docs(warehouse=world.warehouse, out=quality_folder(world.warehouse))
    assert f'src="{PREFIX}/quality/docs/index.html"' in client.get(f"{PREFIX}/quality").text
    index = client.get(f"{PREFIX}/quality/docs/index.html")
    assert "Gate before export" in index.text
    for page in re.findall(r'href="(gate-[0-9]+\.html)"', index.text):
        answer = client.get(f"{PREFIX}/quality/docs/{page}")
        assert "All that was judged" in answer.text
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    (quality_folder(world.warehouse) / "gate-99.html").symlink_to(world.warehouse)
    assert client.get(f"{PREFIX}/quality/docs/gate-99.html").status_code == 404


def test_before_the_first_delivery(client: TestClient, world: World) -> None:
    world.warehouse.unlink()
    answer = client.get(f"{PREFIX}/")
    assert answer.status_code == 200
    assert "nothing was ever delivered" in answer.text
    assert client.get(f"{PREFIX}/runs/{PARAMETERS['run_id']}").status_code == 503


def test_the_plugin_names_where_it_is() -> None:
    plugin = SettlementPages()
    assert [each["url_prefix"] for each in plugin.fastapi_apps] == [PREFIX]
    assert [each["href"] for each in plugin.external_views] == [f"{PREFIX}/"]


# What they may download.


def test_the_files_are_those_of_the_folder(client: TestClient, world: World) -> None:
    exported = world.export(world.settle().run_id)
    for path in exported.folder.iterdir():
        answer = client.get(f"{PREFIX}/runs/{exported.run_id}/files/{path.name}")
        assert answer.status_code == 200
        assert answer.content == path.read_bytes()
        assert answer.headers["content-disposition"] == f'attachment; filename="{path.name}"'
        assert answer.headers["cache-control"] == "no-store"


NOT_SERVED = (
    "runs/{run}/files/..",
    "runs/{run}/files/../../../vgi.duckdb",
    "runs/{run}/files/%2e%2e%2f%2e%2e%2f%2e%2e%2fvgi.duckdb",
    "runs/{run}/files/..%2f{run}%2fbookings.csv",
    "runs/{run}/files/%2fetc%2fpasswd",
    "runs/{run}/files//etc/passwd",
    "runs/{run}/files/..%5c..%5cvgi.duckdb",
    "runs/{run}/files/bookings.csv%00",
    "runs/{run}/files/bookings.csv%00.txt",
    "runs/{run}/files/BOOKINGS.CSV",
    "runs/{run}/files/notes.txt",
    "runs/{run}/files/.",
    "runs/{run}/files/",
    "runs/../files/bookings.csv",
    "runs/%2e%2e/files/bookings.csv",
    "runs/%2e%2e%2f2023-12%2f{run}/files/bookings.csv",
    "runs/.{run}/files/bookings.csv",
    "runs/./{run}/files/bookings.csv",
    "runs/2023-12-0000000000000000/files/bookings.csv",
    "runs/2023-12-0000000000000000",
    "audit/docs/../../vgi.duckdb",
    "audit/docs/%2e%2e%2fvgi.duckdb",
    "quality/docs/../../vgi.duckdb",
    "quality/docs/%2e%2e%2fvgi.duckdb",
    "quality/docs/..%2f..%2fvgi.duckdb",
    "quality/docs/index.html%00",
    "quality/docs/notes.txt",
    "quality/docs/",
)


def status_of(app: FastAPI, path: str, *, token: str) -> int:
    """The status of a request whose path no client has tidied up."""
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "server": ("testserver", 80),
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"testserver"), (b"authorization", f"Bearer {token}".encode())],
    }
    asyncio.run(app(scope, receive, send))
    return statuses[0]


def test_nothing_else_is_served(app: FastAPI, world: World, signing: Callable[[str | None], str]) -> None:
    exported, token = world.export(world.settle().run_id), signing("admin")
    (exported.folder / "notes.txt").write_text("mine")
    served = f"{PREFIX}/runs/{exported.run_id}/files/bookings.csv"
    assert status_of(app, served, token=token) == 200
    paths = [f"{PREFIX}/{path.format(run=exported.run_id)}" for path in NOT_SERVED]
    assert {path: status_of(app, path, token=token) for path in paths} == dict.fromkeys(paths, 404)


def test_a_run_of_another_name_on_disk_is_not_served(client: TestClient, world: World) -> None:
    exported = world.export(world.settle().run_id)
    exported.folder.rename(exported.folder.with_name("2023-12-0000000000000000"))
    path = f"{PREFIX}/runs/2023-12-0000000000000000/files/bookings.csv"
    assert client.get(path).status_code == 404


def test_a_link_out_of_the_folder_is_not_followed(client: TestClient, world: World) -> None:
    exported = world.export(world.settle().run_id)
    (exported.folder / "bookings.csv").unlink()
    (exported.folder / "bookings.csv").symlink_to(world.warehouse)
    assert client.get(f"{PREFIX}/runs/{exported.run_id}/files/bookings.csv").status_code == 404
    assert "files/bookings.csv" not in client.get(f"{PREFIX}/runs/{exported.run_id}").text


# Beside a writer.


def test_while_a_writer_holds_the_warehouse_one_is_asked_to_reload(client: TestClient, world: World) -> None:
    run_id = world.export(world.settle().run_id).run_id
    with held_by_a_writer(world.warehouse):
        for path in ("/", f"/runs/{run_id}", f"/runs/{run_id}/files/bookings.csv"):
            answer = client.get(PREFIX + path)
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) > 0
            assert "being written" in answer.text
    assert client.get(f"{PREFIX}/").status_code == 200


def test_what_was_read_before_is_shown_with_a_word(client: TestClient, world: World) -> None:
    run_id = world.export(world.settle().run_id).run_id
    for path in ("/", f"/runs/{run_id}"):
        assert "being written" not in client.get(PREFIX + path).text
    with held_by_a_writer(world.warehouse):
        for path in ("/", f"/runs/{run_id}"):
            answer = client.get(PREFIX + path)
            assert answer.status_code == 200
            assert "being written" in answer.text
            assert run_id in answer.text
        assert client.get(f"{PREFIX}/runs/{run_id}/files/bookings.csv").status_code == 200
        # A run that may have come in since is not denied.
        assert client.get(f"{PREFIX}/runs/2023-12-0000000000000000").status_code == 503


def test_what_is_written_is_shown_at_once(client: TestClient, world: World) -> None:
    run_id = world.settle(hold=True).run_id
    assert "awaits approval" in client.get(f"{PREFIX}/").text
    world.approve(run_id)
    assert "awaits export" in client.get(f"{PREFIX}/").text
    assert "approved" in client.get(f"{PREFIX}/runs/{run_id}").text


def test_an_unchanged_warehouse_is_not_opened_again(
    client: TestClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.settle()
    first = client.get(f"{PREFIX}/").text
    monkeypatch.setattr(pages, "open_warehouse", lambda *_, **__: 1 / 0)
    assert client.get(f"{PREFIX}/").text == first


def test_two_readings_never_overlap(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock of a process ends when any part of it closes the file: a writer would come in meanwhile."""
    world.settle()
    reader = pages.BriefReader(world.warehouse)

    def read_and_try_to_write(connection: duckdb.DuckDBPyConnection) -> bool:
        assert reader._one_at_a_time.locked()
        script = "import duckdb, sys; duckdb.connect(sys.argv[1])"
        command = [sys.executable, "-c", script, str(world.warehouse)]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0

    monkeypatch.setattr(pages, "read_overview", read_and_try_to_write)
    assert reader.overview().value is False


def test_nothing_is_written(client: TestClient, world: World) -> None:
    run_id = world.export(world.settle().run_id).run_id
    before = {path: path.stat().st_mtime_ns for path in world.folder.rglob("*")}
    for path in ("/", f"/runs/{run_id}", "/audit", "/quality", f"/runs/{run_id}/files/bookings.csv"):
        assert client.get(PREFIX + path).status_code == 200
    assert {path: path.stat().st_mtime_ns for path in world.folder.rglob("*")} == before


def test_only_some_pages_are_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = world.settle(JANUARY_5).run_id
    reader = pages.BriefReader(world.warehouse)
    monkeypatch.setattr(pages, "_MOST_KEPT", 3)
    for page in range(1, 6):
        reader.run(run_id, code=None, page=page)
    assert len(reader._kept) == 3
