"""Ask git about the checkout; change nothing."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from ci.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

_GIT = (
    *("git", "--no-replace-objects"),  # HEAD is what was pushed, not a stand-in
    # The user's own settings of these would change the output that is read here.
    *("-c", "log.showSignature=false", "-c", "i18n.logOutputEncoding=UTF-8"),
)


def git(root: Path, *arguments: str) -> str:
    """Run `git ARGUMENTS` in `root`; return its output without the last newline.

    Raises UserError when git is missing, or fails.
    """
    try:
        done = subprocess.run(
            [*_GIT, *arguments],
            cwd=root,
            env={**os.environ, "GIT_GRAFT_FILE": ""},  # the history, too, is what was pushed
            capture_output=True,
            check=True,
            encoding="utf-8",
            errors="surrogateescape",  # a file's name may be any bytes
        )
    except FileNotFoundError:
        raise UserError("no-git", "git is not on PATH", "install git") from None
    except subprocess.CalledProcessError as error:
        raise UserError(
            "git-failed",
            f"git {' '.join(arguments)} failed in {root}: {error.stderr.strip()}",
            "run the command by hand to see more; the pipeline needs a git clone with its"
            " history",
        ) from None
    return done.stdout.rstrip("\n")


def resolve(root: Path, revision: str) -> str | None:
    """Return the commit id of `revision` (also through an annotated tag); None if unknown."""
    try:
        return git(
            root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"
        )
    except UserError as problem:
        if problem.code == "git-failed":
            return None
        raise


def is_shallow(root: Path) -> bool:
    """Return whether the clone lacks a part of the history."""
    return git(root, "rev-parse", "--is-shallow-repository") == "true"


def tracked_files(root: Path) -> list[str]:
    """Return the files that git tracks below `root`, as paths relative to it."""
    return [name for name in git(root, "ls-files", "-z").split("\0") if name]


def unwatched_files(root: Path) -> list[str]:
    """Return the files whose changes git hides: it was told so by `git update-index`.

    The flags are --assume-unchanged (a small letter) and --skip-worktree (an S). The latter is also
    on files that a sparse checkout leaves out.
    """
    flagged = (line.partition(" ") for line in git(root, "ls-files", "-v", "-z").split("\0"))
    return [
        name
        for flag, _, name in flagged
        if flag.islower() or (flag == "S" and (root / name).exists())
    ]


def commit_time(root: Path) -> int:
    """Return the commit time of HEAD, in seconds since the epoch (for SOURCE_DATE_EPOCH)."""
    return int(git(root, "log", "-1", "--format=%ct"))


def changed_files(root: Path) -> list[str]:
    """Return what differs from HEAD, with untracked files; empty in a clean tree."""
    lines = git(
        root,
        *("status", "--porcelain=v1", "-z", "--no-renames"),
        *("--untracked-files=all", "--ignore-submodules=none"),
    ).split("\0")
    return [line[3:] for line in lines if line]
