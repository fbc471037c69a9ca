"""Find the places in the checkout where the version is written.

The build backend is asked for the version; this only looks for the place to change. It is looked
for where backends are told to read it, and in the package's own modules. A version that comes from
git's tags is written nowhere.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.version import InvalidVersion, Version

from ci.checkout.git import git, tracked_files
from ci.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

PYPROJECT = Path("pyproject.toml")
TOML_KEYS = (("project", "version"), ("tool", "poetry", "version"))
ASSIGNMENT = re.compile(
    r"""^(?P<before>(?P<name>__version__|VERSION|version)[ \t]*(?::[ \t]*[\w.]+[ \t]*)?=[ \t]*
        (?P<quote>['"])v?)(?P<value>[^'"\n]+)(?=(?P=quote))""",
    re.MULTILINE | re.VERBOSE,
)


@dataclass(frozen=True)
class Place:
    """A version that is written in a file.

    `path` is relative to the repository's top; `key` is a key of TOML ("project.version"), a name
    that the version is assigned to ("__version__"), or empty for a file that holds it alone.
    """

    path: Path
    key: str
    value: str

    def __str__(self) -> str:
        """The file and the key, as a person would say it."""
        return f"{self.key} in {self.path.as_posix()}" if self.key else self.path.as_posix()


def parse_version(text: str | None) -> Version | None:
    """Return `text` as a version; None if it is not a PEP 440 version."""
    try:
        return Version(text or "")
    except InvalidVersion:
        return None


def find_places(root: Path, package: Path, version: Version) -> list[Place]:
    """The places where `version` is written; `package` is the package's folder or module."""
    return [place for place in all_places(root, package) if parse_version(place.value) == version]


def all_places(root: Path, package: Path) -> list[Place]:
    """The places where any version is written, which need not be the package's."""
    return [
        place
        for path in candidates(root, package)
        for place in places_in(path, (root / path).read_text(encoding="utf-8", errors="replace"))
    ]


def candidates(root: Path, package: Path) -> list[Path]:
    """The existing files, tracked by git, that may hold the version, relative to `root`."""
    document = tomllib.loads((root / PYPROJECT).read_text(encoding="utf-8"))
    tracked = set(tracked_files(root))
    modules = (
        [package]
        if package.suffix
        else [Path(name) for name in sorted(tracked) if Path(name).parent == package]
    )
    files = [PYPROJECT, *_told(document), *(path for path in modules if path.suffix == ".py")]
    return [
        path
        for path in dict.fromkeys(files)
        if path.as_posix() in tracked and (root / path).is_file()
    ]


def _told(document: dict[str, Any]) -> Iterator[Path]:
    """The files that a build backend is told to read the version from."""
    tool = document.get("tool", {})
    for table in (
        tool.get("hatch", {}).get("version", {}),
        tool.get("pdm", {}).get("version", {}),
        tool.get("setuptools", {}).get("dynamic", {}).get("version", {}),
    ):
        told = [table.get("path"), table.get("file")]
        files = [name for each in told for name in (each if isinstance(each, list) else [each])]
        yield from (Path(name) for name in files if isinstance(name, str))
        if isinstance(attribute := table.get("attr"), str):  # of setuptools: module.name
            module = Path(*attribute.split(".")[:-1])
            for parent in (Path("src"), Path()):
                yield from (parent / module / "__init__.py", parent / f"{module}.py")


def places_in(path: Path, text: str) -> list[Place]:
    """Every version that is written in `text`, which is what the file `path` holds."""
    if path == PYPROJECT:
        document = tomllib.loads(text)
        return [
            Place(path, ".".join(key), value)
            for key in TOML_KEYS
            if isinstance(value := _value(document, key), str)
        ]
    if path.suffix != ".py" and len(text.split()) == 1:
        return [Place(path, "", text.strip())]
    return [Place(path, found["name"], found["value"]) for found in ASSIGNMENT.finditer(text)]


def _value(document: Any, key: tuple[str, ...]) -> Any:  # noqa: ANN401 - TOML
    for part in key:
        document = document.get(part) if isinstance(document, dict) else None
    return document


def text_at(root: Path, commit: str, path: Path) -> str:
    """Return the text of a file below `root` at `commit`; raises UserError if it was not there."""
    return git(root, "show", f"{commit}:./{path.as_posix()}")  # "./": from `root`, not git's top


def version_at(root: Path, commit: str, place: Place) -> Version | None:
    """Return the version in `place` at `commit`; None if there was none."""
    try:
        then = places_in(place.path, text_at(root, commit, place.path))
    except (UserError, tomllib.TOMLDecodeError):
        return None
    return next((parse_version(each.value) for each in then if each.key == place.key), None)
