"""The documentation for auditors: dbt's docs as one page that opens offline. Reports lie beside it."""

import shutil
import tempfile
from pathlib import Path

from pipelines.errors import JobFailed
from pipelines.verify import DBT_PROJECT, dbt_environment

PAGE = "index.html"
REPORTS = "reports"  # the folder beside the page, with a report per run


def build_docs(*, warehouse: Path, out: Path) -> Path:
    """Build the page in the folder `out`, in one piece; give its path. JobFailed names what dbt said."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager  # noqa: PLC0415 -- 3 s to import
    from dbt.cli.main import dbtRunner  # noqa: PLC0415

    folder = str(DBT_PROJECT)
    out.mkdir(parents=True, exist_ok=True)
    with dbt_environment(warehouse), tempfile.TemporaryDirectory(dir=out, prefix=".building-") as target:
        arguments = ["--quiet", "--no-version-check", "docs", "generate", "--static", "--target-path", target]
        try:
            result = dbtRunner().invoke([*arguments, "--project-dir", folder, "--profiles-dir", folder])
        finally:
            # dbt keeps the file locked after it returns.
            DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]
        if not result.success:
            raise JobFailed(f"The audit docs could not be built: {result.exception or 'see the log of dbt'}")
        built = shutil.copyfile(Path(target) / "static_index.html", out / f".{PAGE}.new")
    built.replace(out / PAGE)
    return out / PAGE
