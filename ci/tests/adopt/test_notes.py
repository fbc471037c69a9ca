"""What a maintainer has to decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ci.adopt.adopter import read_adopter
from ci.adopt.notes import notes
from ci.tests.adopt.conftest import ROOT
from ci.tests.samples import git, write

if TYPE_CHECKING:
    from pathlib import Path

    from ci.tests.adopt.conftest import Lacking


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"pytest.ini": "[pytest]\npythonpath = src tests\n"}, "adopt-pythonpath"),
        ({"tox.ini": "[pytest]\npythonpath = src\n"}, "adopt-pythonpath"),
        ({"src/demo_pkg/test_x.py": ""}, "adopt-tests-inside"),
        ({"src/demo_pkg/data.csv": ""}, "adopt-private-names"),
    ],
)
def test_what_a_maintainer_has_to_decide_is_noted(
    package: Path, lacking: Lacking, files: dict[str, str], code: str
) -> None:
    lacking('[dependency-groups]\ntest = ["pytest", "pytest-cov"]\n')
    assert notes(read_adopter(ROOT, package)) == []
    write(package, files)
    assert [note.code for note in notes(read_adopter(ROOT, package))] == [code]


def test_settings_that_do_no_harm_are_not_noted(package: Path, lacking: Lacking) -> None:
    lacking(
        '[dependency-groups]\ntest = ["pytest", "pytest-cov"]\n[tool.pytest.ini_options]\n'
        'pythonpath = ["tests"]\ntestpaths = "tests"\n',
        **{
            "mypy.ini": "[mypy]\nfiles = src\n",
            "tox.ini": "no section\n",
            "src/demo_pkg/test_x.py": "",
        },
    )
    assert notes(read_adopter(ROOT, package)) == []


def test_that_nothing_says_what_the_tests_need_is_noted_with_what_may(
    package: Path, lacking: Lacking
) -> None:
    lacking("", **{"requirements-dev.txt": ""})
    (note,) = notes(read_adopter(ROOT, package))
    assert note.code == "adopt-test-requirements"
    assert "requirements-dev.txt may tell" in note.found


def test_another_release_branch_is_noted(package: Path, lacking: Lacking) -> None:
    git(package, "branch", "--move", "master")
    assert lacking("")["tool.ci.release-branch"] == "master"
    assert "adopt-branch" in {note.code for note in notes(read_adopter(ROOT, package))}


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("CHANGELOG.md", "## [1.2.0] - 2026-01-31\n", None),
        ("CHANGELOG.md", "## Unreleased\n", None),
        ("CHANGES.md", "## 1.2.0 (2026-01-31)\n", "CHANGES.md"),
        ("NEWS.rst", "1.2.0 (2026-01-31)\n------------------\n", "NEWS.rst"),
        ("CHANGES.md", "## 1.3.0 (unreleased)\n## 1.2.0 (2026-01-31)\n", "CHANGES.md"),
        ("CHANGES.rst", "0.1.0 (Unreleased)\n------------------\n", "CHANGES.rst"),
        ("CHANGES.md", "## 1.3.0 (unreleased)\n## 1.2.0 (January)\n", False),
        ("docs/changelog.md", "## v1.2.0 - 2026-01-31\n", "docs/changelog.md"),
        ("CHANGELOG.md", "## 1.2.0 (January 31st)\n", False),
        ("HISTORY.rst", "1.2.0\n-----\n", False),
        ("NOTES.md", "## [1.2.0] - 2026-01-31\n", False),
    ],
)
def test_the_changelog_is_found_and_read_or_the_reason_is_noted(
    package: Path, lacking: Lacking, name: str, text: str, value: object
) -> None:
    git(package, "rm", "--quiet", "CHANGELOG.md")
    assert lacking("", **{name: text}).get("tool.ci.changelog") == value
    noted = {note.code for note in notes(read_adopter(ROOT, package))}
    assert ("adopt-changelog" in noted) == (value is False and name != "NOTES.md")
