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


def errors() -> tuple[UserError, ...]:
    with pytest.raises(UserErrors) as caught:
        find_tag.main()
    return caught.value.errors


def codes() -> list[str]:
    return [error.code for error in errors()]


def said() -> list[str]:
    return [error.found for error in errors()]


def test_a_version_s_tag_at_head_passes_without_a_wheel(
    package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    git(package, "tag", "nightly")
    git(package, "tag", "v1.2.0")
    find_tag.main()
    assert "the tag v1.2.0 may be released" in capsys.readouterr().out
    assert not (package / "dist").exists()


OLDER = "## [1.2.0] - 2026-01-31\n\n## [1.0.0] - 2026-01-01\n"


def tag_head(package: Path, *tags: str) -> None:
    for tag in tags:
        git(package, "tag", tag)


@pytest.mark.parametrize("other", ["v1", "v0.9-dev", "v2"])
def test_of_several_tags_the_written_version_s_is_judged(
    package: Path, capsys: pytest.CaptureFixture[str], other: str
) -> None:
    write(package, {"CHANGELOG.md": OLDER})
    commit(package)
    tag_head(package, other, "v1.2.0")
    find_tag.main()
    said = capsys.readouterr().out
    assert f"other tags too, which are ignored: {other}\n" in said
    assert "the tag v1.2.0 may be released" in said


def test_of_several_tags_the_written_version_s_error_is_said(package: Path) -> None:
    write(package, {"CHANGELOG.md": OLDER.replace("1.2.0", "1.1.0")})
    commit(package)
    tag_head(package, "v1", "v1.2.0")
    assert said() == ["CHANGELOG.md has no entry for 1.2.0"]


@pytest.fixture
def unwritten(package: Path) -> Path:
    """A package whose version comes from git's tags."""
    write(package, {"src/demo_pkg/__init__.py": "", "CHANGELOG.md": OLDER})
    commit(package)
    return package


@pytest.mark.parametrize("other", ["v1", "v0.9-dev", "v2", "v2.dev1"])
def test_where_no_version_is_written_the_highest_tag_that_may_be_released_passes(
    unwritten: Path, capsys: pytest.CaptureFixture[str], other: str
) -> None:
    tag_head(unwritten, other, "v1.2.0")
    find_tag.main()
    assert "the tag v1.2.0 may be released" in capsys.readouterr().out


def test_where_no_tag_may_be_released_the_highest_one_s_error_is_said(unwritten: Path) -> None:
    tag_head(unwritten, "v0.9-dev", "v1.3.0")
    assert said() == ["CHANGELOG.md has no entry for 1.3.0"]


@pytest.mark.parametrize("tag", ["v1.20", "v1.3.0.dev1"])
def test_a_mistyped_tag_is_to_be_deleted(package: Path, tag: str) -> None:
    tag_head(package, tag)
    (error,) = errors()
    assert error.code == "tag-version"
    assert error.found == f"the tag is {tag}, but the package says 1.2.0"
    assert f"git tag -d {tag}" in error.remedy
    assert "prepare" not in error.remedy


def test_a_version_that_is_written_and_never_released_is_not_what_was_meant(package: Path) -> None:
    write(package, {"src/demo_pkg/__init__.py": '__version__ = "0.0.0"\n'})
    commit(package)
    tag_head(package, "v1.3.0")
    assert said() == ["CHANGELOG.md has no entry for 1.3.0"]


def test_a_tag_of_a_written_version_is_not_mistyped(package: Path) -> None:
    modules = {"__init__": '__version__ = "1.3.0"\n', "protocol": 'VERSION = "1.2.0"\n'}
    write(package, {f"src/demo_pkg/{name}.py": text for name, text in modules.items()})
    commit(package)
    tag_head(package, "v1.3.0")
    assert said() == ["CHANGELOG.md has no entry for 1.3.0"]


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
        "tag-version",
        "release-branch-unseen",
        "tree-dirty",
        "hidden-code",
    ]
