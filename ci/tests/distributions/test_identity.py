from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ci.distributions.checks import identity
from ci.package.project import Project, read_project
from ci.tests.distributions.subjects import subject
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
        ([f"{STEM}.tar.gz"], "there is no wheel"),
        ([f"{STEM}-py3-none-any.whl"], "there is no sdist"),
        (
            ["demo_pkg-1.2.1.tar.gz", f"{STEM}-py3-none-any.whl"],
            "its distributions have different versions: 1.2.0, 1.2.1",
        ),
        (["other-1.2.0-py3-none-any.whl"], "it is not a distribution of demo-pkg"),
        ([f"{STEM}.zip"], "it is not a distribution of demo-pkg"),
        ([f"{STEM}-py3-none-any\x1b[2J.whl"], "it is not a distribution of demo-pkg"),
        ([f"{STEM}-py3-none-any;x.whl"], "it is not a distribution of demo-pkg"),
        (["notes.txt"], "it is not a distribution of demo-pkg"),
        ([f"{STEM}-whatever.whl"], "it is not a distribution of demo-pkg"),
        (
            [f"{STEM}-py3-none-any.whl", f"{STEM}-cp312-cp312-win32.whl"],
            "there is more than one wheel of demo-pkg",
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
    assert list(identity.size(subject(at_limit, wheel))) == []

    under = replace(project, settings=replace(project.settings, max_size=limit - 1))
    (finding,) = identity.size(subject(under, wheel))
    assert f"it has {limit:,} bytes, the limit is {limit - 1:,}" in finding.found
    assert "demo_pkg/model.bin (5,000 bytes)" in finding.found
    assert "raise max-size" in finding.remedy


def test_the_projects_metadata_passes(project: Project, tmp_path: Path) -> None:
    for distribution in (make_sdist(tmp_path), make_wheel(tmp_path)):
        assert list(identity.metadata(subject(project, distribution))) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"demo-pkg", b"other", "its name is 'other', not 'demo-pkg'"),
        (b"1.2.0", b"1.2.1", "its version is '1.2.1', not '1.2.0'"),
        (b">=3.8", b">=3.9", "its requires-python is '>=3.9', not '>=3.8'"),
        (b"Requires-Python: >=3.8\n", b"", "its requires-python is '', not '>=3.8'"),
        (b">=3.8", b"three", "it is invalid ("),
        (
            b"\n\n",
            b"\nRequires-Dist: a; " + b"(" * 9999 + b"os_name=='nt'" + b")" * 9999 + b"\n\n",
            "it is too complex to be read",
        ),
        (b">=3.8", b">=" + b"9" * 9999, "it is too complex to be read"),
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
        (finding,) = identity.metadata(subject(project, distribution))
        assert finding.found.startswith(said)


def test_missing_metadata_is_named(project: Project, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path).rename(tmp_path / "demo-1.2.0-py3-none-any.whl")
    (finding,) = identity.metadata(subject(project, wheel))
    assert (finding.member, finding.found) == ("demo-1.2.0.dist-info/METADATA", "it is missing")


@pytest.mark.parametrize(
    "code",
    [
        '__version__ = "1.2.0"\n',
        '__version__: str = "1.2"\n',
        "from ._version import __version__\n",
        "__version__: str\n",
        "no Python\n",
        "\0",
    ],
)
def test_a_package_that_states_the_version_of_its_wheel_or_none_passes(
    project: Project, tmp_path: Path, code: str
) -> None:
    wheel = make_wheel(tmp_path, {"demo_pkg/__init__.py": code.encode()})
    assert list(identity.stated_version(subject(project, wheel))) == []


@pytest.mark.parametrize(
    "code",
    [
        '__version__ = "1.2.1"\n',
        '__version__ = version = "1.2.1"\n',
        '__version__: str = "1.2.1"\n',
        '__version__ = "1.2.0"\n__version__ = "latest"\n',
        "__version__ = 1.3\n",
    ],
)
@pytest.mark.parametrize("member", ["demo_pkg/__init__.py", "demo_pkg.py"])
def test_a_package_that_states_another_version_than_its_wheel_is_named(
    project: Project, tmp_path: Path, member: str, code: str
) -> None:
    wheel = make_wheel(tmp_path, {member: code.encode()})
    (finding,) = identity.stated_version(subject(project, wheel))
    assert (finding.member, finding.rule) == (member, "stated-version")
    assert finding.found.endswith(", but the wheel's version is 1.2.0")
    assert (
        list(identity.stated_version(subject(project, make_sdist(tmp_path, {member: b""})))) == []
    )
