"""What the tests of a package need, from wherever its maintainers have written that down."""

from __future__ import annotations

import contextlib
import itertools
import re
from typing import TYPE_CHECKING, Any

from dependency_groups import resolve
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from ci.adopt.settings import ini
from ci.errors import UserError
from ci.package.pyproject import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ci.adopt.target import Target

NAMES = ("test", "tests", "testing", "dev", "devel", "develop", "development")
RUNNERS = ("pytest>=7", "pytest-cov>=4")
FILES = (
    *("requirements-test.txt", "requirements-tests.txt", "requirements-dev.txt"),
    *("test-requirements.txt", "dev-requirements.txt", "requirements/test.txt"),
    *("requirements/tests.txt", "requirements/dev.txt", "requirements/testing.txt"),
    *("tests/requirements.txt", "requirements/tests.in", "Pipfile"),
)

Group = list[str | dict[str, str]]


def test_group(target: Target) -> Group:
    """The whole dependency group `test` that the pipeline needs, what is there already included."""
    groups = target.project.groups
    group: Group = list(groups.get("test", []))
    known = requirement_names(groups, "test") if group else set()
    if "pytest" not in known:
        source = next(_candidates(target), [])
        group += [item for item in source if item not in group]
        known |= requirement_names({**groups, "test": group}, "test")
    return [*group, *(text for text in RUNNERS if Requirement(text).name not in known)]


def requirement_names(groups: dict[str, list[Any]], group: str) -> set[str]:
    """The normalized names of all that a dependency group asks for, includes resolved.

    Raises UserError for a group that can't be resolved.
    """
    try:
        texts = resolve(groups, group)
    except (ValueError, LookupError, TypeError, ExceptionGroup) as error:
        raise UserError(
            "adopt-group",
            f"the dependency group {group!r} can't be resolved ({error})",
            "mend it as PEP 735 has it",
        ) from None
    return {canonicalize_name(Requirement(text).name) for text in texts}


def _candidates(target: Target) -> Iterator[Group]:
    """Lists of what tests need, those that hold pytest first."""
    found = [group for group in _lists(target) if group]
    yield from sorted(found, key=lambda group: not _holds_pytest(target, group))


def _holds_pytest(target: Target, group: Group) -> bool:
    return "pytest" in requirement_names({**target.project.groups, "test": group}, "test")


def _lists(target: Target) -> Iterator[Group]:
    tool = table(target.document, "tool")
    extras = table(target.document, "project", "optional-dependencies")
    for name in NAMES:
        if name != "test" and name in target.project.groups:
            yield [{"include-group": name}]
        yield _plain(_extra(target.project.normalized_name, extras, name))
        yield _plain(table(tool, "pdm", "dev-dependencies").get(name, []))
        yield _plain(_poetry(table(tool, "poetry", "group", name, "dependencies")))
    yield _plain(_poetry(table(tool, "poetry", "dev-dependencies")))
    for name in ("hatch-test", "test", "tests", "default"):
        environment = table(tool, "hatch", "envs", name)
        listed = [environment.get(key, []) for key in ("dependencies", "extra-dependencies")]
        yield _plain(itertools.chain(*listed))
    tox = ini(target.root, "tox.ini").get("testenv", {})
    yield _plain(tox.get("deps", "").splitlines())


def _plain(texts: Iterable[object]) -> Group:
    """Those that are requirements: no paths, no references, none for some of tox's factors only."""
    found: Group = []
    for text in (str(each).strip() for each in texts):
        with contextlib.suppress(InvalidRequirement):
            Requirement(text)
            found.append(text)
    return found


def _extra(own: str, extras: dict[str, Any], name: str, *outer: str) -> Iterator[str]:
    """The requirements of an extra; those that are extras of the package itself, in full."""
    for text in map(str, _plain(extras.get(name, []))):
        requirement = Requirement(text)
        if canonicalize_name(requirement.name) != own:
            yield text
            continue
        for other in sorted(requirement.extras.difference({name, *outer})):
            yield from _extra(own, extras, other, name, *outer)


def _poetry(dependencies: dict[str, Any]) -> list[str]:
    """Poetry's own notation as requirements; `^` and `~` keep their lower bound, the lock pins."""
    return [
        f"{name}{_poetry_extras(value)}{_poetry_version(value)}"
        for name, value in dependencies.items()
        if name != "python" and (isinstance(value, str) or "version" in value)
    ]


def _poetry_extras(value: str | dict[str, Any]) -> str:
    extras = value.get("extras", []) if isinstance(value, dict) else []
    return f"[{','.join(extras)}]" if extras else ""


def _poetry_version(value: str | dict[str, Any]) -> str:
    text = value if isinstance(value, str) else str(value["version"])
    parts = [part.strip() for part in text.split(",")]
    return ",".join(filter(None, map(_poetry_bound, parts)))


def _poetry_bound(text: str) -> str:
    if text == "*":
        return ""
    if re.match(r"\^|~(?!=)", text):
        return f">={text[1:]}"
    return text if text[:1] in "<>=!~" else f"=={text}"
