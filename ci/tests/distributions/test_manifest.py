from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from ci.distributions.manifest import (
    NAME,
    check_manifest,
    clear,
    read_manifest,
    read_release,
    write_manifest,
)
from ci.errors import UserError
from ci.tests.samples import write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SHA256_OF_ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
SHA256_OF_ABD = "a52d159f262b2c6ddb724a61840befc36eb30c88877a4030b65cbe86298449c9"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "thing-1.0.tar.gz").write_bytes(b"sdist")
    (tmp_path / "thing-1.0-py3-none-any.whl").write_bytes(b"abc")
    write_manifest(tmp_path)
    return tmp_path


def code_of(action: Callable[[], object]) -> str:
    with pytest.raises(UserError) as caught:
        action()
    return caught.value.code


def test_what_was_written_is_read_and_checks(folder: Path) -> None:
    assert read_manifest(folder) == check_manifest(folder)
    assert list(read_manifest(folder)) == ["thing-1.0-py3-none-any.whl", "thing-1.0.tar.gz"]
    assert read_manifest(folder)["thing-1.0-py3-none-any.whl"] == SHA256_OF_ABC


def test_sha256sum_understands_it_and_it_understands_sha256sum(folder: Path) -> None:
    subprocess.run(["sha256sum", "--strict", "-c", NAME], cwd=folder, check=True)
    before = read_manifest(folder)
    for flag in ("--text", "--binary"):
        theirs = subprocess.run(
            ["sha256sum", flag, *before], cwd=folder, check=True, capture_output=True
        )
        (folder / NAME).write_bytes(theirs.stdout)
        assert check_manifest(folder) == before


def test_writing_it_again_changes_nothing(folder: Path) -> None:
    before = (folder / NAME).read_bytes()
    write_manifest(folder)
    assert (folder / NAME).read_bytes() == before


def test_every_file_that_is_changed_missing_or_extra_is_named(folder: Path) -> None:
    (folder / "thing-1.0-py3-none-any.whl").write_bytes(b"abd")
    (folder / "thing-1.0.tar.gz").unlink()
    (folder / ".env").touch()
    with pytest.raises(UserError) as caught:
        check_manifest(folder)
    assert caught.value.code == "manifest-differs"
    assert f"whl has sha256 {SHA256_OF_ABD}, not {SHA256_OF_ABC}" in caught.value.found
    assert "thing-1.0.tar.gz is missing" in caught.value.found
    assert ".env is not listed" in caught.value.found


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    assert code_of(lambda: check_manifest(tmp_path)) == "manifest-missing"
    assert code_of(lambda: read_manifest(tmp_path / "absent")) == "manifest-missing"


def test_nothing_to_write_about_is_refused(tmp_path: Path) -> None:
    assert code_of(lambda: write_manifest(tmp_path)) == "manifest-nothing"
    assert code_of(lambda: write_manifest(tmp_path / "absent")) == "no-dist"


def test_an_empty_manifest_is_refused(tmp_path: Path) -> None:
    (tmp_path / NAME).touch()
    assert code_of(lambda: check_manifest(tmp_path)) == "manifest-empty"


def test_a_folder_or_a_link_among_the_files_is_refused(folder: Path) -> None:
    (folder / "link").symlink_to(NAME)
    (folder / "more").mkdir()
    assert code_of(lambda: check_manifest(folder)) == "manifest-not-a-file"
    assert code_of(lambda: write_manifest(folder)) == "manifest-not-a-file"


@pytest.mark.parametrize(
    "text",
    [
        "hello\n",
        f"{SHA256_OF_ABC} thing\n",
        f"{SHA256_OF_ABC}  ../thing\n",
        f"{SHA256_OF_ABC}  sub/thing\n",
        f"{SHA256_OF_ABC}  sub\\thing\n",
        f"{SHA256_OF_ABC}  thing;more\n",
        f"{SHA256_OF_ABC}  thing\u202e\n",
        f"{SHA256_OF_ABC.upper()}  thing\n",
        f"{SHA256_OF_ABC[1:]}  thing\n",
        f"{SHA256_OF_ABC}  thing\n{SHA256_OF_ABC}  thing\n",
        f"{SHA256_OF_ABC}  thing\n\n",
    ],
)
def test_a_line_that_can_not_be_believed_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_text(text)
    assert code_of(lambda: read_manifest(tmp_path)) == "manifest-line"


def test_a_manifest_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"\xff\xfe")
    assert code_of(lambda: read_manifest(tmp_path)) == "manifest-line"


def test_a_release_is_a_wheel_and_an_sdist_and_the_wheel_comes_first(folder: Path) -> None:
    release = read_release(folder)
    assert (release.name, str(release.version)) == ("thing", "1.0")
    assert list(release.files) == ["thing-1.0-py3-none-any.whl", "thing-1.0.tar.gz"]


@pytest.mark.parametrize(
    ("removed", "added", "code"),
    [
        ("thing-1.0.tar.gz", None, "not-one-release"),
        ("thing-1.0-py3-none-any.whl", None, "not-one-release"),
        (None, "thing-1.0-py2-none-any.whl", "not-one-release"),
        ("thing-1.0.tar.gz", "thing-1.1.tar.gz", "not-one-release"),
        ("thing-1.0.tar.gz", "other-1.0.tar.gz", "not-one-release"),
        ("thing-1.0.tar.gz", "thing-1.0-py2-none-any.whl", "not-one-release"),
        (None, "notes.txt", "not-a-distribution"),
        (None, "thing.whl", "not-a-distribution"),
    ],
)
def test_what_is_not_one_release_is_refused(
    folder: Path, removed: str | None, added: str | None, code: str
) -> None:
    if removed:
        (folder / removed).unlink()
    if added:
        (folder / added).touch()
    write_manifest(folder)
    assert code_of(lambda: read_release(folder)) == code


def test_archives_in_a_folder_of_another_name_are_the_users(tmp_path: Path) -> None:
    write(tmp_path, {"backups/photos.zip": "mine"})
    with pytest.raises(UserError, match=r"photos\.zip") as caught:
        clear(tmp_path / "backups")
    assert caught.value.code == "dist-not-ours"
    write(tmp_path, {"backups/SHA256SUMS": ""})
    clear(tmp_path / "backups")
    assert not (tmp_path / "backups").exists()


@pytest.mark.parametrize("name", ["thesis.docx", "folder/file"])
def test_a_dist_folder_with_the_users_own_files_is_left_alone(tmp_path: Path, name: str) -> None:
    write(tmp_path, {f"dist/{name}": "mine", "dist/demo-1.whl": ""})
    with pytest.raises(UserError, match="is not from a build") as caught:
        clear(tmp_path / "dist")
    assert caught.value.code == "dist-not-ours"
    assert (tmp_path / "dist" / name).read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("kind", ["file", "link"])
def test_a_dist_that_is_no_folder_is_left_alone(tmp_path: Path, kind: str) -> None:
    if kind == "file":
        (tmp_path / "dist").write_text("mine", encoding="utf-8")
    else:
        (tmp_path / "dist").symlink_to(tmp_path)
    with pytest.raises(UserError, match="the path itself is not from a build"):
        clear(tmp_path / "dist")
    assert os.path.lexists(tmp_path / "dist")
