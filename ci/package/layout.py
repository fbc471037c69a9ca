"""Find the package's folder: from the build backend's table, its name, or the only package.

A package is a folder, also one inside of a namespace (`src/name/space/package`), or one module. A
distribution may hold several.
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
# … their import names, …
_NAMES = (
    ("flit", "module", "name"),
    ("uv", "build-backend", "module-name"),
    ("setuptools", "packages"),
    ("setuptools", "py-modules"),
)
# … or which of the packages they take.
_CHOICES = (
    ("setuptools", "packages", "find", "include"),
    ("setuptools", "packages", "find", "exclude"),
    ("pdm", "build", "includes"),
    ("pdm", "build", "excludes"),
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


def find_packages(root: Path, name: str, document: dict[str, Any]) -> dict[str, Path]:
    """The import names, and the folders or modules relative to `root`: in src/ first, then flat.

    The first one has the project's name, if any has. The others lie in the same folder. Raises
    UserError when there is none, or it isn't clear which it is.
    """
    parents = (*map(Path, _told(document, _FOLDERS)), *_PARENTS)
    names = list(_spellings(name))
    told = [*_paths(document), *_below(parents, _told(document, _NAMES))]
    configured = _existing(root, parents, told)
    named = _existing(root, parents, _below(parents, names))
    found = configured or named[:1] or _nameless(root, parents)
    if not found:
        raise _no_package(root, name)
    found.sort(key=lambda each: _import_name(*each) not in names)
    parent, first = found[0]
    if not configured and _ships_all(document, parent):
        found += [(parent, place) for place in _packages(root, first.parent)]
    # Those that are imported from the same folder as the first one; subpackages are part of one.
    places = [
        place
        for folder, place in dict.fromkeys(found)
        if place == first or (folder == parent and _is_importable(root / place))
    ]
    return {
        _import_name(parent, place): place
        for place in places
        if not any(outer in places for outer in place.parents)
    }


def _no_package(root: Path, name: str) -> UserError:
    stem, several = _stem(name), [each for parent in _PARENTS for each in _packages(root, parent)]
    beside = f", only {', '.join(each.as_posix() for each in several)}" if several else ""
    return UserError(
        "no-package",
        f"there is no package {stem} and no module {stem}.py in src/ or beside pyproject.toml"
        + beside,
        "put it there with the project's name, or name its folder in the build backend's"
        " configuration",
    )


def _existing(
    root: Path, parents: tuple[Path, ...], candidates: Iterable[tuple[Path, Path]]
) -> list[tuple[Path, Path]]:
    """The packages and modules that exist, each behind the folder that it is imported from."""
    found = []
    for parent, package in candidates:
        place = parent / package
        if not package.parts or place in parents:  # that has packages, and is none
            continue
        module = place.with_name(f"{place.name}.py")
        if (root / place).is_dir():
            found.append((parent, place))
        elif (root / module).is_file():
            found.append((parent, module))
    return found


def _import_name(parent: Path, place: Path) -> str:
    return ".".join(place.relative_to(parent).with_suffix("").parts)


def _is_importable(place: Path) -> bool:
    return place.suffix == ".py" or (place / "__init__.py").is_file()


def _ships_all(document: dict[str, Any], parent: Path) -> bool:
    """Whether the backend ships every package of a folder without being told of any."""
    finders = ("pdm",) if parent == Path() else ("pdm", "setuptools")
    backends = _listed(document, "build-system", "build-backend")
    finds = any(str(backend or "setuptools").startswith(finders) for backend in backends)
    return finds and not any(_told(document, _CHOICES))


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


def _below(parents: Iterable[Path], names: Iterable[str]) -> Iterator[tuple[Path, Path]]:
    """The folders, and the packages in them, that have one of these import names."""
    yield from ((parent, Path(*name.split("."))) for name in names for parent in parents)


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


def _nameless(root: Path, parents: Iterable[Path]) -> list[tuple[Path, Path]]:
    """The only package in one of the folders, or all packages of the only namespace there."""
    for parent in parents:
        packages = list(_packages(root, parent))
        inside = [] if packages else list(_in_namespaces(root, parent))
        if len(packages) == 1 or len({each.parent for each in inside}) == 1:
            return [(parent, each) for each in (*packages, *inside)]
    return []


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
