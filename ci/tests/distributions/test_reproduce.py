from __future__ import annotations

import io
import os
import shutil
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from ci.distributions import build as dist
from ci.distributions import reproduce
from ci.distributions.archive import read_archive
from ci.distributions.manifest import write_manifest
from ci.distributions.normalize import canonical_tar, normalize_sdist
from ci.errors import UserError
from ci.tests.samples import (
    STEM,
    commit,
    git,
    make_dist,
    make_package,
    make_sdist,
    make_wheel,
    write,
    write_tar,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Builds a package into its dist/, without the gates."""
    monkeypatch.delenv("DIST_DIR", raising=False)

    def into_dist(root: Path) -> None:
        monkeypatch.chdir(root)
        (root / "dist").mkdir()
        dist.build(root, root / "dist")
        write_manifest(root / "dist")

    return into_dist


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["hatchling", "setuptools"])
def test_a_second_build_elsewhere_and_under_another_umask_is_the_same(
    tmp_path: Path, build: Callable[[Path], None], capsys: pytest.CaptureFixture[str], backend: str
) -> None:
    before = dict(os.environ)
    build(make_package(tmp_path, backend=backend))
    reproduce.main()
    assert "byte for byte the same: demo_pkg" in capsys.readouterr().out
    assert os.environ == before


@pytest.mark.slow
def test_a_package_below_the_top_of_its_repository_is_found_again(
    tmp_path: Path, build: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_package(tmp_path)
    below = root / "packages" / "demo"
    below.mkdir(parents=True)
    git(root, "mv", "src", "tests", "pyproject.toml", "README.md", "packages/demo")
    commit(root)
    build(below)
    reproduce.main()
    assert "byte for byte the same" in capsys.readouterr().out


@pytest.mark.slow
def test_a_build_of_what_is_not_committed_is_refused_with_what_differs(
    tmp_path: Path, build: Callable[[Path], None]
) -> None:
    root = make_package(tmp_path)
    write(root, {"src/demo_pkg/__init__.py": '__version__ = "1.2.0"  # not committed\n'})
    build(root)
    with pytest.raises(UserError, match=r"__init__\.py: differs in content") as caught:
        reproduce.main()
    assert caught.value.code == "not-reproducible"
    assert f"{STEM}.tar.gz: {STEM}/src/demo_pkg/__init__.py" in caught.value.found
    assert "py.typed" not in caught.value.found


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package in the current folder, with a dist/ made by hand."""
    root = make_package(tmp_path / "package")
    make_dist(root)
    monkeypatch.chdir(root)
    monkeypatch.delenv("DIST_DIR", raising=False)
    monkeypatch.setenv("TZ", "UTC")
    return root


@pytest.mark.parametrize("branch", ["main", ""])
def test_the_second_build_is_of_a_clean_clone_of_head_and_otherwise_set_up(
    built: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], branch: str
) -> None:
    if not branch:
        git(built, "checkout", "--quiet", "--detach")
    write(built, {"src/demo_pkg/__init__.py": "not committed\n", "new.txt": ""})
    before, umask = dict(os.environ), os.umask(0o022)
    os.umask(umask)

    def rebuild(root: Path, out: Path) -> None:
        assert root != built
        assert git(root, "rev-parse", "HEAD") == git(built, "rev-parse", "HEAD")
        assert git(root, "branch", "--show-current") == branch
        assert git(root, "status", "--porcelain") == ""
        assert (os.environ["TZ"], os.environ["PYTHONHASHSEED"]) == ("ABC-13:45", "4321")
        inherited = os.umask(0o077)
        assert inherited == 0o077
        for path in (built / "dist").glob("demo_pkg-*"):
            shutil.copy(path, out)

    monkeypatch.setattr(reproduce, "build", rebuild)
    reproduce.main()
    said = f"byte for byte the same: {STEM}-py3-none-any.whl, {STEM}.tar.gz"
    assert said in capsys.readouterr().out
    assert os.environ == before
    after = os.umask(umask)
    assert after == umask


