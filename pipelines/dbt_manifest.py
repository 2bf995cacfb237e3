"""The parsed dbt project, kept between runs: parsing it takes longer than running it on a small month.

dbt's own partial parsing starts anew whenever a run parameter changes, which is at every run.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.errors import JobFailed

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

_PARSED = ("models", "macros", "tests")


def parsed_project(project: Path) -> Manifest:
    """The manifest of the project as it stands on disk: read back if it was parsed before, else parsed now.

    A copy of its own for each call, as a run writes its compiled SQL into it. Raises JobFailed if dbt cannot
    parse the project.
    """
    from dbt.contracts.graph.manifest import Manifest  # noqa: PLC0415 -- 3 s to import

    kept = project / "target" / f"manifest-{_fingerprint(project)}.msgpack"
    if kept.exists():
        return Manifest.from_msgpack(kept.read_bytes())
    packed = _parse(project).to_msgpack()
    # A project folder that cannot be written to costs time at each run, nothing else.
    with contextlib.suppress(OSError):
        _keep(packed, kept)
    return Manifest.from_msgpack(packed)


def _fingerprint(project: Path) -> str:
    """A hash of all that parsing depends on: the project's files, by name and content, and dbt's versions."""
    digest = hashlib.sha256()
    for package in ("dbt-core", "dbt-duckdb"):
        digest.update(f"{package} {version(package)}\n".encode())
    files = [project / "dbt_project.yml", project / "profiles.yml"]
    files += [path for part in _PARSED for path in (project / part).rglob("*") if path.is_file()]
    for path in sorted(files):
        digest.update(f"{path.relative_to(project)}\x1f".encode() + hashlib.sha256(path.read_bytes()).digest())
    digest.update(str(project).encode())  # nodes hold absolute paths
    return digest.hexdigest()[:16]


def _parse(project: Path) -> Manifest:
    from dbt.cli.main import dbtRunner  # noqa: PLC0415

    folder = str(project)
    result = dbtRunner().invoke(
        ["--quiet", "--no-version-check", "--no-partial-parse", "parse", "--project-dir", folder, "--profiles-dir", folder]
    )
    if not result.success:
        raise JobFailed(f"The dbt project in {folder} cannot be parsed: {result.exception}")
    manifest: Manifest = result.result
    return manifest


def _keep(packed: bytes, kept: Path) -> None:
    kept.parent.mkdir(exist_ok=True)
    for stale in kept.parent.glob("manifest-*.msgpack"):
        stale.unlink(missing_ok=True)
    with tempfile.NamedTemporaryFile(dir=kept.parent, delete=False) as aside:
        aside.write(packed)
    os.replace(aside.name, kept)
