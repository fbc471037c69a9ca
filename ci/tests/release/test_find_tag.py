"""What is said of a release's tag before anything is built."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ci.errors import UserError, UserErrors
from ci.release import find_tag
from ci.tests.samples import commit, git, make_package, write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("RELEASE_TAG", "RELEASE_BRANCH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(make_package(tmp_path))
    return tmp_path


def code() -> str:
    with pytest.raises(UserError) as caught:
        find_tag.main()
    return caught.value.code


def codes() -> list[str]:
    with pytest.raises(UserErrors) as caught:
        find_tag.main()
    return [error.code for error in caught.value.errors]


def test_a_version_s_tag_at_head_passes_without_a_wheel(
    package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    git(package, "tag", "nightly")
    git(package, "tag", "v1.2.0")
    find_tag.main()
    assert "the tag v1.2.0 may be released" in capsys.readouterr().out
    assert not (package / "dist").exists()


def test_no_tag_is_said(package: Path) -> None:
    assert code() == "no-tag"
    git(package, "tag", "nightly")
    assert code() == "tag-form"


@pytest.mark.parametrize(
    ("tag", "expected"), [("v1.2", "tag-unknown"), ("", "no-tag"), ("1.2.0", "tag-form")]
)
def test_the_tag_that_an_event_named_is_the_one_that_is_judged(
    package: Path, monkeypatch: pytest.MonkeyPatch, tag: str, expected: str
) -> None:
    assert package.is_dir()
    monkeypatch.setenv("RELEASE_TAG", tag)
    assert code() == expected


def test_a_moved_tag_is_said(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(package, "tag", "v1.2.0")
    commit(package)
    monkeypatch.setenv("RELEASE_TAG", "v1.2.0")
    assert code() == "tag-elsewhere"


def test_everything_that_needs_no_wheel_is_said_at_once(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(package, {"src/demo_pkg/hidden.pyc": ""})
    commit(package)
    git(package, "tag", "v1.3.0.dev1")
    write(package, {"notes.txt": ""})
    monkeypatch.setenv("RELEASE_BRANCH", "stable")
    assert codes() == [
        "version-not-public",
        "release-branch-unseen",
        "tree-dirty",
        "hidden-code",
        "changelog-entry",
    ]
