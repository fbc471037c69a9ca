"""Check HEAD: it is the right commit, has no changes, and is on the release branch."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ci.checkout.git import changed_files, git, is_shallow, resolve, tracked_files, unwatched_files
from ci.errors import UserError, exit_with

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_LISTED = 10
_HIDES_CODE = re.compile(
    r"(?:^|/)__pycache__(?:/|$)|\.py[co]$|^(?:src/)?[^/]+\.(?:dist|egg)-info(?:/|$)", re.IGNORECASE
)


def main() -> None:
    """Check that HEAD is the commit that SOURCE_COMMIT names, and hides no code."""
    check_commit(Path.cwd(), os.environ.get("SOURCE_COMMIT"))
    check_sources_only(Path.cwd())


def check_commit(root: Path, source_commit: str | None) -> None:
    """Check that HEAD is the event's commit; pass if there was no event.

    An event on an annotated tag may name the tag object instead of the commit; either will do.
    """
    head = git(root, "rev-parse", "HEAD")
    if not source_commit:
        print(f"HEAD is {head}; no event named another (SOURCE_COMMIT is not set)")
        return
    if not _COMMIT.fullmatch(source_commit):
        raise UserError(
            "source-commit-form",
            f"SOURCE_COMMIT is {source_commit!r}, not the whole id of a commit",
            "set it to the whole id: a branch's name would match any checkout; on a laptop, run"
            " `unset SOURCE_COMMIT`",
        )
    wanted = resolve(root, source_commit)
    if wanted is None:
        raise UserError(
            "source-commit-unknown",
            f"SOURCE_COMMIT is {source_commit!r}, which is not a commit in this clone",
            "fetch the whole history, then check out the commit that the event named; on a"
            " laptop, run `unset SOURCE_COMMIT`",
        )
    if wanted != head:
        raise UserError(
            "source-commit-differs",
            f"HEAD is {head}, but the event named {wanted} (SOURCE_COMMIT)",
            "start the build again for the newer commit; on a laptop, run `unset SOURCE_COMMIT`",
        )
    print(f"HEAD is {head}, as SOURCE_COMMIT says")


def check_branch(root: Path, branch: str) -> None:
    """Check that HEAD is on the release branch at origin, or here if there is no origin.

    It is spelled in full: a tag named origin/main, or a branch of another remote, is not it.
    """
    origin = "origin" in git(root, "remote").splitlines()
    ref = f"refs/{'remotes/origin' if origin else 'heads'}/{branch}"
    if ref in _branches(root, ref, "--contains", "HEAD"):
        return
    if is_shallow(root):
        raise UserError(
            "shallow-clone",
            f"this clone is shallow, so git can't tell whether HEAD is on {branch}",
            "run `git fetch --unshallow`, or make a full clone",
        )
    if ref not in _branches(root, ref):
        raise UserError(
            "release-branch-unseen",
            f"this clone has no branch {branch}{' of origin' if origin else ''} ({ref})",
            f"run `git fetch origin {branch}:refs/remotes/origin/{branch}`, or name another"
            " branch in RELEASE_BRANCH or in release-branch of [tool.ci]",
        )
    raise UserError(
        "not-on-release-branch",
        f"HEAD is not on the release branch ({ref})",
        f"merge it into that branch{' and push it' if origin else ''} first, then tag the commit"
        " there",
    )


def _branches(root: Path, ref: str, *options: str) -> list[str]:
    """Return the refs that git finds for `ref`; git also reads it as a pattern and a folder."""
    return git(root, "for-each-ref", "--format=%(refname)", *options, ref).splitlines()


def check_clean(root: Path) -> None:
    """Check that the working tree equals HEAD, also where git was told not to look."""
    changed = changed_files(root)
    if changed:
        raise UserError(
            "tree-dirty",
            f"the working tree differs from HEAD: {_listed(changed)}",
            "commit or remove these files, or add them to .gitignore",
        )
    unwatched = unwatched_files(root)
    if unwatched:
        raise UserError(
            "tree-unwatched",
            f"git was told not to look for changes of {_listed(unwatched)}",
            "run `git update-index --no-assume-unchanged --no-skip-worktree FILE` for each file",
        )


def check_sources_only(root: Path) -> None:
    """Check that git tracks no bytecode and no *.dist-info or similar folder with plug-ins.

    Nobody can review bytecode, and Python may run it in place of its source.
    """
    found = [name for name in tracked_files(root) if _HIDES_CODE.search(name)]
    if found:
        raise UserError(
            "hidden-code",
            f"git tracks generated files that can run code: {_listed(found)}",
            "find out who added them, then run `git rm` on each",
        )


def _listed(files: list[str]) -> str:
    more = f", and {len(files) - _LISTED} more" if len(files) > _LISTED else ""
    return ", ".join(files[:_LISTED]) + more


if __name__ == "__main__":
    exit_with(main)
