"""Where the package lies: as the build backend is told, else where its name says, else alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ci.errors import UserError
from ci.package.pyproject import strings, table

if TYPE_CHECKING:
    from collections.abc import Iterator

_PARENTS = (Path("src"), Path())

# Folders beside a package that may hold an __init__.py, and are not it.
_BESIDE = {
    *("benchmark", "benchmarks", "build", "cdk", "ci", "dist", "doc", "docs", "example"),
    *("examples", "scripts", "tasks", "test", "testing", "tests", "tools", "utils"),
}


def find_package(root: Path, name: str, document: dict[str, Any]) -> tuple[str, Path]:
    """The import name and the folder, relative to `root`: in src/ first, then flat.

    Raises UserError when there is no such folder, or it isn't clear which it is.
    """
    for parent, package in (*_told(document), *_named(name)):
        if (root / parent / package).is_dir():
            return ".".join(package.parts), parent / package
    for parent in _PARENTS:
        packages = list(_packages(root, parent))
        if len(packages) == 1:
            return packages[0].name, packages[0]
    stem = _stem(name)
    if any((root / parent / f"{stem}.py").is_file() for parent in _PARENTS):
        raise UserError(
            "single-module",
            f"the package is one module, {stem}.py, and the pipeline tests and ships a folder",
            f"make it {stem}/__init__.py",
        )
    raise UserError(
        "no-package",
        f"there is no package {stem} in src/ or beside pyproject.toml",
        "put the package's folder there under the project's name",
    )


def _stem(name: str) -> str:
    return re.sub(r"[-.]+", "_", name)


def _told(document: dict[str, Any]) -> Iterator[tuple[Path, Path]]:
    """What the configuration of a build backend names: a folder, and the package in it."""
    flit = table(document, "tool", "flit", "module").get("name")
    if isinstance(flit, str):
        yield from _in_parents(flit)
    wheel = table(document, "tool", "hatch", "build", "targets", "wheel")
    for path in map(Path, strings(wheel, "packages", "[tool.hatch.build.targets.wheel]")):
        yield path.parent, Path(path.name)
    for each in table(document, "tool", "poetry").get("packages", []):
        if isinstance(each, dict) and "wheel" in each.get("format", "wheel"):
            yield Path(each.get("from", "")), Path(each.get("include", ""))
    packages = table(document, "tool", "setuptools").get("packages")
    if isinstance(packages, list) and packages:
        yield from _in_parents(packages[0])


def _named(name: str) -> Iterator[tuple[Path, Path]]:
    stem = _stem(name)
    for spelling in dict.fromkeys([stem, stem.lower()]):
        yield from _in_parents(spelling)


def _in_parents(dotted: str) -> Iterator[tuple[Path, Path]]:
    yield from ((parent, Path(*dotted.split("."))) for parent in _PARENTS)


def _packages(root: Path, parent: Path) -> Iterator[Path]:
    """The packages in a folder, but for those that go along with one."""
    for file in sorted((root / parent).glob("*/__init__.py")):
        if not file.parent.name.startswith((".", "_")) and file.parent.name not in _BESIDE:
            yield parent / file.parent.name
