"""Reads a page as a browser does: its tables, its plots' data, its scripts, whatever it would load."""

import base64
import hashlib
import json
import os
import re
import shutil
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

_LOADING = {"src", "href", "srcset", "action", "data", "poster", "background", "formaction"}


@dataclass
class Page(HTMLParser):
    """A page taken apart."""

    text: str
    tables: dict[str, list[list[str]]] = field(default_factory=dict)
    scripts: list[tuple[str | None, str]] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    handlers: list[str] = field(default_factory=list)
    policy: str = ""
    visible: str = ""
    _table: str = ""
    _in: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.feed(self.text)
        self.close()

    def __hash__(self) -> int:
        return id(self)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in _LOADING and value]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        if tag == "meta" and given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"] or ""
        if tag == "table":
            self._table = given.get("id") or ""
            self.tables.setdefault(self._table, [])
        if tag == "tr" and self._table:
            self.tables[self._table].append([])
        self.visible += " " if tag in ("td", "th") else ""
        if tag in ("td", "th") and self._table:
            self.tables[self._table][-1].append("")
        if tag == "script":
            self.scripts.append((given.get("type"), ""))
        if tag in ("td", "th", "script", "style"):
            self._in.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._in and self._in[-1] == tag:
            self._in.pop()
        if tag == "table":
            self._table = ""

    def handle_data(self, data: str) -> None:
        inside = self._in[-1] if self._in else ""
        if inside == "script":
            kind, before = self.scripts[-1]
            self.scripts[-1] = kind, before + data
        elif inside != "style":
            self.visible += data
            if inside and self._table:
                self.tables[self._table][-1][-1] += data

    def rows(self, table: str) -> list[dict[str, str]]:
        """A table's rows by the names of its columns."""
        head, *rows = self.tables[f"table-{table}"]
        return [dict(zip(head, (cell.strip() for cell in row), strict=True)) for row in rows]

    @property
    def specs(self) -> dict[str, Any]:
        """The plots' specifications."""
        (text,) = [script for kind, script in self.scripts if kind == "application/json"]
        found = json.loads(text)
        assert isinstance(found, dict)
        return found

    def data(self, plot: str) -> list[dict[str, Any]]:
        """The rows behind a plot."""
        rows = self.specs[plot]["datasets"][plot]
        assert isinstance(rows, list)
        return rows

    def sum(self, plot: str, column: str) -> int:
        return sum(row[column] or 0 for row in self.data(plot))

    def faults(self) -> list[str]:
        """What keeps the page from being one file that opens offline and runs its own scripts only."""
        found = [f"it links to {link}" for link in self.links if not link.startswith("#")]
        found += [f"it has a handler {name}" for name in self.handlers]
        found += [
            f"it has a <{tag}>" for tag in self.tags if tag in ("iframe", "object", "embed", "link", "base")
        ]
        found += [f"its style loads {url}" for url in re.findall(r"url\(|@import", self._styles())]
        if (
            "default-src 'none'" not in self.policy
            or "unsafe-inline" in self.policy.partition("style-src")[0]
        ):
            found.append("its policy lets in what is not its own")
        runs = [script for kind, script in self.scripts if kind is None]
        allowed = re.findall(r"'sha256-([^']+)'", self.policy)
        hashed = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in runs]
        if hashed != allowed:
            found.append("its scripts are not those that its policy names")
        return found

    def _styles(self) -> str:
        return "".join(re.findall(r"<style>(.*?)</style>", self.text, flags=re.DOTALL))


def number(text: str) -> int:
    """The whole number of a text as people write it."""
    return int(re.sub(r"[^0-9-]", "", text))


def browser() -> str | None:
    """An installed browser: $BROWSER, or one of PATH."""
    named = os.environ.get("BROWSER")
    candidates = [named] if named else ["chromium", "chromium-browser", "google-chrome"]
    return next((found for each in candidates if (found := shutil.which(each))), None)
