"""Each thing that stands in the way of a release is said before the tag, all of them at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ci.errors import UserError, UserErrors
from ci.index.listing import find_index
from ci.release import ready
from ci.tests.release.conftest import INIT, PAGE, publish
from ci.tests.samples import git, make_dist, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_httpserver import HTTPServer

    from ci.index.listing import Index
    from ci.index.repository import Repository
    from ci.index.retry import RetryPolicy


def commit(root: Path, files: dict[str, str] | None = None, *, push: bool = True) -> str:
    """Commit what is tracked, with `files`; the commit's id. It may be pushed."""
    write(root, files or {})
    git(root, "commit", "--quiet", "--all", "--allow-empty", "--message=Change")
    if push:
        git(root, "push", "--quiet", "origin", "HEAD")
    return git(root, "rev-parse", "HEAD")


def codes(*arguments: str) -> list[str]:
    with pytest.raises(UserErrors) as caught:
        ready.main(arguments)
    return [error.code for error in caught.value.errors]


def test_what_is_ready_ends_with_the_commands_to_type(
    pushed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ready.main([])
    head = git(pushed, "rev-parse", "--short", "HEAD")
    assert capsys.readouterr().out == (
        f"demo-pkg 1.2.0 can be released: {head} on main. Type:\n\n"
        '    git tag -a v1.2.0 -m "Release 1.2.0"\n'
        "    git push origin v1.2.0\n"
    )
    assert git(pushed, "tag") == ""


def test_a_version_that_was_never_published_is_ready(
    pushed: Path, httpserver: HTTPServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pushed.is_dir()
    httpserver.clear()
    httpserver.expect_request(PAGE).respond_with_data("", status=404)
    ready.main([])
    assert "git push origin v1.2.0" in capsys.readouterr().out


def test_an_index_that_is_slow_is_not_waited_for(
    pushed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pushed.is_dir()
    policies: list[RetryPolicy] = []

    def noted(repository: Repository, retry: RetryPolicy, say: Callable[[str], None]) -> Index:
        policies.append(retry)
        return find_index(repository, retry, say)

    monkeypatch.setattr(ready, "find_index", noted)
    ready.main([])
    assert [(policy.attempts, policy.request_timeout) for policy in policies] == [(2, 10)]


def test_everything_is_said_at_once(pushed: Path, httpserver: HTTPServer) -> None:
    publish(httpserver, "1.3.0")
    git(pushed, "tag", "v1.2.0")
    commit(pushed, {"CHANGELOG.md": "# Changelog\n"}, push=False)
    write(pushed, {"notes.txt": ""})
    assert codes() == [
        "changelog-entry",
        "version-not-above",
        "tree-dirty",
        "tag-taken",
        "not-on-release-branch",
    ]


@pytest.mark.parametrize(
    ("published", "code"),
    [
        (["1.2.0"], "version-published"),
        (["1.2"], "version-published"),
        (["1.1.0", "1.2.0", "1.3.0"], "version-published"),
        (["1.10.0"], "version-not-above"),
        (["1.3.0rc1"], "version-not-above"),
        (["1.2.0.post1"], "version-not-above"),
    ],
)
def test_a_version_has_to_be_above_all_that_are_published(
    pushed: Path, httpserver: HTTPServer, published: list[str], code: str
) -> None:
    assert pushed.is_dir()
    publish(httpserver, *published)
    assert codes() == [code]


@pytest.mark.parametrize("published", [["1.1.99"], ["1.2.0rc1", "1.2.0.dev3"], ["v-final"]])
def test_a_version_above_all_that_are_published_passes(
    pushed: Path, httpserver: HTTPServer, published: list[str]
) -> None:
    assert pushed.is_dir()
    publish(httpserver, *published)
    ready.main([])


def test_an_index_that_does_not_answer_is_a_finding(pushed: Path, httpserver: HTTPServer) -> None:
    assert pushed.is_dir()
    httpserver.clear()
    httpserver.expect_request(PAGE).respond_with_data("", status=503)
    assert codes() == ["index-unreachable"]
    assert len(httpserver.log) == 2


def test_a_development_version_is_not_for_release(pushed: Path) -> None:
    commit(pushed, {INIT: '__version__ = "1.2.0.dev1"\n'})
    make_dist(pushed, version="1.2.0.dev1")
    assert codes() == ["version-not-public"]


def test_a_wheel_that_states_another_version_is_found(pushed: Path) -> None:
    make_dist(pushed, code='__version__ = "1.1.0"\n')
    assert codes() == ["wheel-version"]


def test_a_clean_tree_is_needed(pushed: Path) -> None:
    write(pushed, {"notes.txt": ""})
    assert codes() == ["tree-dirty"]


def test_code_that_nobody_can_review_is_found(pushed: Path) -> None:
    write(pushed, {"src/demo_pkg/hidden.pyc": ""})
    git(pushed, "add", "--force", "src/demo_pkg/hidden.pyc")
    commit(pushed)
    assert codes() == ["hidden-code"]


def test_a_package_without_a_changelog_needs_no_entry(
    pushed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (pushed / "pyproject.toml").read_text(encoding="utf-8")
    write(pushed, {"pyproject.toml": f"{text}[tool.ci]\nchangelog = false\n"})
    (pushed / "CHANGELOG.md").unlink()
    commit(pushed)
    ready.main([])
    assert "git tag -a v1.2.0" in capsys.readouterr().out


# --- origin --------------------------------------------------------------------------------------


def test_what_is_not_pushed_is_not_ready(pushed: Path) -> None:
    commit(pushed, push=False)
    assert codes() == ["not-on-release-branch"]


def test_what_is_on_another_branch_only_is_not_ready(pushed: Path) -> None:
    git(pushed, "switch", "--quiet", "--create", "feature")
    commit(pushed)
    assert codes() == ["not-on-release-branch"]


def test_what_somebody_else_pushed_is_fetched_first(tmp_path: Path, pushed: Path) -> None:
    head = commit(pushed, push=False)
    git(pushed, "push", "--quiet", str(tmp_path / "origin.git"), "main")
    assert git(pushed, "rev-parse", "refs/remotes/origin/main") != head
    ready.main([])
    assert git(pushed, "rev-parse", "refs/remotes/origin/main") == head


def test_a_release_branch_that_origin_lacks_is_named(
    pushed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pushed.is_dir()
    monkeypatch.setenv("RELEASE_BRANCH", "stable")
    assert codes() == ["release-branch-unseen"]


@pytest.mark.parametrize("tag", ["v1.2.0", "v1.2"])
def test_a_tag_of_this_version_that_is_here_is_found(pushed: Path, tag: str) -> None:
    git(pushed, "tag", tag)
    assert codes() == ["tag-taken"]


def taken() -> UserError:
    with pytest.raises(UserErrors) as caught:
        ready.main([])
    (error,) = caught.value.errors
    assert error.code == "tag-taken"
    return error


@pytest.mark.parametrize("how", [[], ["--annotate", "--message=Release"]])
def test_a_tag_at_head_is_to_be_pushed_once(pushed: Path, how: list[str]) -> None:
    git(pushed, "tag", *how, "v1.2.0")
    assert "run `git push origin v1.2.0`" in taken().remedy
    git(pushed, "push", "--quiet", "--tags", "origin")
    assert taken().remedy == "do not tag it again; watch its release"
    git(pushed, "tag", "--delete", "v1.2.0")
    assert taken().found == "HEAD has the tag v1.2.0 already, and it is pushed"


def test_a_tag_of_what_was_squashed_is_to_be_deleted_where_it_is(pushed: Path) -> None:
    git(pushed, "tag", "v1.2.0")
    commit(pushed)
    here = "delete it: `git tag -d v1.2.0`"
    assert f"{here}; otherwise release another version" in taken().remedy
    git(pushed, "push", "--quiet", "--tags", "origin")
    assert f"{here}, `git push origin --delete v1.2.0`; otherwise" in taken().remedy
    git(pushed, "tag", "--delete", "v1.2.0")
    assert "delete it: `git push origin --delete v1.2.0`; otherwise" in taken().remedy


def test_a_tag_that_only_origin_has_is_found_and_not_fetched(pushed: Path) -> None:
    git(pushed, "tag", "v1.2.0")
    git(pushed, "tag", "v1.1.0")
    git(pushed, "push", "--quiet", "--tags", "origin")
    git(pushed, "tag", "--delete", "v1.2.0")
    assert codes() == ["tag-taken"]
    assert git(pushed, "tag") == "v1.1.0"


def test_an_origin_that_is_out_of_reach_is_said_and_what_was_fetched_is_judged(
    pushed: Path,
) -> None:
    git(pushed, "remote", "set-url", "origin", str(pushed / "nowhere.git"))
    assert codes() == ["origin-unreachable"]
    commit(pushed, push=False)
    assert codes() == ["origin-unreachable", "not-on-release-branch"]


def test_a_clone_without_origin_has_nothing_to_push(
    pushed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    git(pushed, "remote", "remove", "origin")
    ready.main([])
    said = capsys.readouterr().out
    assert "git tag -a v1.2.0" in said
    assert "push" not in said
    git(pushed, "switch", "--quiet", "--create", "feature")
    commit(pushed, push=False)
    assert codes() == ["not-on-release-branch"]


# --- a version from git's tags -------------------------------------------------------------------


@pytest.fixture
def tagged_package(pushed: Path) -> Path:
    """The same, with a version that no file holds: the wheel has one of a commit after a tag."""
    commit(pushed, {INIT: '"""Demo."""\n'})
    make_dist(pushed, version="1.1.1.dev3", code="")
    return pushed


def test_a_version_from_git_is_named_by_a_person(
    tagged_package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tagged_package.is_dir()
    with pytest.raises(UserError, match=r"nox -s ready -- VERSION.*\[version-unnamed\]"):
        ready.main([])
    ready.main(["1.2.0"])
    assert "git push origin v1.2.0" in capsys.readouterr().out
    assert codes("1.1.0") == ["changelog-entry", "version-published"]


def test_a_tag_at_head_gives_the_version_until_there_is_a_new_commit(tagged_package: Path) -> None:
    git(tagged_package, "tag", "v1.2.0")
    make_dist(tagged_package, version="1.2.0", code="")
    write(tagged_package, {"CHANGELOG.md": "## [1.2.1] - 2026-02-01\n"})
    with pytest.raises(UserErrors, match=r"prepare -- 1\.2\.1` and commit .*\[version-differs\]"):
        ready.main(["1.2.1"])
    commit(tagged_package)
    make_dist(tagged_package, version="1.2.1.dev1", code="")
    ready.main(["1.2.1"])


def test_a_version_that_is_written_down_can_not_be_named_otherwise(pushed: Path) -> None:
    assert codes("1.3.0") == ["version-differs", "changelog-entry"]
    ready.main(["1.2"])
    commit(pushed, {INIT: '__version__ = "1.2.0.dev1"\n'})
    make_dist(pushed, version="1.2.0.dev1")
    assert codes("1.2.0") == ["version-differs"]


def test_what_is_no_version_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        ready.main(["latest"])
    assert "invalid Version value: 'latest'" in capsys.readouterr().err


def test_nothing_built_is_nothing_to_judge(pushed: Path) -> None:
    for path in (pushed / "dist").iterdir():
        path.unlink()
    with pytest.raises(UserError, match="manifest-missing"):
        ready.main([])
