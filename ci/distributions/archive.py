"""What is inside a distribution: a wheel (zip) or an sdist (tar.gz), read once and within bounds.

Archives that two programs would read differently are a known way past checks: what the checker does
not see, the installer finds. So only the plainest form passes. A zip is local header and data, one
after the other, then the directory, and nothing else. A tar is what `ci.distributions.normalize`
makes of it, in one gzip stream.
"""

from __future__ import annotations

import io
import stat
import struct
import tarfile
import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ci.distributions.normalize import BROKEN_TAR, canonical_tar
from ci.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Kind = Literal["file", "folder", "link", "other"]

MAX_MEMBERS = 10_000
MAX_NAME = 1_000  # characters of a member's name
# Of all contents: times the archive's own size, and times the limit of that.
MAX_RATIO = 100
MAX_GROWTH = 10
_FREE = 1024 * 1024  # so much may come out of any archive

# What to do about a problem: of any archive, or of one that is too large.
_PLAIN = "have the build backend write a plain archive"
_SMALLER = "leave data out, or raise max-size in [tool.ci]"
_LESS_ALIKE = "leave the repetitive data out, or ship it compressed"
_FEWER = "ship fewer files"

# The records of a zip file, as in the format's specification (APPNOTE.TXT 4.3.7, 4.3.12, 4.3.16).
_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_STORED, _DEFLATED = 0, 8
_UTF8 = 1 << 11
_FLAGS = _UTF8 | 0b110  # besides UTF-8 names only how hard a packer tried
_GZIP = b"\x1f\x8b\x08\x00"  # deflated, without a file name, comment or extra field


@dataclass(frozen=True)
class Member:
    """One entry of an archive.

    `name` is as written there; `path` is inside the distribution, that is without the folder
    `<name>-<version>` that an sdist keeps everything in. `content` are a file's bytes. `mtime` is
    what the format holds, seconds since the epoch or a date; `owner` is empty in a wheel.
    """

    name: str
    path: str
    kind: Kind
    content: bytes
    mode: int
    mtime: object
    owner: object = ""


@dataclass(frozen=True)
class Archive:
    """A distribution that was read: its members in the archive's own order.

    `problem` says why it can't be trusted to hold these and nothing else, and `remedy` what to do;
    "" if it can. Then, and where something is too large, `members` may be incomplete.
    """

    path: Path
    members: tuple[Member, ...]
    problem: str = ""
    remedy: str = ""

    @property
    def is_wheel(self) -> bool:
        """Whether it is a wheel, by its file name; otherwise it is an sdist."""
        return is_wheel(self.path)

    @cached_property
    def files(self) -> dict[str, bytes]:
        """The bytes of each regular file by its path."""
        return {member.path: member.content for member in self.members if member.kind == "file"}


class _Odd(Exception):  # noqa: N818 - not an error: what is odd about an archive
    """It is no plain archive of that kind, or too large; the message says what it is instead."""

    def __init__(self, found: str, remedy: str = _PLAIN) -> None:
        """Keep what to do."""
        super().__init__(found)
        self.remedy = remedy


class _Limit(NamedTuple):
    """How many bytes all contents may have, what that is, and what to do about more."""

    size: int
    name: str
    remedy: str

    def exceeded(self) -> _Odd:
        return _Odd(f"its contents have more than {self.size:,} bytes ({self.name})", self.remedy)


def is_wheel(distribution: Path) -> bool:
    """Whether it is a wheel, by its file name; otherwise it is an sdist."""
    return distribution.suffix == ".whl"


def read_archive(path: Path, *, max_size: int) -> Archive:
    """Read a distribution, of which `max_size` bytes are meant to be enough.

    Nothing larger than MAX_GROWTH times that, or than MAX_RATIO times the file, is unpacked.
    Raises UserError when there is no such file.
    """
    members: list[Member] = []
    try:
        size, most = path.stat().st_size, MAX_GROWTH * max_size
        if size > most:
            found = f"it has {size:,} bytes, but at most {most:,} are allowed"
            return Archive(path, (), found, _SMALLER)
        raw = path.read_bytes()
        likely = max(MAX_RATIO * len(raw), _FREE)
        limit = min(
            _Limit(most, f"{MAX_GROWTH} times max-size", _SMALLER),
            _Limit(likely, f"more than {MAX_RATIO} times its own size", _LESS_ALIKE),
        )
        for member in _zip(raw, limit) if is_wheel(path) else _tar(raw, limit):
            members.append(member)  # noqa: PERF402 - what came before an odd one is kept
    except _Odd as error:
        return Archive(path, tuple(members), str(error), error.remedy)
    except OSError as error:
        raise UserError(
            "archive-unreadable", f"{path.name} can't be read ({error})", "build it again"
        ) from None
    return Archive(path, tuple(members))


# --- wheels --------------------------------------------------------------------------------------


class _Header(NamedTuple):
    """What the directory says of a member; up to `extra` its own header says the same."""

    needed: int
    flags: int
    method: int
    time: int
    date: int
    crc: int
    packed: int
    size: int
    name: int
    extra: int
    remark: int
    disk: int
    internal: int
    attributes: int
    offset: int


def _zip(raw: bytes, limit: _Limit) -> Iterator[Member]:
    total = 0
    for name, header, data in _zip_entries(raw):
        total += header.size
        if total > limit.size:
            raise limit.exceeded()
        content = _inflated(name, data, header.size) if header.method == _DEFLATED else data
        if len(content) != header.size or zlib.crc32(content) != header.crc:
            raise _Odd(f"{name!a} is not what its directory says")
        mode = header.attributes >> 16
        yield Member(
            name=name,
            path=name.rstrip("/"),
            kind=_zip_kind(name, mode),
            content=content,
            mode=stat.S_IMODE(mode),
            mtime=(header.date, header.time),
        )


