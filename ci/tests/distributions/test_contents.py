from __future__ import annotations

import stat
import tarfile
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ci.distributions.checks import contents
from ci.package.project import Project, Settings, read_project
from ci.tests.samples import STEM, commit, make_package, make_sdist, make_wheel, write, write_tar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ci.distributions.checks import Finding

    type Gate = Callable[[Project, Path], Iterator[Finding]]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return read_project(make_package(tmp_path_factory.mktemp("package")))


def with_settings(project: Project, settings: Settings) -> Project:
    return replace(project, settings=settings)


def found(gate: Gate, project: Project, distribution: Path) -> list[tuple[str, str]]:
    return [(finding.member, finding.rule) for finding in gate(project, distribution)]


@pytest.mark.parametrize(
    "gate", [contents.safe_paths, contents.roots, contents.untracked, contents.missing]
)
def test_a_good_sdist_and_wheel_pass(project: Project, tmp_path: Path, gate: Gate) -> None:
    for distribution in (make_sdist(tmp_path), make_wheel(tmp_path)):
        assert found(gate, project, distribution) == []


# --- paths ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("/etc/passwd", "its path leads out of the distribution"),
        (f"{STEM}/../../evil.py", "its path leads out of the distribution"),
        (f"{STEM}\\evil.py", "its path means another place on Windows"),
        ("C:/evil.py", "its path means another place on Windows"),
    ],
)
def test_a_path_that_leads_elsewhere_is_named(
    project: Project, tmp_path: Path, name: str, said: str
) -> None:
    sdist = write_tar(tmp_path / f"{STEM}.tar.gz", [(tarfile.TarInfo(name), b"")])
    wheel = tmp_path / f"{STEM}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), b"")
    for distribution in (sdist, wheel):
        (finding,) = contents.safe_paths(project, distribution)
        assert (finding.member, finding.found) == (name, said)


def test_an_sdists_member_outside_of_its_folder_is_named(project: Project, tmp_path: Path) -> None:
    sdist = write_tar(tmp_path / f"{STEM}.tar.gz", [(tarfile.TarInfo("evil.py"), b"")])
    (finding,) = contents.safe_paths(project, sdist)
    assert finding.found == f"it lies outside of the folder {STEM}"


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]
)
def test_a_link_or_a_device_in_an_sdist_is_named(
    project: Project, tmp_path: Path, kind: bytes
) -> None:
    info = tarfile.TarInfo(f"{STEM}/tests/link")
    info.type, info.linkname = kind, "../../target"
    sdist = write_tar(tmp_path / f"{STEM}.tar.gz", [(info, b"")])
    assert found(contents.safe_paths, project, sdist) == [(info.name, "unsafe-member")]


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO])
def test_a_link_or_a_device_in_a_wheel_is_named(
    project: Project, tmp_path: Path, kind: int
) -> None:
    wheel = tmp_path / f"{STEM}-py3-none-any.whl"
    info = zipfile.ZipInfo("demo_pkg/link")
    info.external_attr = (kind | 0o777) << 16
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.mkdir("demo_pkg")
        archive.writestr(info, b"/etc/passwd")
    assert found(contents.safe_paths, project, wheel) == [("demo_pkg/link", "unsafe-member")]


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_a_member_that_is_there_twice_is_named(project: Project, tmp_path: Path) -> None:
    info = tarfile.TarInfo(f"{STEM}/a.py")
    sdist = write_tar(tmp_path / f"{STEM}.tar.gz", [(info, b""), (info, b"")])
    wheel = make_wheel(tmp_path)
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("demo_pkg/__init__.py", b"")
    assert found(contents.safe_paths, project, sdist) == [(info.name, "unsafe-member")]
    (finding,) = contents.safe_paths(project, wheel)
    assert (finding.member, finding.found) == ("demo_pkg/__init__.py", "it is there 2 times")


# --- roots ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["README.rst", "LICENSE-MIT", "CHANGELOG.md", "tests/test_a.py", "setup.py", "src/other/a.py"],
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


def test_anything_beside_the_package_in_a_wheel_is_named(project: Project, tmp_path: Path) -> None:
    wheel = make_wheel(
        tmp_path,
        {"tests/a.py": b"", "tests/b.py": b"", f"{STEM}.data/scripts/demo": b"", "notes.txt": b""},
    )
    assert found(contents.roots, project, wheel) == [
        ("tests/", "root"),
        ("notes.txt", "root"),
    ]


