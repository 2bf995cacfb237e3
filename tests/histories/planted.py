"""Faults that lose or double something only over time, or only where a process is killed."""

from dataclasses import dataclass

from tests.faults.planted import Fault

_APPENDS = (
    "append_bookings(connection, run_id=run.run_id, bookings=bookings, entries=entries, booked_at=now)\n"
)


@dataclass(frozen=True)
class FaultOverTime:
    """A fault, the seed of a history that meets it, and the function at whose return commands are killed."""

    fault: Fault
    seed: int
    law: str
    kill: str | None = None


FAULTS = (
    FaultOverTime(
        Fault(
            "booked_before_it_is_approved",
            "pipelines/approval.py",
            f"    with transaction(connection):\n        {_APPENDS}",
            f"    {_APPENDS}    with transaction(connection):\n",
        ),
        seed=50,
        law="booked without an approved run|: booked ",
        kill="append_bookings",
    ),
    FaultOverTime(
        Fault(
            "booked_twice",
            "settlement/ledger.py",
            'amount=wide("amount").fill_null(0) - pl.col("booked_amount").fill_null(0)',
            'amount=wide("amount").fill_null(0)',
        ),
        seed=50,
        law=": booked ",
    ),
    FaultOverTime(
        Fault(
            "a_replay_is_booked",
            "pipelines/settle.py",
            "        if kind is Kind.REPLAY:\n            finish_replay(connection, run)\n        elif runs",
            "        if runs",
        ),
        seed=43,
        law="state should be audited|: booked ",
    ),
    FaultOverTime(
        Fault(
            "half_an_export_is_in_its_place",
            "pipelines/export.py",
            'partial = folder.parent / f".{folder.name}.partial-{os.getpid()}"',
            "partial = folder",
        ),
        seed=50,
        law="is not complete",
        kill="_write_file",
    ),
    FaultOverTime(
        Fault(
            "the_first_file_is_not_kept",
            "pipelines/ingest.py",
            "        received.keep()\n",
            "        if self._deliveries:\n            received.keep()\n",
        ),
        seed=0,
        law="the bytes of delivery 1 are lost",
    ),
    FaultOverTime(
        Fault(
            "each_file_is_committed_alone",
            "pipelines/ingest.py",
            "        self._next_delivery_no += 1\n",
            "        self._next_delivery_no += 1\n"
            '        self._connection.execute("commit")\n'
            '        self._connection.execute("begin")\n',
        ),
        seed=0,
        law="half an ingest is there",
        kill="_take_received",
    ),
    FaultOverTime(
        Fault(
            "supersession_is_forgotten",
            "dbt_project/macros/versions.sql",
            "supersession.delivery_no = version.delivery_no\n",
            "supersession.delivery_no = -version.delivery_no\n",
        ),
        seed=50,
        law=": booked |Verification failed",
    ),
    FaultOverTime(
        Fault(
            "a_withdrawal_is_not_seen",
            "dbt_project/models/staging/stg_deliveries.sql",
            "and withdrawals.withdrawn_at <= {{ instant_of('as_of') }}",
            "and false",
        ),
        seed=5,
        law=": booked ",
    ),
    FaultOverTime(
        Fault(
            "the_journal_waits_for_the_next_opening",
            "pipelines/warehouse.py",
            "        if compare_journal and not read_only:\n            journal.write_out",
            "        if False:\n            journal.write_out",
        ),
        seed=0,
        law="file and journal differ",
    ),
)
