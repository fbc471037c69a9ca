"""What the tests and the check of types need, from where the package says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ci.errors import UserError

if TYPE_CHECKING:
    from ci.tests.adopt.conftest import Lacking

RUNNERS = ["pytest>=7", "pytest-cov>=4"]
FAST = '[project.optional-dependencies]\ntest = ["pytest"]\nfast = ["six"]\n'
POETRY = """\
[tool.poetry.group.dev.dependencies]
python = "*"
pytest = "^8.1"
attrs = "~23.1,<24"
six = "1.16"
local = { path = "x" }
mock = { version = "*", extras = ["a"] }
"""


@pytest.mark.parametrize(
    ("more", "group"),
    [
        ("", RUNNERS),
        ('[dependency-groups]\ntest = ["attrs"]\n', ["attrs", *RUNNERS]),
        (
            '[dependency-groups]\ntest = ["pytest", "hypothesis"]\n',
            ["pytest", "hypothesis", RUNNERS[1]],
        ),
        (
            '[dependency-groups]\ndev = ["pytest", "pytest_cov"]\n',
            [{"include-group": "dev"}],
        ),
        (
            '[dependency-groups]\ntests = ["nox"]\ndev = ["Pytest"]\n',
            [{"include-group": "dev"}, RUNNERS[1]],
        ),
        ('[project.optional-dependencies]\ntests = ["pytest>=8"]\n', ["pytest>=8", RUNNERS[1]]),
        (
            '[project.optional-dependencies]\ndev = ["Demo_Pkg[test]", "tox"]\ntest = ["pytest"]\n',
            ["pytest", RUNNERS[1]],
        ),
        (
            '[project.optional-dependencies]\ndev = ["Demo_Pkg[a,dev]"]\na = ["pytest", "tox"]\n',
            ["pytest", "tox", RUNNERS[1]],
        ),
        (POETRY, ["pytest>=8.1", "attrs>=23.1,<24", "six==1.16", "mock[a]", RUNNERS[1]]),
        ('[tool.poetry.dev-dependencies]\npytest = ">=8"\n', ["pytest>=8", RUNNERS[1]]),
        ('[tool.pdm.dev-dependencies]\ntest = ["pytest"]\n', ["pytest", RUNNERS[1]]),
        ('[tool.hatch.envs.default]\ndependencies = ["pytest"]\n', ["pytest", RUNNERS[1]]),
        (
            '[tool.pdm.dev-dependencies]\ntest = ["-e file:///x", "pytest"]\n',
            ["pytest", RUNNERS[1]],
        ),
        ('[project.optional-dependencies]\ntest = ["six"]\n', ["six", *RUNNERS]),
        ('[tool.hatch.envs.hatch-test]\nextra-dependencies = ["six"]\n', ["six", *RUNNERS]),
    ],
)
def test_what_the_tests_need_is_taken_from_where_it_stands(
    lacking: Lacking, more: str, group: list[Any]
) -> None:
    assert lacking(more)["dependency-groups.test"] == group


def test_a_group_for_types_needs_mypy_and_nothing_of_the_pipelines_own(lacking: Lacking) -> None:
    found = lacking('[dependency-groups]\ntypecheck = ["attrs"]\n[tool.mypy]\n')
    assert found["dependency-groups.typecheck"] == ["attrs", "mypy"]


def test_what_the_tests_need_is_taken_from_tox_too(lacking: Lacking) -> None:
    tox = "[testenv]\ndeps =\n  pytest\n  six>1\n  -rother.txt\n  {[x]deps}\n  py38: old\n"
    assert lacking("", **{"tox.ini": tox})["dependency-groups.test"] == [
        "pytest",
        "six>1",
        RUNNERS[1],
    ]


def test_a_group_that_holds_all_is_left_alone(lacking: Lacking) -> None:
    assert "dependency-groups.test" not in lacking(
        '[dependency-groups]\ntest = [{ include-group = "all" }]\nall = ["pytest", "pytest-cov"]\n'
    )


def test_a_group_that_can_not_be_resolved_is_named(lacking: Lacking) -> None:
    with pytest.raises(UserError, match="'test' can't be resolved") as raised:
        lacking('[dependency-groups]\ntest = [{ include-group = "gone" }]\n')
    assert raised.value.code == "adopt-group"


@pytest.mark.parametrize(
    ("more", "names"),
    [
        (FAST, {"pytest"}),
        (
            f'{FAST}[tool.hatch.envs.test]\nfeatures = ["test", "fast"]\n',
            {"pytest", "six"},
        ),
    ],
)
def test_the_extras_that_hatch_installs_are_installed(
    lacking: Lacking, more: str, names: set[str]
) -> None:
    found = set(lacking(more).get("dependency-groups.test", []))
    assert found - {"pytest-cov>=4"} - ({"pytest"} - names) == names


def test_the_extras_that_tox_installs_are_installed(lacking: Lacking) -> None:
    found = lacking(FAST, **{"tox.ini": "[testenv]\nextras =\n  test\n  fast\n"})
    assert found["dependency-groups.test"] == ["pytest", "six", RUNNERS[1]]


@pytest.mark.parametrize(
    ("text", "group"),
    [
        ("pytest\nsix # why\n-r other.txt\n# comment\n", ["pytest", "six", RUNNERS[1]]),
        ("pytest==8\n    # via x\n", RUNNERS),
    ],
)
def test_a_file_of_requirements_is_read_unless_it_was_compiled(
    lacking: Lacking, text: str, group: list[str]
) -> None:
    found = lacking("", **{"requirements/tests.in": text})
    assert found["dependency-groups.test"] == group


@pytest.mark.parametrize(
    ("more", "group"),
    [
        ("", None),
        ('[project.optional-dependencies]\ndev = ["mypy>=1", "pytest"]\n', ["mypy"]),
        (
            '[project.optional-dependencies]\ndev = ["mypy", "types-six"]\n',
            ["types-six", "mypy"],
        ),
        (
            '[project.optional-dependencies]\ntyping = ["mypy>=1.9", "attrs"]\n',
            ["mypy>=1.9", "attrs"],
        ),
        (
            '[tool.poetry.group.typing.dependencies]\nmypy = ">=1.19"\ntypes-six = ">=1"\n',
            ["mypy>=1.19", "types-six>=1"],
        ),
        ('[project.optional-dependencies]\ntypes = ["types-six"]\n', None),
        ('[dependency-groups]\ntypecheck = ["mypy", "types-six"]\n', None),
    ],
)
def test_what_mypy_needs_beside_itself_is_taken_from_where_it_stands(
    lacking: Lacking, more: str, group: object
) -> None:
    assert lacking(more).get("dependency-groups.typecheck") == group