def test_a_module_beside_the_package_passes_if_git_tracks_it(tmp_path: Path) -> None:
    root = make_package(tmp_path / "package")
    write(root, {"src/demo_plugin.py": ""})
    commit(root)
    project = read_project(root)
    wheel = make_wheel(tmp_path, {"demo_plugin.py": b""})
    assert found(contents.roots, project, wheel) == []
    assert found(contents.untracked, project, wheel) == []


def test_a_package_beside_pyproject_is_known_as_well(tmp_path: Path) -> None:
    root = make_package(tmp_path / "package")
    (root / "src" / "demo_pkg").rename(root / "demo_pkg")
    pyproject = (root / "pyproject.toml").read_text(encoding="utf-8").replace("src/", "")
    write(root, {"pyproject.toml": pyproject})
    commit(root)
    project, wheel = read_project(root), make_wheel(tmp_path)
    for gate in (contents.roots, contents.untracked, contents.missing):
        assert found(gate, project, wheel) == []


def test_a_name_that_no_terminal_should_be_sent_is_escaped(
    project: Project, tmp_path: Path
) -> None:
    sdist = make_sdist(tmp_path, {"tests/\x1b[2J\n\udcff": b""})
    (finding,) = contents.untracked(project, sdist)
    assert r"'tests/\x1b[2J\n\udcff': git does not track it" in str(finding)


# --- tracked files -------------------------------------------------------------------------------


def test_what_git_does_not_track_is_named_unless_the_build_makes_it(
    project: Project, tmp_path: Path
) -> None:
    sdist = make_sdist(tmp_path, {"src/demo_pkg/_made.py": b""})
    wheel = make_wheel(tmp_path, {"demo_pkg/_made.py": b""})
    assert found(contents.untracked, project, sdist) == [("src/demo_pkg/_made.py", "untracked")]
    assert found(contents.untracked, project, wheel) == [("demo_pkg/_made.py", "untracked")]

    generated = with_settings(project, Settings(not_in_git=("demo_pkg/_made.py",)))
    assert found(contents.untracked, generated, sdist) == []
    assert found(contents.untracked, generated, wheel) == []


def test_an_extension_module_passes_in_a_wheel_and_not_in_an_sdist(
    project: Project, tmp_path: Path
) -> None:
    wheel = make_wheel(tmp_path, {"demo_pkg/_fast.cpython-312.so": b""}, tag="cp312-cp312-win32")
    assert found(contents.untracked, project, wheel) == []
    sdist = make_sdist(tmp_path, {"src/demo_pkg/_fast.cpython-312.so": b""})
    assert found(contents.untracked, project, sdist) == [
        ("src/demo_pkg/_fast.cpython-312.so", "untracked")
    ]


@pytest.mark.parametrize(
    ("backend", "name"),
    [
        ("setuptools.build_meta", "setup.cfg"),
        ("setuptools.build_meta", "src/demo_pkg.egg-info/SOURCES.txt"),
        ("uv_build", "pyproject.toml.orig"),
    ],
)
def test_what_a_backend_generates_passes_under_that_backend_alone(
    project: Project, tmp_path: Path, backend: str, name: str
) -> None:
    sdist = make_sdist(tmp_path, {name: b""})
    assert found(contents.untracked, project, sdist) == [(name, "untracked")]
    generating = replace(project, build_backend=backend)
    assert found(contents.untracked, generating, sdist) == []


# --- what a wheel lacks --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Project:
    root = make_package(tmp_path_factory.mktemp("compiled"))
    names = ("_fast.pyx", "words.txt", ".gitkeep")
    write(root, {f"src/demo_pkg/{name}": "" for name in names})
    commit(root)
    return read_project(root)


def test_what_a_wheel_lacks_is_named(compiled: Project, tmp_path: Path) -> None:
    assert found(contents.missing, compiled, make_wheel(tmp_path)) == [
        ("src/demo_pkg/_fast.pyx", "missing"),
        ("src/demo_pkg/words.txt", "missing"),
    ]


def test_a_wheel_for_one_platform_may_lack_the_sources_of_its_extensions(
    compiled: Project, tmp_path: Path
) -> None:
    wheel = make_wheel(tmp_path, tag="cp312-cp312-manylinux_2_17_x86_64")
    assert found(contents.missing, compiled, wheel) == [("src/demo_pkg/words.txt", "missing")]


def test_a_wheel_may_lack_what_is_excluded_on_purpose(compiled: Project, tmp_path: Path) -> None:
    excluded = with_settings(compiled, Settings(wheel_exclude=("*.pyx", "demo_pkg/words.txt")))
    assert found(contents.missing, excluded, make_wheel(tmp_path)) == []
