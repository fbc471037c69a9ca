"""The changelog: its entries, in a file written in Markdown or reStructuredText."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from ci.checkout.version import parse_version
from ci.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from packaging.version import Version

_ATX = re.compile(r"(?P<mark>#{1,4}) +(?P<text>.*?)[ #]*")
# A line of one punctuation mark under a heading, and in reStructuredText over it too.
_ADORNMENT = re.compile(r"""(?P<mark>[=\-~^"'`:.*+#_])(?P=mark){2,}\s*""")

# "[1.2.0] - 2026-11-23" of Keep a Changelog; also with a link, with "v", without brackets, with the
# package's name or "Version" before it.
_ENTRY = re.compile(
    r"""(?:[A-Za-z][\w.-]*\s+)?\[?v?(?P<version>\d[^\]\s(,:]*)\]?
        (?:\([^)\s]*\))?
        (?:[\s,:/]*(?:[-\u2013\u2014]\s*)?\(?(?P<date>[^)\s]+)\)?)?""",
    re.VERBOSE,
)
_UNRELEASED = re.compile(r"\[?unreleased\b", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Entry:
    """A heading and what stands below it, up to the next heading of its kind.

    `heading` is the heading's text, `mark` what makes it one ("##", or the character under it);
    `version` and `date` are as written, None where the heading has none. The entry is
    `text[start:end]`, what stands below its heading is `text[body:end]`.
    """

    heading: str
    mark: str
    start: int
    body: int
    end: int

    @property
    def is_unreleased(self) -> bool:
        """Return whether this is the section of unreleased changes."""
        return _UNRELEASED.match(self.heading) is not None

    @property
    def version(self) -> str | None:
        """The version that the heading names, as it is written."""
        found = _ENTRY.match(self.heading)
        return found["version"] if found else None

    @property
    def date(self) -> str | None:
        """The word after the version, where the date should be."""
        found = _ENTRY.match(self.heading)
        return found["date"] if found else None

    @property
    def named(self) -> str:
        """The heading up to the date."""
        found = _ENTRY.match(self.heading)
        return found[0] if found else ""


def read_changelog(path: Path) -> str:
    """The changelog's text. Raises UserError when it can't be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            "changelog-unreadable",
            f"{path.name} can't be read ({error})",
            "write it; if the package has no changelog, set changelog = false in [tool.ci]",
        ) from None


def check_changelog(path: Path, version: Version) -> None:
    """Check that there is an entry for `version`, with a date of today or earlier.

    Tomorrow is fine too: the author's day may be ahead of UTC.
    """
    found = list(entries(read_changelog(path)))
    today = datetime.now(UTC).date()
    heading = new_heading(path, found, version, today)[0]
    entry = next((entry for entry in found if parse_version(entry.version) == version), None)
    if entry is None:
        raise UserError(
            "changelog-entry",
            f"{path.name} has no entry for {version}",
            f"add the heading {heading!r}, or run `nox -s prepare -- {version}`",
        )
    dated = _parse_date(entry.date)
    if dated is None or dated > today + timedelta(days=1):
        raise UserError(
            "changelog-date",
            f"{path.name} has {entry.heading!r}, but no date of today or earlier in it"
            " (YYYY-MM-DD)",
            f"change it to {heading!r}",
        )


def new_heading(path: Path, found: list[Entry], version: Version, day: date) -> list[str]:
    """Return a heading for `version`, in the form of the entries that were `found`."""
    like = next((entry for entry in found if entry.version and entry.date), None)
    mark = found[0].mark if found else ""
    if not mark:
        mark = "##" if path.suffix.lower() in {".md", ".markdown"} else "-"
    if like:
        written = like.named.replace(str(like.version), str(version))
        text = written.replace(str(like.date), str(day))
    else:
        text = f"[{version}] - {day}" if mark.startswith("#") else f"{version} ({day})"
    return [f"{mark} {text}"] if mark.startswith("#") else [text, mark * len(text)]


def entries(text: str) -> Iterator[Entry]:
    """The entries of a changelog, in its order: versions, and what is not released yet.

    Only headings of the first one's kind count: those of others are inside an entry, or over it.
    """
    found = [
        heading
        for heading in headings(text)
        if heading.is_unreleased or parse_version(heading.version)
    ]
    kind = [heading for heading in found if heading.mark == found[0].mark]
    ends = [heading.start for heading in kind[1:]] + [len(text)]
    for heading, end in zip(kind, ends, strict=False):
        yield Entry(heading.heading, heading.mark, heading.start, heading.body, end)


def headings(text: str) -> Iterator[Entry]:
    """Every heading of a file, as an entry with nothing below it."""
    lines = text.splitlines(keepends=True)
    start = 0
    for number, line in enumerate(lines):
        below = lines[number + 1] if number + 1 < len(lines) else ""
        body = start + len(line)
        atx = _ATX.fullmatch(line.rstrip())
        adornment = _ADORNMENT.fullmatch(below)
        if atx:
            yield Entry(atx["text"], atx["mark"], start, body, body)
        elif adornment and re.search(r"\w", line):
            over = (
                start - len(lines[number - 1]) if number and lines[number - 1] == below else start
            )
            end = body + len(below)
            yield Entry(line.strip(), adornment["mark"], over, end, end)
        start = body


def _parse_date(text: str | None) -> date | None:
    if not text or not _DATE.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
