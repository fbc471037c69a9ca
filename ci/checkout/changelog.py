"""The changelog's entry for a release, in a file written in Markdown or reStructuredText."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from ci.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ATX = re.compile(r"#{1,4} +(?P<text>.*?)[ #]*")
# A line of one punctuation mark under a heading, and in reStructuredText over it too.
_ADORNMENT = re.compile(r"""(?P<mark>[=\-~^"'`:.*+#_])(?P=mark){2,}\s*""")

# "[1.2.0] - 2026-11-23" of Keep a Changelog; also with a link, with "v", without brackets, with the
# package's name or "Version" before it.
_ENTRY = re.compile(
    r"""(?:[A-Za-z][\w.-]*\s+)?\[?v?(?P<version>\d[^\]\s(,:]*)\]?
        (?:\([^)\s]*\))?
        (?:[\s,:/]*(?:[-\u2013\u2014]\s*)?\(?(?P<date>[^)\s]+))?""",
    re.VERBOSE,
)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def check_changelog(path: Path, version: Version) -> None:
    """There is an entry for `version`, dated today or earlier.

    Tomorrow is fine too: the author's day may be ahead of UTC.
    """
    heading = new_heading(path, version)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            "changelog-unreadable",
            f"{path.name} can't be read ({error})",
            "write it, or set changelog = false in [tool.ci] for a package without one",
        ) from None
    entries = ((found, _ENTRY.match(found)) for found in headings(text))
    entry = next((e for e in entries if e[1] and _is_version(e[1]["version"], version)), None)
    if entry is None:
        raise UserError(
            "changelog-entry", f"{path.name} has no entry for {version}", f"add {heading!r}"
        )
    found, parts = entry
    dated = _parse_date(parts["date"] if parts else None)
    if dated is None or dated > datetime.now(UTC).date() + timedelta(days=1):
        raise UserError(
            "changelog-date",
            f"{path.name} has {found!r}, without a date of today or earlier (YYYY-MM-DD)",
            f"make it {heading!r}",
        )


def new_heading(path: Path, version: Version) -> str:
    """The heading of an entry for `version` that is released today, on one line."""
    today = datetime.now(UTC).date()
    if path.suffix.lower() in {".md", ".markdown"}:
        return f"## [{version}] - {today}"
    return f"{version} ({today})"


def headings(text: str) -> Iterator[str]:
    """The headings of a file, without what makes them headings."""
    lines = text.splitlines()
    for line, below in pairwise([*lines, ""]):
        atx = _ATX.fullmatch(line)
        if atx:
            yield atx["text"]
        elif _ADORNMENT.fullmatch(below) and re.search(r"\w", line):
            yield line.strip()


def _is_version(text: str, version: Version) -> bool:
    try:
        return Version(text) == version
    except InvalidVersion:
        return False


def _parse_date(text: str | None) -> date | None:
    if not text or not _DATE.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
