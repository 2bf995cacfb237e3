"""A check of an export folder, as the partner who receives it would make it: no warehouse is needed."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import polars as pl

from pipelines import datapackage
from pipelines.check.described import DescribedTable, Description, NotDescribed, read_description
from pipelines.check.faults import Fault
from pipelines.check.tables import check_rows, read_table, typed
from pipelines.errors import BadInput
from pipelines.exports import EXPORTS
from pipelines.signing import PUBLIC_KEY_FILE, SIGNATURE_FILE, SIGNATURE_FILES, PublicKey, public_key_of
from pipelines.store import NotReadable, sha256_of
from settlement import RULES_VERSION

MANIFEST = datapackage.FILE_NAME
_CATALOGUE = {export.name: export for export in EXPORTS}


class Signature(StrEnum):
    """What the signature of an export proves."""

    BY_KEY_GIVEN = "by_key_given"  # who signed, and that nothing was changed since
    BY_KEY_BESIDE = "by_key_beside"  # that nothing was changed since, if the key is the operator's
    NONE = "none"  # nothing: it is not signed
    DOES_NOT_HOLD = "does_not_hold"


@dataclass(frozen=True, kw_only=True)
class ExportCheck:
    """What a check found; without faults, the folder holds exactly what its manifest says."""

    folder: Path
    run_id: str | None
    settlement_period: str | None
    state: str | None
    as_of: str | None
    signature: Signature
    key_fingerprint: str | None
    rows: int
    faults: tuple[Fault, ...]
    remarks: tuple[str, ...]


def check_export(folder: Path, *, public_key: PublicKey | None = None) -> ExportCheck:
    """Check signature, files, hashes, rows, schemas, keys, cells and control totals of an export folder.

    The signature is checked with the key given, else with the one beside it. Raises BadInput if the folder
    cannot be read.
    """
    names = _names(folder)
    manifest = _bytes(folder / MANIFEST)
    if manifest is None:
        faults = [Fault(file=MANIFEST, what="the file is missing, so the export is incomplete")]
        return _result(folder, None, Signature.NONE, None, rows=0, faults=faults, remarks=[])
    signature, key, faults = _check_signature(folder, manifest, public_key=public_key)
    try:
        description = read_description(manifest)
    except NotDescribed as error:
        faults.append(Fault(file=MANIFEST, what=str(error)))
        return _result(folder, None, signature, key, rows=0, faults=faults, remarks=[])
    rows, faults_of_files = _check_files(folder, names, description)
    faults += [*_check_contract(description), *faults_of_files]
    return _result(
        folder, description, signature, key, rows=rows, faults=faults, remarks=_remarks(description)
    )


def _result(  # noqa: PLR0913 -- what was found, in order
    folder: Path,
    description: Description | None,
    signature: Signature,
    key: PublicKey | None,
    *,
    rows: int,
    faults: list[Fault],
    remarks: list[str],
) -> ExportCheck:
    return ExportCheck(
        folder=folder,
        run_id=description.run_id if description else None,
        settlement_period=description.settlement_period if description else None,
        state=description.state if description else None,
        as_of=description.as_of if description else None,
        signature=signature,
        key_fingerprint=key.fingerprint if key else None,
        rows=rows,
        faults=tuple(faults),
        remarks=tuple(remarks),
    )


def _names(folder: Path) -> set[str]:
    if not folder.is_dir():
        raise BadInput(f"{folder} is no folder; name the folder of one run, <out>/<period>/<run id>.")
    try:
        return {path.name for path in folder.iterdir()}
    except OSError as error:
        raise BadInput(f"{folder} cannot be read: {error.strerror or error}.") from error


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}.") from error


def _check_signature(
    folder: Path, manifest: bytes, *, public_key: PublicKey | None
) -> tuple[Signature, PublicKey | None, list[Fault]]:
    signature, pem = (_bytes(folder / name) for name in SIGNATURE_FILES)
    if signature is None and pem is None:
        if public_key is None:
            return Signature.NONE, None, []
        return Signature.NONE, None, [Fault(file=SIGNATURE_FILE, what="the export is not signed")]
    faults = [
        Fault(file=name, what="the file is missing")
        for name, content in ((SIGNATURE_FILE, signature), (PUBLIC_KEY_FILE, pem))
        if content is None
    ]
    beside = public_key_of(pem) if pem is not None else None
    if pem is not None and (beside is None or beside.pem != pem):
        faults.append(Fault(file=PUBLIC_KEY_FILE, what="the file is not an Ed25519 public key as exported"))
    elif beside is not None and public_key is not None and beside != public_key:
        faults.append(Fault(file=PUBLIC_KEY_FILE, what="the key is another than the one given"))
    key = public_key or beside
    if signature is None or key is None:
        return Signature.DOES_NOT_HOLD, key, faults
    if not key.holds(signature, of=manifest):
        what = f"the signature is not that of {MANIFEST} by the key {key.fingerprint}"
        return Signature.DOES_NOT_HOLD, key, [*faults, Fault(file=SIGNATURE_FILE, what=what)]
    return Signature.BY_KEY_GIVEN if public_key else Signature.BY_KEY_BESIDE, key, faults


def _check_contract(description: Description) -> list[Fault]:
    """The manifest describes the tables of the contract, so that none can be left out of it, nor loosened."""
    if description.rules_version != RULES_VERSION:
        return []
    described = {table.name: table for table in description.tables}
    faults = [
        Fault(
            file=MANIFEST,
            what=f"{name}.csv {'is not described' if name in _CATALOGUE else 'is of no export'}",
        )
        for name in sorted(_CATALOGUE.keys() ^ described.keys())
    ]
    faults += [
        Fault(file=MANIFEST, what=f"control totals of {name!r}, which is of no export")
        for name in sorted(description.control_totals.keys() - _CATALOGUE.keys())
    ]
    faults += [
        Fault(file=MANIFEST, what=f"the schema of {name}.csv is not the contract's")
        for name, export in _CATALOGUE.items()
        if name in described and described[name].schema != datapackage.table_schema(export)
    ]
    return faults


def _remarks(description: Description) -> list[str]:
    if description.rules_version == RULES_VERSION:
        return []
    return [
        f"It was written by version {description.rules_version!r} of the rules, this is {RULES_VERSION!r}:"
        " schemas were taken as described, and control totals were not made again."
    ]


def _check_files(folder: Path, names: set[str], description: Description) -> tuple[int, list[Fault]]:
    """Every file that is described is there and as described, and no other is."""
    expected = {MANIFEST, *SIGNATURE_FILES, *(table.file_name for table in description.tables)}
    faults = [
        Fault(file=name, what="the file is not part of the export") for name in sorted(names - expected)
    ]
    rows, referenced = 0, dict[str, pl.DataFrame]()
    for table in sorted(description.tables, key=lambda table: bool(table.foreign_keys)):
        if table.file_name not in names:
            faults.append(Fault(file=table.file_name, what="the file is missing"))
            continue
        texts, faults_of_file = _check_file(folder, table, description, referenced)
        faults += faults_of_file
        if texts is not None:
            rows += texts.height
            if not table.foreign_keys:
                referenced[table.name] = texts.select(_referred_to(description, table))
    return rows, faults


def _referred_to(description: Description, table: DescribedTable) -> list[str]:
    """The columns of a table that foreign keys name: all that has to be kept of it."""
    keys = [key for other in description.tables for key in other.foreign_keys if key.table == table.name]
    return sorted({column for key in keys for column in key.referenced})


def _check_file(
    folder: Path, table: DescribedTable, description: Description, referenced: dict[str, pl.DataFrame]
) -> tuple[pl.DataFrame | None, list[Fault]]:
    path = folder / table.file_name
    try:
        faults = _faults_of_bytes(path, table)
    except NotReadable as error:
        return None, [Fault(file=table.file_name, what=f"the file {error}")]
    texts, faults_of_lines = read_table(path, table)
    if texts is None:
        return None, [*faults, *faults_of_lines]
    if texts.height != table.rows:
        faults.append(
            Fault(file=table.file_name, what=f"{texts.height:,} rows, the manifest says {table.rows:,}")
        )
    faults_of_rows = check_rows(texts, table, referenced=referenced)
    if not faults_of_rows:
        faults_of_rows = _check_totals(texts, table, description)
    return texts, [*faults, *faults_of_rows]


def _faults_of_bytes(path: Path, table: DescribedTable) -> list[Fault]:
    sha256, size = sha256_of(path), path.stat().st_size
    if size != table.bytes:
        return [Fault(file=path.name, what=f"{size:,} bytes, the manifest says {table.bytes:,}")]
    if sha256 != table.sha256:
        return [Fault(file=path.name, what=f"its SHA-256 is {sha256}, the manifest says {table.sha256}")]
    return []


def _check_totals(texts: pl.DataFrame, table: DescribedTable, description: Description) -> list[Fault]:
    export = _CATALOGUE.get(table.name)
    if export is None or description.rules_version != RULES_VERSION:
        return []
    if table.column_names != export.column_names:  # said by the check of the contract
        return []
    found = datapackage.control_totals(export, typed(texts, table))
    said = description.control_totals.get(table.name)
    if not isinstance(said, dict):
        return [Fault(file=MANIFEST, what=f"control totals of {table.file_name} are missing")]
    return [
        Fault(
            file=MANIFEST,
            what=f"control total {name} of {table.file_name} is {said.get(name)},"
            f" the file's is {found.get(name)}",
        )
        for name in sorted(found.keys() | said.keys())
        if found.get(name) != said.get(name)
    ]
