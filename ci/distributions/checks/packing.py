"""Check that all programs read a distribution in the same way, and can unpack it safely."""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from collections import Counter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.distributions.checks import Finding, Subject


def packing(subject: Subject) -> Iterator[Finding]:
    """Check that the archive is plain and small enough, so that all programs read the same."""
    if subject.archive.problem:
        yield subject.finding("", "packing", subject.archive.problem, subject.archive.remedy)


def safe_paths(subject: Subject) -> Iterator[Finding]:
    """Find absolute paths, `..`, links, devices, repeated members, and files outside the folder."""
    members = subject.archive.members
    for member in members:
        for found in _objections(subject, member.name):
            yield _unsafe(subject, member.name, found)
        if member.kind in {"link", "other"}:
            yield _unsafe(subject, member.name, "it is a link or a device, not a file")
        if member.kind == "folder" and member.content:
            yield _unsafe(subject, member.name, "it is a folder, but has content like a file")
    for name, count in Counter(member.name.rstrip("/") for member in members).items():
        if count > 1:
            yield _unsafe(subject, name, f"it is there {count} times")
    yield from _clashes(subject)


def _objections(subject: Subject, name: str) -> Iterator[str]:
    parts = PurePosixPath(name).parts
    top = None if subject.is_wheel else subject.stem
    if not parts or name.startswith("/") or ".." in parts:
        yield "its path leads out of the distribution"
    elif "\\" in name or ":" in parts[0]:
        yield "its path means another place on Windows"
    elif "/".join(parts) != name.rstrip("/") or not name.isprintable():
        yield "its path is written in an unusual way"
    elif top and parts[0] != top:
        yield f"it lies outside of the folder {top}"


def _clashes(subject: Subject) -> Iterator[Finding]:
    """Find names that differ only in case or accents, and files that are also folders."""
    names = {member.name.rstrip("/") for member in subject.archive.members}
    first: dict[str, str] = {}
    for name in sorted(names):
        other = first.setdefault(unicodedata.normalize("NFC", name).casefold(), name)
        if other != name:
            yield _unsafe(subject, name, f"on many systems it is the same file as {other!a}")
    ordered = sorted(names)  # a set of all parents would be far larger
    for member in subject.archive.members:
        name = member.name.rstrip("/")
        place = bisect_left(ordered, f"{name}/")
        is_parent = any(each.startswith(f"{name}/") for each in ordered[place : place + 1])
        if member.kind != "folder" and is_parent:
            yield _unsafe(subject, name, "it is a file, but other members are inside it")
        if member.kind == "folder" and not is_parent:
            yield _unsafe(subject, name, "it is an empty folder, which git can't track")


def _unsafe(subject: Subject, name: str, found: str) -> Finding:
    return subject.finding(
        name, "unsafe-member", found, "ship each file once, as a plain file, inside one folder"
    )
