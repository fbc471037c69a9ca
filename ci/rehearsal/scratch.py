"""The scratch folder of a rehearsal, which goes when the rehearsal ends, however it ends.

It grows by hundreds of megabytes in tens of thousands of files, so other processes remove it: parts
while the rehearsal goes on, the rest while its user can go on.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ci.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_WAIT_SECONDS = 1.0


class Scratch:
    """A folder, parts of which can be removed before the end."""

    def __init__(self, folder: Path, *, keep: bool) -> None:
        """With `keep`, nothing is removed."""
        self.folder = folder
        self._keep = keep

    def discard(self, folder: Path) -> None:
        """Remove a folder that nothing needs any more, in the background."""
        if not self._keep:
            _remove(folder)


@contextmanager
def scratch(say: Callable[[str], None], *, keep: bool) -> Iterator[Scratch]:
    """A scratch folder for as long as the block lasts.

    With `keep` it stays; after a UserError its logs stay. `say` is told where, and when removing
    the rest takes long.
    """
    folder = Path(tempfile.mkdtemp(prefix="rehearsal-")).resolve()
    kept = folder if keep else None
    try:
        yield Scratch(folder, keep=keep)
    except UserError:
        if (folder / "logs").is_dir():
            kept = kept or folder / "logs"
        raise
    finally:
        if kept:
            say(f"kept: {kept}")
        if kept != folder:
            _empty(folder, kept, say)


def _empty(folder: Path, kept: Path | None, say: Callable[[str], None]) -> None:
    """Remove a folder, but for what is kept of it."""
    parts = [part for part in folder.iterdir() if part != kept] if kept else [folder]
    _remove(*parts)
    deadline = time.monotonic() + _WAIT_SECONDS
    while any(part.exists() for part in parts):
        if time.monotonic() > deadline:
            say(f"{'the rest of ' if kept else ''}{folder} is being removed in the background")
            return
        time.sleep(_WAIT_SECONDS / 50)


def _remove(*paths: Path) -> None:
    """Begin to remove files and folders, and don't wait for it."""
    subprocess.run(
        ["sh", "-c", 'rm -rf -- "$@" &', "sh", *map(str, paths)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        check=True,
    )
