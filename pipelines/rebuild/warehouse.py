"""`vgi rebuild`: a warehouse from the store of delivered files and its journal alone (R23).

It is made aside, entry by entry of the journal, each compared with what the journal tells, and stands under
its name only when it is whole. Equal to what was lost, to the byte where bytes were published: deliveries,
rows and quarantine (`raw`), runs, bookings and journal (`books`), results (`results`) and exports. Otherwise
are: what the gates found (`control`), whose numbers and instants are those of the rebuild; the last
verification (`staging`, `intermediate`, `verified`), which any settlement makes anew; and what no journal
tells: a gate that refused files, and the statements of a replay that was asked for again but not exported.
"""

import fcntl
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import settlement
from pipelines import journal
from pipelines.books import ChainHead, chain_head
from pipelines.errors import BadInput, DamageFound, JobFailed
from pipelines.export import export_run, refuse_unwritable
from pipelines.journal import Entry, Event
from pipelines.rebuild.differences import refuse_differences
from pipelines.rebuild.steps import Site, do_again, sentence_of, step_of
from pipelines.store import fsync_file, fsync_folder, store_of
from pipelines.warehouse import open_warehouse

Progress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Rebuilt:
    """What a rebuild made: counts, the runs in their order, the ledger's head, and the export folders.

    `entries_completed` counts entries that the journal's file lacked at its end, which follow from the
    others of their transaction.
    """

    warehouse: Path
    store: Path
    entries: int
    entries_completed: int
    deliveries: int
    run_ids: tuple[str, ...]
    exported_run_ids: tuple[str, ...]
    ledger_head: ChainHead
    exports: tuple[Path, ...]


def rebuild(
    *,
    warehouse: Path,
    store: Path | None = None,
    out: Path | None = None,
    progress: Progress = lambda _: None,
    detail: Progress = lambda _: None,
) -> Rebuilt:
    """Make a warehouse anew from a store (default: the one that stands beside the warehouse's name).

    From another store, its files and journal are copied beside the new warehouse. `out`: where exports are
    written besides; each is compared with what was issued in any case.
    Raises BadInput if something stands where the warehouse is to be, or there is no journal; DamageFound if
    the journal or a stored file was changed, or anything comes out otherwise than it tells. Then nothing was
    put in place.
    """
    warehouse = warehouse.resolve()
    own_store = store_of(warehouse)
    store = own_store if store is None else store.resolve()
    _refuse_taken(warehouse, store=store)
    entries = _read_journal(store)
    if out is not None:
        refuse_unwritable(out)
    with _aside(warehouse) as folder:
        site = Site(
            warehouse=folder / warehouse.name,
            store=store,
            store_stays=store == own_store,
            exports=folder / "exports",
            progress=progress,
            detail=detail,
        )
        made = _play(entries, site=site)
        exported = [entry.told["run_id"] for entry in entries if entry.event is Event.EXPORTED]
        folders = _write_exports(entries, out=out, site=site) if out is not None else ()
        with open_warehouse(site.warehouse) as connection:
            head = chain_head(connection)
            connection.execute("checkpoint")
        _refuse_taken(warehouse, store=store)
        _put_in_place(site, warehouse=warehouse)
        with open_warehouse(warehouse):
            pass  # which holds it against the journal's file, and completes that
    return Rebuilt(
        warehouse=warehouse,
        store=own_store,
        entries=made,
        entries_completed=made - len(entries),
        deliveries=sum(entry.event is Event.RECEIVED for entry in entries),
        run_ids=tuple(entry.told["run_id"] for entry in entries if entry.event is Event.RUN),
        exported_run_ids=tuple(exported),
        ledger_head=head,
        exports=folders,
    )


