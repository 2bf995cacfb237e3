"""Where a process dies by its own hand, at places that no timing would hit; called in it first."""

import os
import signal
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from pipelines import approval, export, ingest, journal, main_job, settle, verify, warehouse


def _die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _after(times: int, does: Callable[..., Any]) -> Callable[..., Any]:
    """What does as it did, and dies when it has done so often enough."""
    done = 0

    def wrapped(*arguments: Any, **named: Any) -> Any:
        nonlocal done
        result = does(*arguments, **named)
        done += 1
        if done == times:
            _die()
        return result

    return wrapped


def before_any_file_is_kept() -> None:
    """A file is received, not yet under its hash."""
    ingest.ReceivedFile.keep = _die  # type: ignore[method-assign]


def after_a_file_is_kept() -> None:
    """Files are under their hashes, nothing of them is committed."""
    keep = ingest.ReceivedFile.keep
    ingest.ReceivedFile.keep = _after(3, keep)  # type: ignore[method-assign]


def after_the_commit_of_an_ingest() -> None:
    """Committed, in the warehouse only."""
    ingest._Ingest.report = _die  # type: ignore[method-assign, assignment]


def within_the_journals_line() -> None:
    """The file has half a line of what was committed."""
    write = journal.Entry.line.fget
    assert write is not None

    def half(entry: journal.Entry) -> str:
        return write(entry)[:40]

    journal.Entry.line = property(half)  # type: ignore[assignment, method-assign]
    os.fsync = _die  # type: ignore[assignment]


def after_the_journals_append() -> None:
    """Committed and in the file; nobody was told."""
    journal.write_out = _after(2, journal.write_out)


def between_dbt_and_its_mark() -> None:
    """All models stand, nothing says for which run."""
    verify._build = _after(1, verify._build)


def between_audit_and_booking() -> None:
    """A run is stored and audited, and not approved."""
    settle._decide = _die


def within_the_booking() -> None:
    """The ledger's rows are written, the run's state is not."""
    approval.append_bookings = _after(1, approval.append_bookings)


def between_booking_and_export() -> None:
    """Booked, not exported."""
    main_job.export_run = _die  # type: ignore[assignment]


def after_the_first_file_of_an_export() -> None:
    """One file is written aside."""
    export._write_file = _after(1, export._write_file)


def before_the_last_file_of_an_export() -> None:
    """All but datapackage.json."""
    export.descriptor_bytes = _die  # type: ignore[assignment]


def before_the_rename_of_an_export() -> None:
    """All files are written aside."""
    export._swap_in = _die


def between_rename_and_issue() -> None:
    """The folder is in its place, the run is not issued."""
    export._issue = _die


DEATHS = (
    before_any_file_is_kept,
    after_a_file_is_kept,
    after_the_commit_of_an_ingest,
    within_the_journals_line,
    after_the_journals_append,
    between_dbt_and_its_mark,
    between_audit_and_booking,
    within_the_booking,
    between_booking_and_export,
    after_the_first_file_of_an_export,
    before_the_last_file_of_an_export,
    before_the_rename_of_an_export,
    between_rename_and_issue,
)
_OF_INGEST = (*DEATHS[:5],)


def stage_before(death: Callable[[], None]) -> str:
    """The stage from which on the job has to run, to come to this death."""
    if death in _OF_INGEST:
        return "ingest"
    return "dbt" if death is between_dbt_and_its_mark else "settle"


# ---- faults of a product that would not survive


def written_in_place() -> None:
    """An export that is written straight to its folder, and killed before its last file."""
    write = export._write_folder

    def in_place(*arguments: Any, folder: Any, **named: Any) -> Any:
        return write(*arguments, folder=folder.parent / folder.name[1:].partition(".")[0], **named)

    export._write_folder = in_place
    before_the_last_file_of_an_export()


def booked_in_parts() -> None:
    """A booking that is no transaction, killed between the ledger's rows and the run's state."""
    approval.transaction = nullcontext  # type: ignore[assignment]
    within_the_booking()


def books_what_is_booked() -> None:
    """A booking that does not ask what is booked already."""
    booked = approval.booked
    approval.booked = lambda *arguments, **named: booked(*arguments, **named).clear()


def forgets_a_file() -> None:
    """An ingest that takes a file for known whose rows were never committed."""
    ingest._Ingest._is_known = lambda self, file, received: received.kept_path.exists()  # type: ignore[method-assign]


def forgets_its_runs() -> None:
    """A settlement that does not ask whether its run exists."""
    settle._standing_state = lambda warehouse, run: None


def silent_about_the_disk(limit: Callable[[], None] | None) -> None:
    """A warehouse that hands on what DuckDB says of a full disk."""
    warehouse.refuse_full_disk = lambda error, place: None
    if limit is not None:
        limit()
