"""Fetch from the remote `origin`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci.checkout.git import git
from ci.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path


def exists(root: Path) -> bool:
    """Return whether the checkout has a remote named origin."""
    return "origin" in git(root, "remote").splitlines()


def fetch(root: Path) -> dict[str, str]:
    """Fetch the branches of origin, and return its tags with their commits; no tag is fetched.

    Raises UserError when it can't be reached.
    """
    try:
        git(root, "fetch", "--quiet", "--no-tags", "origin")
        tags = git(root, "ls-remote", "--quiet", "--tags", "origin")
    except UserError as error:
        raise UserError(
            "origin-unreachable",
            f"origin can't be reached ({error.found.splitlines()[-1].strip()}), so nobody knows"
            " what was pushed since the last fetch",
            "check the network and your access, then run this again",
        ) from None
    # An annotated tag is there twice; the second time, with "^{}", with its commit.
    found = (line.partition("\trefs/tags/") for line in tags.splitlines())
    return {tag.removesuffix("^{}"): commit for commit, _, tag in found}
