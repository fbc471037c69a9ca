"""What only a maintainer can decide: each with its reason, none of it in the way of adopting."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ci.adopt.settings import coverage_elsewhere, ini
from ci.adopt.shipped import private
from ci.adopt.testing import FILES, RUNNERS, test_group
from ci.errors import UserError
from ci.package.pyproject import table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.adopt.target import Target

_LISTED = 5


def notes(target: Target) -> list[UserError]:
    """Problems that are told and not raised."""
    return [
        *_pytest_path(target),
        *_tests_in_package(target),
        *_coverage_elsewhere(target),
        *_mypy_elsewhere(target),
        *_test_requirements(target),
        *_private_names(target),
        *_branch(target),
    ]


def _pytest_path(target: Target) -> Iterator[UserError]:
    file, settings = _pytest_settings(target)
    paths = _strings(settings.get("pythonpath", []))
    base = target.root / target.project.package_dir
    reached = [path for path in paths if base.is_relative_to((target.root / path).resolve())]
    if reached:
        yield UserError(
            "adopt-pythonpath",
            f"pythonpath of pytest in {file} holds {reached[0]!r}, so the tests import the source"
            " tree and not the wheel that is to be published",
            "remove it; `tests` installs the wheel",
        )


def _pytest_settings(target: Target) -> tuple[str, dict[str, Any]]:
    """The file that pytest takes its settings from, and these: the first of pytest's own order."""
    for name, section in (("pytest.ini", "pytest"), (".pytest.ini", "pytest")):
        if (target.root / name).is_file():
            return name, ini(target.root, name).get(section, {})
    ours = table(target.document, "tool", "pytest", "ini_options")
    if ours:
        return "pyproject.toml", ours
    for name, section in (("tox.ini", "pytest"), ("setup.cfg", "tool:pytest")):
        found = ini(target.root, name).get(section)
        if found is not None:
            return name, found
    return "pyproject.toml", {}


def _tests_in_package(target: Target) -> Iterator[UserError]:
    folder = f"{target.project.package_dir.as_posix()}/"
    if _strings(_pytest_settings(target)[1].get("testpaths", [])):
        return
    for name in target.tracked:
        if name.startswith(folder) and Path(name).match("test_*.py"):
            yield UserError(
                "adopt-tests-inside",
                f"tests lie in the package ({name}), where pytest finds the source tree's files"
                " and not the wheel's",
                "move them to tests/, or have pytest take them from the wheel:"
                f' addopts = ["--pyargs", "{target.project.import_name}"]',
            )
            return


def _strings(value: str | list[str]) -> list[str]:
    return value.split() if isinstance(value, str) else value


def _coverage_elsewhere(target: Target) -> Iterator[UserError]:
    name = coverage_elsewhere(target)
    if name:
        yield UserError(
            "adopt-coverage-elsewhere",
            f"coverage reads {name}, and then not pyproject.toml",
            f"move what {name} says of coverage to [tool.coverage.*] there, then run adopt again",
        )


def _mypy_elsewhere(target: Target) -> Iterator[UserError]:
    for name in ("mypy.ini", ".mypy.ini"):
        if (target.root / name).is_file() and "files" not in ini(target.root, name).get("mypy", {}):
            yield UserError(
                "adopt-mypy-elsewhere",
                f"{name} does not say which files mypy checks, and `typecheck` names none",
                f"add files = {target.project.package_dir.as_posix()} to its section [mypy]",
            )


def _test_requirements(target: Target) -> Iterator[UserError]:
    if "test" not in target.project.groups and test_group(target) == [*RUNNERS]:
        there = [name for name in FILES if (target.root / name).is_file()]
        hint = f"; {', '.join(there)} may tell" if there else ""
        yield UserError(
            "adopt-test-requirements",
            f"neither an extra nor a group says what the tests need besides pytest{hint}",
            "add to the dependency group test whatever they import",
        )


def _private_names(target: Target) -> Iterator[UserError]:
    found = private(target)
    if found:
        more = f", and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
        yield UserError(
            "adopt-private-names",
            f"the sdist holds what is named like data or a secret: {', '.join(found[:_LISTED])}"
            + more,
            "keep it out of the sdist, or add it to allow-names in [tool.ci]",
        )


def _branch(target: Target) -> Iterator[UserError]:
    branch = target.release_branch
    if branch != "main":
        yield UserError(
            "adopt-branch",
            f"releases come from the branch {branch}, and cdk/cdk.json watches main at first",
            f'have its context say "branch": "{branch}" before you deploy',
        )
