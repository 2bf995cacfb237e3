"""The command `vgi`: a thin layer of arguments, sentences and exit codes over the functions of this package.

Exit 0: done; 2: bad usage or bad input, with one sentence per fault; 1: the job failed and left nothing half
done. What is slow to import is imported by the commands that need it, so that `--help` answers at once.
"""

from __future__ import annotations

import io
import os
import sys
from typing import NoReturn

import typer

from pipelines import config
from pipelines.cli import checking, settling, showing, simulating  # noqa: F401 -- they join the application
from pipelines.cli.application import app
from pipelines.errors import BadInput, VgiError

_INTERRUPTED = 130  # what shells report of a command that Ctrl-C ended


def main() -> NoReturn:
    """Run the command; every fault is a sentence and an exit code, never a traceback."""
    os.umask(config.OWN_FILES_ONLY)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that knows ASCII only still gets an answer
            stream.reconfigure(errors="backslashreplace")
    try:
        code = int(app(prog_name="vgi", standalone_mode=False) or 0)
        if code == _INTERRUPTED:
            _say(["Interrupted: what was under way was undone."], code=code)
    except Exception as error:
        if config.debugging() and not isinstance(error, typer.TyperException):
            raise
        sentences, code = _fault(error)
        _say(sentences, code=code)
    sys.exit(code)


def _say(sentences: list[str], *, code: int) -> None:
    """Say what went wrong on stderr, and to machines that asked for JSON on stdout as well."""
    for sentence in sentences:
        typer.echo(sentence, err=True)
    if "--json" in sys.argv:
        from pipelines.render import json_text  # noqa: PLC0415

        typer.echo(json_text({"errors": sentences, "exit": code}))


def _fault(error: Exception) -> tuple[list[str], int]:
    """The sentences for an error, and the exit code."""
    if isinstance(error, typer.TyperException):
        return [_usage_sentence(error)], error.exit_code
    if isinstance(error, VgiError):
        return str(error).splitlines(), 2 if isinstance(error, BadInput) else 1
    from settlement import PeriodError, SettlementError, TariffError  # noqa: PLC0415

    if isinstance(error, SettlementError):
        return list(error.faults), 2 if isinstance(error, (PeriodError, TariffError)) else 1
    first = next(iter(str(error).splitlines()), "")
    return [f"The job failed: {type(error).__name__}: {first} (VGI_DEBUG=1 shows where.)"], 1


def _usage_sentence(error: typer.TyperException) -> str:
    """What is wrong with the arguments, and where help is; without any argument it is the help itself."""
    message = error.format_message()
    if "\n" in message:
        return message
    context: typer.Context | None = getattr(error, "ctx", None)
    return f"{message.rstrip('.')}; see {context.command_path if context else 'vgi'} --help."
