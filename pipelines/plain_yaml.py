"""YAML in which every value is what it shows.

YAML 1.1 reads `012` as 10, `1:30` as 90, `no` as false and `+10:00` as 600, and lets the last of two equal
keys win. Here numbers are plain digits, dates are text, and what is neither number, true, false nor null is
text: whoever reads the field says what is wrong with it.
"""

import re
from collections.abc import Hashable
from typing import Any

import yaml

from pipelines.errors import BadInput
from pipelines.wording import printable

# Longer ones stay text: no field takes them, and Python refuses to make a number of thousands of digits.
_WHOLE_NUMBER = r"-?(?:0|[1-9][0-9]{0,29})"
# The parser takes some ten seconds for as much.
LONGEST_DOCUMENT = 4_000_000
_FLOAT = r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"


class _PlainLoader(yaml.SafeLoader):
    """Safe YAML without tags, aliases, merge keys, doubled keys and surprising forms of numbers."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """As the base class, but for explicit tags and aliases."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if self.check_event(yaml.AliasEvent):
            # Nine lines of them stand for a billion values.
            raise yaml.MarkedYAMLError(
                problem=f"the alias *{event.anchor} is not taken; write the value itself",
                problem_mark=event.start_mark,
            )
        if getattr(event, "tag", None) is not None:
            # With !!int the constructor would read octal and sexagesimal numbers after all.
            raise yaml.MarkedYAMLError(
                problem=f"the tag {event.tag} is not taken; write the value without it",
                problem_mark=event.start_mark,
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """As the base class, after a look for doubled keys."""
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"the key '{key.value}' stands twice", problem_mark=key.start_mark
                )
            if isinstance(key, yaml.ScalarNode):
                seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


_PlainLoader.yaml_implicit_resolvers = {}
for _kind, _pattern, _first in (
    ("null", "~|null|", ["~", "n", ""]),
    ("bool", "true|false", ["t", "f"]),
    ("int", _WHOLE_NUMBER, list("-0123456789")),
    ("float", _FLOAT, list("-+.0123456789")),
):
    _PlainLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_kind}", re.compile(rf"(?:{_pattern})\Z", re.ASCII), _first
    )


def load_plain(text: str, *, source: str) -> tuple[Any, yaml.Node | None]:
    """The one document of a text and the nodes it was made from, which know their lines.

    Raises BadInput with a sentence naming source and line.
    """
    if len(text) > LONGEST_DOCUMENT:
        raise BadInput(f"{source}: is longer than {LONGEST_DOCUMENT:,} characters; no such document is.")
    try:
        loader = _PlainLoader(text)
        root = loader.get_single_node()
        return (None if root is None else loader.construct_document(root)), root
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError) as error:
        raise BadInput(_fault(source, error)) from error


def _fault(source: str, error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    if isinstance(error, RecursionError):
        problem = "its values are nested too deeply"
    where = f"{source}:{mark.line + 1}" if mark else source
    return f"{where}: is not usable YAML: {printable(problem)}."
