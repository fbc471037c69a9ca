"""What is inside a distribution, the same for an sdist (tar) and a wheel (zip)."""

from __future__ import annotations

import stat
import tarfile
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ci.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Kind = Literal["file", "folder", "link", "other"]


@dataclass(frozen=True)
class Member:
    """One entry of an archive.

    `name` is as written there; `path` is inside the distribution, that is without the folder
    `<name>-<version>` that an sdist keeps everything in. `mtime` is what the format holds, seconds
    since the epoch or a date; `owner` is empty in a wheel.
    """

    name: str
    path: str
    kind: Kind
    size: int
    mode: int
    mtime: object
    owner: object = ""


def is_wheel(distribution: Path) -> bool:
    """Whether it is a wheel, by its file name; otherwise it is an sdist."""
    return distribution.suffix == ".whl"


def members(distribution: Path) -> list[Member]:
    """Every entry, in the archive's own order. Raises UserError when it can't be read."""
    return [member for member, _ in _entries(distribution, contents=False)]


def files(distribution: Path) -> Iterator[tuple[Member, bytes]]:
    """Every regular file with its bytes, one at a time. Raises UserError when it can't be read."""
    for member, content in _entries(distribution, contents=True):
        if member.kind == "file":
            yield member, content


def _entries(distribution: Path, *, contents: bool) -> Iterator[tuple[Member, bytes]]:
    try:
        if is_wheel(distribution):
            yield from _zip_entries(distribution, contents=contents)
        else:
            yield from _tar_entries(distribution, contents=contents)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise UserError(
            "archive-unreadable",
            f"{distribution.name} can't be read as an archive ({error})",
            "build it again",
        ) from None


def _zip_entries(distribution: Path, *, contents: bool) -> Iterator[tuple[Member, bytes]]:
    with zipfile.ZipFile(distribution) as archive:
        for info in archive.infolist():
            mode = info.external_attr >> 16
            member = Member(
                name=info.filename,
                path=info.filename.rstrip("/"),
                kind=_zip_kind(info, mode),
                size=info.file_size,
                mode=stat.S_IMODE(mode),
                mtime=info.date_time,
            )
            yield member, archive.read(info) if contents else b""


def _zip_kind(info: zipfile.ZipInfo, mode: int) -> Kind:
    if stat.S_ISLNK(mode):
        return "link"
    if info.is_dir():
        return "folder"
    # Writers other than Unix ones leave the type at zero.
    return "file" if stat.S_ISREG(mode) or not stat.S_IFMT(mode) else "other"


def _tar_entries(distribution: Path, *, contents: bool) -> Iterator[tuple[Member, bytes]]:
    with tarfile.open(distribution) as archive:
        for info in archive:
            member = Member(
                name=info.name,
                path=info.name.partition("/")[2].rstrip("/"),
                kind=_tar_kind(info),
                size=info.size,
                mode=stat.S_IMODE(info.mode),
                mtime=info.mtime,
                owner=(info.uid, info.gid, info.uname, info.gname),
            )
            stream = archive.extractfile(info) if contents and info.isreg() else None
            yield member, stream.read() if stream else b""


def _tar_kind(info: tarfile.TarInfo) -> Kind:
    if info.issym() or info.islnk():
        return "link"
    if info.isdir():
        return "folder"
    return "file" if info.isreg() else "other"
