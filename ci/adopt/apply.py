"""Write all changes, or none."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ci.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ci.adopt.copies import Change


def apply(root: Path, changes: Sequence[Change]) -> None:
    """Make the `changes` below `root`.

    Everything is written beside the repository's files first, then moved into place; when that
    fails, what was moved is moved back. Raises UserError then.
    """
    undo: list[Callable[[], object]] = []
    try:
        with tempfile.TemporaryDirectory(prefix=".adopt-", dir=root) as scratch:
            staged = [_stage(Path(scratch, str(n)), change) for n, change in enumerate(changes)]
            try:
                for change, new in zip(changes, staged, strict=True):
                    _move(root, root / change.path, new, undo)
            except BaseException:
                for step in reversed(undo):
                    step()
                raise
    except OSError as error:
        raise UserError(
            "adopt-unwritable",
            f"adopt can't write to {root} ({error})",
            "fix that, then run adopt again; nothing was changed",
        ) from None


def _stage(folder: Path, change: Change) -> Path:
    folder.mkdir()
    new = folder / "new"
    if change.after is not None:
        new.write_bytes(change.after)
        new.chmod(change.mode)
    return new


def _move(root: Path, place: Path, new: Path, undo: list[Callable[[], object]]) -> None:
    for folder in reversed(place.relative_to(root).parents):
        if not (root / folder).is_dir():
            (root / folder).mkdir()
            undo.append((root / folder).rmdir)
    if place.exists():
        old = new.with_name("old")
        os.replace(place, old)  # noqa: PTH105 - one call, the same for both directions
        undo.append(lambda: os.replace(old, place))  # noqa: PTH105 - same
    if new.exists():
        os.replace(new, place)  # noqa: PTH105 - same
        undo.append(place.unlink)
