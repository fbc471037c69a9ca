"""Where a version is written, for each way in which a build backend is told."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from packaging.version import Version

from ci.checkout.version import find_places, places_in, version_at
from ci.tests.samples import commit, git, make_package, write

PACKAGE = Path("src/demo_pkg")
STATIC = '[project]\nname = "demo-pkg"\nversion = "1.2.0"  # by hand\n'
INIT = "src/demo_pkg/__init__.py"
EMPTY = {INIT: '"""Demo."""\n', "CHANGELOG.md": "1.2.0\n"}


def found(root: Path, version: str = "1.2.0") -> list[str]:
    commit(root)
    return [str(place) for place in find_places(root, PACKAGE, Version(version))]


@pytest.mark.parametrize(
    ("files", "place"),
    [
        ({"pyproject.toml": STATIC}, "project.version in pyproject.toml"),
        (
            {"pyproject.toml": '[tool.poetry]\nversion = "1.2.0"\n'},
            "tool.poetry.version in pyproject.toml",
        ),
        (
            {
                "pyproject.toml": '[tool.hatch.version]\npath = "lib/about.py"\n',
                "lib/about.py": "VERSION: str = 'v1.2.0'\n",
            },
            "VERSION in lib/about.py",
        ),
        (
            {
                "pyproject.toml": '[tool.pdm.version]\nsource = "file"\npath = "v.py"\n',
                "v.py": '__version__ = "1.2"\n',
            },
            "__version__ in v.py",
        ),
        (
            {
                "pyproject.toml": '[tool.setuptools.dynamic]\nversion = { file = ["VERSION"] }\n',
                "VERSION": "1.2.0\n",
            },
            "VERSION",
        ),
        (
            {
                "pyproject.toml": '[tool.setuptools.dynamic]\nversion.attr = "_demo.__version__"\n',
                "_demo.py": '__version__ = "1.2.0"\n',
            },
            "__version__ in _demo.py",
        ),
        (
            {
                "pyproject.toml": '[tool.setuptools.dynamic]\nversion.attr="demo_pkg.v.version"\n',
                "src/demo_pkg/v/__init__.py": 'version = "1.2.0"\n',
            },
            "version in src/demo_pkg/v/__init__.py",
        ),
        (
            {"pyproject.toml": "", "src/demo_pkg/_version.py": 'version = "1.2.0"\n'},
            "version in src/demo_pkg/_version.py",
        ),
    ],
)
def test_the_place_is_found_for_every_backend(
    tmp_path: Path, files: dict[str, str], place: str
) -> None:
    root = make_package(tmp_path)
    write(root, EMPTY | files)
    assert found(root) == [place]
    assert found(root, "1.2.1") == []


def test_every_place_is_found_and_what_only_looks_like_one_is_not(tmp_path: Path) -> None:
    root = make_package(tmp_path)
    write(root, {"pyproject.toml": STATIC, INIT: '__version__ = "1.2.0"\nAPI_VERSION = "1.2.0"\n'})
    write(root, {"src/demo_pkg/sub.py": 'x = 1\n    version = "1.2.0"\n', "VERSION": "1.2.0\n"})
    assert found(root) == ["project.version in pyproject.toml", f"__version__ in {INIT}"]


@pytest.mark.parametrize("told", ["", '[tool.pdm.version]\npath = "src/demo_pkg/_version.py"\n'])
def test_a_file_that_the_build_wrote_is_no_place(tmp_path: Path, told: str) -> None:
    root = make_package(tmp_path)
    write(root, EMPTY | {"pyproject.toml": told})
    commit(root)
    write(root, {"src/demo_pkg/_version.py": 'version = "1.2.0"\n'})
    assert find_places(root, PACKAGE, Version("1.2.0")) == []


def test_a_tracked_module_that_was_deleted_is_no_place(tmp_path: Path) -> None:
    root = make_package(tmp_path)
    write(root, {"src/demo_pkg/gone.py": '__version__ = "1.2.0"\n'})
    assert found(root) == [f"__version__ in {INIT}", "__version__ in src/demo_pkg/gone.py"]
    (root / "src/demo_pkg/gone.py").unlink()
    places = find_places(root, PACKAGE, Version("1.2.0"))
    assert [str(place) for place in places] == [f"__version__ in {INIT}"]


def test_a_single_module_is_looked_at(tmp_path: Path) -> None:
    root = make_package(tmp_path)
    write(root, EMPTY | {"pyproject.toml": "", "demo.py": '__version__ = "1.2.0"\n'})
    commit(root)
    places = find_places(root, Path("demo.py"), Version("1.2.0"))
    assert [str(place) for place in places] == ["__version__ in demo.py"]


def test_the_version_of_another_commit_is_read_from_the_same_place(tmp_path: Path) -> None:
    root = make_package(tmp_path)
    before = git(root, "rev-parse", "HEAD")
    write(root, {INIT: '__version__ = "1.3.0"\n'})
    commit(root)
    (place,) = find_places(root, PACKAGE, Version("1.3.0"))
    assert version_at(root, before, place) == Version("1.2.0")
    assert version_at(root, "HEAD", place) == Version("1.3.0")


def test_a_package_in_a_folder_of_its_repository_has_its_version_there_too(tmp_path: Path) -> None:
    top = make_package(tmp_path)
    shutil.copytree(top / "src", top / "python/src")
    commit(top)
    (place,) = places_in(Path(INIT), '__version__ = "1.3.0"\n')
    (top / INIT).unlink()
    commit(top)
    assert version_at(top / "python", "HEAD", place) == Version("1.2.0")
    assert version_at(top, "HEAD", place) is None


@pytest.mark.parametrize(
    "files", [{}, {INIT: '__version__ = "one"\n'}, {INIT: 'VERSION = "1.2.0"\n'}]
)
def test_where_the_place_was_not_there_is_no_version(tmp_path: Path, files: dict[str, str]) -> None:
    root = make_package(tmp_path)
    (root / INIT).unlink()
    write(root, files)
    commit(root)
    (place,) = places_in(Path(INIT), '__version__ = "1.3.0"\n')
    assert version_at(root, "HEAD", place) is None


def test_a_pyproject_that_was_no_toml_has_no_version(tmp_path: Path) -> None:
    root = make_package(tmp_path)
    write(root, {"pyproject.toml": "[project\n"})
    commit(root)
    (place,) = places_in(Path("pyproject.toml"), STATIC)
    assert version_at(root, "HEAD", place) is None
