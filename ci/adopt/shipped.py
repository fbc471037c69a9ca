"""Guess the files of a package's sdist without building it."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from ci.adopt.copies import OWN_NOXFILE, PYTHONS, TOPS, own_noxfile
from ci.checkout.tree import Tree
from ci.distributions.archive import Archive, Member
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

    They are needed where setuptools takes all that git tracks, or what MANIFEST.in names.
    """
    told = (adopter.root / "MANIFEST.in").is_file()
    if adopter.backend != "setuptools" or not (told or finds_tracked(adopter)):
        return []
    return [
        f"prune {name}" if name in _FOLDERS else f"exclude {name}"
        for name in pipeline_files(adopter)
    ]


def finds_tracked(adopter: Adopter) -> bool:
    """Whether setuptools has a file finder, so that it ships all that git tracks."""
    finders = r"(?:setuptools|vcs)[-_.](?:scm|versioning|git|git[-_]versioning)\b"
    return any(re.match(finders, text, re.IGNORECASE) for text in adopter.project.backend_requires)


def unusual(adopter: Adopter) -> list[str]:
    """The names at the top of the sdist that the build's check stops unless they are allowed."""
    found = _findings(adopter, contents.roots)
    return sorted({finding.member.partition("/")[0] for finding in found})


def private(adopter: Adopter) -> list[str]:
    """The members that the build's check takes for secrets, data or leftovers, and refuses."""
    found = [finding.member for finding in _findings(adopter, privacy.private_names)]
    return [name for name in found if not matches(name, data(adopter))]


def data(adopter: Adopter) -> list[str]:
    """Patterns for what the sdist holds today: data of the tests, and whatever is no text.

    What is named like a secret is not among it.
    """
    named = _findings(adopter, privacy.private_names)
    secret = {finding.member for finding in named if _is_secret(finding)}
    found = {f.member for f in named if f.member.partition("/")[0] in _TESTS}
    found |= {finding.member for finding in _findings(adopter, privacy.text)}
    paths = [PurePosixPath(name) for name in found - secret]
    return sorted(
        {f"{path.parts[0]}/*{path.suffix}" if path.suffix else str(path) for path in paths}
    )


def secrets(adopter: Adopter) -> list[str]:
    """The members named like secrets that hatchling would ship from outside of the package.

    adopt keeps them out of the sdist. Other backends ship only what they are told to.
    """
    if adopter.backend != "hatchling":
        return []
    names = [name for name in members(adopter) if not name.startswith(f"{adopter.package}/")]
    return [f.member for f in _judge(adopter, names, privacy.private_names) if _is_secret(f)]


def _is_secret(finding: Finding) -> bool:
    return "a secret" in finding.found


def _findings(adopter: Adopter, gate: Gate) -> list[Finding]:
    left_out = secrets(adopter)
    return _judge(adopter, [name for name in members(adopter) if name not in left_out], gate)


def _judge(adopter: Adopter, names: list[str], gate: Gate) -> list[Finding]:
    """What a check would find in an sdist of these files."""
    found = [_member(adopter.root, name) for name in names if (adopter.root / name).is_file()]
    sdist = Archive(Path("predicted-1.tar.gz"), tuple(found))
    return list(gate(Subject(adopter.project, sdist, Tree({}))))


def _member(root: Path, name: str) -> Member:
    content = (root / name).read_bytes()
    return Member(f"predicted-1/{name}", name, "file", content, mode=0o644, mtime=0)


def members(adopter: Adopter) -> list[str]:
    """The files of the sdist that are known: what the backend ships of itself, or is told to."""
    own = pipeline_files(adopter)
    if adopter.backend == "hatchling":
        return _hatchling(adopter, own)
    if adopter.backend == "setuptools":
        return _setuptools(adopter, own)
    patterns = [*adopter.packages, *_told(adopter)]
    return [name for name in adopter.tracked if _covered(patterns, name)]


def _hatchling(adopter: Adopter, own: list[str]) -> list[str]:
    """All that git tracks, but for what is excluded, or is going to be."""
    section = table(adopter.document, "tool", "hatch", "build", "targets", "sdist")
    included = section.get("only-include", section.get("include"))
    excluded = [*own, *section.get("exclude", [])]
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
        if finds_tracked(adopter) or _covered([*adopter.packages, "setup.*"], name)
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
