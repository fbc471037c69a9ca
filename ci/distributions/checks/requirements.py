"""Check that a distribution has the requirements of pyproject.toml, with the same markers.

Build backends write requirements in their own ways, so they are not compared as text. They are
compared by what they do: on each Python, platform and with each extra, the same packages are
required in the same versions.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from packaging.markers import Marker
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from packaging.requirements import Requirement

    from ci.package.project import Project

_PLATFORMS = (
    (("sys_platform", "linux"), ("platform_system", "Linux"), ("os_name", "posix")),
    (("sys_platform", "darwin"), ("platform_system", "Darwin"), ("os_name", "posix")),
    (("sys_platform", "win32"), ("platform_system", "Windows"), ("os_name", "nt")),
)
_IMPLEMENTATIONS = ("CPython", "PyPy")
_MINOR = re.compile(r"\b3\.(\d{1,3})\b")
_PLAIN = re.compile(r"\d+(\.\d+)*(\.\*)?")
# What is compared, in characters: so much, and so many times what the project says. Each condition
# multiplies with all others.
_FREE, _GROWTH = 2_000, 3
# One comparison of a marker, as packaging writes it, either way round.
_COMPARISON = re.compile(r'("[^"]*"|\w+) (?:not in|in|[<>=!~]+) ("[^"]*"|\w+)')


class _Need(NamedTuple):
    """A requirement: its name with its extras, and the condition under which it is one."""

    name: str
    extras: tuple[str, ...]
    specifier: SpecifierSet
    url: str | None
    marker: str


def differences(project: Project, found: Iterable[Requirement]) -> Iterator[str]:
    """Return the differences between `found` (the metadata) and the project's dependencies."""
    ours = [_need(requirement) for requirement in project.dependencies]
    for extra, requirements in project.extras.items():
        ours += [_need(requirement, extra) for requirement in requirements]
    theirs = [_need(requirement) for requirement in found]
    size, limit = _size(theirs), _FREE + _GROWTH * _size(ours)
    if size > limit:
        yield f"its requirements have {size:,} characters, and are not compared beyond {limit:,}"
        return
    own = project.normalized_name
    for name in sorted({need.name for need in theirs} - {need.name for need in ours} - {own}):
        yield f"it requires {name}, and pyproject.toml does not"
    for comparison in sorted(_untried(theirs) - _untried(ours)):
        yield f"it has the condition {comparison}, and pyproject.toml does not"
    told = set()
    environments = _environments(project, [*ours, *theirs])
    for extra, environment in product(("", *project.extras), environments):
        wanted = _required(own, ours, extra, environment)
        required = _required(own, theirs, extra, environment)
        for name in sorted(wanted.keys() | required.keys()):
            if name not in told and not _same(wanted.get(name), required.get(name)):
                told.add(name)
                said = dict(environment)
                where = f"Python {said['python_version']} on {said['sys_platform']}"
                yield (
                    f"it requires {_shown(name, required)}, and pyproject.toml"
                    f" {_shown(name, wanted)} ({where}{', ' if extra else ''}{extra})"
                )


def _need(requirement: Requirement, extra: str = "") -> _Need:
    marker = str(requirement.marker or "")
    if extra:
        condition = f'extra == "{extra}"'
        marker = f"({marker}) and {condition}" if marker else condition
    return _Need(
        canonicalize_name(requirement.name),
        tuple(sorted(canonicalize_name(each) for each in requirement.extras)),
        requirement.specifier,
        requirement.url,
        marker,
    )


def _size(needs: Iterable[_Need]) -> int:
    return sum(len(f"{need.name}{need.extras}{need.specifier}{need.marker}") for need in needs)


def _untried(needs: Iterable[_Need]) -> set[str]:
    """The comparisons of markers whose outcome may differ in a place that isn't tried here."""
    found = (match for need in needs for match in _COMPARISON.finditer(need.marker))
    return {match[0] for match in found if not {"python_version", "extra"} & {match[1], match[2]}}


def _environments(project: Project, needs: Iterable[_Need]) -> list[tuple[tuple[str, str], ...]]:
    """Each Python that is tested, later ones of markers, those beside them, on each platform."""
    minors = {Version(version).minor for version in project.python_versions}
    named = {int(text) for need in needs for text in _MINOR.findall(need.marker)}
    minors |= {minor for minor in named if minor > min(minors)}
    beside = sorted({minor + step for minor in minors for step in (-1, 0, 1)})
    return [
        (
            *platform,
            ("implementation_name", implementation.lower()),
            ("platform_python_implementation", implementation),
            ("python_version", f"3.{minor}"),
            ("python_full_version", f"3.{minor}.9"),
        )
        for minor, platform, implementation in product(beside, _PLATFORMS, _IMPLEMENTATIONS)
    ]


def _required(
    own: str, needs: Iterable[_Need], extra: str, environment: tuple[tuple[str, str], ...]
) -> dict[str, tuple[SpecifierSet, str | None]]:
    """The versions, and the URL if any, that are installed with `extra`, by name with its extras.

    An extra that names other extras of the package itself (`own`) brings theirs.
    """
    waiting, active = [extra], {extra}
    found: dict[str, tuple[SpecifierSet, str | None]] = {}
    while waiting:
        current = waiting.pop()
        for need in needs:
            if not _applies(need.marker, current, environment):
                continue
            if need.name == own:
                waiting += [each for each in need.extras if each not in active]
                active.update(need.extras)
                continue
            key = f"{need.name}[{','.join(need.extras)}]" if need.extras else need.name
            known, _ = found.get(key, (SpecifierSet(), None))
            found[key] = (known & need.specifier, need.url)
    return found


@lru_cache(maxsize=100_000)
def _applies(marker: str, extra: str, environment: tuple[tuple[str, str], ...]) -> bool:
    return not marker or Marker(marker).evaluate({**dict(environment), "extra": extra})


def _same(
    ours: tuple[SpecifierSet, str | None] | None, theirs: tuple[SpecifierSet, str | None] | None
) -> bool:
    if ours is None or theirs is None:
        return ours is theirs
    return ours[1] == theirs[1] and _same_versions(ours[0], theirs[0])


def _same_versions(ours: SpecifierSet, theirs: SpecifierSet) -> bool:
    """Whether they let the same versions in, tried around each version that either names.

    `~=1.2` and `>=1.2,<2` are the same; backends rewrite one into the other.
    """
    if ours == theirs:
        return True
    both = [*ours, *theirs]
    if any(each.operator == "===" or not _PLAIN.fullmatch(each.version) for each in both):
        return False  # only the same text is the same then
    tried = {probe for each in both for probe in _around(Version(each.version.rstrip(".*")))}
    return all((each in ours) == (each in theirs) for each in tried)


def _around(version: Version) -> Iterator[Version]:
    """The version, and those just below and above it at each of its places."""
    release = [*version.release, 0]
    for place in range(len(release)):
        for step in (-1, 0, 1):
            near = [*release[:place], max(release[place] + step, 0)]
            text = ".".join(map(str, near))
            yield from (Version(f"{text}{suffix}") for suffix in ("", ".1", ".post1"))


def _shown(name: str, required: dict[str, tuple[SpecifierSet, str | None]]) -> str:
    if name not in required:
        return f"not {name}"
    specifier, url = required[name]
    return f"{name} @ {url}" if url else f"{name}{specifier}"
