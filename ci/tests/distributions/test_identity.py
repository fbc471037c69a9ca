from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ci.distributions.archive import files
from ci.distributions.checks import identity
from ci.errors import UserError
from ci.package.project import Project, read_project
from ci.tests.samples import METADATA, STEM, make_package, make_sdist, make_wheel

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return read_project(make_package(tmp_path_factory.mktemp("package")))


@pytest.mark.parametrize(
    "wheel",
    [
        f"{STEM}-py3-none-any.whl",
        f"{STEM}-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        f"{STEM}-1-cp38-abi3-win_amd64.whl",
    ],
)
def test_an_sdist_and_a_wheel_for_any_platform_pass(
    project: Project, tmp_path: Path, wheel: str
) -> None:
    for name in (wheel, f"{STEM}.tar.gz"):
        (tmp_path / name).touch()
    assert list(identity.file_names(project, tmp_path)) == []


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([f"{STEM}.tar.gz"], "there is no wheel of demo-pkg 1.2.0"),
        ([f"{STEM}-py3-none-any.whl"], "there is no sdist of demo-pkg 1.2.0"),
        (["demo_pkg-1.2.1.tar.gz"], "it is no distribution of demo-pkg 1.2.0"),
        (["other-1.2.0-py3-none-any.whl"], "it is no distribution of demo-pkg 1.2.0"),
        ([f"{STEM}.zip"], "it is no distribution of demo-pkg 1.2.0"),
        (["notes.txt"], "it is no distribution of demo-pkg 1.2.0"),
        ([f"{STEM}-whatever.whl"], "it is no distribution of demo-pkg 1.2.0"),
        (
            [f"{STEM}-py3-none-any.whl", f"{STEM}-cp312-cp312-win32.whl"],
            "it is one more wheel of demo-pkg 1.2.0",
        ),
    ],
)
def test_other_files_than_the_two_are_named(
    project: Project, tmp_path: Path, names: list[str], said: str
) -> None:
    for name in names:
        (tmp_path / name).touch()
    assert said in {finding.found for finding in identity.file_names(project, tmp_path)}


def test_a_distribution_over_the_limit_is_named_with_its_largest_members(
    project: Project, tmp_path: Path
) -> None:
    wheel = make_wheel(tmp_path, {"demo_pkg/model.bin": b"a" * 5000})
    limit = wheel.stat().st_size
    at_limit = replace(project, settings=replace(project.settings, max_size=limit))
    assert list(identity.size(at_limit, wheel)) == []

    under = replace(project, settings=replace(project.settings, max_size=limit - 1))
    (finding,) = identity.size(under, wheel)
    assert f"it has {limit:,} bytes, the limit is {limit - 1:,}" in finding.found
    assert "demo_pkg/model.bin (5,000 bytes)" in finding.found
    assert "raise max-size" in finding.remedy


def test_the_projects_metadata_passes(project: Project, tmp_path: Path) -> None:
    for distribution in (make_sdist(tmp_path), make_wheel(tmp_path)):
        assert list(identity.metadata(project, distribution)) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"demo-pkg", b"other", "its name is 'other', that of the project is 'demo-pkg'"),
        (b"1.2.0", b"1.2.1", "its version is '1.2.1', that of the project is '1.2.0'"),
        (b">=3.8", b">=3.9", "its requires-python is '>=3.9', that of the project is '>=3.8'"),
        (b"Requires-Python: >=3.8\n", b"", "its requires-python is '', that of the project"),
        (b">=3.8", b"three", "it is invalid ("),
    ],
)
def test_other_metadata_is_named_in_sdist_and_wheel(
    project: Project, tmp_path: Path, old: bytes, new: bytes, said: str
) -> None:
    text = METADATA.replace(old, new)
    for distribution in (
        make_sdist(tmp_path, {"PKG-INFO": text}),
        make_wheel(tmp_path, {f"{STEM}.dist-info/METADATA": text}),
    ):
        (finding,) = identity.metadata(project, distribution)
        assert finding.found.startswith(said)


def test_missing_metadata_is_named(project: Project, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path).rename(tmp_path / "demo-1.2.0-py3-none-any.whl")
    (finding,) = identity.metadata(project, wheel)
    assert (finding.member, finding.found) == ("demo-1.2.0.dist-info/METADATA", "it is missing")


@pytest.mark.parametrize("name", [f"{STEM}.tar.gz", f"{STEM}-py3-none-any.whl"])
def test_a_broken_archive_is_a_problem_and_no_traceback(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"neither tar nor zip")
    with pytest.raises(UserError) as caught:
        list(files(tmp_path / name))
    assert caught.value.code == "archive-unreadable"
