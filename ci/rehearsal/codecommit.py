"""The repository that stands in for CodeCommit's: a bare one in the scratch folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci.checkout.git import git, is_shallow
from ci.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

    from ci.rehearsal.answers import Answers

# What the user's own settings of git would change: hooks, signatures, line ends, what is pushed.
_SETTINGS = (
    *("user.name=Rehearsal", "user.email=rehearsal@example.com"),
    *("commit.gpgSign=false", "tag.gpgSign=false", "push.gpgSign=false", "push.followTags=false"),
    *("core.hooksPath=/dev/null", "core.autocrlf=false"),
)


def create(root: Path, folder: Path) -> Path:
    """Clone HEAD of `root`, without its tags, with a bare repository in `folder` as its origin.

    Returns the clone. What is pushed from it is what CodeCommit has. Raises UserError where not all
    can be pushed.
    """
    _check_whole(root)
    bare, checkout = folder / "codecommit.git", folder / "checkout"
    git(folder, "init", "--quiet", "--template=", "--bare", str(bare))
    git(bare, "config", "uploadpack.allowReachableSHA1InWant", "true")
    git(bare, "config", "core.hooksPath", "/dev/null")
    settings = [f"--config={setting}" for setting in _SETTINGS]
    git(folder, "clone", "--quiet", "--template=", "--no-tags", *settings, str(root), str(checkout))
    git(checkout, "checkout", "--quiet", "--detach", git(root, "rev-parse", "HEAD"))
    git(checkout, "remote", "set-url", "origin", str(bare))
    return checkout


def _check_whole(root: Path) -> None:
    promisor = ("config", "--get", "--bool", "--default=false", "remote.origin.promisor")
    lacks = {
        "a subfolder of a repository": git(root, "rev-parse", "--show-prefix") != "",
        "a shallow clone": is_shallow(root),
        "a partial clone": git(root, *promisor) == "true",
    }
    found = [what for what, is_so in lacks.items() if is_so]
    if found:
        raise UserError(
            "rehearsal-clone",
            f"{root} is {found[0]}, and a rehearsal pushes the whole repository",
            "rehearse in the top folder of a full clone",
        )


def head(repository: Path, branch: str) -> str:
    """The commit at the end of a branch."""
    return git(repository, "rev-parse", "--verify", f"refs/heads/{branch}")


def check_out_files(repository: Path, commit: str, folder: Path) -> None:
    """Put the files of a commit into `folder`, without its history: a source that is a zip."""
    git(repository, f"--work-tree={folder}", "checkout", commit, "--", ".")


def clone(repository: Path, branch: str, commit: str, folder: Path, answers: Answers) -> None:
    """Clone into `folder`, at `commit` of `branch`, as much as the answers say.

    HEAD is detached: CodePipeline hands over a commit, not a branch (tutorial "Use full clone with
    a CodeCommit pipeline source").
    """
    wanted = "*" if answers.clone in {"everything", "no tags"} else branch
    git(folder.parent, "init", "--quiet", "--template=", str(folder))
    git(folder, "config", "core.hooksPath", "/dev/null")
    git(folder, "remote", "add", "origin", str(repository))
    git(
        folder,
        "config",
        "remote.origin.fetch",
        f"+refs/heads/{wanted}:refs/remotes/origin/{wanted}",
    )
    tags = "--tags" if answers.clone == "everything" else "--no-tags"
    if answers.clone == "shallow":
        git(folder, "fetch", "--quiet", "--no-tags", "--depth=1", "origin", commit)
    else:
        git(folder, "fetch", "--quiet", tags, "origin")
    git(folder, "checkout", "--quiet", "--detach", commit)
