"""twine check and check-wheel-contents: what they say becomes findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ci.distributions.checks import tools
from ci.package.project import Project, read_project
from ci.tests.samples import METADATA, STEM, make_package, make_sdist, make_wheel, write

if TYPE_CHECKING:
    from pathlib import Path

_RENDERED = METADATA.replace(b"\n\n", b"\nDescription-Content-Type: text/markdown\n\n")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return read_project(make_package(tmp_path / "package"))


def test_twine_accepts_good_metadata_and_names_what_it_cannot_render(
    project: Project, tmp_path: Path
) -> None:
    sdist = make_sdist(tmp_path, {"PKG-INFO": _RENDERED})
    wheel = make_wheel(tmp_path, {f"{STEM}.dist-info/METADATA": _RENDERED})
    assert list(tools.twine_check(project, [sdist, wheel])) == []
    findings = list(tools.twine_check(project, [sdist, make_wheel(tmp_path)]))
    assert {(each.distribution, each.rule) for each in findings} == {(wheel.name, "twine-check")}
    found = " ".join(finding.found for finding in findings)
    assert "description_content_type" in found
    assert "\x1b" not in found  # twine colours what goes into a pipe, too


def test_check_wheel_contents_speaks_unless_the_package_tells_it_not_to(
    project: Project, tmp_path: Path
) -> None:
    wheel = make_wheel(tmp_path, {"demo_pkg/old.pyc": b"", "docs/a.py": b"1"})
    findings = list(tools.wheel_contents(project, [make_sdist(tmp_path), wheel]))
    assert [finding.found[:6] for finding in findings] == ["W001: ", "W005: ", "W009: "]
    assert {(each.distribution, each.rule) for each in findings} == {(wheel.name, "wheel-contents")}
    assert all("[tool.check-wheel-contents]" in finding.remedy for finding in findings)

    pyproject = (project.root / "pyproject.toml").read_text(encoding="utf-8")
    ignore = '[tool.check-wheel-contents]\nignore = ["W0"]\n'
    write(project.root, {"pyproject.toml": pyproject + ignore})
    assert list(tools.wheel_contents(project, [wheel])) == []


def test_check_wheel_contents_is_for_wheels(project: Project, tmp_path: Path) -> None:
    assert list(tools.wheel_contents(project, [make_sdist(tmp_path)])) == []
