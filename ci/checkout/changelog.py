"""The changelog's entry for a release."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from ci.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

# "## [1.2.0] - 2026-11-23" of Keep a Changelog; also with a link, with "v", without brackets.
_ENTRY = re.compile(
    r"""^\#\#\ +\[?v?(?P<version>[^\]\s]+)\]?
        (?:\([^)\s]*\))?
        (?:\ +(?:[-\u2013\u2014]\ *)?\(?(?P<date>[^)\s]+))?""",
    re.MULTILINE | re.VERBOSE,
)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def check_changelog(path: Path, version: Version) -> None:
    """There is an entry for `version`, dated today or earlier.

    Tomorrow is fine too: the author's day may be ahead of UTC.
    """
    heading = f"## [{version}] - {datetime.now(UTC).date()}"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            "changelog-unreadable",
            f"{path.name} can't be read ({error})",
            "write it, or set changelog = false in [tool.ci] for a package without one",
        ) from None
    entry = next((m for m in _ENTRY.finditer(text) if _is_version(m["version"], version)), None)
    if entry is None:
        raise UserError(
            "changelog-entry", f"{path.name} has no entry for {version}", f"add {heading!r}"
        )
    dated = _parse_date(entry["date"])
    if dated is None or dated > datetime.now(UTC).date() + timedelta(days=1):
        raise UserError(
            "changelog-date",
            f"{path.name} has {entry[0]!r}, without a date of today or earlier (YYYY-MM-DD)",
            f"make it {heading!r}",
        )


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
