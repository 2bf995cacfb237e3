"""Data Docs of the gates, from what the warehouse keeps of them: nothing is judged again."""

import re
import tempfile
from pathlib import Path

from pipelines.gate_results import last_reports
from pipelines.standing_file import standing_file
from pipelines.warehouse import open_warehouse

MOST_REPORTS = 200
INDEX = "index.html"
# The name of a page, and of nothing else in the folder.
_PAGE_NAME = re.compile(r"(index|gate-[0-9]+)\.html")


def quality_folder(warehouse: Path) -> Path:
    """Where the Data Docs of a warehouse stand unless another folder is named."""
    return warehouse.with_name(f"{warehouse.name}.quality")


def build_quality_docs(*, warehouse: Path, out: Path) -> Path:
    """Write a page of each of the last reports and an index into the folder `out`; give the index.

    Pages of reports that are older are removed. BadInput if there is no warehouse.
    """
    from expectations.data_docs import pages_of  # noqa: PLC0415 -- 3 s to import

    with open_warehouse(warehouse, read_only=True) as connection:
        reports = last_reports(connection, most=MOST_REPORTS)
    out.mkdir(parents=True, exist_ok=True)
    written = set()
    with tempfile.TemporaryDirectory(dir=out, prefix=".building-") as folder:
        # The index last: it names pages that are there.
        for name, text in pages_of(reports):
            (Path(folder) / name).write_text(text, encoding="utf-8")
            (Path(folder) / name).replace(out / name)
            written.add(name)
    for path in out.iterdir():
        if _PAGE_NAME.fullmatch(path.name) and path.name not in written:
            path.unlink()
    return out / INDEX


def quality_page(warehouse: Path, name: str) -> Path | None:
    """A page of the Data Docs beside a warehouse; None for any other name, and what is not there.

    Links that lead out of the folder are not followed.
    """
    if not _PAGE_NAME.fullmatch(name):
        return None
    return standing_file(quality_folder(warehouse.resolve()) / name)
