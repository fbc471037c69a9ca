"""Notes for the maintainer: decisions that adopt can't make. They don't stop adopting."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ci.adopt.changelogs import changelog, named
from ci.adopt.copies import OWN_NOXFILE, own_noxfile
from ci.adopt.hooks import CONFIG, PATTERN, hook_lines, hooks_reach_the_pipeline
from ci.adopt.settings import ini
from ci.adopt.shipped import private
from ci.adopt.testing import FILES, RUNNERS, test_group
from ci.errors import UserError
from ci.package.pyproject import table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.adopt.adopter import Adopter

_LISTED = 5


def notes(adopter: Adopter) -> list[UserError]:
    """Return problems that are printed, not raised."""
    return [
        *_pytest_path(adopter),
        *_tests_in_package(adopter),
        *_test_requirements(adopter),
        *_private_names(adopter),
        *_changelog(adopter),
        *_noxfile(adopter),
        *_hooks(adopter),
        *_branch(adopter),
    ]


def _pytest_path(adopter: Adopter) -> Iterator[UserError]:
    file, settings = _pytest_settings(adopter)
    paths = _strings(settings.get("pythonpath", []))
    base = adopter.root / adopter.project.package_dir
    reached = [path for path in paths if base.is_relative_to((adopter.root / path).resolve())]
    if reached:
        yield UserError(
            "adopt-pythonpath",
            f"pytest's pythonpath in {file} has {reached[0]!r}, so the tests import the source"
            " tree, not the wheel that is published",
            "remove it from pythonpath; the session `tests` installs the wheel",
        )


def _pytest_settings(adopter: Adopter) -> tuple[str, dict[str, Any]]:
    """The file that pytest takes its settings from, and these: the first of pytest's own order."""
    for name, section in (("pytest.ini", "pytest"), (".pytest.ini", "pytest")):
        if (adopter.root / name).is_file():
            return name, ini(adopter.root, name).get(section, {})
    ours = table(adopter.document, "tool", "pytest", "ini_options")
    if ours:
        return "pyproject.toml", ours
    for name, section in (("tox.ini", "pytest"), ("setup.cfg", "tool:pytest")):
        found = ini(adopter.root, name).get(section)
        if found is not None:
            return name, found
    return "pyproject.toml", {}


def _tests_in_package(adopter: Adopter) -> Iterator[UserError]:
    folder = f"{adopter.project.package_dir.as_posix()}/"
    searched = _strings(_pytest_settings(adopter)[1].get("testpaths", [])) or [adopter.package]
    if not any(Path(adopter.package).is_relative_to(path) for path in searched):
        return
    for name in adopter.tracked:
        if name.startswith(folder) and Path(name).match("test_*.py"):
            yield UserError(
                "adopt-tests-inside",
                f"the tests are inside the package ({name}), so pytest tests the source tree,"
                " not the wheel",
                "move them to tests/, or let pytest take them from the wheel: addopts ="
                f' ["--pyargs", "{adopter.project.import_name}"]',
            )
            return


def _strings(value: str | list[str]) -> list[str]:
    return value.split() if isinstance(value, str) else value


def _test_requirements(adopter: Adopter) -> Iterator[UserError]:
    if "test" not in adopter.project.groups and test_group(adopter) == [*RUNNERS]:
        there = [name for name in FILES if (adopter.root / name).is_file()]
        hint = f"; {', '.join(there)} may tell" if there else ""
        yield UserError(
            "adopt-test-requirements",
            f"no extra and no dependency group lists what the tests need besides pytest{hint}",
            "add every package that the tests import to the dependency group test",
        )


def _private_names(adopter: Adopter) -> Iterator[UserError]:
    found = private(adopter)
    if found:
        more = f", and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
        yield UserError(
            "adopt-private-names",
            f"the sdist has files that are named like data or secrets: {', '.join(found[:_LISTED])}"
            + more,
            "leave them out of the sdist; if everybody may have them, add them to allow-names"
            " in [tool.ci]",
        )


def _changelog(adopter: Adopter) -> Iterator[UserError]:
    there = named(adopter)
    if (
        there
        and not changelog(adopter)
        and "changelog" not in table(adopter.document, "tool", "ci")
    ):
        yield UserError(
            "adopt-changelog",
            f"{there[0]} is not read: its newest release has no heading with a date, such as"
            " `## [1.2.0] - 2026-01-31` in Markdown or `1.2.0 (2026-01-31)` in reStructuredText",
            "use that form; or keep changelog = false, then a release needs no entry",
        )


def _noxfile(adopter: Adopter) -> Iterator[UserError]:
    if own_noxfile(adopter.root):
        yield UserError(
            "adopt-noxfile",
            f"your own sessions are in {OWN_NOXFILE}, because CodeBuild runs the sessions in"
            " noxfile.py",
            f"run them with `nox -f {OWN_NOXFILE}`, also in other tools that call nox",
        )


def _hooks(adopter: Adopter) -> Iterator[UserError]:
    if hooks_reach_the_pipeline(adopter) and not hook_lines(adopter):
        yield UserError(
            "adopt-hooks",
            f"the hooks in {CONFIG} also get the pipeline's files, and adopt can't update files"
            " that they rewrite",
            f"add `{PATTERN}` to `exclude` at the top level of {CONFIG}",
        )


def _branch(adopter: Adopter) -> Iterator[UserError]:
    branch = adopter.release_branch
    if branch != "main":
        yield UserError(
            "adopt-branch",
            f"releases come from the branch {branch}, but cdk/cdk.json names main at first",
            f'set "branch": "{branch}" in the context in cdk/cdk.json before you deploy',
        )
