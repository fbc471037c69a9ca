"""A repository, and what a clone of it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ci.checkout.git import git
from ci.errors import UserError
from ci.rehearsal import codecommit
from ci.rehearsal.answers import Answers
from ci.tests.rehearsal.toy import make_toy

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Literal

    Clone = Literal["everything", "no tags", "only the branch", "shallow"]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with two commits on main, a tag, and another branch."""
    toy = make_toy(tmp_path / "toy")
    git(toy, "commit", "--quiet", "--allow-empty", "--message", "Go on")
    git(toy, "tag", "v0")
    git(toy, "branch", "topic")
    return toy


def test_a_full_clone_and_a_linked_worktree_can_be_rehearsed(
    repository: Path, tmp_path: Path
) -> None:
    git(repository, "worktree", "add", "--quiet", "--detach", str(tmp_path / "linked"))
    checkout = codecommit.create(tmp_path / "linked", tmp_path)
    git(checkout, "push", "--quiet", "origin", "HEAD:refs/heads/main")
    assert codecommit.head(tmp_path / "codecommit.git", "main") == git(
        repository, "rev-parse", "main"
    )


@pytest.mark.parametrize("option", ["--depth=1", "--filter=blob:none"])
def test_a_clone_that_lacks_something_can_not_be_rehearsed(
    repository: Path, tmp_path: Path, option: str
) -> None:
    git(repository, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "--quiet", option, f"file://{repository}", "lacking")
    with pytest.raises(UserError, match="rehearsal-clone"):
        codecommit.create(tmp_path / "lacking", tmp_path)


def test_a_subfolder_can_not_be_rehearsed(repository: Path, tmp_path: Path) -> None:
    (repository / "below").mkdir()
    with pytest.raises(UserError, match="rehearsal-clone"):
        codecommit.create(repository / "below", tmp_path)


@pytest.mark.parametrize(
    ("clone", "tags", "branches", "commits"),
    [
        ("everything", "v0", ["main", "topic"], "2"),
        ("no tags", "", ["main", "topic"], "2"),
        ("only the branch", "", ["main"], "2"),
        ("shallow", "", [], "1"),
    ],
)
def test_a_clone_holds_what_the_answers_say(
    repository: Path, *, clone: Clone, tags: str, branches: list[str], commits: str
) -> None:
    git(repository, "config", "uploadpack.allowReachableSHA1InWant", "true")
    head = codecommit.head(repository, "main")
    folder = repository.parent / "clone"
    codecommit.clone(repository, "main", head, folder, Answers(clone=clone))
    assert git(folder, "rev-parse", "HEAD") == head
    assert git(folder, "tag") == tags
    found = git(folder, "branch", "--remotes").split()
    assert found == [f"origin/{name}" for name in branches]
    assert git(folder, "rev-list", "--count", "HEAD") == commits
    assert git(folder, "branch", "--show-current") == ""


@pytest.mark.parametrize("clone", ["everything", "shallow"])
def test_a_commit_that_is_not_the_branch_s_head_any_more_can_be_cloned(
    repository: Path, tmp_path: Path, clone: Clone
) -> None:
    git(repository, "config", "uploadpack.allowReachableSHA1InWant", "true")
    before = git(repository, "rev-parse", "HEAD~1")
    codecommit.clone(repository, "main", before, tmp_path / "clone", Answers(clone=clone))
    assert git(tmp_path / "clone", "rev-parse", "HEAD") == before


def test_a_repository_is_made_of_head_without_tags(repository: Path, tmp_path: Path) -> None:
    checkout = codecommit.create(repository, tmp_path)
    assert git(checkout, "rev-parse", "HEAD") == git(repository, "rev-parse", "HEAD")
    assert git(checkout, "tag") == ""
    git(checkout, "push", "--quiet", "origin", "HEAD:refs/heads/main")
    bare = tmp_path / "codecommit.git"
    assert codecommit.head(bare, "main") == git(repository, "rev-parse", "HEAD")


def test_the_user_s_hooks_and_signatures_are_not_the_rehearsal_s(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = tmp_path / "templates/hooks/pre-commit"
    for hooks in (hook.parent, tmp_path / "hooks"):
        hooks.mkdir(parents=True)
        for name in ("pre-commit", "commit-msg", "post-checkout", "pre-push", "update"):
            (hooks / name).write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
            (hooks / name).chmod(0o755)
    config = tmp_path / "gitconfig"
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_TEMPLATE_DIR", str(hook.parents[1]))
    for value in (f"[core]\nhooksPath = {tmp_path / 'hooks'}\n", "[commit]\ngpgSign = true\n", ""):
        config.write_text(value, encoding="utf-8")
        folder = tmp_path / f"scratch-{len(value)}"
        folder.mkdir()
        checkout = codecommit.create(repository, folder)
        git(checkout, "commit", "--quiet", "--allow-empty", "--message", "no ticket")
        git(checkout, "push", "--quiet", "origin", "HEAD:refs/heads/main")
        commit = codecommit.head(folder / "codecommit.git", "main")
        codecommit.clone(folder / "codecommit.git", "main", commit, folder / "build", Answers())
        assert git(folder / "build", "rev-parse", "HEAD") == commit


def test_a_zip_has_no_history(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "zip").mkdir()
    codecommit.check_out_files(repository, "HEAD~1", tmp_path / "zip")
    assert {path.name for path in (tmp_path / "zip").iterdir()} >= {"noxfile.py", "src"}
    assert not (tmp_path / "zip/.git").exists()
