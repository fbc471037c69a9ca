"""Check that a distribution has every file that it needs, and no others."""

from __future__ import annotations

from collections import Counter
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ci.distributions.checks import matches
from ci.package.layout import BESIDE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.distributions.checks import Finding, Subject
    from ci.package.project import Project

# What an sdist may hold at its top, lower case, besides the package's own folder.
_SDIST_ROOTS = (
    *("tests", "test", "pkg-info", "pyproject.toml", "pyproject.toml.orig", ".gitignore"),
    *("setup.py", "setup.cfg", "manifest.in", "hatch.toml", "hatch_build.py", "pdm_build.py"),
    *("meson.build", "meson.options", "cmakelists.txt", "cargo.toml", "cargo.lock"),
    *("readme", "readme.*", "license*", "licence*", "copying*", "notice*"),
    *("authors", "authors.*", "contributors", "contributors.*"),
    *("changelog", "changelog.*", "changes", "changes.*", "history", "history.*"),
    *("news", "news.*", "version", "version.txt", "*.egg-info"),
)

# How to keep something out of an sdist.
_LEFT_OUT = {
    "hatchling": "add it to exclude in [tool.hatch.build.targets.sdist]",
    "setuptools": "exclude it in MANIFEST.in",
}


def roots(subject: Subject) -> Iterator[Finding]:
    """Find unusual files at the top that are not in [tool.ci] sdist-include.

    A folder is named once, not each file in it.
    """
    allowed = _wheel_roots(subject) if subject.is_wheel else _sdist_roots(subject.project)
    backend = "" if subject.is_wheel else subject.project.build_backend.partition(".")[0]
    paths = _file_paths(subject)
    for top, count in Counter(path.partition("/")[0] for path in paths).items():
        if not any(fnmatchcase(top.lower(), pattern) for pattern in allowed):
            yield subject.finding(
                top if top in paths else f"{top}/",
                "root",
                f"it does not belong in this distribution ({count} file(s))",
                _LEFT_OUT.get(backend, "leave it out, in the build backend's configuration")
                + ("" if subject.is_wheel else ", or add it to sdist-include in [tool.ci]"),
            )


def _sdist_roots(project: Project) -> set[str]:
    own = {*(path.parts[0] for path in project.packages.values()), *project.settings.sdist_include}
    return {*_SDIST_ROOTS, *(name.strip("/").lower() for name in own)}


def _wheel_roots(subject: Subject) -> set[str]:
    """The package, what the wheel format wants, and what can be imported beside the package."""
    base = subject.project.import_folder.parts
    beside = {
        path.parts[len(base)]
        for path in map(PurePosixPath, subject.tree.ids)
        if path.parts[: len(base)] == base and path.suffix in {".py", ".pyi"}
    }
    if not base:  # at the repository's top lies what is for developers too
        beside = {name for name in beside if name.partition(".")[0] not in BESIDE}
    own = {subject.project.import_name.partition(".")[0]}
    own |= {f"{subject.stem}.dist-info", f"{subject.stem}.data"}
    return {name.lower() for name in own | beside}


def missing(subject: Subject) -> Iterator[Finding]:
    """Find files that git tracks in the packages' folders but that the wheel lacks.

    Left out on purpose may be: dot files, and what [tool.ci] wheel-exclude names.
    """
    if not subject.is_wheel:
        return
    project = subject.project
    excused = (".*", *project.settings.wheel_exclude)
    present = {str(project.import_folder / path) for path in _file_paths(subject)}
    packages = [PurePosixPath(folder) for folder in project.packages.values()]
    for path in subject.tree.ids:
        in_package = any(PurePosixPath(path).is_relative_to(package) for package in packages)
        if in_package and path not in present and not matches(path, excused):
            yield subject.finding(
                path,
                "missing",
                "git tracks it in the package, but the wheel lacks it",
                "include it in the build backend's configuration, or add it to wheel-exclude in"
                " [tool.ci]",
            )


def _file_paths(subject: Subject) -> dict[str, None]:
    """In the archive's order, once each."""
    members = subject.archive.members
    return dict.fromkeys(member.path for member in members if member.kind != "folder")
