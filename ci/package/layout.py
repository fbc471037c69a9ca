"""Find the package's folder: from the build backend's table, its name, or the only package.

A package is a folder, also one inside of a namespace (`src/name/space/package`), or one module.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ci.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_PARENTS = (Path("src"), Path())

# What build backends are told in [tool]: the folders that packages lie in, …
_FOLDERS = (
    ("uv", "build-backend", "module-root"),
    ("pdm", "build", "package-dir"),
    ("setuptools", "package-dir", ""),
    ("setuptools", "packages", "find", "where"),
    ("hatch", "build", "targets", "wheel", "sources"),
    ("hatch", "build", "sources"),
)
# … the paths of packages, …
_PATHS = (
    ("hatch", "build", "targets", "wheel", "packages"),
    ("hatch", "build", "targets", "wheel", "only-include"),
    ("hatch", "build", "targets", "wheel", "include"),
    ("hatch", "build", "packages"),
)
# … and their import names.
_NAMES = (
    ("flit", "module", "name"),
    ("uv", "build-backend", "module-name"),
    ("setuptools", "packages"),
    ("setuptools", "py-modules"),
)

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
    parents = (*map(Path, _told(document, _FOLDERS)), *_PARENTS)
    names = [*_told(document, _NAMES), *_spellings(name)]
    named = ((parent, Path(*dotted.split("."))) for dotted in names for parent in parents)
    for parent, package in (*_paths(document), *named):
        if not package.parts or parent / package in parents:  # that has packages, and is none
            continue
        if (root / parent / package).is_dir():
            return ".".join(package.parts), parent / package
        module = package.with_name(f"{package.name}.py")
        if (root / parent / module).is_file():
            return ".".join(package.parts), parent / module
    for parent in parents:
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


def _told(document: dict[str, Any], keys: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """The strings that these keys of [tool] have, one or a list each; not what is no string."""
    for path in keys:
        for value in _listed(document, "tool", *path):
            if isinstance(value, str):
                yield value.strip("/")  # to hatch, the first one is the repository's top folder


def _listed(document: dict[str, Any], *keys: str) -> list[Any]:
    value: Any = document
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, list) else [value]


def _paths(document: dict[str, Any]) -> Iterator[tuple[Path, Path]]:
    """The folders, and the packages in them, that hatch and poetry are told of."""
    for path in map(Path, _told(document, _PATHS)):
        yield path.parent, Path(path.stem if path.suffix == ".py" else path.name)
    for each in _listed(document, "tool", "poetry", "packages"):
        if isinstance(each, dict) and "wheel" in str(each.get("format", "wheel")):
            include = str(each.get("include", ""))
            yield Path(str(each.get("from", ""))), Path(include.removesuffix(".py"))


def _spellings(name: str) -> Iterator[str]:
    stem = _stem(name)
    dotted = re.sub(r"[-._]+", ".", name)  # zope.interface is the folder interface in zope
    yield from dict.fromkeys([stem, stem.lower(), dotted, dotted.lower()])


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
