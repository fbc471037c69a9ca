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


def fetch(root: Path) -> list[str]:
    """Fetch the branches of origin, and return the names of its tags, which are not fetched.

    Raises UserError when it can't be reached.
    """
    try:
        git(root, "fetch", "--quiet", "--no-tags", "origin")
        tags = git(root, "ls-remote", "--quiet", "--tags", "--refs", "origin")
    except UserError as error:
        raise UserError(
            "origin-unreachable",
            f"origin can't be reached ({error.found.splitlines()[-1].strip()}), so nobody knows"
            " what was pushed since the last fetch",
            "check the network and your access, then run this again",
        ) from None
    return [line.partition("refs/tags/")[2] for line in tags.splitlines()]
