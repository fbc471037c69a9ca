"""Read the repository that gets the pipeline; raise an error if it can't have it."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from ci.checkout.git import git, tracked_files
from ci.errors import UserError
from ci.package.project import NEWEST_PYTHON, Project, parse_project
from ci.package.pyproject import load, strings, table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOWEST, HIGHEST = 8, 12  # of the Python 3 that the pipeline is made for
# By the first part of `build-backend`. Some wrap another one, and take the version from git.
BACKENDS = {
    "hatchling": "hatchling",
    "setuptools": "setuptools",
    "flit_core": "flit",
    "flit_scm": "flit",
    "poetry": "poetry-core",
    "poetry_dynamic_versioning": "poetry-core",
    "pdm": "pdm",
    "uv_build": "uv",
}

_CLASSIFIER = re.compile(r"Programming Language :: Python :: 3\.\d+")
_SOURCES = (".c", ".cc", ".cpp", ".cxx", ".f", ".f90", ".pyx", ".rs")
_EXTENSIONS = re.compile(r"ext_modules|cythonize|mypycify|rust_extensions|cffi_modules")


@dataclass(frozen=True)
class Adopter:
    """A package that can have the pipeline.

    `document` is its pyproject.toml; `project` what that says once the Python versions that it
    lacks (`pythons`) are added; `backend` is one of the values of BACKENDS; `tracked` are the files
    that git tracks, or does not ignore.
    """

    root: Path
    document: dict[str, Any]
    project: Project
    pythons: tuple[str, ...]
    backend: str
    tracked: tuple[str, ...]

    @property
    def package(self) -> str:
        """The package's folder, or its only module, as git names it."""
        return self.project.package_dir.as_posix()

    @property
    def packages(self) -> list[str]:
        """All that it ships, the main package first: folders and modules, as git names them."""
        return [path.as_posix() for path in self.project.packages.values()]

    @property
    def flat(self) -> bool:
        """Whether the package lies beside pyproject.toml."""
        return len(self.project.package_dir.parts) == len(self.project.import_name.split("."))

    @cached_property
    def release_branch(self) -> str:
        """What [tool.ci] says, else main or master, else origin's default, else the current one."""
        told = table(self.document, "tool", "ci").get("release-branch")
        if told:
            return str(told)
        known = self._branches("refname:lstrip=2", "refs/heads")
        known += self._branches("refname:lstrip=3", "refs/remotes")
        usual = [name for name in ("main", "master") if name in known]
        default = self._branches("symref:lstrip=3", "refs/remotes/origin/HEAD")
        current = git(self.root, "branch", "--show-current")
        return next(filter(None, [*usual, *default, current]), "main")

    def _branches(self, form: str, references: str) -> list[str]:
        return git(self.root, "for-each-ref", f"--format=%({form})", references).split()

    def text(self, name: str) -> str:
        """The content of a file in the top folder; empty if there is none."""
        path = self.root / name
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def read_adopter(source: Path, path: Path) -> Adopter:
    """The package in the repository at `path`.

    Raises UserError for everything that the pipeline can't work with, or that is this repository,
    `source`, itself.
    """
    root = _repository(source, path)
    document = _document(root)
    pythons = missing_pythons(document)
    project = parse_project(root, _with_pythons(document, pythons))
    _require_python(project)
    adopter = Adopter(root, document, project, pythons, _backend(document), _files(root))
    _require_pure(adopter)
    return adopter


def _repository(source: Path, path: Path) -> Path:
    if not path.is_dir():
        raise UserError(
            "adopt-no-folder",
            f"{path} is not a folder",
            "give the path of a repository's top folder",
        )
    root = path.resolve()
    if not (root / ".git").exists():
        raise _not_the_top(root, path)
    if root.samefile(source):
        raise UserError(
            "adopt-home",
            f"{path} is this repository itself",
            "give the path of another package's repository",
        )
    if (root / "ci" / "tests").is_dir():
        raise UserError(
            "adopt-ci-tests",
            f"{path} has a folder ci/tests, but only the pipeline's own repository may have one",
            "rename or move that folder",
        )
    return root


def _not_the_top(root: Path, path: Path) -> UserError:
    try:
        top = git(root, "rev-parse", "--show-toplevel")
    except UserError:
        return UserError(
            "adopt-no-repository",
            f"{path} is not the top folder of a git repository",
            "run `git init` there, or give the path of the top folder: you need git to undo"
            " what adopt does",
        )
    return UserError(
        "adopt-subfolder",
        f"{path} is a subfolder of the git repository {top}",
        "give the path of its top folder, or move the package into a repository of its own:"
        " CodeBuild runs the sessions in the top folder",
    )


