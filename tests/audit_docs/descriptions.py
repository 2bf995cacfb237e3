"""What an auditor may ask of every description, as checks that name each text at fault."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pipelines.exports import EXPORTS

Manifest = dict[str, Any]

PACKAGE = "vgi"
# Units that the text of a column has to name, by the ending of the column's name.
UNITS = {
    "_wh": r"\bWh\b",
    "_mwh": r"\bmWh\b",
    "_w": r"\bW\b",
    "_w_half_hours": r"\bW\b",
    "_seconds": r"\bs\b|[Ss]econds",
    "_minor": r"smallest unit",
    "_bp": r"hundredths of a per cent",
}
GRAIN = re.compile(r"\b[Oo]ne (row|file|page) per\b")
RULE = re.compile(r"\bR(\d+)\b")
_EMPTY_WORDS = frozenset(
    ("a", "an", "and", "at", "by", "for", "id", "in", "is", "it", "its", "of", "or", "the", "to")
)
_FEWEST_WORDS = 3


@dataclass(frozen=True)
class Text:
    """A description: where it stands, of what kind of thing, and under which name."""

    where: str
    kind: str
    name: str
    text: str
    blocks: tuple[str, ...] = ()


def texts(manifest: Manifest) -> Iterator[Text]:
    """Every description of the project: of models, sources, columns, tests, exports, macros and arguments."""
    for part in ("nodes", "sources", "unit_tests", "exposures", "macros"):
        for node in manifest[part].values():
            if node["package_name"] == PACKAGE:
                yield from _texts_of(node)
    for export in EXPORTS:
        for column in export.columns:
            where = f"{export.file_name}.{column.name}"
            yield Text(where, "export column", column.name, column.description)


def _texts_of(node: dict[str, Any]) -> Iterator[Text]:
    where, kind = node["unique_id"], node["resource_type"]
    yield Text(where, kind, node["name"], node["description"])
    for column in node.get("columns", {}).values():
        blocks = tuple(column["doc_blocks"])
        yield Text(f"{where}.{column['name']}", "column", column["name"], column["description"], blocks)
    for argument in node.get("arguments", ()):
        yield Text(f"{where}.{argument['name']}", "argument", argument["name"], argument["description"])


def bare(manifest: Manifest) -> list[str]:
    """What has no description."""
    return [each.where for each in texts(manifest) if not each.text.strip()]


def echoes(manifest: Manifest) -> list[str]:
    """Descriptions that say hardly more than the name does."""
    return [each.where for each in texts(manifest) if each.text and len(_news(each)) < _FEWEST_WORDS]


def _news(each: Text) -> set[str]:
    known = {word.rstrip("s") for word in re.findall(r"[a-z0-9]+", each.name.replace("_", " "))}
    words = re.findall(r"[a-z0-9]+", each.text.lower())
    return {word for word in words if word not in _EMPTY_WORDS and word.rstrip("s") not in known}


def repeated(manifest: Manifest) -> list[str]:
    """Texts that stand twice: of columns, unless all take them from one block of the glossary."""
    places = defaultdict(list)
    for each in texts(manifest):
        if each.text and each.kind != "export column":
            places[" ".join(each.text.split())].append(each)
    return [
        each.where
        for alike in places.values()
        if len(alike) > 1 and (len({each.blocks for each in alike}) > 1 or not alike[0].blocks)
        for each in alike
    ]


def outside_the_glossary(manifest: Manifest) -> list[str]:
    """Columns whose text is no block of the glossary, and blocks that no column takes."""
    columns = [each for each in texts(manifest) if each.kind == "column"]
    taken = {block for each in columns for block in each.blocks}
    blocks = {
        key
        for key, block in manifest["docs"].items()
        if block["package_name"] == PACKAGE and not block["name"].startswith("__")
    }
    return [each.where for each in columns if len(each.blocks) != 1] + sorted(blocks - taken)


def without_unit(manifest: Manifest) -> list[str]:
    """Columns of energy, power, time or money whose text names no unit."""
    return [
        each.where
        for each in texts(manifest)
        if each.kind in ("column", "export column")
        for ending, unit in UNITS.items()
        if each.name.endswith(ending) and not re.search(unit, each.text)
    ]


def without_grain(manifest: Manifest) -> list[str]:
    """Tables and exports that do not say what one row is."""
    tables = ("model", "source", "exposure")
    return [each.where for each in texts(manifest) if each.kind in tables and not GRAIN.search(each.text)]


def without_rule(manifest: Manifest) -> list[str]:
    """Tables, exports and tests of data that cite no rule, and whatever cites one that there is not."""
    citing = ("model", "source", "exposure", "test")
    known = {str(number) for number in range(1, 28)}
    return [
        each.where
        for each in texts(manifest)
        if (each.kind in citing and not RULE.search(each.text)) or set(RULE.findall(each.text)) - known
    ]


def exports_out_of_the_lineage(manifest: Manifest) -> list[str]:
    """Export files without an exposure, exposures of nothing, and marts that lead to no export."""
    exposures = manifest["exposures"].values()
    labels = {exposure["label"] for exposure in exposures}
    files = {export.file_name for export in EXPORTS} | {"datapackage.json"}
    feeding = {node for exposure in exposures for node in exposure["depends_on"]["nodes"]}
    marts = {key for key, node in manifest["nodes"].items() if node.get("schema") == "verified"}
    marts = {key for key in marts if manifest["nodes"][key]["resource_type"] == "model"}
    idle = [exposure["unique_id"] for exposure in exposures if not exposure["depends_on"]["nodes"]]
    return sorted(files - labels) + idle + sorted(marts - feeding)


CHECKS: tuple[Callable[[Manifest], list[str]], ...] = (
    bare,
    echoes,
    repeated,
    outside_the_glossary,
    without_unit,
    without_grain,
    without_rule,
    exports_out_of_the_lineage,
)