def _refuse_taken(warehouse: Path, *, store: Path) -> None:
    """BadInput if anything stands where the warehouse, its log or its store is to be."""
    log = warehouse.with_name(f"{warehouse.name}.wal")
    for path in (warehouse, log):
        if path.exists() and (path.is_dir() or path.stat().st_size > 0):
            raise BadInput(
                f"{path} stands where the warehouse is to be, and is not overwritten: move it aside first"
                f" (mv {path} {path}.aside)."
            )
    own_store = store_of(warehouse)
    if store != own_store and own_store.exists():
        raise BadInput(
            f"{own_store} stands beside the new warehouse and is another store than {store}; name another"
            " file for the warehouse (--warehouse FILE), or rebuild from that store."
        )


def _read_journal(store: Path) -> list[Entry]:
    path = store / journal.FILE_NAME
    if not path.is_file():
        raise BadInput(
            f"There is no journal {path}; name the store of delivered files (--store DIR), which lies beside"
            " its warehouse and ends in .deliveries."
        )
    entries = list(journal.read_file(path))
    if not entries:
        raise BadInput(f"The journal {path} tells of nothing, so there is nothing to rebuild.")
    for entry in entries:
        if entry.event is Event.RUN and entry.told["rules_version"] != settlement.RULES_VERSION:
            raise DamageFound(
                f"Run {entry.told['run_id']} was made by rules version {entry.told['rules_version']}, and"
                f" this program has {settlement.RULES_VERSION}: rebuild with the version of the program that"
                " made it, and bring the warehouse up to date afterwards. Nothing was done."
            )
    return entries


@contextmanager
def _aside(warehouse: Path) -> Iterator[Path]:
    """A folder beside the warehouse's place, for one rebuild at a time; gone when it is over."""
    try:
        warehouse.parent.mkdir(parents=True, exist_ok=True)
        with warehouse.with_name(f"{warehouse.name}.settling").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise JobFailed(
                    f"Another process rebuilds {warehouse} or settles in it; wait for it."
                ) from error
            folder = warehouse.with_name(f".{warehouse.name}.rebuilding")
            shutil.rmtree(folder, ignore_errors=True)  # what a killed rebuild left
            folder.mkdir()
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise JobFailed(
            f"The warehouse {warehouse} could not be rebuilt ({error.strerror or error}:"
            f" {error.filename}); nothing was put in place."
        ) from error


def _play(entries: Sequence[Entry], *, site: Site) -> int:
    """Do every entry again, each held against what was told; give the number of entries made."""
    done, runs = 0, sum(entry.event is Event.RUN for entry in entries)
    run = 0
    while done < len(entries):
        step = step_of(entries[done:])
        run += step[0].event is Event.RUN
        place = f"run {run} of {runs}, " if runs else ""
        site.progress(f"[{place}entry {done + len(step):,} of {len(entries):,}] {sentence_of(step)}")
        do_again(step, site=site)
        with open_warehouse(site.warehouse) as connection:
            made = list(journal.entries(connection, after=done))
        refuse_differences(entries[done:], made)
        if len(made) < len(step):
            raise DamageFound(
                f"Entry {done + len(made) + 1} of the journal could not be done again: nothing came of it."
                " Use the version of this program that wrote the journal; nothing was put in place."
            )
        done += len(made)
    return done


def _write_exports(entries: Sequence[Entry], *, out: Path, site: Site) -> tuple[Path, ...]:
    folders = []
    for entry in entries:
        if entry.event is Event.EXPORTED:
            run_id, by = entry.told["run_id"], entry.told["by"]
            exported = export_run(warehouse=site.warehouse, run_id=run_id, out=out, now=entry.at, by=by)
            folders.append(exported.folder)
    return tuple(folders)


def _put_in_place(site: Site, *, warehouse: Path) -> None:
    """The store first and the warehouse last: a store without its warehouse is known to have lost it."""
    fsync_file(site.warehouse)
    if not site.store_stays:
        store_of(site.warehouse).rename(store_of(warehouse))
    site.warehouse.rename(warehouse)
    fsync_folder(warehouse.parent)
