"""dbt's page of docs, made whole for an auditor who has nothing else.

No font, image or script of it comes from elsewhere. The project's documents are pages of it, and so is each
rule, to which every `R17` of a text is a link. Each export shows its columns, from the catalogue of files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipelines.errors import JobFailed
from pipelines.exports import EXPORTS, Export

DOCUMENTS = Path(__file__).resolve().parent.parent / "docs"
EXPORT_COLOUR = "#b3541e"
_PACKAGE = "vgi"
_PAGES = ("rulebook", "glossary", "contracts")
_RULE = re.compile(r"^### (R\d+)\. .*?(?=^#|^---$|\Z)", re.MULTILINE | re.DOTALL)
_CITED = re.compile(r"\bR\d+\b")
_NAMED_AFTER = re.compile(r"^r0?(\d+)_")
_LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
_KINDS = {
    "model": "Models",
    "test": "Tests",
    "unit_test": "Unit tests",
    "macro": "Macros",
    "exposure": "Exports",
}

# Rules are named in texts of many origins: they become links where the page shows a text, not in each text.
_RULE_LINKS = (
    r"""function(e){return e.replace(/\bR([1-9]|1\d|2[0-7])\b/g,'<a href="#!/overview/R$1">R$1</a>')}"""
)

# dbt's page as it comes cuts descriptions to one line, and asks elsewhere for fonts, images and a script.
_CHANGES = (
    ("<title>dbt Docs</title>", "<title>Settlement: audit docs</title>"),
    ('<link rel="canonical" href="/overview/"/>', ""),
    ('<link rel="shortcut icon" href="${require(\'./assets/favicons/favicon.ico\')}"/>', ""),
    ('src:url("../fonts/arrows/arrows.woff") format("woff")', ""),
    ('src:url("../fonts/entypo/entypo.woff") format("woff")', ""),
    ('background-image:url("../img/carets/down.svg");', ""),
    ("!0===e.track&&r.turn_on_tracking()", "0"),
    ("//d1fc8wv8zag5ca.cloudfront.net/2.9.0/sp.js", ""),
    ('<use xlink:href="{{ getIcon', '<use ng-attr-href="{{ getIcon'),
    ("setRenderer({table:", f"setRenderer({{text:{_RULE_LINKS},table:"),
    ('style="text-overflow: ellipsis; overflow-x: hidden; white-space: nowrap; max-width: 1px;"', ""),
    ("{{ column.description }}</span>", '<span marked="column.description"></span></span>'),
    ("{{ arg.description }}</span>", '<span marked="arg.description"></span></span>'),
    # The lineage shows tables and exports, and tests when they are asked for. Its lines can be seen.
    (
        'resource_types:["model","seed","snapshot","source","test","unit_test","analysis",',
        'resource_types:["model","seed","snapshot","source","analysis",',
    ),
    ('"line-color":"#006f8a"', '"line-color":"#5fa8c0"'),
    ('"target-arrow-color":"#006f8a"', '"target-arrow-color":"#5fa8c0"'),
    # Tables within their page, not in a window of their own that scrolls.
    ('style="max-height: 800px; overflow-y: scroll;"', ""),
)


def audit_page(template: str, *, manifest: dict[str, Any], catalog: dict[str, Any]) -> str:
    """The page: dbt's `template` with what dbt found, and our documents.

    JobFailed if the template is not the one that this was written for: a person has to look at it first.
    """
    for theirs, ours in _CHANGES:
        if theirs not in template:
            raise JobFailed(
                f"The audit docs could not be built: this version of dbt has no {theirs!r} in its page."
            )
        template = template.replace(theirs, ours)
    described = {
        **manifest,
        "macros": _own(manifest["macros"]),
        "exposures": _exposures(manifest["exposures"]),
    }
    described["docs"] = {**_own(manifest["docs"]), **_documents(described)}
    for name, content in (("MANIFEST", described), ("CATALOG", catalog)):
        # A text that ends a script would end the page.
        inline = json.dumps(content, ensure_ascii=False).replace("</", "<\\/")
        template = template.replace(f'"{name}.JSON INLINE DATA"', inline)
    return template


def _own(nodes: dict[str, Any]) -> dict[str, Any]:
    """The nodes of this project: dbt's own macros and texts are no matter for an audit."""
    return {key: node for key, node in nodes.items() if node["package_name"] == _PACKAGE}


