"""Settings of tools, wherever a package keeps them, and which tools it uses at all."""

from __future__ import annotations

import configparser
import re
from typing import TYPE_CHECKING, Any

from ci.adopt.copies import own_noxfile
from ci.package.pyproject import table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ci.adopt.adopter import Adopter

MYPY_FILES = ("mypy.ini", ".mypy.ini", "setup.cfg")  # besides pyproject.toml
RUFF_FILES = ("ruff.toml", ".ruff.toml")
# Where a package says which tools it runs, besides pyproject.toml and its noxfile.
_CALLERS = (".pre-commit-config.yaml", "tox.ini", "Makefile")


def ini(root: Path, name: str) -> dict[str, dict[str, str]]:
    """The sections of an ini file; none if it is absent or broken."""
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    try:
        parser.read(root / name, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        return {}
    return {section: dict(parser[section]) for section in parser.sections()}


def coverage_elsewhere(adopter: Adopter) -> str | None:
    """The file that coverage reads before pyproject.toml, and in place of it, if there is one."""
    if (adopter.root / ".coveragerc").is_file():
        return ".coveragerc"
    for name in ("setup.cfg", "tox.ini"):
        if any(section.startswith("coverage:") for section in ini(adopter.root, name)):
            return name
    return None


def uses(adopter: Adopter, tool: str) -> bool:
    """Whether the package has set up a tool, asks for it, or runs it anywhere."""
    if tool in table(adopter.document, "tool") or settings_elsewhere(adopter, tool):
        return True
    if any(_asks_for(text, tool) for text in _texts(adopter.document)):
        return True
    return any(_runs(text, tool) for text in _callers(adopter))


def settings_elsewhere(adopter: Adopter, tool: str) -> bool:
    """Whether mypy or ruff has its settings in another file than pyproject.toml."""
    if tool == "mypy":
        return any("mypy" in ini(adopter.root, name) for name in MYPY_FILES)
    return tool == "ruff" and any((adopter.root / name).is_file() for name in RUFF_FILES)


def formatter(adopter: Adopter) -> str:
    """The formatter that the package uses: "black", "ruff", or "none"."""
    if uses(adopter, "black"):
        return "black"
    told = table(adopter.document, "tool", "ruff").get("format")
    called = any(re.search(r"ruff[- ]format", text) for text in _callers(adopter))
    elsewhere = any("[format]" in adopter.text(name) for name in RUFF_FILES)
    return "ruff" if told or called or elsewhere else "none"


def pinned(adopter: Adopter, tool: str) -> str | None:
    """The version of black or ruff that pre-commit runs, as a requirement; None if it runs none."""
    repository = {"black": r"(?:psf/black|black-pre-commit-mirror)", "ruff": "ruff-pre-commit"}[
        tool
    ]
    wanted = rf"(?m)^\s*-?\s*repo:\s*\S*{repository}\S*\s+rev:\s*[\"']?v?([\d.]+)"
    found = re.search(wanted, adopter.text(".pre-commit-config.yaml"))
    return f"{tool}=={found[1]}" if found else None


def _callers(adopter: Adopter) -> list[str]:
    return [adopter.text(name) for name in (*_CALLERS, own_noxfile(adopter.root) or "") if name]


def _texts(node: Any) -> Iterator[str]:  # noqa: ANN401 - whatever TOML knows
    """Every string in a document, and the keys of poetry's lists of dependencies."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, list):
        for item in node:
            yield from _texts(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key in {"dependencies", "dev-dependencies"} and isinstance(value, dict):
                yield from value
            yield from _texts(value)


def _asks_for(text: str, tool: str) -> bool:
    """Whether a string is a requirement of the tool."""
    return bool(re.fullmatch(rf"{tool}\s*(?:[\[<>=!~;@].*)?", text, re.DOTALL))


def _runs(text: str, tool: str) -> bool:
    """Whether a line begins with the tool, or a pre-commit hook or a session's argument is it."""
    return bool(
        re.search(rf"""(?m)^\s*{tool}\b(?!\s*[=:])|\bid: {tool}\b|["']{tool}["'\[<>=]""", text)
    )