def _document(root: Path) -> dict[str, Any]:
    legacy = " and ".join(name for name in ("setup.py", "setup.cfg") if (root / name).is_file())
    remedy = "describe the package in [project] of pyproject.toml, which all backends read"
    if not (root / "pyproject.toml").is_file():
        if legacy:
            raise UserError(
                "adopt-setup-py", f"the package has {legacy}, but no pyproject.toml", remedy
            )
        raise UserError(
            "adopt-no-pyproject",
            f"there is no pyproject.toml in {root}",
            "write one; or, if the package is in a subfolder, move it to the top folder or into"
            " a repository of its own",
        )
    document = load(root / "pyproject.toml")
    if not table(document, "project") and not table(document, "tool", "poetry"):
        where = f"; its metadata is in {legacy}" if legacy else ""
        raise UserError("adopt-no-project", f"pyproject.toml has no [project]{where}", remedy)
    return document


def missing_pythons(document: dict[str, Any]) -> tuple[str, ...]:
    """What [tool.ci] has to list as `pythons`, where no classifier names a version."""
    metadata = table(document, "project")
    listed = strings(metadata, "classifiers", "[project]")
    if not metadata or any(map(_CLASSIFIER.fullmatch, listed)):
        return ()
    if "pythons" in table(document, "tool", "ci"):
        return ()
    try:
        wanted = SpecifierSet(str(metadata.get("requires-python", "")))
    except InvalidSpecifier:
        return ()
    fitting = [minor for minor in range(LOWEST, NEWEST_PYTHON + 1) if f"3.{minor}" in wanted]
    chosen = [minor for minor in fitting if minor <= HIGHEST] or fitting[:1]
    return tuple(f"3.{minor}" for minor in chosen)


def _with_pythons(document: dict[str, Any], pythons: tuple[str, ...]) -> dict[str, Any]:
    changed = copy.deepcopy(document)
    if pythons:
        changed.setdefault("tool", {}).setdefault("ci", {})["pythons"] = list(pythons)
    return changed


def _require_python(project: Project) -> None:
    lowest, wanted = project.python_versions[0], project.requires_python
    older = [f"3.{minor}" for minor in range(LOWEST) if str(wanted) and f"3.{minor}" in wanted]
    if Version(lowest) < Version(f"3.{LOWEST}"):
        older.append(lowest)
    if older:
        raise UserError(
            "adopt-old-python",
            f"the package also supports Python {min(older, key=Version)} (requires-python"
            f" {str(wanted)!r}, lowest classifier {lowest})",
            f"raise both to 3.{LOWEST}: the pipeline does not test older versions",
        )


def _backend(document: dict[str, Any]) -> str:
    section = table(document, "build-system")
    name = str(section.get("build-backend", "setuptools.build_meta"))
    backend = BACKENDS.get(re.split(r"[.:]", name)[0])
    if backend is None or "backend-path" in section:
        raise UserError(
            "adopt-backend",
            f"the build backend is {name!r}"
            + (", from the repository itself" if "backend-path" in section else ""),
            f"use one of {', '.join(dict.fromkeys(BACKENDS.values()))}: adopt does not know what"
            " other backends need",
        )
    return backend


def _files(root: Path) -> tuple[str, ...]:
    untracked = git(root, "ls-files", "-z", "--others", "--exclude-standard").split("\0")
    return tuple(sorted({*tracked_files(root), *filter(None, untracked)}))


def _require_pure(adopter: Adopter) -> None:
    reason = next(_signs_of_compiling(adopter), None)
    if reason:
        raise UserError(
            "adopt-compiled",
            f"the package is compiled ({reason})",
            "release it with another tool: the pipeline builds one wheel for all Pythons and"
            " platforms, but a compiled package needs one for each",
        )


def _signs_of_compiling(adopter: Adopter) -> Iterator[str]:
    yield from (
        name
        for name in adopter.tracked
        if name.startswith(f"{adopter.package}/") and name.endswith(_SOURCES)
    )
    found = _EXTENSIONS.search(adopter.text("setup.py"))
    if found:
        yield f"{found[0]} in setup.py"
    tool = table(adopter.document, "tool")
    for keys in (
        ("setuptools", "ext-modules"),
        ("poetry", "build"),
        ("pdm", "build", "run-setuptools"),
    ):
        value: Any = tool
        for key in keys:
            value = value.get(key, {}) if isinstance(value, dict) else {}
        if value:
            yield f"tool.{'.'.join(keys)} in pyproject.toml"
    hooks = table(adopter.document, "tool", "hatch", "build").get("hooks", {})
    yield from (f"the hook {name} of hatchling" for name in hooks if name in {"mypyc", "cython"})
