"""The documentation as Markdown means it: headings, links, code, tables, commands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from markdown_it.token import Token

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Page:
    """One Markdown file; `name` is its path below the root."""

    name: str

    @property
    def path(self) -> Path:
        return ROOT / self.name

    @property
    def tokens(self) -> list[Token]:
        return _parsed(self.path)

    @property
    def anchors(self) -> list[str]:
        """What `#…` leads to, in the way that forges make it of a heading."""
        return [_anchor(text.content) for text in self._inside("heading_open")]

    @property
    def links(self) -> list[str]:
        return [str(token.attrs["href"]) for token in self._inline() if token.type == "link_open"]

    @property
    def code_spans(self) -> list[str]:
        return [token.content for token in self._inline() if token.type == "code_inline"]

    @property
    def commands(self) -> list[str]:
        """What one is told to type, a line each, without the prompt."""
        blocks = [token for token in self.tokens if token.type == "fence"]
        lines = "\n".join(token.content for token in blocks if token.info == "console")
        return re.findall(r"^\$ (.*)$", lines, re.MULTILINE)

    def items(self, heading: str) -> list[str]:
        """The list items below a heading, each on one line."""
        section = self._section(heading)
        return [
            " ".join(text.content.split())
            for before, text in pairwise(section)
            if text.type == "inline" and before.type == "paragraph_open" and before.hidden
        ]

    def rows(self, heading: str = "") -> list[list[str]]:
        """The rows of all tables below a heading (or of the page), without their head."""
        rows: list[list[str]] = []
        section = self._section(heading) if heading else self.tokens
        for before, token in pairwise(section):
            if token.type == "tr_open" and before.type != "thead_open":
                rows.append([])
            if before.type == "td_open":
                rows[-1].append(token.content)
        return rows

    def _section(self, heading: str) -> list[Token]:
        """All up to the next heading of the same level or above."""
        starts = [i for i, token in enumerate(self.tokens) if token.type == "heading_open"]
        start = next(i for i in starts if self.tokens[i + 1].content == heading)
        level = self.tokens[start].tag
        ends = [i for i in starts if i > start and self.tokens[i].tag <= level]
        return self.tokens[start : ends[0] if ends else None]

    def _inside(self, kind: str) -> Iterator[Token]:
        pairs = pairwise(self.tokens)
        return (inside for token, inside in pairs if token.type == kind)

    def _inline(self) -> Iterator[Token]:
        return (child for token in self.tokens for child in token.children or ())


@cache
def _parsed(path: Path) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(path.read_text(encoding="utf-8"))


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def code(cell: str) -> str:
    """The text of a cell that is one code span."""
    return cell.removeprefix("`").removesuffix("`")


def pages() -> list[Page]:
    """All that people read: at the top, in docs/, what PyPI shows, and what travels with ci/."""
    folders = (ROOT, ROOT / "docs", ROOT / "src", ROOT / "ci")
    paths = sorted(path for folder in folders for path in folder.glob("*.md"))
    return [Page(path.relative_to(ROOT).as_posix()) for path in paths]
