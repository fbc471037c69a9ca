"""Check that a distribution has the requirements of pyproject.toml, with the same markers.

Build backends write requirements in their own ways, so they are not compared as text. They are
compared by what they do: on each Python, platform and with each extra, the same packages are
required in the same versions.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import lru_cache
from itertools import chain, product
from typing import TYPE_CHECKING, NamedTuple

from packaging.markers import Marker
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from ci.package.project import NEWEST_PYTHON

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from packaging.requirements import Requirement

    from ci.package.project import Project

_PLATFORMS = (
    (("sys_platform", "linux"), ("platform_system", "Linux"), ("os_name", "posix")),
    (("sys_platform", "darwin"), ("platform_system", "Darwin"), ("os_name", "posix")),
    (("sys_platform", "win32"), ("platform_system", "Windows"), ("os_name", "nt")),
    (("sys_platform", "other"), ("platform_system", "Other"), ("os_name", "posix")),
)
_IMPLEMENTATIONS = tuple(
    (("implementation_name", name.lower()), ("platform_python_implementation", name))
    for name in ("CPython", "PyPy", "Other")
)
_PLACES = {pair for places in (_PLATFORMS, _IMPLEMENTATIONS) for place in places for pair in place}
_MICRO = re.compile(r"\b3\.(\d{1,3})\b(?:\.(\d{1,3})\b)?")
_PLAIN = re.compile(r"\d+(\.\d+)*(\.\*)?")
# What is compared, in characters: so much, and so many times what the project says. Each condition
# multiplies with all others.
_FREE, _GROWTH = 2_000, 3
# One comparison of a marker, as packaging writes it, either way round.
_COMPARISON = re.compile(r'("[^"]*"|\w+) (not in|in|[<>=!~]+) ("[^"]*"|\w+)')
_TRUE = 'python_version >= "0"'
# Versions of Python that are surely tried: 3.08 and 0!3.8 would be 3.8 too.
_PYTHON = r"[1-9]\d{0,2}(?:\.(?:0|[1-9]\d{0,2}))*(?:\.\*)?"
_PYTHONS = re.compile(rf'"{_PYTHON}(?:[, ]+{_PYTHON})*"')
_QUOTED = re.compile(r'"[^"]*"')
_OTHER = "0.0.1"  # no platform's, machine's or release's

Environment = tuple[tuple[str, str], ...]


class _Need(NamedTuple):
    """A requirement: its name with its extras, and the condition under which it is one."""

    name: str
    extras: tuple[str, ...]
    specifier: SpecifierSet
    url: str | None
    marker: str

    @property
    def half(self) -> str:
        """The key of [project] that it belongs to: "dependencies" if it may need no extra."""
        only_extras = _COMPARISON.sub(
            lambda found: found[0] if "extra" in found.groups() else _TRUE, self.marker
        )
        always = _applies(only_extras, "", ())
        return "dependencies" if always else "optional-dependencies"


class _Versions(NamedTuple):
    """The versions of a package that may be installed, and where from: "" is the index."""

    specifier: SpecifierSet
    urls: frozenset[str]


def differences(project: Project, found: Iterable[Requirement]) -> Iterator[str]:
    """Return the differences between `found` (the metadata) and the project's dependencies.

    What is dynamic in [project] is not compared.
    """
    ours = [_need(requirement) for requirement in project.dependencies]
    for extra, requirements in project.extras.items():
        ours += [_need(requirement, extra) for requirement in requirements]
    theirs = [_need(requirement) for requirement in found]
    size, limit = _size(theirs), _FREE + _GROWTH * _size(ours)
    if size > limit:
        yield f"its requirements have {size:,} characters, and are not compared beyond {limit:,}"
        return
    ours = [need for need in ours if need.half not in project.dynamic]
    theirs = [need for need in theirs if need.half not in project.dynamic]
    own = project.normalized_name
    for name in sorted({need.name for need in theirs} - {need.name for need in ours} - {own}):
        yield f"it requires {name}, and pyproject.toml does not"
    for comparison in sorted(_untried(theirs) - _untried(ours)):
        yield f"it has the condition {comparison}, and pyproject.toml does not"
    for name in sorted({need.name for need in [*ours, *theirs]}):
        yield from _differences(
            project, name, *(_about(name, own, each) for each in (ours, theirs))
        )


def _about(name: str, own: str, needs: Sequence[_Need]) -> list[_Need]:
    """Return the requirements of `name`, and those of the package itself that bring one of them."""
    chosen = [need for need in needs if need.name == name]
    left = [need for need in needs if need.name == own != name]
    while brought := [need for need in left if _extras(chosen) & set(need.extras)]:
        chosen += brought
        left = [need for need in left if need not in brought]
    return chosen


def _extras(needs: Iterable[_Need]) -> set[str]:
    """Return the extras that the conditions name."""
    named = (each.value for each in _comparisons(needs) if each.variable == "extra")
    return {canonicalize_name(value.strip('"')) for value in named}


def _differences(
    project: Project, name: str, ours: list[_Need], theirs: list[_Need]
) -> Iterator[str]:
    """Yield the first difference in what is required of `name`, for each list of its extras."""
    both = [*ours, *theirs]
    extras = [extra for extra in project.extras if extra in _extras(both)]
    if "dependencies" not in project.dynamic:
        extras.insert(0, "")
    told = set()
    for extra, environment in product(extras, _environments(project, both)):
        wanted, required = (
            _required(project.normalized_name, name, needs, extra, environment)
            for needs in (ours, theirs)
        )
        for key in sorted(wanted.keys() | required.keys()):
            if key not in told and not _same(wanted.get(key), required.get(key)):
                told.add(key)
                said = dict(environment)
                where = f"Python {said['python_version']} on {said['sys_platform']}"
                yield (
                    f"it requires {_shown(key, required)}, and pyproject.toml"
                    f" {_shown(key, wanted)} ({where}{', ' if extra else ''}{extra})"
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


class _Comparison(NamedTuple):
    """One comparison of a marker; `value` is in quotes, unless it is another variable."""

    text: str
    variable: str
    operator: str
    value: str

    @property
    def is_tried(self) -> bool:
        """Whether each of its outcomes is tried here, together with all others."""
        if self.variable == "extra":
            return self.operator == "==" and bool(_QUOTED.fullmatch(self.value))
        if self.variable in {"python_version", "python_full_version"}:
            return bool(_PYTHONS.fullmatch(self.value))
        known = (self.variable, self.value.strip('"')) in _PLACES
        return known and self.operator in {"==", "!="}


def _comparisons(needs: Iterable[_Need]) -> Iterator[_Comparison]:
    for need in needs:
        for found in _COMPARISON.finditer(need.marker):
            variable, value = found[1], found[3]
            if variable.startswith('"'):
                variable, value = value, variable
            yield _Comparison(found[0], variable, found[2], value)


def _untried(needs: Iterable[_Need]) -> set[str]:
    """The comparisons of markers whose outcome may differ in a place that isn't tried here."""
    return {each.text for each in _comparisons(needs) if not each.is_tried}


