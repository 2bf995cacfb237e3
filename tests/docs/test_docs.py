"""The documents say what is true: links lead somewhere, rules have their place, the output shown is real."""

import re
import shlex
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest

from pipelines.books import chain_head
from pipelines.warehouse import open_warehouse

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
BOOKS = (ROOT / "docs" / "books.md").read_text()
DOCUMENTS = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "dags" / "README.md",
    ROOT / "sample" / "README.md",
    ROOT / "tests" / "scenarios" / "README.md",
]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the sample was settled, by the commands that the documents name."""
    return tmp_path_factory.mktemp("demo")


def _run(command: str, *, demo: Path) -> str:
    """What a documented `vgi` command prints, with the folder demo/ elsewhere."""
    arguments = [
        argument.replace("demo/", f"{demo}/") for argument in shlex.split(command.replace("\\\n", " "))
    ]
    assert Path(arguments[0]).name == "vgi"
    code = "import sys; from pipelines.cli import main; sys.argv[0] = 'vgi'; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return (done.stderr + done.stdout).replace(f"{demo}/", "demo/")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)]+)\)", document.read_text())
    assert [link for link in links if not _leads_somewhere(link, document)] == []


def _leads_somewhere(link: str, document: Path) -> bool:
    path, _, anchor = link.partition("#")
    target = document.parent / path if path else document
    return target.exists() and (not anchor or anchor in _anchors(target))


def _anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", document.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_names_the_place_of_every_rule() -> None:
    named = chain.from_iterable(
        re.findall(r"R\d+", row) for row in re.findall(r"^\| (R\d.*?) \|", README, re.M)
    )
    assert set(named) == {f"R{number}" for number in range(1, 28)}


def test_the_output_that_the_readme_shows_is_what_the_demo_prints(demo: Path) -> None:
    shown = README.split("```")[1].splitlines()
    script = (ROOT / "sample" / "demo.sh").read_text()
    commands = re.split(r"(?<!\\)\n", script[script.index("vgi --warehouse") :].strip())
    lines = {line.rstrip() for command in commands for line in _run(command, demo=demo).splitlines()}
    assert [line for line in shown if line not in ("", "...") and line.rstrip() not in lines] == []
    assert any(line.startswith("Exported to") for line in shown)
    assert any(line.startswith("Wrote demo/report.html, of run ") for line in lines)
    assert (demo / "report.html").is_file()


def test_the_queries_of_the_audit_docs_answer_what_they_show(demo: Path) -> None:
    start_page = (ROOT / "dbt_project" / "models" / "overview.md").read_text()
    shown = re.findall(r"```sql\n(.*?)```\n\n(\|.*?)\n\n", start_page, re.DOTALL)
    assert len(shown) == start_page.count("```sql") > 4
    with open_warehouse(demo / "vgi.duckdb", read_only=True) as warehouse:
        for query, table in shown:
            answer = warehouse.execute(query)
            assert answer.description is not None
            rows = [[column[0] for column in answer.description], *answer.fetchall()]
            cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
            assert [[str(cell) for cell in row] for row in rows] == [cells[0], *cells[2:]]


def test_the_audit_docs_are_built_of_the_demo(demo: Path) -> None:
    makefile = (ROOT / "Makefile").read_text()
    command = re.search(r"^\t@\$\(VENV\)/bin/(vgi .* docs .*)$", makefile, re.MULTILINE)
    assert command is not None
    assert _run(command[1], demo=demo).endswith("Open demo/docs/index.html in a browser.\n")
    assert [path.name for path in (demo / "docs").iterdir()] == ["index.html"]
    page = (demo / "docs" / "index.html").read_text()
    assert '"circular_wh": {"type": "BIGINT"' in page
    assert str(ROOT) not in page


def test_the_late_deliveries_of_the_sample_make_a_correction(demo: Path) -> None:
    guide = (ROOT / "sample" / "README.md").read_text()
    command = guide.split("```sh\n")[1].split("```")[0]
    assert ", a correction, issued." in _run(command, demo=demo)


@pytest.mark.parametrize("page", [README, BOOKS], ids=["README", "books"])
def test_the_commands_that_a_page_shows_print_what_it_shows(page: str, demo: Path) -> None:
    blocks = re.findall(r"```console\n\$ (.*?)\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == page.count("```console") == 2
    for command, shown in blocks:
        printed = {_words(line) for line in _run(command, demo=demo).splitlines()}
        assert [line for line in shown.splitlines() if line != "..." and _words(line) not in printed] == []


def test_a_stranger_recomputes_the_chain_with_the_lines_of_the_books_page(demo: Path) -> None:
    recipe = BOOKS.split("```python\n")[1].split("```")[0]

    def recomputed() -> subprocess.CompletedProcess[str]:
        arguments = [sys.executable, "-I", "-c", recipe]
        return subprocess.run(arguments, cwd=demo.parent, capture_output=True, text=True, check=False)

    (demo.parent / "demo").symlink_to(demo)
    with open_warehouse(demo / "vgi.duckdb", read_only=True) as warehouse:
        head = chain_head(warehouse)
    assert recomputed().stdout == f"{head.booking_no} bookings, head {head.chain_hash}\n"
    bookings = max((demo / "exports").glob("*/*/bookings.csv"), key=lambda path: path.stat().st_mtime_ns)
    bookings.write_text(bookings.read_text().replace(",23,point,", ",24,point,", 1))
    assert "AssertionError" in recomputed().stderr


def _words(line: str) -> str:
    """A line without its indentation and the spaces that pad a table."""
    return " ".join(line.replace("│", " ").split())
