"""pyproject.toml as TOML: reading it, and taking tables and lists of strings out of it."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from ci.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path


def load(path: Path) -> dict[str, Any]:
    """Read the document. Raises UserError if the file is missing or is not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            "no-pyproject",
            f"there is no {path.name} in {path.parent}",
            "run this in the repository's top folder",
        ) from None
    except UnicodeDecodeError as error:
        raise UserError("pyproject-encoding", f"{path.name}: {error}", "save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise UserError(
            "pyproject-syntax", f"{path.name} is not valid TOML: {error}", "correct that line"
        ) from None


def table(document: dict[str, Any], *keys: str) -> dict[str, Any]:
    """Return the table under `keys`, empty if absent. Raises UserError if it is not a table."""
    value: Any = document
    for depth, key in enumerate(keys, 1):
        value = value.get(key, {})
        if not isinstance(value, dict):
            raise UserError(
                "pyproject-type",
                f"{'.'.join(keys[:depth])} in pyproject.toml is {value!r}",
                f"make it a table, [{'.'.join(keys[:depth])}]",
            )
    return dict(value)


def strings(of: dict[str, Any], key: str, where: str) -> list[str]:
    """Return the strings under `key`, empty if absent. Raises UserError for another type."""
    value = of.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise UserError(
            "pyproject-type", f"{key} in {where} is {value!r}", "make it a list of strings"
        )
    return value