def _zip_entries(raw: bytes) -> Iterator[tuple[str, _Header, bytes]]:
    """Name, header and packed data of each member; every byte of the file belongs to something."""
    position, end = _directory(raw)
    directory, place = position, 0
    while position < end:
        signature, _, *fields = _unpack(_CENTRAL, raw, position)
        header = _Header(*fields)
        own_signature, *own = _unpack(_LOCAL, raw, place)
        start = position + _CENTRAL.size
        text = raw[start : start + header.name]
        data = place + _LOCAL.size + header.name
        if (signature, own_signature, header.offset) != (b"PK\x01\x02", b"PK\x03\x04", place):
            raise _Odd("bytes lie before, between or after its members")
        if tuple(own) != header[: len(own)] or raw[data - header.name : data] != text:
            raise _Odd(f"its directory and the header of {text!a} differ")
        if header.extra or header.remark or header.disk or header.flags & ~_FLAGS:
            raise _Odd(f"{text!a} is encrypted or streamed, or has a comment or extra fields")
        if header.method not in {_STORED, _DEFLATED}:
            raise _Odd(f"{text!a} is packed in an unusual way")
        yield _checked(_zip_name(text, header.flags)), header, raw[data : data + header.packed]
        position = start + header.name
        place = data + header.packed
    if (place, position) != (directory, end):
        raise _Odd("bytes lie before, between or after its members")


def _checked(name: str) -> str:
    if len(name) > MAX_NAME:
        raise _Odd(f"a name in it has {len(name):,} characters, more than {MAX_NAME:,}")
    return name


def _directory(raw: bytes) -> tuple[int, int]:
    """Where the directory begins and ends; the end record follows, and then nothing."""
    end = len(raw) - _END.size
    if end < 0 or raw[end : end + 4] != b"PK\x05\x06":
        raise _Odd("it is no zip file, or something follows it")
    _, disk, first, here, count, length, start, comment = _END.unpack_from(raw, end)
    if disk or first or comment or here != count or start + length != end:
        raise _Odd("its directory is not that of a plain zip file (a comment, parts, zip64)")
    if count > MAX_MEMBERS:
        raise _Odd(f"it has {count:,} members, more than {MAX_MEMBERS:,}", _FEWER)
    return start, end


def _unpack(record: struct.Struct, raw: bytes, position: int) -> tuple[Any, ...]:
    try:
        return record.unpack_from(raw, position)
    except struct.error:
        raise _Odd("it is cut off") from None


def _zip_name(text: bytes, flags: int) -> str:
    try:
        return text.decode("utf-8" if flags & _UTF8 else "ascii")
    except UnicodeDecodeError:
        raise _Odd(f"{text!a} is a name in an unknown encoding") from None


def _inflated(name: str, data: bytes, size: int) -> bytes:
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        content = stream.decompress(data, size + 1)
    except zlib.error as error:
        raise _Odd(f"{name!a} can't be unpacked ({error})") from None
    if not stream.eof or stream.unused_data:
        raise _Odd(f"{name!a} has another packed size than its directory says")
    return content


def _zip_kind(name: str, mode: int) -> Kind:
    if stat.S_ISLNK(mode):
        return "link"
    if name.endswith("/"):
        return "folder"
    # Writers other than Unix ones leave the type at zero.
    return "file" if stat.S_ISREG(mode) or not stat.S_IFMT(mode) else "other"


# --- sdists --------------------------------------------------------------------------------------


def _tar(raw: bytes, limit: _Limit) -> Iterator[Member]:
    stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        plain = stream.decompress(raw, limit.size + 1)
    except zlib.error as error:
        raise _Odd(f"it can't be unpacked ({error})") from None
    if len(plain) > limit.size:
        raise limit.exceeded()
    if not stream.eof or stream.unused_data:
        raise _Odd("it is cut off, or something follows its gzip stream")
    try:
        with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as archive:
            for count, info in enumerate(archive, 1):
                if count > MAX_MEMBERS:
                    raise _Odd(f"it has more than {MAX_MEMBERS:,} members", _FEWER)
                _checked(info.name)
                if info.issparse() or info.size > limit.size:
                    raise _Odd(f"{info.name!a} is not stored whole")
                yield _tar_member(archive, info)
            times = {info.mtime for info in archive.getmembers()}
            if len(times) != 1 or plain != canonical_tar(archive, epoch=times.pop()):
                raise _Odd("it is not packed as the pipeline packs an sdist")
    except BROKEN_TAR as error:
        raise _Odd(f"it is not a tar file ({error})") from None
    if not raw.startswith(_GZIP):
        raise _Odd("it does not begin like a plain gzip file")


def _tar_member(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Member:
    stream = archive.extractfile(info) if info.isreg() else None
    return Member(
        name=info.name,
        path=info.name.partition("/")[2].rstrip("/"),
        kind=_tar_kind(info),
        content=stream.read() if stream else b"",
        mode=stat.S_IMODE(info.mode),
        mtime=info.mtime,
        owner=(info.uid, info.gid, info.uname, info.gname),
    )


def _tar_kind(info: tarfile.TarInfo) -> Kind:
    if info.issym() or info.islnk():
        return "link"
    if info.isdir():
        return "folder"
    return "file" if info.isreg() else "other"
