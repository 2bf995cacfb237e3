"""What the dbt project says of itself, as the page of the audit docs is given it."""

from pathlib import Path
from typing import Any

from pipelines.audit_docs import dbt_template
from pipelines.audit_page import audit_page
from pipelines.dbt_manifest import parsed_project
from pipelines.verify import DBT_PROJECT, dbt_environment

PARTS = ("nodes", "sources", "unit_tests", "exposures", "macros", "docs")
NO_TABLES: dict[str, Any] = {"metadata": {}, "nodes": {}, "sources": {}, "errors": None}


def described_project() -> dict[str, Any]:
    """The parts of the parsed project that describe something, as dbt writes them into manifest.json."""
    warehouse = Path("vgi.duckdb")
    with dbt_environment(warehouse):
        parsed = parsed_project(DBT_PROJECT, database=warehouse.stem)
    told: dict[str, Any] = {"metadata": parsed.metadata.to_dict()}
    for part in PARTS:
        nodes = getattr(parsed, part).items()
        told[part] = {key: node.to_dict(omit_none=False) for key, node in nodes if ".vgi." in key}
    return told


def page_of(manifest: dict[str, Any]) -> str:
    """The page, as of a warehouse without tables."""
    return audit_page(dbt_template(), manifest=manifest, catalog=NO_TABLES)
