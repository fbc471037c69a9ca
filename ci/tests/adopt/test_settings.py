"""Which tools the package uses already, and in which versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ci.tests.adopt.conftest import Lacking


@pytest.mark.parametrize(
    ("more", "files", "typed"),
    [
        ("", {}, False),
        ('[project.optional-dependencies]\ndev = ["mypy >=1"]\n', {}, True),
        ('[tool.poetry.group.dev.dependencies]\nmypy = "^1"\n', {}, True),
        ("", {"tox.ini": "[testenv:types]\ncommands =\n  mypy src\n"}, True),
        ("", {".pre-commit-config.yaml": "repos:\n- hooks:\n  - id: mypy\n"}, True),
        ("", {"noxfile.py": "def types(session):\n    session.run('mypy')\n"}, True),
        ("", {"tox.ini": "[testenv]\nmypy = no\n"}, False),
    ],
)
def test_types_are_checked_where_the_package_does_so(
    lacking: Lacking, more: str, files: dict[str, str], *, typed: bool
) -> None:
    found = lacking(more, **files)
    assert found.get("tool.mypy.files") == (["src/demo_pkg"] if typed else None)
    assert found.get("tool.mypy.python_version") == ("3.8" if typed else None)
    assert found.get("tool.ci.typecheck") == (None if typed else False)


@pytest.mark.parametrize(
    ("more", "files", "told"),
    [
        ("", {}, "none"),
        ("[tool.black]\nline-length = 99\n", {}, None),
        ('[dependency-groups]\ndev = ["black"]\n', {}, None),
        ("", {".pre-commit-config.yaml": "repos:\n- hooks:\n  - id: black\n"}, None),
        ('[tool.ruff.format]\nquote-style = "single"\n', {}, "ruff"),
        ("", {".pre-commit-config.yaml": "- id: ruff-format\n"}, "ruff"),
        ("", {"ruff.toml": "[format]\n"}, "ruff"),
        ("[tool.ruff]\nline-length = 99\n", {}, "none"),
        ('keywords = ["blackboard", "black-jack"]\n', {}, "none"),
    ],
)
def test_no_formatter_is_imposed(
    lacking: Lacking, more: str, files: dict[str, str], told: str | None
) -> None:
    assert lacking(more, **files).get("tool.ci.format") == told


def test_rules_of_taste_are_for_packages_that_asked_for_ruff(lacking: Lacking) -> None:
    assert lacking("")["tool.ruff.lint.select"] == ["E9"]
    assert "tool.ruff.lint.select" not in lacking('[dependency-groups]\ndev = ["ruff"]\n')


def test_what_the_package_s_lint_group_lacks_is_what_its_lint_runs(lacking: Lacking) -> None:
    group = '[dependency-groups]\nlint = ["flake8"]\n'
    assert lacking(group)["dependency-groups.lint"] == ["flake8", "ruff>=0.17"]
    assert len(lacking(f"{group}[tool.black]\n")["dependency-groups.lint"]) == 3


def test_tools_that_are_set_up_are_left_alone(lacking: Lacking) -> None:
    found = lacking('[tool.ruff]\nline-length = 99\n[tool.mypy]\nfiles = ["src"]\n')
    assert not [key for key in found if key.startswith(("tool.ruff", "tool.mypy"))]
    found = lacking("", **{"ruff.toml": "", "mypy.ini": ""})
    assert not [key for key in found if key.startswith(("tool.ruff", "tool.mypy"))]


HOOKS = """\
repos:
  - repo: https://github.com/psf/black
    rev: 24.4.2
    hooks:
      - id: black
  - repo: https://github.com/astral-sh/ruff-pre-commit
    rev: "v0.4.8"
    hooks:
      - id: ruff
"""


@pytest.mark.parametrize(
    ("text", "group"),
    [
        (HOOKS, ["black==24.4.2", "ruff==0.4.8"]),
        (HOOKS.replace("id: black", "id: x"), ["ruff==0.4.8"]),
        (HOOKS.replace("ruff-pre-commit", "x"), ["black==24.4.2", "ruff>=0.17"]),
        (HOOKS.replace("rev", "x"), None),
        ("", None),
    ],
)
def test_lint_runs_the_versions_that_pre_commit_runs(
    lacking: Lacking, text: str, group: object
) -> None:
    found = lacking("", **{".pre-commit-config.yaml": text})
    assert found.get("dependency-groups.lint") == group
    named = lacking('[dependency-groups]\nlint = ["black", "ruff"]\n')
    assert "dependency-groups.lint" not in named
