"""A change that sets the version is judged as a release is; any other is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ci.errors import UserErrors
from ci.release import check_version
from ci.tests.release.conftest import INIT, PAGE, publish
from ci.tests.samples import git, make_dist, write

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_httpserver import HTTPServer

ENTRY = "# Changelog\n\n## [1.3.0] - 2026-02-01\n\n- New.\n"


@pytest.fixture
def change(pushed: Path) -> Path:
    """A branch off main, one commit ahead."""
    git(pushed, "switch", "--quiet", "--create", "change")
    git(pushed, "commit", "--quiet", "--allow-empty", "--message=Change")
    return pushed


def set_version(root: Path, version: str, changelog: str = ENTRY) -> None:
    """Write the version and the changelog, commit them, and build."""
    write(root, {INIT: f'__version__ = "{version}"\n', "CHANGELOG.md": changelog})
    git(root, "commit", "--quiet", "--all", "--message=Release")
    make_dist(root, version=version)


def codes() -> list[str]:
    with pytest.raises(UserErrors) as caught:
        check_version.main()
    return [error.code for error in caught.value.errors]


def said(capsys: pytest.CaptureFixture[str]) -> str:
    check_version.main()
    return capsys.readouterr().out


def test_a_change_that_leaves_the_version_alone_asks_nobody(
    change: Path, httpserver: HTTPServer, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(httpserver, "1.2.0", "1.3.0")
    write(change, {"CHANGELOG.md": ""})
    assert said(capsys) == "the version is 1.2.0, and this change does not set it\n"
    assert httpserver.log == []


def test_a_version_that_is_raised_with_an_entry_passes(
    change: Path, httpserver: HTTPServer, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(httpserver, "1.2.0")
    set_version(change, "1.3.0")
    assert said(capsys) == "this change sets the version: 1.2.0 before, 1.3.0 now\n"
    assert len(httpserver.log) == 1


def test_a_version_that_is_raised_without_an_entry_is_red(change: Path) -> None:
    set_version(change, "1.3.0", changelog="# Changelog\n\n## [Unreleased]\n\n- New.\n")
    assert codes() == ["changelog-entry"]


@pytest.mark.parametrize(
    ("published", "code"), [("1.3.0", "version-published"), ("1.4.0", "version-not-above")]
)
def test_a_version_that_is_not_above_all_published_ones_is_red(
    change: Path, httpserver: HTTPServer, published: str, code: str
) -> None:
    publish(httpserver, published)
    set_version(change, "1.3.0", changelog="# Changelog\n")
    assert codes() == ["changelog-entry", code]


def test_a_version_that_is_lowered_is_red(change: Path, httpserver: HTTPServer) -> None:
    publish(httpserver, "1.2.0")
    set_version(change, "1.1.5", changelog=ENTRY.replace("1.3.0", "1.1.5"))
    assert codes() == ["version-not-above"]


def test_an_index_that_does_not_answer_is_said_and_not_red(
    change: Path, httpserver: HTTPServer, capsys: pytest.CaptureFixture[str]
) -> None:
    httpserver.clear()
    httpserver.expect_request(PAGE).respond_with_data("", status=503)
    set_version(change, "1.3.0")
    assert "not judged: the index http://" in said(capsys)
    set_version(change, "1.3.1")
    assert codes() == ["changelog-entry"]


def test_a_development_version_is_not_judged(
    change: Path, httpserver: HTTPServer, capsys: pytest.CaptureFixture[str]
) -> None:
    set_version(change, "1.4.0.dev0", changelog="")
    assert "so it is not judged as a release" in said(capsys)
    assert httpserver.log == []


def test_a_shallow_clone_is_said_to_hide_what_was_before(
    change: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    set_version(change, "1.3.0", changelog="")
    shallow = change.with_name("shallow")
    git(change, "clone", "--quiet", "--depth=1", f"file://{change}", str(shallow))
    make_dist(shallow, version="1.3.0")
    monkeypatch.chdir(shallow)
    assert said(capsys).startswith("not judged: this clone is shallow, so git can't tell")


def test_the_event_says_what_the_change_is_merged_into(
    change: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main = git(change, "rev-parse", "main")
    set_version(change, "1.3.0", changelog="")
    git(change, "push", "--quiet", "origin", "change:main")
    assert "does not set it" in said(capsys)
    monkeypatch.setenv("DESTINATION_COMMIT", main)
    assert codes() == ["changelog-entry"]
    monkeypatch.setenv("DESTINATION_COMMIT", "0" * 40)
    assert "does not set it" in said(capsys)


def test_a_version_that_is_written_nowhere_is_not_judged(
    change: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    set_version(change, "1.3.0", changelog="")
    write(change, {INIT: "import os\n"})
    assert "does not set it" in said(capsys)


# --- on the release branch -----------------------------------------------------------------------


@pytest.fixture
def branch(change: Path) -> Path:
    """On main itself, where origin has all of it."""
    git(change, "switch", "--quiet", "main")
    return change


def test_without_any_tag_there_is_nothing_to_compare_with(
    branch: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    set_version(branch, "1.3.0", changelog="")
    git(branch, "push", "--quiet", "origin", "main")
    assert "does not set it" in said(capsys)


def test_the_newest_tag_says_what_the_version_was(
    branch: Path, httpserver: HTTPServer, capsys: pytest.CaptureFixture[str]
) -> None:
    git(branch, "tag", "v1.2.0")
    set_version(branch, "1.3.0", changelog="")
    git(branch, "tag", "v1.3.0")
    git(branch, "push", "--quiet", "origin", "main")
    publish(httpserver, "1.4.0")
    assert codes() == ["changelog-entry", "version-not-above"]
    publish(httpserver, "1.3.0", "1.4.0")
    set_version(branch, "1.3.0", changelog=ENTRY)
    git(branch, "push", "--quiet", "origin", "main")
    assert "does not set it" in said(capsys)  # a commit after that tag


def test_a_tag_that_only_begins_like_a_version_does_not_hide_the_newest_one(branch: Path) -> None:
    git(branch, "tag", "v1.2.0")
    git(branch, "commit", "--quiet", "--allow-empty", "--message=Draft")
    git(branch, "tag", "v2-draft")
    set_version(branch, "1.3.0", changelog="")
    git(branch, "push", "--quiet", "origin", "main")
    assert codes() == ["changelog-entry"]


def test_a_release_that_is_repeated_passes(
    branch: Path, httpserver: HTTPServer, capsys: pytest.CaptureFixture[str]
) -> None:
    git(branch, "tag", "v1.2.0")
    set_version(branch, "1.3.0")
    git(branch, "tag", "v1.3.0")
    git(branch, "push", "--quiet", "origin", "main")
    publish(httpserver, "1.3.0", "1.4.0")
    assert "1.2.0 before, 1.3.0 now" in said(capsys)


def test_without_the_release_branch_the_newest_tag_is_all_there_is(
    branch: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RELEASE_BRANCH", "stable")
    git(branch, "tag", "v1.2.0")
    set_version(branch, "1.3.0", changelog="")
    assert codes() == ["changelog-entry"]
    git(branch, "checkout", "--quiet", "--orphan", "other")
    git(branch, "commit", "--quiet", "--message=First")
    assert "does not set it" in said(capsys)