def _environments(project: Project, needs: Sequence[_Need]) -> list[Environment]:
    """Every place in which a condition can have another outcome than in the others.

    Only what the conditions name is varied: the Pythons that the package allows, the platforms and
    implementations, and whatever else a condition compares.
    """
    named: dict[str, set[str]] = defaultdict(set)
    for each in _comparisons(needs):
        named[each.variable].add(each.value.strip('"'))
    varied: list[Sequence[Environment]] = [
        known if dict(known[0]).keys() & named.keys() else known[:1]
        for known in (_pythons(project, needs), _PLATFORMS, _IMPLEMENTATIONS)
    ]
    tried = {pair for places in varied for place in places for pair in place}
    for variable in sorted(named.keys() - {"extra", "python_version", "python_full_version"}):
        others = {value for value in named[variable] if (variable, value) not in tried}
        above = {f"{value}.1" for value in others if _PLAIN.fullmatch(value)}
        values = [((variable, value),) for value in sorted(others | above)]
        varied.append([() if variable in dict(tried) else ((variable, _OTHER),), *values])
    return [tuple(chain(*places)) for places in product(*varied)]


def _pythons(project: Project, needs: Iterable[_Need]) -> list[Environment]:
    """Each Python that requires-python allows, up to the next one, those of conditions and beside.

    All of them, if it allows none.
    """
    micros = {minor: {9} for minor in range(NEWEST_PYTHON + 2)}
    for found in (found for need in needs for found in _MICRO.finditer(need.marker)):
        minor, micro = int(found[1]), int(found[2] or 0)
        for beside in (minor - 1, minor, minor + 1):
            micros.setdefault(beside, {9})
        micros[minor] |= {0, micro - 1, micro, micro + 1}
    every: list[Environment] = [
        (("python_version", f"3.{minor}"), ("python_full_version", f"3.{minor}.{micro}"))
        for minor in sorted(micros)
        for micro in sorted(micros[minor])
        if minor >= 0 <= micro
    ]
    allowed = project.requires_python.contains
    return [each for each in every if allowed(each[1][1])] or every


def _required(
    own: str, name: str, needs: Iterable[_Need], extra: str, environment: Environment
) -> dict[str, _Versions]:
    """The versions of `name`, and the URLs if any, that are installed with `extra`.

    By the name with its extras. An extra that names other extras of the package itself (`own`)
    brings theirs.
    """
    waiting, active = [extra], {extra}
    found: dict[str, _Versions] = {}
    while waiting:
        current = waiting.pop()
        for need in needs:
            if not _applies(need.marker, current, environment):
                continue
            if need.name == own:
                waiting += [each for each in need.extras if each not in active]
                active.update(need.extras)
            if need.name == name and (name != own or need.specifier or need.url):
                key = f"{name}[{','.join(need.extras)}]" if need.extras else name
                known, urls = found.get(key, _Versions(SpecifierSet(), frozenset()))
                found[key] = _Versions(known & need.specifier, urls | {need.url or ""})
    return found


@lru_cache(maxsize=100_000)
def _applies(marker: str, extra: str, environment: Environment) -> bool:
    return not marker or Marker(marker).evaluate({**dict(environment), "extra": extra})


def _same(ours: _Versions | None, theirs: _Versions | None) -> bool:
    if ours is None or theirs is None:
        return ours is theirs
    return ours.urls == theirs.urls and _same_versions(ours.specifier, theirs.specifier)


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


def _shown(name: str, required: dict[str, _Versions]) -> str:
    if name not in required:
        return f"not {name}"
    specifier, urls = required[name]
    return f"{name}{specifier}" + "".join(f" @ {url}" for url in sorted(urls) if url)
