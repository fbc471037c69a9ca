"""What the sdist of a package will hold, as far as that can be told without building it."""

from __future__ import annotations

import fnmatch
import io
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ci.adopt.copies import PYTHONS, TOPS
from ci.distributions.checks import contents, privacy
from ci.package.pyproject import table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ci.adopt.target import Target
    from ci.distributions.checks import Finding
    from ci.package.project import Project

    Gate = Callable[[Project, Path], Iterable[Finding]]

_PIPELINES = (PYTHONS, *TOPS)


def unusual(target: Target) -> list[str]:
    """The names at the top of the sdist that the build's gate stops unless they are allowed."""
    found = _findings(target, contents.roots)
    return sorted({finding.member.partition("/")[0] for finding in found})


def private(target: Target) -> list[str]:
    """The members of the sdist whose names the build's gate takes for secrets, data, leftovers."""
    return [finding.member for finding in _findings(target, privacy.private_names)]


def _findings(target: Target, gate: Gate) -> list[Finding]:
    with tempfile.TemporaryDirectory(prefix="adopt-") as scratch:
        sdist = _empty_sdist(Path(scratch), members(target))
        return list(gate(target.project, sdist))


def members(target: Target) -> list[str]:
    """The files of the sdist that are known: what the backend ships of itself, or is told to."""
    if target.backend == "hatchling":
        return _hatchling(target)
    patterns = [f"{target.project.package_dir.as_posix()}/", *_told(target)]
    return [name for name in target.tracked if any(_covers(each, name) for each in patterns)]


def _hatchling(target: Target) -> list[str]:
    """All that git tracks, but for what is excluded, or is going to be."""
    section = table(target.document, "tool", "hatch", "build", "targets", "sdist")
    included = section.get("only-include", section.get("include"))
    excluded = (
        section.get("exclude", []) if included else [*_PIPELINES, *section.get("exclude", [])]
    )
    return [
        name
        for name in target.tracked
        if any(_covers(each, name) for each in included or [""])
        and not any(_covers(each, name) for each in excluded)
    ]


def _told(target: Target) -> list[str]:
    tool = table(target.document, "tool")
    included = [*table(tool, "flit", "sdist").get("include", [])]
    included += table(tool, "pdm", "build").get("source-includes", [])
    poetry = table(tool, "poetry")
    for each in [*poetry.get("include", []), *poetry.get("packages", [])]:
        entry = {"path": each} if isinstance(each, str) else each
        included.append(entry.get("path") or f"{entry.get('from', '.')}/{entry.get('include')}")
    return [*included, *_manifest(target)]


def _manifest(target: Target) -> list[str]:
    """What setuptools' MANIFEST.in includes; that it may exclude some of it again is left out."""
    path = target.root / "MANIFEST.in"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    included = []
    for command, *words in filter(None, map(str.split, lines)):
        if command in {"include", "global-include"}:
            included += words
        if command in {"graft", "recursive-include"}:
            included += words[:1]
    return included


def _covers(pattern: str, name: str) -> bool:
    """Whether a pattern of a backend names this file, or a folder that it lies in."""
    stripped = pattern.removeprefix("./").strip("/")
    return not stripped or fnmatch.fnmatch(name, stripped) or name.startswith(f"{stripped}/")


def _empty_sdist(folder: Path, names: list[str]) -> Path:
    """An sdist with these members, all empty: gates on names need no more."""
    path = folder / "predicted-1.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(f"predicted-1/{name}"), io.BytesIO())
    return path
