"""Formatting and style: both tools are asked, and a finding of either is an error."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from ci import style
from ci.errors import UserError
from ci.tests.samples import git, write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tools that were started; those whose name is in it beforehand find something."""
    tools: list[str] = []
    failing: list[str] = []

    def passes(*command: str) -> bool:
        tools.append(" ".join(command[:2]))
        return command[0] not in failing

    monkeypatch.setattr(style, "_passes", passes)
    monkeypatch.setattr(style, "_said_by", lambda *_: "would reformat a.py\n" * 100)
    monkeypatch.setattr("ci.tests.test_style.FAILING", failing)
    return tools


FAILING: list[str] = []


def test_both_tools_are_asked_and_nothing_found_is_no_error(asked: list[str]) -> None:
    style.check(["black"])
    assert asked == ["black --check", "ruff check"]


@pytest.mark.parametrize("finds", [["black"], ["ruff"], ["black", "ruff"]])
def test_a_finding_of_one_never_hides_the_other(
    asked: list[str], capsys: pytest.CaptureFixture[str], finds: list[str]
) -> None:
    FAILING.extend(finds)
    with pytest.raises(UserError, match=" and ".join(finds)) as caught:
        style.check(["black"])
    assert asked == ["black --check", "ruff check"]
    assert "nox -s fmt" in caught.value.remedy
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == (style.DIFF_LINES + 1 if "black" in finds else 0)


def test_the_diff_is_harmless_to_a_terminal(
    asked: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(style, "_said_by", lambda *_: "would reformat a\n\t+x = '\x1b[2J\x9b'\n")
    FAILING.append("black")
    with pytest.raises(UserError, match="style"):
        style.check(["black"])
    assert capsys.readouterr().out == "would reformat a\n        +x = '\\x1b[2J\\x9b'\n"
    assert asked == ["black --check", "ruff check"]


def test_without_a_formatter_only_ruff_is_asked(asked: list[str]) -> None:
    style.check([])
    style.fix([])
    assert asked == ["ruff check", "ruff check"]


def test_fixing_comes_before_formatting_and_a_failure_is_told(asked: list[str]) -> None:
    style.fix(["ruff", "format"])
    assert asked == ["ruff check", "ruff format"]
    FAILING.append("ruff")
    with pytest.raises(UserError, match="style-unfixable"):
        style.fix(["black"])


@pytest.mark.parametrize(
    ("setting", "command"),
    [("", ["black"]), ('format = "ruff"', ["ruff", "format"]), ('format = "none"', [])],
)
def test_the_package_chooses_its_formatter(
    tmp_path: Path, setting: str, command: list[str]
) -> None:
    write(tmp_path, {"pyproject.toml": f"[tool.ci]\n{setting}\n"})
    assert style.formatter_of(tmp_path) == command


@pytest.mark.parametrize("value", ['"blue"', '["black"]', "true"])
def test_a_formatter_that_is_not_known_is_refused(tmp_path: Path, value: str) -> None:
    write(tmp_path, {"pyproject.toml": f"[tool.ci]\nformat = {value}\n"})
    with pytest.raises(UserError, match="unknown-formatter"):
        style.formatter_of(tmp_path)


def test_a_check_changes_nothing_though_the_package_sets_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = "import os\n"
    write(tmp_path, {"pyproject.toml": "[tool.ruff]\nfix = true\n", "a.py": module})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="ruff found"):
        style.check([])
    assert (tmp_path / "a.py").read_text() == module
    style.fix([])
    assert (tmp_path / "a.py").read_text() == ""


def test_the_pipeline_s_own_style_is_checked_at_home_only(tmp_path: Path) -> None:
    names = ("ci/a.py", "cdk/b.py", "src/pkg/ci/c.py", "noxfile.py", "d.py", "pyproject.toml")
    write(tmp_path, {**dict.fromkeys(names, ""), ".gitignore": "made.py\n", "made.py": ""})
    git(tmp_path, "init", "--quiet")
    assert style.targets("ruff", tmp_path, copied=False) == ["."]
    assert style.targets("ruff", tmp_path, copied=True) == [
        *("--force-exclude", "d.py", "src/pkg/ci/c.py")
    ]
    _, pattern, where = style.targets("black", tmp_path, copied=True)
    assert where == "."
    found = {name for name in names if re.search(pattern, f"/{name}")}
    assert found == {"ci/a.py", "cdk/b.py", "noxfile.py"}
