"""What the sdist of a package will hold, as far as that can be told without building it."""

from __future__ import annotations

import fnmatch
import io
import re
import tarfile
import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from ci.adopt.copies import OWN_NOXFILE, PYTHONS, TOPS, own_noxfile
from ci.checkout.tree import Tree
from ci.distributions.archive import read_archive
from ci.distributions.checks import Subject, contents, matches, privacy
from ci.package.pyproject import table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ci.adopt.adopter import Adopter
    from ci.distributions.checks import Finding

    Gate = Callable[[Subject], Iterable[Finding]]

_TESTS = ("test", "testing", "tests")
_FOLDERS = ("cdk", "ci")


def pipeline_files(adopter: Adopter) -> list[str]:
    """What adopting puts beside pyproject.toml, and no distribution is to hold."""
    own = [OWN_NOXFILE] if own_noxfile(adopter.root) else []
    return sorted([PYTHONS, *TOPS, *own])


def manifest_lines(adopter: Adopter) -> list[str]:
    """The lines of MANIFEST.in that keep the pipeline out of an sdist of setuptools.

    They are needed where setuptools takes all that git tracks, or MANIFEST.in takes everything.
    """
    if adopter.backend != "setuptools" or not (finds_tracked(adopter) or _takes_all(adopter)):
        return []
    return [
        f"prune {name}" if name in _FOLDERS else f"exclude {name}"
        for name in pipeline_files(adopter)
    ]


def finds_tracked(adopter: Adopter) -> bool:
    """Whether setuptools has a file finder, so that it ships all that git tracks."""
    finders = r"(?:setuptools|vcs)[-_.](?:scm|versioning|git|git[-_]versioning)\b"
    return any(re.match(finders, text, re.IGNORECASE) for text in adopter.project.backend_requires)


def _takes_all(adopter: Adopter) -> bool:
    commands = r"(?m)^\s*(?:graft \.|global-include|recursive-include (?:\.|\*))"
    return bool(re.search(commands, adopter.text("MANIFEST.in")))


def unusual(adopter: Adopter) -> list[str]:
    """The names at the top of the sdist that the build's check stops unless they are allowed."""
    found = _findings(adopter, contents.roots)
    return sorted({finding.member.partition("/")[0] for finding in found})


def private(adopter: Adopter) -> list[str]:
    """The members that the build's check takes for secrets, data or leftovers, and refuses."""
    found = [finding.member for finding in _findings(adopter, privacy.private_names)]
    return [name for name in found if not matches(name, data_of_tests(adopter))]


def data_of_tests(adopter: Adopter) -> list[str]:
    """Patterns for the members in a folder of tests that are named like data, not like secrets."""
    found = [f for f in _findings(adopter, privacy.private_names) if "a secret" not in f.found]
    paths = [PurePosixPath(each.member) for each in found]
    return sorted({f"{path.parts[0]}/*{path.suffix}" for path in paths if path.parts[0] in _TESTS})


def secrets(adopter: Adopter) -> list[str]:
    """The members named like secrets that hatchling would ship from outside of the package.

    adopt keeps them out of the sdist. Other backends ship only what they are told to.
    """
    if adopter.backend != "hatchling":
        return []
    names = [name for name in members(adopter) if not name.startswith(f"{adopter.package}/")]
    found = _judge(adopter, names, privacy.private_names)
    return [finding.member for finding in found if "a secret" in finding.found]


def _findings(adopter: Adopter, gate: Gate) -> list[Finding]:
    left_out = secrets(adopter)
    return _judge(adopter, [name for name in members(adopter) if name not in left_out], gate)


def _judge(adopter: Adopter, names: list[str], gate: Gate) -> list[Finding]:
    with tempfile.TemporaryDirectory(prefix="adopt-") as scratch:
        sdist = _empty_sdist(Path(scratch), names)
        archive = read_archive(sdist, max_size=adopter.project.settings.max_size)
        return list(gate(Subject(adopter.project, archive, Tree({}))))


def members(adopter: Adopter) -> list[str]:
    """The files of the sdist that are known: what the backend ships of itself, or is told to."""
    own = pipeline_files(adopter)
    if adopter.backend == "hatchling":
        return _hatchling(adopter, own)
    if adopter.backend == "setuptools":
        return _setuptools(adopter, own)
    patterns = [adopter.package, *_told(adopter)]
    return [name for name in adopter.tracked if _covered(patterns, name)]


def _hatchling(adopter: Adopter, own: list[str]) -> list[str]:
    """All that git tracks, but for what is excluded, or is going to be."""
    section = table(adopter.document, "tool", "hatch", "build", "targets", "sdist")
    included = section.get("only-include", section.get("include"))
    excluded = section.get("exclude", [])
    excluded = excluded if included else [*own, *excluded]
    return [
        name
        for name in adopter.tracked
        if _covered(included or [""], name) and not _covered(excluded, name)
    ]


def _setuptools(adopter: Adopter, own: list[str]) -> list[str]:
    """The package, or all that git tracks; then what the commands of MANIFEST.in make of it."""
    found = [
        name
        for name in adopter.tracked
        if finds_tracked(adopter) or _covers(adopter.package, name) or _covers("setup.*", name)
    ]
    for command, *words in filter(None, map(str.split, adopter.text("MANIFEST.in").splitlines())):
        patterns = _manifest_patterns(command, words)
        if "exclude" in command or command == "prune":
            found = [name for name in found if not _covered(patterns, name)]
        elif "include" in command or command == "graft":
            found += [n for n in adopter.tracked if n not in found and _covered(patterns, n)]
    return [name for name in found if not _covered(own, name)]


def _manifest_patterns(command: str, words: list[str]) -> list[str]:
    if command.startswith("recursive-"):
        return [f"{words[0]}/{word}" for word in words[1:]]
    if command.startswith("global-"):
        return [*words, *(f"*/{word}" for word in words)]
    return words


def _told(adopter: Adopter) -> list[str]:
    tool = table(adopter.document, "tool")
    included = [*table(tool, "flit", "sdist").get("include", [])]
    included += table(tool, "pdm", "build").get("source-includes", [])
    included += table(tool, "uv", "build-backend").get("source-include", [])
    poetry = table(tool, "poetry")
    for each in [*poetry.get("include", []), *poetry.get("packages", [])]:
        entry = {"path": each} if isinstance(each, str) else each
        included.append(entry.get("path") or f"{entry.get('from', '.')}/{entry.get('include')}")
    return included


def _covered(patterns: list[str], name: str) -> bool:
    return any(_covers(each, name) for each in patterns)


def _covers(pattern: str, name: str) -> bool:
    """Whether a pattern of a backend names this file, or a folder that it lies in."""
    stripped = pattern.removeprefix("./").strip("/")
    return not stripped or fnmatch.fnmatch(name, stripped) or name.startswith(f"{stripped}/")


def _empty_sdist(folder: Path, names: list[str]) -> Path:
    """An sdist with these members, all empty: checks of names need no more."""
    path = folder / "predicted-1.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(f"predicted-1/{name}"), io.BytesIO())
    return path
