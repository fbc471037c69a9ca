"""The scratch folder of a rehearsal, which goes when the rehearsal ends, however it ends."""

from __future__ import annotations

import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ci.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_REMOVE_SECONDS = 60
# Removing many small files is waiting for the disk.
_REMOVERS = 4


class Scratch:
    """A folder, and what removes parts of it while the rehearsal goes on."""

    def __init__(self, folder: Path, removers: ThreadPoolExecutor, *, keep: bool) -> None:
        """With `keep`, nothing is removed before its time."""
        self.folder = folder
        self._removers = removers
        self._keep = keep

    def discard(self, folder: Path) -> None:
        """Remove a folder that nothing needs any more, in the background."""
        if not self._keep:
            self._removers.submit(remove, folder)


@contextmanager
def scratch(say: Callable[[str], None], *, keep: bool) -> Iterator[Scratch]:
    """A scratch folder for as long as the block lasts.

    With `keep` it stays; after a UserError its logs stay. `say` is told where.
    """
    folder = Path(tempfile.mkdtemp(prefix="rehearsal-")).resolve()
    kept: list[Path] = [folder] if keep else []
    try:
        with ThreadPoolExecutor(_REMOVERS) as removers:
            yield Scratch(folder, removers, keep=keep)
    except UserError:
        kept = kept or [folder / "logs"]
        raise
    finally:
        if kept and kept[0].exists():
            say(f"kept: {kept[0]}")
        if not keep:
            _empty(folder, kept)


def _empty(folder: Path, kept: list[Path]) -> None:
    """Remove a folder, but for what is kept of it."""
    parts = [part for part in folder.iterdir() if part not in kept]
    with ThreadPoolExecutor(_REMOVERS) as removers:
        list(removers.map(remove, [*parts]))
    if not any(folder.iterdir()):
        folder.rmdir()


def remove(path: Path) -> None:
    """Remove a file or folder, also one in which something is still being written.

    Raises OSError if that does not come to an end within `_REMOVE_SECONDS`.
    """
    deadline = time.monotonic() + _REMOVE_SECONDS
    while path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=time.monotonic() < deadline)
    path.unlink(missing_ok=True)
