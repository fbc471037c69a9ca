"""What git says of a checkout."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from ci.checkout.git import changed_files, commit_time, git, resolve, tracked_files
from ci.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

GPG = """\
#!/bin/sh
cat > /dev/null
echo 'Good signature from "Test"' >&2
printf '\\n[GNUPG:] SIG_CREATED \\n' >&2
echo '-----BEGIN PGP SIGNATURE-----'
"""
IDENTITY = ("-c", "user.name=Test", "-c", "user.email=test@example.invalid")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    (tmp_path / "a b.txt").write_text("one", encoding="utf-8")
    git(tmp_path, "add", ".")
    subprocess.run(
        ["git", *IDENTITY, "commit", "--quiet", "--no-gpg-sign", "-m", "one"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "GIT_COMMITTER_DATE": "@1700000000 +0200"},
        check=True,
    )
    return tmp_path


def test_tracked_files_keep_their_spaces(checkout: Path) -> None:
    (checkout / "untracked").touch()
    assert tracked_files(checkout) == ["a b.txt"]


def test_a_file_may_be_named_in_any_bytes(checkout: Path) -> None:
    name = os.fsdecode(b"caf\xe9")
    (checkout / name).touch()
    git(checkout, "add", ".")
    assert name in tracked_files(checkout)


def test_the_commit_time_is_in_seconds(checkout: Path) -> None:
    assert commit_time(checkout) == 1700000000


@pytest.mark.parametrize(
    "setting", [("log.showSignature", "true"), ("i18n.logOutputEncoding", "ISO-8859-1")]
)
def test_no_setting_of_the_user_changes_what_a_signed_commit_says(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, setting: tuple[str, str]
) -> None:
    gpg = checkout / ".git/gpg"
    gpg.write_text(GPG, encoding="utf-8")
    gpg.chmod(0o755)
    for key, value in (("gpg.program", str(gpg)), setting):
        git(checkout, "config", key, value)
    monkeypatch.setenv("GIT_COMMITTER_DATE", "@1700000001 +0000")
    git(checkout, *IDENTITY, "commit", "--quiet", "--allow-empty", "--gpg-sign", "-m", "Größer")
    assert "gpgsig" in git(checkout, "cat-file", "commit", "HEAD")
    assert commit_time(checkout) == 1700000001
    assert git(checkout, "log", "--format=%s") == "Größer\none"


def test_a_graft_adds_no_history(checkout: Path) -> None:
    git(checkout, *IDENTITY, "commit", "--quiet", "--allow-empty", "-m", "two")
    git(checkout, "switch", "--quiet", "--orphan", "other")
    git(checkout, *IDENTITY, "commit", "--quiet", "--allow-empty", "-m", "unmerged")
    unmerged, main = git(checkout, "rev-parse", "HEAD"), git(checkout, "rev-parse", "main")
    (checkout / ".git/info").mkdir(exist_ok=True)
    (checkout / ".git/info/grafts").write_text(f"{main} {unmerged}\n", encoding="utf-8")
    contains = ["for-each-ref", "--format=%(refname)", f"--contains={unmerged}"]
    plain = subprocess.check_output(
        ["git", *contains], cwd=checkout, text=True, stderr=subprocess.DEVNULL
    )
    assert plain.split() == ["refs/heads/main", "refs/heads/other"]
    assert git(checkout, *contains) == "refs/heads/other"


def test_a_changed_submodule_is_a_change_whatever_the_user_ignores(checkout: Path) -> None:
    allow = ("-c", "protocol.file.allow=always")
    git(checkout, *allow, "submodule", "--quiet", "add", str(checkout), "inner")
    git(checkout, *IDENTITY, "commit", "--quiet", "-m", "with a submodule")
    git(checkout, "config", "diff.ignoreSubmodules", "all")
    assert changed_files(checkout) == []
    git(checkout / "inner", *IDENTITY, "commit", "--quiet", "--allow-empty", "-m", "other")
    assert changed_files(checkout) == ["inner"]


def test_a_clean_tree_has_no_changes_and_a_dirty_one_names_them(checkout: Path) -> None:
    assert changed_files(checkout) == []
    (checkout / "a b.txt").write_text("two", encoding="utf-8")
    (checkout / "new folder").mkdir()
    (checkout / "new folder" / "new").touch()
    assert changed_files(checkout) == ["a b.txt", "new folder/new"]


def test_a_file_that_was_moved_is_named_in_both_places(checkout: Path) -> None:
    git(checkout, "mv", "a b.txt", "c.txt")
    assert sorted(changed_files(checkout)) == ["a b.txt", "c.txt"]


def test_an_annotated_tag_resolves_to_its_commit(checkout: Path) -> None:
    head = git(checkout, "rev-parse", "HEAD")
    git(checkout, *IDENTITY, "tag", "-a", "v1", "-m", "one")
    assert git(checkout, "rev-parse", "v1") != head
    assert resolve(checkout, "v1") == head


def test_what_git_does_not_know_resolves_to_none(checkout: Path) -> None:
    assert resolve(checkout, "v2") is None


def test_a_folder_without_git_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="git status failed in") as raised:
        git(tmp_path, "status")
    assert raised.value.code == "git-failed"


def test_a_machine_without_git_is_told(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    for call, argument in ((git, "status"), (resolve, "HEAD")):
        with pytest.raises(UserError) as raised:
            call(checkout, argument)
        assert raised.value.code == "no-git"
