"""What is missing in a distribution, and what does not belong into it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ci.distributions.checks import contents
from ci.package.project import Project, Settings, read_project
from ci.tests.distributions.subjects import found, subject
from ci.tests.samples import STEM, commit, make_package, make_sdist, make_wheel, write

if TYPE_CHECKING:
    from ci.tests.distributions.subjects import Gate


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return read_project(make_package(tmp_path_factory.mktemp("package")))


def with_settings(project: Project, settings: Settings) -> Project:
    return replace(project, settings=settings)


@pytest.mark.parametrize("gate", [contents.roots, contents.missing])
def test_a_good_sdist_and_wheel_pass(project: Project, tmp_path: Path, gate: Gate) -> None:
    for distribution in (make_sdist(tmp_path), make_wheel(tmp_path)):
        assert found(gate, project, distribution) == []


# --- roots ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        *("README.rst", "LICENSE-MIT", "CHANGELOG.md", "VERSION", "version.txt"),
        *("tests/test_a.py", "setup.py", "src/other/a.py"),
    ],
)
def test_what_is_usual_at_the_top_of_an_sdist_passes(
    project: Project, tmp_path: Path, name: str
) -> None:
    assert found(contents.roots, project, make_sdist(tmp_path, {name: b""})) == []


@pytest.mark.parametrize(
    "name", ["results/a.txt", ".env.local", "ci/distributions/build.py", "readme_of_mine/a"]
)
def test_anything_else_at_the_top_of_an_sdist_is_named_unless_included(
    project: Project, tmp_path: Path, name: str
) -> None:
    sdist = make_sdist(tmp_path, {name: b""})
    top, folder, _ = name.partition("/")
    assert found(contents.roots, project, sdist) == [(f"{top}{folder}", "root")]
    included = with_settings(project, Settings(sdist_include=(top,)))
    assert found(contents.roots, included, sdist) == []


def test_the_help_names_a_key_that_hatchling_reads_whatever_else_is_set(
    project: Project, tmp_path: Path
) -> None:
    sdist = make_sdist(tmp_path, {"results/a.txt": b""})
    (finding,) = contents.roots(subject(project, sdist))
    assert finding.remedy.startswith("add it to exclude in [tool.hatch.build.targets.sdist], or")


def test_anything_beside_the_package_in_a_wheel_is_named(project: Project, tmp_path: Path) -> None:
    wheel = make_wheel(
        tmp_path,
        {"tests/a.py": b"", "tests/b.py": b"", f"{STEM}.data/scripts/demo": b"", "notes.txt": b""},
    )
    assert found(contents.roots, project, wheel) == [
        ("tests/", "root"),
        ("notes.txt", "root"),
    ]


def test_what_lies_beside_the_package_in_src_passes(tmp_path: Path) -> None:
    root = make_package(tmp_path / "package")
    write(root, {"src/demo_plugin.py": "", "src/other/__init__.py": ""})
    commit(root)
    project = read_project(root)
    wheel = make_wheel(tmp_path, {"demo_plugin.py": b"", "other/__init__.py": b""})
    assert found(contents.roots, project, wheel) == []


def make_flat(root: Path) -> Project:
    """The package beside pyproject.toml, and what else may lie there."""
    make_package(root)
    (root / "src" / "demo_pkg").rename(root / "demo_pkg")
    pyproject = (root / "pyproject.toml").read_text(encoding="utf-8").replace("src/", "")
    write(root, {"pyproject.toml": pyproject, "noxfile.py": "", "ci/a.py": "", "_demo.py": ""})
    commit(root)
    return read_project(root)


def test_a_package_beside_pyproject_is_known_as_well(tmp_path: Path) -> None:
    project = make_flat(tmp_path / "package")
    wheel = make_wheel(tmp_path, {"_demo.py": b""})
    for gate in (contents.roots, contents.missing):
        assert found(gate, project, wheel) == []


@pytest.mark.parametrize("name", ["noxfile.py", "ci/a.py", "tests/test_demo.py", "README.md"])
def test_what_is_for_developers_does_not_belong_into_a_wheel(tmp_path: Path, name: str) -> None:
    project = make_flat(tmp_path / "package")
    wheel = make_wheel(tmp_path, {name: b""})
    assert [rule for _, rule in found(contents.roots, project, wheel)] == ["root"]


# --- what a wheel lacks --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def larger(tmp_path_factory: pytest.TempPathFactory) -> Project:
    root = make_package(tmp_path_factory.mktemp("larger"))
    names = ("fast.pyx", "words.txt", ".gitkeep")
    write(root, {f"src/demo_pkg/{name}": "" for name in names})
    write(root, {"src/demo_pkg_more.txt": ""})
    commit(root)
    return read_project(root)


def test_what_a_wheel_lacks_is_named(larger: Project, tmp_path: Path) -> None:
    assert found(contents.missing, larger, make_wheel(tmp_path)) == [
        ("src/demo_pkg/fast.pyx", "missing"),
        ("src/demo_pkg/words.txt", "missing"),
    ]
    assert found(contents.missing, larger, make_sdist(tmp_path)) == []


def test_each_of_several_packages_must_be_there_and_may_be(tmp_path: Path) -> None:
    one = make_flat(tmp_path / "package")
    several = replace(one, packages={**one.packages, "_demo": Path("_demo.py")})
    assert found(contents.missing, one, make_wheel(tmp_path)) == []
    assert found(contents.missing, several, make_wheel(tmp_path)) == [("_demo.py", "missing")]
    sdist = make_sdist(tmp_path, {"_demo.py": b""})
    assert ("_demo.py", "root") in found(contents.roots, one, sdist)
    assert ("_demo.py", "root") not in found(contents.roots, several, sdist)


def test_a_wheel_may_lack_what_is_excluded_on_purpose(larger: Project, tmp_path: Path) -> None:
    excluded = with_settings(larger, Settings(wheel_exclude=("*.pyx", "demo_pkg/words.txt")))
    assert found(contents.missing, excluded, make_wheel(tmp_path)) == []


def test_a_module_that_is_the_package_must_be_there(tmp_path: Path) -> None:
    root = make_package(tmp_path / "package")
    (root / "src" / "demo_pkg" / "__init__.py").rename(root / "demo_pkg.py")
    (root / "src" / "demo_pkg" / "py.typed").unlink()
    (root / "src" / "demo_pkg").rmdir()
    commit(root)
    project = read_project(root)
    assert found(contents.missing, project, make_wheel(tmp_path)) == [("demo_pkg.py", "missing")]
    wheel = make_wheel(tmp_path, {"demo_pkg.py": b""})
    assert found(contents.missing, project, wheel) == []