def _exposures(exposures: dict[str, Any]) -> dict[str, Any]:
    columns = {export.file_name: _columns(export) for export in EXPORTS}
    return {
        key: {
            **exposure,
            "description": exposure["description"] + columns.get(exposure["label"], ""),
            "docs": {"show": True, "node_color": EXPORT_COLOUR},
        }
        for key, exposure in exposures.items()
    }


def _columns(export: Export) -> str:
    rows = [
        f"| {'**' * key}{column.name}{'**' * key} | {column.type} | {column.description}"
        f"{_values(column.values)}{'' if column.required else '; may be empty'} |"
        for column in export.columns
        for key in (column.name in export.primary_key,)
    ]
    keys = (
        "Columns in bold are the key: no two rows share it." if export.primary_key else "No column is a key."
    )
    return "\n".join(["\n\n### Columns", "", "| column | type | meaning |", "|---|---|---|", *rows, "", keys])


def _values(values: tuple[str, ...]) -> str:
    return f": {', '.join(f'`{value}`' for value in values)}" if values else ""


def _documents(manifest: dict[str, Any]) -> dict[str, Any]:
    """The documents and the rules as doc blocks: dbt's page shows a block `__x__` at `#!/overview/x`."""
    pages = {page: (DOCUMENTS / f"{page}.md").read_text(encoding="utf-8") for page in _PAGES}
    citing = list(_citing(manifest))
    for rule in _RULE.finditer(pages["rulebook"]):
        pages[rule[1]] = _rule_page(rule[0], [node for node, cited in citing if rule[1] in cited])
    return {
        f"doc.{_PACKAGE}.__{page}__": _doc_block(page, _within_page(text)) for page, text in pages.items()
    }


def _doc_block(page: str, text: str) -> dict[str, Any]:
    name = f"__{page}__"
    return {
        "name": name,
        "unique_id": f"doc.{_PACKAGE}.{name}",
        "resource_type": "doc",
        "package_name": _PACKAGE,
        "block_contents": text,
    }


def _within_page(markdown: str) -> str:
    """Links between the documents lead within the page; links to other files become plain text."""

    def link(match: re.Match[str]) -> str:
        target = match[2].partition("#")[0].removesuffix(".md")
        if target in _PAGES:
            return f"[{match[1]}](#!/overview/{target})"
        return match[0] if match[2].startswith("#!/") else match[1]

    return _LINK.sub(link, markdown)


def _citing(manifest: dict[str, Any]) -> Iterator[tuple[dict[str, Any], set[str]]]:
    """Whatever is described, with the rules that its name, its description or those of its columns cite."""
    for part in ("nodes", "unit_tests", "macros", "exposures"):
        for node in manifest[part].values():
            texts = [
                node["description"],
                *(column["description"] for column in node.get("columns", {}).values()),
            ]
            named_after = {f"R{number}" for number in _NAMED_AFTER.findall(node["name"])}
            yield node, named_after | set(_CITED.findall(" ".join(texts)))


def _rule_page(text: str, nodes: list[dict[str, Any]]) -> str:
    lines = [text.strip(), "", "[All rules](#!/overview/rulebook)", "", "#### Where it is cited", ""]
    for kind, title in _KINDS.items():
        links = sorted(
            f"[{node['name']}](#!/{kind}/{node['unique_id']})"
            for node in nodes
            if node["resource_type"] == kind
        )
        lines += [f"- {title}: {', '.join(links)}"] if links else []
    return "\n".join(lines)
