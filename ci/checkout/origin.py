"""What the remote `origin` has: the release branch, and tags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci.checkout.git import git
from ci.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path


def fetch(root: Path) -> list[str]:
    """Fetch the branches of origin, and return the names of its tags, which are not fetched.

    Raises UserError when there is no origin, or it can't be reached.
    """
    if "origin" not in git(root, "remote").splitlines():
        raise UserError(
            "no-origin",
            "this clone has no remote named origin, so nothing can be pushed",
            "git remote add origin URL",
        )
    try:
        git(root, "fetch", "--quiet", "--no-tags", "origin")
        tags = git(root, "ls-remote", "--quiet", "--tags", "--refs", "origin")
    except UserError as error:
        raise UserError(
            "origin-unreachable",
            f"origin can't be reached ({error.found.splitlines()[-1].strip()}), so it is not known"
            " what was pushed since",
            "see that the network is up, and that you may read it; then run this again",
        ) from None
    return [line.partition("refs/tags/")[2] for line in tags.splitlines()]


def check_pushed(root: Path, branch: str) -> None:
    """Check that origin's `branch`, as it was fetched last, has HEAD. Raises UserError."""
    ref = f"refs/remotes/origin/{branch}"
    if not git(root, "for-each-ref", "--format=%(refname)", ref):
        raise UserError(
            "branch-not-at-origin",
            f"origin has no branch {branch}",
            f"git push -u origin {branch}",
        )
    if not git(root, "for-each-ref", "--format=%(refname)", "--contains", "HEAD", ref):
        head = git(root, "rev-parse", "--short", "HEAD")
        raise UserError(
            "not-pushed",
            f"origin's {branch} does not have HEAD ({head}), so its tag would be refused",
            f"merge it into {branch} and push that: git push origin {branch}",
        )
