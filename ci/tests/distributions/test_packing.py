"""Members whose paths lead elsewhere, clash, or are no files."""

from __future__ import annotations

import stat
import tarfile
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ci.distributions.checks import packing
from ci.package.project import Project, read_project
from ci.tests.distributions.subjects import found, subject
from ci.tests.samples import STEM, make_package, make_sdist, make_wheel, write_tar

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return read_project(make_package(tmp_path_factory.mktemp("package")))


def test_good_distributions_pass(project: Project, tmp_path: Path) -> None:
    for distribution in (make_sdist(tmp_path), make_wheel(tmp_path)):
        assert found(packing.packing, project, distribution) == []
        assert found(packing.safe_paths, project, distribution) == []


def test_an_archive_that_is_not_plain_is_a_finding(project: Project, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path)
    wheel.write_bytes(wheel.read_bytes() + b"more")
    (finding,) = packing.packing(subject(project, wheel))
    assert (finding.member, finding.rule) == ("", "packing")
    assert "something follows it" in str(finding)
    assert finding.remedy == "have the build backend write a plain archive"


@pytest.mark.parametrize(
    ("max_size", "found", "remedy"),
    [
        (10**7, "more than 100 times its own size", "leave the repetitive data out"),
        (10**5, "10 times max-size", "raise max-size in [tool.ci]"),
        (10**2, "at most 1,000 are allowed", "raise max-size in [tool.ci]"),
    ],
)
def test_an_archive_that_is_too_large_is_a_finding_with_its_limit(
    project: Project, tmp_path: Path, max_size: int, found: str, remedy: str
) -> None:
    wheel = tmp_path / f"{STEM}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", bytes(2**21))
    project = replace(project, settings=replace(project.settings, max_size=max_size))
    (finding,) = packing.packing(subject(project, wheel))
    assert found in finding.found
    assert remedy in finding.remedy


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
        (finding,) = packing.safe_paths(subject(project, distribution))
        assert (finding.member, finding.found) == (name, said)


def test_an_sdists_member_outside_of_its_folder_is_named(project: Project, tmp_path: Path) -> None:
    sdist = write_tar(tmp_path / f"{STEM}.tar.gz", [(tarfile.TarInfo("evil.py"), b"")])
    (finding,) = packing.safe_paths(subject(project, sdist))
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
    assert found(packing.safe_paths, project, sdist) == [(info.name, "unsafe-member")]


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
    assert found(packing.safe_paths, project, wheel) == [("demo_pkg/link", "unsafe-member")]


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_a_member_that_is_there_twice_is_named(project: Project, tmp_path: Path) -> None:
    info = tarfile.TarInfo(f"{STEM}/a.py")
    sdist = write_tar(tmp_path / f"{STEM}.tar.gz", [(info, b""), (info, b"")])
    wheel = make_wheel(tmp_path)
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("demo_pkg/__init__.py", b"")
    assert found(packing.safe_paths, project, sdist) == [(info.name, "unsafe-member")]
    (finding,) = packing.safe_paths(subject(project, wheel))
    assert (finding.member, finding.found) == ("demo_pkg/__init__.py", "it is there 2 times")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("demo_pkg/A.py", "demo_pkg/a.py"), "on many systems it is the same file as"),
        (
            ("demo_pkg/caf\u00e9.py", "demo_pkg/cafe\u0301.py"),
            "on many systems it is the same file",
        ),
        (("demo_pkg/a", "demo_pkg/a/b.py"), "it is a file, but other members are inside it"),
        (("demo_pkg//a.py",), "its path is written in an unusual way"),
        (("demo_pkg/./a.py",), "its path is written in an unusual way"),
        (("demo_pkg/\x1b[2J.py",), "its path is written in an unusual way"),
    ],
)
def test_names_that_clash_or_hide_something_are_named(
    project: Project, tmp_path: Path, names: tuple[str, ...], said: str
) -> None:
    wheel = make_wheel(tmp_path, dict.fromkeys(names, b""))
    (finding,) = packing.safe_paths(subject(project, wheel))
    assert finding.found.startswith(said)
    sdist = make_sdist(tmp_path, dict.fromkeys(names, b""))
    assert len(list(packing.safe_paths(subject(project, sdist)))) == 1


def test_a_name_that_no_terminal_should_be_sent_is_escaped(
    project: Project, tmp_path: Path
) -> None:
    sdist = make_sdist(tmp_path, {"tests/\x1b[2J\n\udcff": b""})
    (finding,) = packing.safe_paths(subject(project, sdist))
    assert rf"{STEM}/tests/\x1b[2J\n\udcff: its path is written" in str(finding)
