"""Tariff versions as files: a folder of YAML documents, one version a file (R21)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from pipelines.errors import BadInput
from pipelines.plain_yaml import load_plain
from pipelines.runs import Run
from pipelines.wording import printable
from settlement import SettlementPeriod, Tariff, TariffBook, TariffError, parse_tariff

_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True)
class TariffFiles:
    """The tariff versions of a folder, and the text of the file of each."""

    book: TariffBook
    documents: Mapping[str, str]

    def of_period(self, period: SettlementPeriod) -> tuple[Tariff, ...]:
        """The versions that a settlement of the period applies: in force on some day of it."""
        return self.book.for_period(period).tariffs


def read_tariffs(folder: Path) -> TariffFiles:
    """The tariffs of all `*.yaml` and `*.yml` files of a folder.

    Raises BadInput with a sentence, naming file and line, for every fault of every file.
    """
    if not folder.is_dir():
        raise BadInput(f"{folder} is not a folder of tariff files.")
    paths = sorted(path for path in folder.iterdir() if _is_tariff_file(path))
    if not paths:
        raise BadInput(f"{folder} holds no tariff file (*.yaml); put one per tariff version there.")
    return read_documents({str(path): path.read_bytes() for path in paths})


def _is_tariff_file(path: Path) -> bool:
    return path.suffix in _SUFFIXES and not path.name.startswith(".") and path.is_file()


def read_documents(documents: Mapping[str, bytes]) -> TariffFiles:
    """The tariffs of YAML documents by the name of their source."""
    faults: list[str] = []
    tariffs: list[Tariff] = []
    texts: dict[str, str] = {}
    source_of: dict[str, str] = {}
    for source, content in documents.items():
        try:
            tariff = _read_tariff(source, content)
        except BadInput as error:
            faults.extend(str(error).splitlines())
            continue
        if (other := source_of.setdefault(tariff.version, source)) != source:
            faults.append(
                f"{other} and {source} are both the version {tariff.version};"
                " give each its own version, or take one away."
            )
        tariffs.append(tariff)
        texts[tariff.version] = content.decode()
    if faults:
        raise BadInput("\n".join(faults))
    return TariffFiles(_book_of(tariffs), texts)


def applied_tariffs(run: Run) -> TariffFiles:
    """The tariffs that a run applied, from the documents kept with it."""
    return read_documents({tariff.version: tariff.document.encode() for tariff in run.tariffs})


def _book_of(tariffs: Iterable[Tariff]) -> TariffBook:
    try:
        return TariffBook.of(tariffs)
    except TariffError as error:
        raise BadInput(str(error)) from error


def _read_tariff(source: str, content: bytes) -> Tariff:
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise BadInput(f"{source}: is not UTF-8 text (byte {error.start}).") from error
    document, root = load_plain(text, source=source)
    try:
        return parse_tariff(document, source=source)
    except TariffError as error:
        faults = [printable(_with_line(fault, source=source, root=root)) for fault in error.faults]
        raise BadInput("\n".join(faults)) from error


def _with_line(fault: str, *, source: str, root: yaml.Node | None) -> str:
    """The fault with the line of the field that it names; of its section, where the field is missing."""
    prefix = f"{source}: "
    if not fault.startswith(prefix) or root is None:
        return fault
    path = fault.removeprefix(prefix).split(" ", 1)[0]
    return f"{source}:{_line_of(root, path)}: {fault.removeprefix(prefix)}"


def _line_of(root: yaml.Node, path: str) -> int:
    node, line = root, root.start_mark.line + 1
    for step in re.findall(r"[^.\[\]]+", path):
        found = _step_into(node, step)
        if found is None:
            break
        node, line = found
    return line


def _step_into(node: yaml.Node, step: str) -> tuple[yaml.Node, int] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == step:
                return value, key.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode) and step.isdigit() and int(step) < len(node.value):
        item = node.value[int(step)]
        return item, item.start_mark.line + 1
    return None
