"""A new file is a warning while it is tried, and an error (in `build`) only later."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ci.distributions import build
from ci.distributions.build import untracked_sources
from ci.package.project import read_project
from ci.tests.samples import commit, make_package, write

if TYPE_CHECKING:
    import pytest

NEW = "src/demo_pkg/new.py"


def test_a_new_file_of_the_package_is_named(tmp_path: Path) -> None:
    root = make_package(tmp_path)
    assert untracked_sources(read_project(root)) == []
    write(
        root, {NEW: "", "src/demo_pkg/__pycache__/new.pyc": "", "notes.txt": "", "tests/x.py": ""}
    )
    assert untracked_sources(read_project(root)) == [NEW]
    commit(root)
    assert untracked_sources(read_project(root)) == []


def test_a_new_file_of_another_package_is_named_too(tmp_path: Path) -> None:
    root = make_package(tmp_path)
    write(root, {"src/more/__init__.py": ""})
    project = read_project(root)
    several = replace(project, packages={**project.packages, "more": Path("src/more")})
    assert untracked_sources(project) == []
    assert untracked_sources(several) == ["src/more/__init__.py"]


def test_a_file_that_the_build_makes_is_not(tmp_path: Path) -> None:
    root = make_package(tmp_path, more='[tool.ci]\nnot-in-git = ["*/new.py"]\n')
    write(root, {NEW: ""})
    assert untracked_sources(read_project(root)) == []


def test_the_warning_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_package(tmp_path)
    write(root, {NEW: ""})
    monkeypatch.chdir(root)
    monkeypatch.setattr(build, "build", lambda *_: None)
    build.main(["out"])
    assert capsys.readouterr().out == (
        f"warning: git does not track {NEW}: git add it, or `build` will refuse it\n"
    )
