"""Check a wheel's own metadata files: RECORD and WHEEL."""

from __future__ import annotations

import base64
import csv
import email.policy
import hashlib
from collections import Counter
from email.parser import BytesParser
from typing import TYPE_CHECKING

from packaging.utils import parse_wheel_filename

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.distributions.checks import Finding, Subject

_FIELDS = {"Wheel-Version", "Generator", "Root-Is-Purelib", "Tag", "Build"}
_REMEDY = "build again; if the error stays, use another version of the build backend"


def record(subject: Subject) -> Iterator[Finding]:
    """Check that RECORD lists every file once, with its sha256 and size, and nothing else.

    The format is that of the packaging user guide's binary distribution format.
    """
    if not subject.is_wheel:
        return
    path = f"{subject.stem}.dist-info/RECORD"
    content = subject.archive.files.get(path)
    if content is None:
        yield subject.finding(path, "record", "it is missing", _REMEDY)
        return
    try:
        rows = list(csv.reader(content.decode("utf-8", "replace").splitlines()))
    except csv.Error as error:
        yield subject.finding(path, "record", f"it can't be read ({error})", _REMEDY)
        return
    found = Counter(tuple(row) for row in rows)
    wanted: Counter[tuple[str, ...]] = Counter(
        (
            (member.name, "", "")
            if member.name == path
            else (member.name, _digest(member.content), str(len(member.content)))
        )
        for member in subject.archive.members
        if member.kind != "folder"
    )
    for row in sorted(found - wanted):
        yield subject.finding(
            row[0] if row else "",
            "record",
            f"RECORD has the line {','.join(row)!a}, which is wrong or repeated",
            _REMEDY,
        )
    listed = {row[0] for row in rows if row}
    for name, *_ in sorted(wanted - found):
        if name not in listed:
            yield subject.finding(name, "record", "RECORD does not list it", _REMEDY)


def _digest(content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest())
    return f"sha256={digest.decode().rstrip('=')}"


def wheel_file(subject: Subject) -> Iterator[Finding]:
    """Check that WHEEL agrees with the file name."""
    if not subject.is_wheel:
        return
    path = f"{subject.stem}.dist-info/WHEEL"
    content = subject.archive.files.get(path)
    if content is None:
        yield subject.finding(path, "wheel-file", "it is missing", _REMEDY)
        return
    said = BytesParser(policy=email.policy.compat32).parsebytes(content)
    build, tags = parse_wheel_filename(subject.archive.path.name)[2:]
    pure = all((tag.abi, tag.platform) == ("none", "any") for tag in tags)
    for key, wanted in {
        "Wheel-Version": ["1.0"],
        "Root-Is-Purelib": ["true" if pure else "false"],
        "Tag": sorted(map(str, tags)),
        "Build": ["".join(map(str, build))] if build else [],
    }.items():
        found = sorted(map(str, said.get_all(key, [])))
        if found != wanted:
            yield subject.finding(
                path,
                "wheel-file",
                f"its {key} is {', '.join(found)!a}, not {', '.join(wanted)!a}",
                _REMEDY,
            )
    odd = sorted({*said.keys()} - _FIELDS)
    if odd or str(said.get_payload()).strip():
        yield subject.finding(
            path, "wheel-file", f"it has lines that it must not have ({', '.join(odd)!a})", _REMEDY
        )
