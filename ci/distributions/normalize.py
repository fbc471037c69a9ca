"""Make an sdist's bytes depend only on its files.

setuptools writes the checkout's modes and times, the user's name and the time of day into an
sdist, whatever SOURCE_DATE_EPOCH says; so two builds of one commit would differ, and with it every
wheel built from them.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# What tarfile raises for a file that is no tar, is cut off, or was crafted.
BROKEN_TAR = (
    *(tarfile.TarError, EOFError, OSError, zlib.error),
    *(ValueError, OverflowError, RecursionError),
)


def normalize_sdist(sdist: Path, *, epoch: int) -> None:
    """Rewrite `sdist` (.tar.gz) in place: sorted, without owners, every time set to `epoch`.

    `epoch` is in seconds. What git would track of a mode is kept: whether a file is executable.
    """
    with tarfile.open(sdist) as old:
        plain = canonical_tar(old, epoch=epoch)
    # An empty file name and a fixed time keep the gzip header the same as well.
    with sdist.open("wb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=epoch) as packed:
        packed.write(plain)


def canonical_tar(old: tarfile.TarFile, *, epoch: float) -> bytes:
    """Return the bytes of the tar file that `normalize_sdist` compresses."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as new:
        for info in sorted(old.getmembers(), key=lambda info: info.name):
            content = old.extractfile(info) if info.isreg() else None
            new.addfile(_plain(info, epoch), content)
    return plain.getvalue()


def _plain(info: tarfile.TarInfo, epoch: float) -> tarfile.TarInfo:
    executable = info.isdir() or info.mode & 0o100
    mode = 0o755 if executable else 0o644
    plain = info.replace(mtime=epoch, mode=mode, uid=0, gid=0, uname="", gname="", deep=False)
    # They hold the time once more, to the nanosecond; tarfile adds those that a name needs again.
    plain.pax_headers = {}
    return plain
