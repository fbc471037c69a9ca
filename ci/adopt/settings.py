"""Settings of tools that lie elsewhere than in pyproject.toml."""

from __future__ import annotations

import configparser
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from ci.adopt.target import Target


def ini(root: Path, name: str) -> dict[str, dict[str, str]]:
    """The sections of an ini file; none if it is absent or broken."""
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    try:
        parser.read(root / name, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        return {}
    return {section: dict(parser[section]) for section in parser.sections()}


def coverage_elsewhere(target: Target) -> str | None:
    """The file that coverage reads before pyproject.toml, and in place of it, if there is one."""
    if (target.root / ".coveragerc").is_file():
        return ".coveragerc"
    for name in ("setup.cfg", "tox.ini"):
        if any(section.startswith("coverage:") for section in ini(target.root, name)):
            return name
    return None
