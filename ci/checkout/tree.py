"""The files that git tracks, and what is in them: as HEAD has them, or with uncommitted changes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ci.checkout.git import git

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_FILE, _EXECUTABLE = "100644", "100755"
_SHA1_LENGTH = 40


@dataclass(frozen=True)
class Tree:
    """The tracked files below a folder.

    `ids` has git's id of each one's bytes by its path in that folder; None for what is no regular
    file (a link, a submodule). `changed` are the paths that differ from HEAD.
    """

    ids: Mapping[str, str | None]
    changed: tuple[str, ...] = ()

    def holds(self, path: str, content: bytes) -> bool:
        """Return whether the tracked file of that path has exactly these bytes."""
        known = self.ids.get(path)
        return known is not None and known == blob_id(content, len(known))


def committed_tree(root: Path) -> Tree:
    """Return HEAD's files below `root`. Raises UserError if git fails."""
    ids: dict[str, str | None] = {}
    for line in filter(None, git(root, "ls-tree", "-r", "-z", "HEAD").split("\0")):
        entry, _, path = line.partition("\t")
        mode, _, identity = entry.split(" ")
        ids[path] = identity if mode in {_FILE, _EXECUTABLE} else None
    return Tree(ids)


def working_tree(root: Path) -> Tree:
    """Return HEAD's files below `root`, with uncommitted changes of tracked files.

    Raises UserError where git fails.
    """
    head = committed_tree(root)
    options = ("--name-only", "--no-renames", "--relative", "--ignore-submodules=none", "-z")
    listed = git(root, "diff", *options, "HEAD")
    changed = tuple(filter(None, listed.split("\0")))
    length = max(
        (len(identity) for identity in head.ids.values() if identity), default=_SHA1_LENGTH
    )
    ids = {path: identity for path, identity in head.ids.items() if path not in set(changed)}
    for path in changed:
        file = root / path
        if file.is_file() and not file.is_symlink():
            ids[path] = blob_id(file.read_bytes(), length)
    return Tree(ids, changed)


def blob_id(content: bytes, length: int = _SHA1_LENGTH) -> str:
    """Git's id of a file with these bytes, in hex, SHA-1 or SHA-256 by the `length` of ids.

    With SHA-1, git itself refuses files that were made to have the id of another.
    """
    digest = hashlib.sha1(usedforsecurity=False) if length == _SHA1_LENGTH else hashlib.sha256()
    digest.update(b"blob %d\0" % len(content))
    digest.update(content)
    return digest.hexdigest()
