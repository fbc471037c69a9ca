"""RECORD and WHEEL, right and wrong in every way that an installer would take differently."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ci.distributions.checks import wheel
from ci.package.project import Project, read_project
from ci.tests.distributions.subjects import found, subject
from ci.tests.samples import STEM, make_package, make_sdist, make_wheel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RECORD, WHEEL = f"{STEM}.dist-info/RECORD", f"{STEM}.dist-info/WHEEL"
_GOOD = "Wheel-Version: 1.0\nGenerator: demo\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return read_project(make_package(tmp_path_factory.mktemp("package")))


@pytest.mark.parametrize("gate", [wheel.record, wheel.wheel_file])
def test_a_good_wheel_and_any_sdist_pass(
    project: Project, tmp_path: Path, gate: Callable[..., object]
) -> None:
    more = {"demo_pkg/a, b.py": b"", 'demo_pkg/"c".py': b"1"}
    quoted = make_wheel(tmp_path, {"demo_pkg/a.py": b"1"})
    assert found(gate, project, quoted) == []  # type: ignore[arg-type]
    assert found(gate, project, make_sdist(tmp_path, more)) == []  # type: ignore[arg-type]


# --- RECORD --------------------------------------------------------------------------------------


def record_of(path: Path, project: Project) -> str:
    return subject(project, path).archive.files[RECORD].decode()


CHANGES: dict[str, tuple[Callable[[list[str]], list[str]], str, str]] = {
    "wrong hash": (
        lambda lines: [lines[0].replace("sha256=", "sha256=A"), *lines[1:]],
        "demo_pkg/__init__.py",
        "RECORD has the line",
    ),
    "wrong size": (
        lambda lines: [f"{lines[0]}0", *lines[1:]],
        "demo_pkg/__init__.py",
        "RECORD has the line",
    ),
    "other algorithm": (
        lambda lines: [lines[0].replace("sha256", "md5"), *lines[1:]],
        "demo_pkg/__init__.py",
        "RECORD has the line",
    ),
    "no hash": (
        lambda lines: ["demo_pkg/__init__.py,,", *lines[1:]],
        "demo_pkg/__init__.py",
        "RECORD has the line",
    ),
    "line too much": (
        lambda lines: [*lines, "demo_pkg/evil.py,sha256=x,1"],
        "demo_pkg/evil.py",
        "RECORD has the line",
    ),
    "line twice": (
        lambda lines: [*lines, lines[0]],
        "demo_pkg/__init__.py",
        "or repeated",
    ),
    "fourth field": (
        lambda lines: [f"{lines[0]},x", *lines[1:]],
        "demo_pkg/__init__.py",
        "RECORD has the line",
    ),
    "hash of itself": (
        lambda lines: [*lines[:-1], f"{RECORD},sha256=x,1"],
        RECORD,
        "RECORD has the line",
    ),
    "empty line": (lambda lines: ["", *lines], "", "RECORD has the line ''"),
    "line missing": (lambda lines: lines[1:], "demo_pkg/__init__.py", "RECORD does not list it"),
    "itself missing": (lambda lines: lines[:-1], RECORD, "RECORD does not list it"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_record_that_is_not_exactly_what_is_there_is_named(
    project: Project, tmp_path: Path, name: str
) -> None:
    change, member, said = CHANGES[name]
    lines = record_of(make_wheel(tmp_path), project).splitlines()
    crafted = make_wheel(tmp_path, {RECORD: "\n".join(change(lines)).encode()})
    (finding,) = wheel.record(subject(project, crafted))
    assert (finding.member, finding.rule) == (member, "record")
    assert said in finding.found


def test_a_wheel_without_record_is_named(project: Project, tmp_path: Path) -> None:
    renamed = make_wheel(tmp_path).rename(tmp_path / "demo-1.2.0-py3-none-any.whl")
    assert found(wheel.record, project, renamed) == [("demo-1.2.0.dist-info/RECORD", "record")]
    assert found(wheel.wheel_file, project, renamed) == [
        ("demo-1.2.0.dist-info/WHEEL", "wheel-file")
    ]


# --- WHEEL ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        ("py3-none-any", _GOOD),
        ("py2.py3-none-any", _GOOD.replace("Tag: py3", "Tag: py2-none-any\nTag: py3")),
        ("1-py3-none-any", f"{_GOOD}Build: 1\n"),
        ("1a-py3-none-any", f"{_GOOD}Build: 1a\n"),
        (
            "cp312-cp312-win32",
            _GOOD.replace("true", "false").replace("py3-none-any", "cp312-cp312-win32"),
        ),
        (
            "py3-none-any.win32",
            _GOOD.replace("true", "false") + "Tag: py3-none-win32\n",
        ),
    ],
)
def test_a_wheel_file_that_says_what_the_file_name_says_passes(
    project: Project, tmp_path: Path, tag: str, text: str
) -> None:
    assert (
        found(wheel.wheel_file, project, make_wheel(tmp_path, {WHEEL: text.encode()}, tag=tag))
        == []
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (_GOOD.replace("1.0", "2.0"), "its Wheel-Version is '2.0', not '1.0'"),
        (_GOOD.replace("true", "false"), "its Root-Is-Purelib is 'false', not 'true'"),
        (_GOOD.replace("Root-Is-Purelib: true\n", ""), "its Root-Is-Purelib is '', not 'true'"),
        (f"{_GOOD}Root-Is-Purelib: false\n", "its Root-Is-Purelib is 'false, true', not 'true'"),
        (_GOOD.replace("py3-none-any", "py2-none-any"), "its Tag is 'py2-none-any', not"),
        (f"{_GOOD}Tag: cp312-cp312-win32\n", "its Tag is 'cp312-cp312-win32, py3-none-any', not"),
        (f"{_GOOD}Build: 2\n", "its Build is '2', not ''"),
        (f"{_GOOD}Hook: evil\n", "it has lines that it must not have ('Hook')"),
        (f"{_GOOD}\nmore\n", "it has lines that it must not have ('')"),
    ],
)
def test_a_wheel_file_that_says_something_else_is_named(
    project: Project, tmp_path: Path, text: str, said: str
) -> None:
    (finding,) = wheel.wheel_file(subject(project, make_wheel(tmp_path, {WHEEL: text.encode()})))
    assert (finding.member, finding.rule) == (WHEEL, "wheel-file")
    assert finding.found.startswith(said)


def test_a_wheel_for_one_platform_must_not_say_that_it_is_pure(
    project: Project, tmp_path: Path
) -> None:
    text = _GOOD.replace("py3-none-any", "py3-none-win32").encode()
    crafted = make_wheel(tmp_path, {WHEEL: text}, tag="py3-none-win32")
    (finding,) = wheel.wheel_file(subject(project, crafted))
    assert finding.found == "its Root-Is-Purelib is 'true', not 'false'"
