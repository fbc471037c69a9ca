"""Does a distribution hold what git tracks, all of it that is needed, and nothing else."""

from __future__ import annotations

from collections import Counter
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from packaging.utils import parse_wheel_filename

from ci.checkout.git import tracked_files
from ci.distributions.archive import is_wheel, members
from ci.distributions.checks import Finding, matches
from ci.distributions.metadata import stem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ci.package.project import Project

# What an sdist may hold at its top, lower case, besides the package's own folder.
_SDIST_ROOTS = (
    *("tests", "test", "pkg-info", "pyproject.toml", "pyproject.toml.orig", ".gitignore"),
    *("setup.py", "setup.cfg", "manifest.in", "hatch.toml", "hatch_build.py", "pdm_build.py"),
    *("meson.build", "meson.options", "cmakelists.txt", "cargo.toml", "cargo.lock"),
    *("readme", "readme.*", "license*", "licence*", "copying*", "notice*"),
    *("authors", "authors.*", "contributors", "contributors.*"),
    *("changelog", "changelog.*", "changes", "changes.*", "history", "history.*"),
    *("news", "news.*", "*.egg-info"),
)

# What a backend writes into an sdist by itself.
_GENERATED = {
    "hatchling": (".gitignore",),
    "setuptools": ("setup.cfg", "*.egg-info", "*.egg-info/*"),
    "uv_build": ("pyproject.toml.orig",),
}

# How to keep something out of an sdist.
_LEFT_OUT = {
    "hatchling": "have only-include in [tool.hatch.build.targets.sdist] leave it out",
    "setuptools": "have MANIFEST.in exclude it",
}

# The machine code of an extension module is made by the build, so git can't know it.
_COMPILED = ("*.so", "*.pyd", "*.dll", "*.dylib")

# A wheel for one platform holds the extension modules in place of these, its sdist has them.
_COMPILED_FROM = (
    *("*.c", "*.cc", "*.cpp", "*.cxx", "*.h", "*.hpp", "*.pyx", "*.pxd", "*.pxi", "*.rs"),
    *("*.f", "*.f90", "*.asm", "CMakeLists.txt", "meson.build", "Cargo.toml", "Cargo.lock"),
)


def safe_paths(_: Project, distribution: Path) -> Iterator[Finding]:
    """No absolute path, no `..`, no links, no devices, nothing twice, an sdist in one folder."""
    found = members(distribution)
    top = None if is_wheel(distribution) else stem(distribution)
    for member in found:
        parts = PurePosixPath(member.name).parts
        if not parts or member.name.startswith("/") or ".." in parts:
            yield _unsafe(distribution, member.name, "its path leads out of the distribution")
        elif "\\" in member.name or ":" in parts[0]:
            yield _unsafe(distribution, member.name, "its path means another place on Windows")
        elif top and parts[0] != top:
            yield _unsafe(distribution, member.name, f"it lies outside of the folder {top}")
        if member.kind in {"link", "other"}:
            yield _unsafe(distribution, member.name, "it is a link or a device, not a file")
    for name, count in Counter(member.name.rstrip("/") for member in found).items():
        if count > 1:
            yield _unsafe(distribution, name, f"it is there {count} times")


def _unsafe(distribution: Path, name: str, found: str) -> Finding:
    return Finding(
        distribution.name, name, "unsafe-member", found, "ship plain files below one folder, once"
    )


def roots(project: Project, distribution: Path) -> Iterator[Finding]:
    """Nothing at the top but what is usual, or listed in [tool.ci] sdist-include.

    A folder is named once, not each file in it.
    """
    wheel = is_wheel(distribution)
    allowed = _wheel_roots(project, distribution) if wheel else _sdist_roots(project)
    backend = "" if wheel else _backend(project)
    paths = _file_paths(distribution)
    for top, count in Counter(path.partition("/")[0] for path in paths).items():
        if not any(fnmatchcase(top.lower(), pattern) for pattern in allowed):
            yield Finding(
                distribution.name,
                top if top in paths else f"{top}/",
                "root",
                f"this distribution is not meant to hold it ({count} file(s))",
                _LEFT_OUT.get(backend, "have the build backend leave it out")
                + ("" if wheel else ", or add it to sdist-include in [tool.ci]"),
            )


def _sdist_roots(project: Project) -> set[str]:
    own = {project.package_dir.parts[0], *project.settings.sdist_include}
    return {*_SDIST_ROOTS, *(name.strip("/").lower() for name in own)}


def _wheel_roots(project: Project, distribution: Path) -> set[str]:
    """The package, what the wheel format wants, and any module beside it that git tracks."""
    base = _base(project)
    beside = {
        path.parts[len(base)]
        for path in map(PurePosixPath, tracked_files(project.root))
        if path.parts[: len(base)] == base and path.suffix in {".py", ".pyi"}
    }
    start = stem(distribution)
    own = {project.import_name.partition(".")[0], f"{start}.dist-info", f"{start}.data"}
    return {name.lower() for name in own | beside}


def _base(project: Project) -> tuple[str, ...]:
    """The folder that the package is imported from, in parts: `("src",)`, or none."""
    return project.package_dir.parts[: -len(project.import_name.split("."))]


def untracked(project: Project, distribution: Path) -> Iterator[Finding]:
    """Nothing that git doesn't track, but for what the backend and the compiler make."""
    tracked = set(tracked_files(project.root))
    for path in _file_paths(distribution):
        source = _source(project, path) if is_wheel(distribution) else path
        if source in tracked or _is_made(project, distribution, path):
            continue
        yield Finding(
            distribution.name,
            path,
            "untracked",
            "git does not track it",
            "git add it if it belongs there, else remove it; if the build makes it, add it to"
            " not-in-git in [tool.ci]",
        )


def _source(project: Project, path: str) -> str:
    """The file in the repository that a wheel's member comes from."""
    return PurePosixPath(*_base(project), path).as_posix()


def _is_made(project: Project, distribution: Path, path: str) -> bool:
    if matches(path, project.settings.not_in_git):
        return True
    if is_wheel(distribution):
        top = path.partition("/")[0]
        return top.endswith((".dist-info", ".data")) or matches(path, _COMPILED)
    made = ("PKG-INFO", *_GENERATED.get(_backend(project), ()))
    return any(fnmatchcase(path.removeprefix("src/"), pattern) for pattern in made)


def _backend(project: Project) -> str:
    return project.build_backend.partition(".")[0]


def missing(project: Project, distribution: Path) -> Iterator[Finding]:
    """A wheel lacks nothing that git tracks in the package's folder.

    Left out on purpose may be: dot files, what [tool.ci] wheel-exclude names, and, where the wheel
    is for one platform, the sources of its extension modules.
    """
    if not is_wheel(distribution):
        return
    excused = [".*", *project.settings.wheel_exclude]
    if _is_compiled(distribution):
        excused += _COMPILED_FROM
    present = {_source(project, path) for path in _file_paths(distribution)}
    package = project.package_dir.as_posix()
    for path in tracked_files(project.root):
        in_package = path == package or path.startswith(f"{package}/")
        if in_package and path not in present and not matches(path, excused):
            yield Finding(
                distribution.name,
                path,
                "missing",
                "git tracks it in the package, and the wheel lacks it",
                "include it in the build backend's configuration, or add it to wheel-exclude in"
                " [tool.ci]",
            )


def _is_compiled(distribution: Path) -> bool:
    return all(tag.platform != "any" for tag in parse_wheel_filename(distribution.name)[3])


def _file_paths(distribution: Path) -> list[str]:
    return [member.path for member in members(distribution) if member.kind != "folder"]
