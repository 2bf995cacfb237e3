"""A process that carries out commands and may be killed in the midst of one; the next life repeats it.

`python -m tests.histories.worker` imports the pipelines once and forks a life, which answers commands (a JSON
line each) on its standard output. When a life is killed, the next one is forked.
"""

import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
WATCHED = (f"{ROOT}/pipelines/", f"{ROOT}/settlement/")
Answer = dict[str, Any]


@dataclass(frozen=True)
class Kill:
    """When a command is killed: after some seconds, or at the n-th call made in the product's own code, or at
    the n-th entry into (or return from) its function `function`.
    """

    seconds: float | None = None
    nth: int = 1
    function: str | None = None
    event: str = "call"

    def __str__(self) -> str:
        if self.seconds is not None:
            return f"after {1000 * self.seconds:.0f} ms"
        where = f"{self.event} of {self.function}" if self.function else "call"
        return f"at {where} number {self.nth}"


class Killed(Exception):
    """The life that had the command was killed before it answered."""


class Worker:
    """The other side of the pipe: one command at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.histories.worker"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env=os.environ | {"VGI_THREADS": "1", "PYTHONWARNINGS": "ignore"},
        )
        self._life = self._read()["life"]

    def do(self, name: str, *, kill: Kill | None = None, **arguments: object) -> Answer:
        """The answer to a command. Raises Killed if its life was killed before it answered."""
        told = vars(kill) if kill and kill.seconds is None else None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"command": name, "kill": told, **arguments}) + "\n")
        self._process.stdin.flush()
        if kill is None or kill.seconds is None:
            return self._answered(self._read())
        struck = threading.Event()

        def strike() -> None:
            struck.set()
            os.kill(self._life, signal.SIGKILL)

        timer = threading.Timer(kill.seconds, strike)
        timer.start()
        answer = self._read()
        timer.cancel()
        timer.join()
        if "life" not in answer and struck.is_set():
            self._life = self._read()["life"]
        return self._answered(answer)

    def _answered(self, answer: Answer) -> Answer:
        if "life" in answer:
            self._life = answer["life"]
            raise Killed
        return answer

    def _read(self) -> Answer:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the worker ended")
        answer: Answer = json.loads(line)
        return answer

    def end(self) -> None:
        """Close the pipe, at which the life and the process that forks them end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def _commands() -> Mapping[str, Callable[..., Answer]]:
    from pipelines.approval import decide
    from pipelines.closing import close
    from pipelines.export import export_run
    from pipelines.ingest import ingest
    from pipelines.rebuild.warehouse import rebuild
    from pipelines.settle import settle
    from pipelines.tariff_files import read_tariffs
    from pipelines.withdraw import withdraw
    from settlement import SettlementPeriod
    from tests.agreement.product import instant

    def deliver(*, warehouse: str, landing: str, at: str) -> Answer:
        now = instant(at)
        report = ingest(Path(landing), warehouse=Path(warehouse), received_at=now, clock=lambda: now)
        return {"loaded": len(report.deliveries), "known": len(report.already_known)}

    def settle_(*, warehouse: str, tariffs: str, period: str, as_of: str, now: str, hold: bool) -> Answer:
        settled = settle(
            warehouse=Path(warehouse),
            period=SettlementPeriod.parse(period),
            tariffs=read_tariffs(Path(tariffs)),
            as_of=instant(as_of),
            now=instant(now),
            by="history",
            hold_for_approval=hold,
        )
        return {
            "run_id": settled.run_id,
            "kind": settled.kind,
            "state": settled.state,
            "booked": settled.booked_now,
        }

    def decide_(*, warehouse: str, run_id: str, approved: bool, now: str) -> Answer:
        state = decide(
            warehouse=Path(warehouse),
            run_id=run_id,
            approved=approved,
            reason="looked at",
            now=instant(now),
            by="history",
        )
        return {"state": state}

    def export(*, warehouse: str, run_id: str, out: str, now: str) -> Answer:
        exported = export_run(
            warehouse=Path(warehouse), run_id=run_id, out=Path(out), now=instant(now), by="history"
        )
        return {"state": exported.state, "folder": str(exported.folder)}

    def withdraw_(*, warehouse: str, delivery: str, at: str) -> Answer:
        now = instant(at)
        withdrawal = withdraw(
            warehouse=Path(warehouse), delivery=delivery, reason="sent in error", by="history", now=now
        )
        return {"withdrawn": withdrawal.delivery_no}

    def close_(*, warehouse: str, period: str, now: str) -> Answer:
        closed = close(
            warehouse=Path(warehouse),
            period=SettlementPeriod.parse(period),
            by="history",
            now=instant(now),
        )
        return {"booked_in": closed.booked_in_period}

    def rebuild_(*, warehouse: str, store: str) -> Answer:
        rebuild(warehouse=Path(warehouse), store=Path(store))
        return {}

    return {
        "close": close_,
        "rebuild": rebuild_,
        "deliver": deliver,
        "settle": settle_,
        "decide": decide_,
        "export": export,
        "withdraw": withdraw_,
    }


def _live(commands: Mapping[str, Callable[..., Answer]]) -> None:
    """Answer commands until the pipe is closed."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what is printed is no answer
    answers.write(json.dumps({"life": os.getpid()}) + "\n")
    while line := _next_line():
        asked = json.loads(line)
        name, kill = asked.pop("command"), asked.pop("kill")
        if kill:
            sys.setprofile(_killing(kill))
        try:
            answer = commands[name](**asked)
        except Exception as error:
            answer = {"error": type(error).__name__, "sentence": str(error), "trace": traceback.format_exc()}
        finally:
            sys.setprofile(None)
        answers.write(json.dumps(answer) + "\n")


def _next_line() -> bytes:
    """One line of the pipe, nothing read ahead: the rest may be for the next life."""
    line = bytearray()
    while byte := os.read(0, 1):
        line += byte
        if byte == b"\n":
            break
    return bytes(line)


def _killing(kill: Mapping[str, Any]) -> Callable[[FrameType, str, object], None]:
    left = kill["nth"]
    function, event_meant = kill["function"], kill["event"]

    def look(frame: FrameType, event: str, _: object) -> None:
        nonlocal left
        if not frame.f_code.co_filename.startswith(WATCHED):
            return
        if function is None:
            meant = event in ("call", "c_call")
        else:
            meant = event == event_meant and frame.f_code.co_name == function
        if meant:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return look


def _warm() -> None:
    """Load what a verification loads, without starting a thread: those would be missing after a fork."""
    for module in ("dbt.adapters.duckdb.connections", "dbt.cli.main", "great_expectations"):
        importlib.import_module(module)

    from pipelines.dbt_manifest import parsed_project
    from pipelines.verify import DBT_PROJECT

    # Parsing starts threads, reading what was parsed does not.
    if (child := os.fork()) == 0:
        parsed_project(DBT_PROJECT, database="vgi")
        os._exit(0)
    os.waitpid(child, 0)
    parsed_project(DBT_PROJECT, database="vgi")


def main() -> None:
    """Fork lives, one after the other, until one ends by itself."""
    commands = _commands()
    _warm()
    while True:
        if (life := os.fork()) == 0:
            _live(commands)
            os._exit(0)
        _, status = os.waitpid(life, 0)
        if not os.WIFSIGNALED(status):
            os._exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
