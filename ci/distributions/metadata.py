"""What a built distribution says of itself."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from packaging.metadata import parse_email
from packaging.version import InvalidVersion, Version

from ci.distributions.archive import files, is_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def stem(distribution: Path) -> str:
    """The `<name>-<version>` that a distribution's file name begins with."""
    return "-".join(distribution.name.removesuffix(".tar.gz").split("-")[:2])


def metadata_path(distribution: Path) -> str:
    """The path of the core metadata inside a distribution."""
    return f"{stem(distribution)}.dist-info/METADATA" if is_wheel(distribution) else "PKG-INFO"


def read_member(distribution: Path, path: str) -> bytes | None:
    """The bytes of a regular file inside a distribution, None if there is none of that path.

    Raises UserError when the archive can't be read.
    """
    return next((content for file, content in files(distribution) if file.path == path), None)


def metadata_version(distribution: Path) -> str | None:
    """The version as the core metadata has it, None if it has none.

    Raises UserError when the archive can't be read.
    """
    content = read_member(distribution, metadata_path(distribution))
    return parse_email(content)[0].get("version") if content is not None else None


def is_version(text: str | None, version: Version) -> bool:
    """Whether `text` is `version`, in whichever spelling."""
    try:
        return Version(text or "") == version
    except InvalidVersion:
        return False


def stated_versions(wheel: Path, import_name: str) -> Iterator[tuple[str, str]]:
    """The path and the value of each `__version__ = "…"` at the top level of the wheel's package.

    A version that is computed or imported is not stated there, and yields nothing.
    """
    path = import_name.replace(".", "/")
    for candidate in (f"{path}/__init__.py", f"{path}.py"):
        for value in _literals(read_member(wheel, candidate) or b""):
            yield candidate, value


def _literals(source: bytes) -> Iterator[str]:
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError):
        return
    for node in body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        names = {target.id for target in targets if isinstance(target, ast.Name)}
        value = getattr(node, "value", None)
        if "__version__" in names and isinstance(value, ast.Constant):
            yield str(value.value)
