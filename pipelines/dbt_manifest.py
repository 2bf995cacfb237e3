"""The parsed dbt project, kept between runs: parsing it takes longer than running it on a small month.

dbt's own partial parsing starts anew whenever a run parameter changes, which is at every run.
"""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pipelines.errors import JobFailed

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

_PARSED = ("models", "macros", "materializations", "tests")


def parsed_project(project: Path, *, database: str) -> Manifest:
    """The manifest of the project as it stands on disk: read back if it was parsed before, else parsed now.

    `database` is DuckDB's name of the warehouse, which parsing writes into every node. Each call gets a
    copy of its own, as a run writes its compiled SQL into it. Raises JobFailed if dbt cannot parse the
    project.
    """
    from dbt.contracts.graph.manifest import Manifest  # noqa: PLC0415 -- 3 s to import

    kept = project / "target" / f"manifest-{database}-{fingerprint(project)}.msgpack"
    # What another user of this checkout kept cannot be read, and is not needed.
    with contextlib.suppress(OSError):
        return Manifest.from_msgpack(kept.read_bytes())
    packed = _parse(project).to_msgpack()
    # A folder that cannot be written to costs time at each run, nothing else.
    with contextlib.suppress(OSError):
        _keep(packed, kept, instead_of=f"manifest-{database}-*.msgpack")
    return Manifest.from_msgpack(packed)


def fingerprint(project: Path) -> str:
    """A hash of all that parsing depends on: the project's files, by name and content, and dbt's versions."""
    digest = hashlib.sha256()
    for package in ("dbt-core", "dbt-duckdb"):
        digest.update(f"{package} {version(package)}\n".encode())
    files = [project / "dbt_project.yml", project / "profiles.yml"]
    files += [path for part in _PARSED for path in (project / part).rglob("*") if path.is_file()]
    for path in sorted(files):
        digest.update(
            f"{path.relative_to(project)}\x1f".encode() + hashlib.sha256(path.read_bytes()).digest()
        )
    digest.update(str(project).encode())  # nodes hold absolute paths
    return digest.hexdigest()[:16]


def _parse(project: Path) -> Manifest:
    from dbt.cli.main import dbtRunner  # noqa: PLC0415

    folder = str(project)
    result = dbtRunner().invoke(
        [
            "--quiet",
            "--no-version-check",
            "--no-partial-parse",
            "parse",
            "--project-dir",
            folder,
            "--profiles-dir",
            folder,
        ]
    )
    if not result.success:
        raise JobFailed(f"The dbt project in {folder} cannot be parsed: {result.exception}")
    return cast("Manifest", result.result)


def _keep(packed: bytes, kept: Path, *, instead_of: str) -> None:
    kept.parent.mkdir(exist_ok=True)
    for stale in kept.parent.glob(instead_of):
        stale.unlink(missing_ok=True)
    with tempfile.NamedTemporaryFile(dir=kept.parent, delete=False) as aside:
        aside.write(packed)
    Path(aside.name).replace(kept)
