"""Read the metadata of a built distribution."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from packaging.metadata import parse_email
from packaging.version import Version

from ci.distributions.archive import is_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ci.distributions.archive import Archive


def stem(distribution: Path) -> str:
    """The `<name>-<version>` that a distribution's file name begins with."""
    return "-".join(distribution.name.removesuffix(".tar.gz").split("-")[:2])


def metadata_path(distribution: Path) -> str:
    """The path of the core metadata inside a distribution."""
    return f"{stem(distribution)}.dist-info/METADATA" if is_wheel(distribution) else "PKG-INFO"


def metadata_version(archive: Archive) -> str | None:
    """Return the version in the core metadata; None if there is none."""
    content = archive.files.get(metadata_path(archive.path))
    return parse_email(content)[0].get("version") if content is not None else None


def is_version(text: str | None, version: Version) -> bool:
    """Return whether `text` is `version` in any spelling."""
    try:
        return Version(text or "") == version
    except ValueError:  # no version, or one of more digits than int() takes
        return False


def stated_versions(archive: Archive, import_name: str) -> Iterator[tuple[str, str]]:
    """The path and the value of each `__version__ = "…"` at the top level of a wheel's package.

    A version that is computed or imported is not stated there, and yields nothing.
    """
    path = import_name.replace(".", "/")
    for candidate in (f"{path}/__init__.py", f"{path}.py"):
        for value in _literals(archive.files.get(candidate, b"")):
            yield candidate, value


def _literals(source: bytes) -> Iterator[str]:
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # also of what is too complex
        return
    for node in body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        names = {target.id for target in targets if isinstance(target, ast.Name)}
        value = getattr(node, "value", None)
        if "__version__" in names and isinstance(value, ast.Constant):
            yield str(value.value)