def test_a_second_build_that_differs_is_refused_with_what_differs(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rebuild(root: Path, out: Path) -> None:
        assert root != built
        make_wheel(out, {"demo_pkg/__init__.py": b"differs"})
        make_sdist(out)

    monkeypatch.setattr(reproduce, "build", rebuild)
    with pytest.raises(
        UserError, match=r"any\.whl: demo_pkg/__init__\.py: differs in content"
    ) as caught:
        reproduce.main()
    assert caught.value.code == "not-reproducible"
    assert "tar.gz" not in caught.value.found


def test_a_second_build_that_fails_leaves_the_environment_as_it_was(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = dict(os.environ)

    def rebuild(root: Path, _: Path) -> None:
        assert root != built
        raise UserError("build-failed", "no", "again")

    monkeypatch.setattr(reproduce, "build", rebuild)
    with pytest.raises(UserError, match="build-failed"):
        reproduce.main()
    assert os.environ == before


def test_a_dist_that_was_changed_is_not_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {"dist/demo.whl": "a"})
    write_manifest(tmp_path / "dist")
    write(tmp_path, {"dist/demo.whl": "b"})
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DIST_DIR", raising=False)
    with pytest.raises(UserError, match=r"demo\.whl has sha256"):
        reproduce.main()


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    pair = (tmp_path / "dist", tmp_path / "again")
    for folder in pair:
        folder.mkdir()
    return pair


def test_a_distribution_of_one_build_alone_is_named(folders: tuple[Path, Path]) -> None:
    make_sdist(folders[0])
    make_wheel(folders[1])
    assert list(reproduce.differences(*folders)) == [
        f"{STEM}-py3-none-any.whl: only the second build has it",
        f"{STEM}.tar.gz: only dist has it",
    ]


def test_a_member_of_one_build_alone_is_named(folders: tuple[Path, Path]) -> None:
    make_sdist(folders[0], {"tests/a.py": b""})
    make_sdist(folders[1], {"tests/b.py": b""})
    assert list(reproduce.differences(*folders)) == [
        f"{STEM}.tar.gz: {STEM}/tests/a.py: only dist has it",
        f"{STEM}.tar.gz: {STEM}/tests/b.py: only the second build has it",
    ]


def test_other_modes_times_and_owners_are_named(folders: tuple[Path, Path]) -> None:
    for folder, mode, uid in zip(folders, (0o644, 0o600), (0, 1000), strict=True):
        info = tarfile.TarInfo(f"{STEM}/a.py")
        info.mode, info.mtime, info.uid = mode, uid, uid
        write_tar(folder / f"{STEM}.tar.gz", [(info, b"")])
    assert list(reproduce.differences(*folders)) == [
        f"{STEM}.tar.gz: {STEM}/a.py: differs in mode, mtime, owner"
    ]


def test_another_order_and_another_packing_are_named(folders: tuple[Path, Path]) -> None:
    infos = [(tarfile.TarInfo(f"{STEM}/{name}"), b"") for name in ("a", "b")]
    for folder, entries in zip(folders, (infos, infos[::-1]), strict=True):
        write_tar(folder / f"{STEM}.tar.gz", entries)
    for folder, how in zip(folders, (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED), strict=True):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", how) as archive:
            archive.writestr(zipfile.ZipInfo("a"), b"a" * 100, compress_type=how)
        (folder / f"{STEM}-py3-none-any.whl").write_bytes(packed.getvalue())
    assert list(reproduce.differences(*folders)) == [
        f"{STEM}-py3-none-any.whl: how it is packed differs",
        f"{STEM}.tar.gz: the order of its members differs",
    ]


def test_an_sdist_loses_owners_times_and_umask_and_keeps_what_may_be_run(
    folders: tuple[Path, Path],
) -> None:
    for folder, mask, when in zip(folders, (0o022, 0o077), (1.25, 99.5), strict=True):
        run, plain = tarfile.TarInfo(f"{STEM}/run"), tarfile.TarInfo(f"{STEM}/{'long' * 40}")
        run.mode, plain.mode = 0o777 & ~mask, 0o666 & ~mask
        run.mtime, plain.uname = when, folder.name
        sdist = write_tar(folder / f"{STEM}.tar.gz", [(run, b""), (plain, b"")])
        normalize_sdist(sdist, epoch=1_700_000_000)
    first, second = (
        read_archive(folder / f"{STEM}.tar.gz", max_size=10**6).members for folder in folders
    )
    assert list(reproduce.differences(*folders)) == []
    assert first == second
    assert {member.name: oct(member.mode) for member in first} == {
        f"{STEM}/run": "0o755",
        f"{STEM}/{'long' * 40}": "0o644",
    }
    assert {member.mtime for member in first} == {1_700_000_000}
    assert {member.owner for member in first} == {(0, 0, "", "")}


def test_an_sdist_says_in_every_place_that_it_is_of_its_commit(folders: tuple[Path, Path]) -> None:
    info = tarfile.TarInfo(f"{STEM}/a")
    info.mode, info.uid, info.gid, info.uname, info.gname = 0o645, 1, 2, "me", "us"
    sdist = write_tar(folders[0] / f"{STEM}.tar.gz", [(info, b"")])
    normalize_sdist(sdist, epoch=1_700_000_000)
    assert int.from_bytes(sdist.read_bytes()[4:8], "little") == 1_700_000_000
    (member,) = read_archive(sdist, max_size=10**6).members
    assert (member.mode, member.owner) == (0o644, (0, 0, "", ""))


def test_normalizing_leaves_what_it_read_alone() -> None:
    plain = io.BytesIO()
    info = tarfile.TarInfo(f"{STEM}/a")
    info.uname = "me"
    with tarfile.open(fileobj=plain, mode="w") as archive:
        archive.addfile(info)
    with tarfile.open(fileobj=io.BytesIO(plain.getvalue())) as archive:
        canonical_tar(archive, epoch=0)
        assert archive.getmembers()[0].uname == "me"
