"""Find the package's folder: from the build backend's table, its name, or the only package.

A package is a folder, also one inside of a namespace (`src/name/space/package`), or one module.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ci.errors import UserError
from ci.package.pyproject import strings, table

if TYPE_CHECKING:
    from collections.abc import Iterator

_PARENTS = (Path("src"), Path())

# What may lie beside a package in Python, and is not it.
BESIDE = {
    *(
        "conftest",
        "noxfile",
        "setup",
        "versioneer",
        "benchmark",
        "benchmarks",
        "build",
        "cdk",
        "ci",
        "dist",
        "doc",
        "docs",
        "example",
    ),
    *("examples", "scripts", "tasks", "test", "testing", "tests", "tools", "utils"),
}


def find_package(root: Path, name: str, document: dict[str, Any]) -> tuple[str, Path]:
    """The import name, and the folder or the module relative to `root`: in src/ first, then flat.

    Raises UserError when there is none, or it isn't clear which it is.
    """
    for parent, package in (*_told(document), *_named(name)):
        if (root / parent / package).is_dir():
            return ".".join(package.parts), parent / package
        module = package.with_name(f"{package.name}.py")
        if (root / parent / module).is_file():
            return ".".join(package.parts), parent / module
    for parent in _PARENTS:
        packages = list(_packages(root, parent)) or list(_in_namespaces(root, parent))
        if len(packages) == 1:
            return ".".join(packages[0].relative_to(parent).parts), packages[0]
    stem = _stem(name)
    raise UserError(
        "no-package",
        f"there is no package {stem} and no module {stem}.py in src/ or beside pyproject.toml",
        "put it there with the project's name, or name its folder in the build backend's"
        " configuration",
    )


def _stem(name: str) -> str:
    return re.sub(r"[-.]+", "_", name)


def _told(document: dict[str, Any]) -> Iterator[tuple[Path, Path]]:
    """Return the folder, and the package in it, from a build backend's configuration."""
    flit = table(document, "tool", "flit", "module").get("name")
    if isinstance(flit, str):
        yield from _in_parents(flit)
    wheel = table(document, "tool", "hatch", "build", "targets", "wheel")
    for key in ("packages", "only-include", "include"):
        for path in map(Path, strings(wheel, key, "[tool.hatch.build.targets.wheel]")):
            yield path.parent, Path(path.stem if path.suffix == ".py" else path.name)
    for each in table(document, "tool", "poetry").get("packages", []):
        if isinstance(each, dict) and "wheel" in each.get("format", "wheel"):
            yield Path(each.get("from", "")), Path(each.get("include", "").removesuffix(".py"))
    setuptools = table(document, "tool", "setuptools")
    for key in ("packages", "py-modules"):
        names = setuptools.get(key)
        if isinstance(names, list) and names:
            yield from _in_parents(names[0])


def _named(name: str) -> Iterator[tuple[Path, Path]]:
    stem = _stem(name)
    dotted = re.sub(r"[-._]+", ".", name)  # zope.interface is the folder interface in zope
    for spelling in dict.fromkeys([stem, stem.lower(), dotted, dotted.lower()]):
        yield from _in_parents(spelling)


def _in_parents(dotted: str) -> Iterator[tuple[Path, Path]]:
    yield from ((parent, Path(*dotted.split("."))) for parent in _PARENTS)


def _packages(root: Path, parent: Path) -> Iterator[Path]:
    """The packages in a folder, but for those that go along with one."""
    for file in sorted((root / parent).glob("*/__init__.py")):
        if not file.parent.name.startswith((".", "_")) and file.parent.name not in BESIDE:
            yield parent / file.parent.name


def _in_namespaces(root: Path, parent: Path) -> Iterator[Path]:
    """The packages that lie in src/ one or two folders deep, where the outer ones are none."""
    if parent == Path():
        return
    for depth in ("*/*", "*/*/*"):
        found = sorted((root / parent).glob(f"{depth}/__init__.py"))
        if found:
            yield from (file.parent.relative_to(root) for file in found)
            return
