"""The repository that stands in for CodeCommit's: a bare one in the scratch folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci.checkout.git import git

if TYPE_CHECKING:
    from pathlib import Path


def head(repository: Path, branch: str) -> str:
    """The commit at the end of a branch."""
    return git(repository, "rev-parse", "--verify", f"refs/heads/{branch}")


def check_out_files(repository: Path, commit: str, folder: Path) -> None:
    """Put the files of a commit into `folder`, without its history: a source that is a zip."""
    git(repository, f"--work-tree={folder}", "checkout", commit, "--", ".")


def clone(repository: Path, commit: str, folder: Path) -> None:
    """Clone everything into `folder`, at `commit`.

    HEAD is detached: CodePipeline hands over a commit, not a branch (tutorial "Use full clone with
    a CodeCommit pipeline source").
    """
    git(repository, "clone", "--quiet", "--no-checkout", str(repository), str(folder))
    git(folder, "checkout", "--quiet", "--detach", commit)
