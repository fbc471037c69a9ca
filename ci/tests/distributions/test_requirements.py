"""Requirements as backends write them, and requirements that nobody asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

from ci.distributions.checks.requirements import differences
from ci.package.project import parse_project

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PLATFORMS = ("linux", "darwin", "win32")


def said(
    root: Path,
    declared: list[str],
    found: list[str],
    *,
    dynamic: Sequence[str] = (),
    pythons: Sequence[str] = (">=3.8",),
    **extras: list[str],
) -> list[str]:
    """What differs between dependencies (and extras) of pyproject.toml and metadata."""
    (root / "demo_pkg.py").touch()
    metadata = {
        "name": "demo-pkg",
        "version": "1",
        "dynamic": list(dynamic),
        "requires-python": ",".join(pythons),
        "classifiers": [f"Programming Language :: Python :: 3.{minor}" for minor in (9, 12)],
        "dependencies": declared,
        "optional-dependencies": extras,
    }
    project = parse_project(root, {"project": metadata})
    return list(differences(project, [Requirement(text) for text in found]))


@pytest.mark.parametrize(
    ("declared", "found"),
    [
        ("requests", "requests"),
        ("Requests_Mock>=1", "requests-mock>=1"),
        ("a[b,C]>=1,<2", "a[c,b]<2,>=1"),
        ("a~=1.2", "a>=1.2,<2.0"),
        ("a==1.*", "a>=1,<2"),
        ("a @ https://example.invalid/a.whl", "a@ https://example.invalid/a.whl"),
        ("a; python_version < '3.10'", 'a ; (python_version < "3.10")'),
        ("a; python_version>='3.8'", "a"),
        (
            "a; sys_platform=='win32' and os_name=='nt'",
            "a; os_name=='nt' and sys_platform=='win32'",
        ),
        ("a===1", "a===1"),
        ("a; platform_machine=='x86_64'", 'a; platform_machine == "x86_64"'),
        ("a; python_version < '3.11'", 'a; python_full_version < "3.11"'),
        ("a; python_version == '3.10'", 'a; python_full_version == "3.10.*"'),
        ("a; platform_system == 'Windows'", 'a; sys_platform == "win32"'),
    ],
)
def test_the_same_in_other_words_is_no_difference(
    tmp_path: Path, declared: str, found: str
) -> None:
    assert said(tmp_path, [declared], [found]) == []


@pytest.mark.parametrize(
    ("declared", "found", "difference"),
    [
        ([], ["evil"], "it requires evil, and pyproject.toml does not"),
        (["a"], ["a", "evil; python_version<'2'"], "it requires evil, and pyproject.toml does not"),
        (["a"], [], "it requires not a, and pyproject.toml a"),
        (["a>=2"], ["a"], "it requires a, and pyproject.toml a>=2"),
        (["a>=2"], ["a>=1"], "it requires a>=1, and pyproject.toml a>=2"),
        (["a>=2.5"], ["a>2.5"], "it requires a>2.5, and pyproject.toml a>=2.5"),
        (["a<2"], ["a<=2"], "it requires a<=2, and pyproject.toml a<2"),
        (["a~=1.2"], ["a>=1.2"], "it requires a>=1.2, and pyproject.toml a~=1.2"),
        (["a===1"], ["a==1"], "it requires a==1, and pyproject.toml a===1"),
        (["a"], ["a[b]"], "it requires not a, and pyproject.toml a"),
        (["a"], ["a @ https://example.invalid/a.whl"], "it requires a @ https://example.invalid/"),
        (
            ["a; python_version<'3.10'"],
            ["a"],
            "it requires a, and pyproject.toml not a (Python 3.10 on linux)",
        ),
        (
            ["a"],
            ["a; sys_platform != 'win32'"],
            "it requires not a, and pyproject.toml a (Python 3.8 on win32)",
        ),
        (
            ["a"],
            ["a; platform_python_implementation != 'PyPy'"],
            "it requires not a, and pyproject.toml a (Python 3.8 on linux)",
        ),
        (
            ["a"],
            ["a", "a<1; platform_machine == 'aarch64'"],
            'it has the condition platform_machine == "aarch64", and pyproject.toml does not',
        ),
        (
            ["a; python_full_version < '3.12.1'"],
            ["a; python_full_version < '3.12.1'", "a<1; '3.12.7' == python_full_version"],
            "it requires a<1, and pyproject.toml not a (Python 3.12 on linux)",
        ),
        (
            ["a"],
            ["a", "a<1; python_full_version == '3.11'"],
            "it requires a<1, and pyproject.toml a (Python 3.11 on linux)",
        ),
        (
            ["a"],
            ["a", "a<1; " + " and ".join(f"sys_platform != '{name}'" for name in PLATFORMS)],
            "it requires a<1, and pyproject.toml a (Python 3.8 on other)",
        ),
        (
            ["a"],
            ["a", "a<1; sys_platform > 'linux'"],
            'it has the condition sys_platform > "linux", and pyproject.toml does not',
        ),
        (
            ["a"],
            ["a", "a<1; platform_release == ' extra '"],
            'it has the condition platform_release == " extra ", and pyproject.toml does not',
        ),
        (
            ["a"],
            ["a", "a<1; python_version >= '3.20'"],
            "it requires a<1, and pyproject.toml a (Python 3.20 on linux)",
        ),
        (
            ["a"],
            ["a", "a<1; python_version == '3.0010'"],
            'it has the condition python_version == "3.0010", and pyproject.toml does not',
        ),
        (
            ["a"],
            ["a", "a<1; extra != os_name"],
            "it has the condition extra != os_name, and pyproject.toml does not",
        ),
        (
            ["a"],
            ["a", "a<1; python_version == '3.10'"],
            "it requires a<1, and pyproject.toml a (Python 3.10 on linux)",
        ),
        (
            ["a; python_full_version >= '3.11.2'"],
            ["a; python_full_version >= '3.11.2' and python_version != '3.11'"],
            "it requires not a, and pyproject.toml a (Python 3.11 on linux)",
        ),
        (
            ["a; platform_machine == 'aarch64'"],
            ["a<1; platform_machine == 'aarch64'"],
            "it requires a<1, and pyproject.toml a (Python 3.8 on linux)",
        ),
        (
            ["a; platform_machine != 'aarch64'"],
            ["a<1; platform_machine != 'aarch64'"],
            "it requires a<1, and pyproject.toml a (Python 3.8 on linux)",
        ),
        (
            ["a; platform_release > '5'", "b; platform_release < '6'"],
            [
                *("a; platform_release > '5'", "b; platform_release < '6'"),
                "b<1; platform_release > '5' and platform_release < '6'",
            ],
            "it requires b<1, and pyproject.toml b (Python 3.8 on linux)",
        ),
        (
            ["a; sys_platform == 'cygwin'"],
            ["a<1; sys_platform == 'cygwin'"],
            "it requires a<1, and pyproject.toml a (Python 3.8 on cygwin)",
        ),
        (
            ["a"],
            ["a @ https://example.invalid/a.whl", "a"],
            "it requires a @ https://example.invalid/a.whl, and pyproject.toml a",
        ),
        (["a>1"], ["a>=1,!=1"], "it requires a!=1,>=1, and pyproject.toml a>1"),
        (["a>1"], ["a>=1.1"], "it requires a>=1.1, and pyproject.toml a>1"),
        (
            ["a"],
            ["a", "a<1; extra == os_name"],
            "it has the condition extra == os_name, and pyproject.toml does not",
        ),
        (
            ["a"],
            ["a", "a<1; python_version == '3.12' and python_full_version > '3.12.12'"],
            "it requires a<1, and pyproject.toml a (Python 3.12 on linux)",
        ),
        (
            ["a"],
            ["a", "a<1; python_version > '3.20'"],
            "it requires a<1, and pyproject.toml a (Python 3.21 on linux)",
        ),
        (["a"], ["a", "demo-pkg==0.1"], "it requires demo-pkg==0.1, and pyproject.toml not demo"),
        (
            ["a"],
            ["a", "demo-pkg @ https://example.invalid/a.whl"],
            "it requires demo-pkg @ https://example.invalid/a.whl, and pyproject.toml not demo-pkg",
        ),
    ],
)
def test_each_difference_is_named(
    tmp_path: Path, declared: list[str], found: list[str], difference: str
) -> None:
    differences = said(tmp_path, declared, found)
    assert any(each.startswith(difference) for each in differences)


def test_the_lowest_micro_version_that_is_allowed_is_tried(tmp_path: Path) -> None:
    found = ["a", "a<1; python_full_version < '3.9.3'"]
    assert said(tmp_path, ["a"], found, pythons=[">=3.9.2"]) == [
        "it requires a<1, and pyproject.toml a (Python 3.9 on linux)"
    ]


def test_an_extra_is_a_condition_of_every_alternative(tmp_path: Path) -> None:
    either = "sys_platform == 'win32' or os_name == 'nt'"
    found = [f"a; ({either}) and extra == 'one'"]
    assert said(tmp_path, [], found, one=[f"a; {either}"]) == []


def test_extras_are_compared_each_on_its_own(tmp_path: Path) -> None:
    extras = {"Fast_One": ["a>=1; python_version<'3.10'"], "other": ["b"]}
    good = ["a>=1; python_version<'3.10' and extra == 'fast-one'", "b; extra == 'other'"]
    assert said(tmp_path, [], good, **extras) == []
    always = ["a>=1; python_version<'3.10' and extra == 'fast-one'", "b"]
    assert said(tmp_path, [], always, **extras) == [
        "it requires b, and pyproject.toml not b (Python 3.8 on linux)"
    ]
    swapped = ["a>=1; python_version<'3.10' and extra == 'other'", "b; extra == 'other'"]
    assert said(tmp_path, [], swapped, **extras) == [
        "it requires not a, and pyproject.toml a>=1 (Python 3.8 on linux, fast-one)"
    ]


@pytest.mark.parametrize(
    "found",
    [
        ["a; extra == 'one'", "demo-pkg[one]; extra == 'all'"],
        ["a; extra == 'one'", "a; extra == 'all'"],
    ],
)
def test_an_extra_of_extras_is_the_same_written_out(tmp_path: Path, found: list[str]) -> None:
    extras = {"one": ["a"], "all": ["Demo_Pkg[one]"]}
    assert said(tmp_path, [], found, **extras) == []
    assert said(tmp_path, [], found[:1], **extras) == [
        "it requires not a, and pyproject.toml a (Python 3.8 on linux, all)"
    ]


def test_an_extra_of_an_extra_of_extras_is_the_same_written_out(tmp_path: Path) -> None:
    extras = {"one": ["a"], "two": ["demo-pkg[one]"], "all": ["demo-pkg[two]"]}
    found = [f"a; extra == '{extra}'" for extra in extras]
    assert said(tmp_path, [], found, **extras) == []


def test_extras_that_are_dynamic_are_not_compared_and_dependencies_are(tmp_path: Path) -> None:
    def differ(*more: str) -> list[str]:
        return said(tmp_path, ["a"], ["a", *more], dynamic=["optional-dependencies"])

    assert differ("x; extra == 'one' and platform_machine == 'arm'") == []
    for more in ("x", "x; extra != 'one'", "x; extra == 'one' or os_name == 'nt'"):
        assert "it requires x, and pyproject.toml does not" in differ(more)
    assert differ("a<1; extra != 'one'") == [
        'it has the condition extra != "one", and pyproject.toml does not',
        "it requires a<1, and pyproject.toml a (Python 3.8 on linux)",
    ]


def test_dependencies_that_are_dynamic_are_not_compared_and_extras_are(tmp_path: Path) -> None:
    def differ(*more: str) -> list[str]:
        good = "b; extra == 'one'"
        return said(tmp_path, [], [good, *more], dynamic=["dependencies"], one=["b"])

    assert differ("x; platform_machine == 'arm'", "b<1") == []
    assert "it requires x, and pyproject.toml does not" in differ("x; extra == 'one'")
    assert differ("b<1; extra == 'one'") == [
        "it requires b<1, and pyproject.toml b (Python 3.8 on linux, one)"
    ]


def test_extras_that_name_each_other_come_to_an_end(tmp_path: Path) -> None:
    extras = {"one": ["demo-pkg[two]", "a"], "two": ["demo-pkg[one]"]}
    assert said(tmp_path, [], ["a; extra == 'one'", "a; extra == 'two'"], **extras) == []


def test_several_lines_for_one_package_count_together(tmp_path: Path) -> None:
    assert said(tmp_path, ["a>=1", "a<2"], ["a>=1,<2"]) == []
    assert said(tmp_path, ["a>=1", "a<2"], ["a>=1"]) != []


@pytest.mark.parametrize(
    "found",
    [
        [f"a>=1; python_version >= '3.{minor}'" for minor in range(8, 999)],
        [f"a>=1.{each}" for each in range(20_000)],
        ["a>=" + "1." * 20_000 + "1"],
    ],
    ids=["conditions", "requirements", "version"],
)
def test_far_more_than_the_project_says_is_not_compared(tmp_path: Path, found: list[str]) -> None:
    (difference,) = said(tmp_path, ["a>=1"], found)
    assert "are not compared beyond 2,018" in difference


def test_as_much_as_a_large_project_says_is_compared(tmp_path: Path) -> None:
    declared = [f"package-{number}>=1" for number in range(1_000)]
    assert said(tmp_path, declared, declared) == []
