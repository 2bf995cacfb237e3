"""An Airflow on SQLite that is busy is asked again; what it refuses for another reason is not."""

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from dags.serve import Refused, Server

Answering = Callable[..., Server]


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[Answering]:
    """A server whose REST API answers one call after the other with these codes."""
    servers: list[HTTPServer] = []

    def start(*codes: int) -> Server:
        left = list(codes)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(left.pop(0), {"state": "success"})

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                is_sign_in = self.path == "/auth/token"
                self._answer(201 if is_sign_in else left.pop(0), {"access_token": "token"})

            def _answer(self, code: int, body: object) -> None:
                content = json.dumps(body).encode()
                self.send_response(code)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                pass

        server = HTTPServer(("localhost", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with subprocess.Popen(["true"]) as process:
            return Server(home=tmp_path, port=server.server_port, password="", process=process)

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_run_is_triggered_once_a_busy_server_takes_it(answering: Answering) -> None:
    answering(503, 500, 200).trigger("settle", "sample")


def test_a_trigger_that_was_carried_out_though_answered_with_an_error_is_done(answering: Answering) -> None:
    answering(500, 409).trigger("settle", "sample")


@pytest.mark.parametrize("code", [404, 409, 422])
def test_a_run_that_is_refused_is_not_asked_for_again(answering: Answering, code: int) -> None:
    with pytest.raises(Refused, match=str(code)):
        answering(code).trigger("settle", "sample")


def test_a_state_is_read_again_from_a_busy_server(answering: Answering) -> None:
    assert answering(500, 200).state_of("settle", "sample") == "success"
