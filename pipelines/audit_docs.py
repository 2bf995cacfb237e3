"""The documentation for auditors: dbt's docs as one page that opens offline. Reports lie beside it."""

import json
import tempfile
from pathlib import Path
from typing import Any

from pipelines.audit_page import audit_page
from pipelines.errors import JobFailed
from pipelines.verify import DBT_PROJECT, dbt_environment
from pipelines.warehouse import open_warehouse

PAGE = "index.html"
REPORTS = "reports"  # the folder beside the page, with a report per run


def build_docs(*, warehouse: Path, out: Path) -> Path:
    """Build the page in the folder `out`, in one piece; give its path.

    BadInput if that is no warehouse, whose tables the page shows. JobFailed names what dbt said.
    """
    # dbt would try for a minute to open what is none.
    with open_warehouse(warehouse, read_only=True):
        pass
    out.mkdir(parents=True, exist_ok=True)
    aside = out / f".{PAGE}.new"
    aside.write_text(audit_page(dbt_template(), **_generated(warehouse)), encoding="utf-8")
    return aside.replace(out / PAGE)


def _generated(warehouse: Path) -> dict[str, Any]:
    """dbt's `manifest` (what is described) and `catalog` (what is in the warehouse)."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager  # noqa: PLC0415 -- 3 s to import
    from dbt.cli.main import dbtRunner  # noqa: PLC0415

    folder = str(DBT_PROJECT)
    with dbt_environment(warehouse), tempfile.TemporaryDirectory(prefix="vgi-docs-") as target:
        arguments = ["--quiet", "--no-version-check", "docs", "generate", "--target-path", target]
        try:
            result = dbtRunner().invoke([*arguments, "--project-dir", folder, "--profiles-dir", folder])
        finally:
            # dbt keeps the file locked after it returns.
            DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]
        if not result.success:
            raise JobFailed(f"The audit docs could not be built: {result.exception or 'see the log of dbt'}")
        names = ("manifest", "catalog")
        return {name: json.loads((Path(target) / f"{name}.json").read_text()) for name in names}


def dbt_template() -> str:
    """dbt's page, before anything is in it."""
    from dbt.task.docs import DOCS_INDEX_FILE_PATH  # noqa: PLC0415

    return Path(DOCS_INDEX_FILE_PATH).read_text(encoding="utf-8")
