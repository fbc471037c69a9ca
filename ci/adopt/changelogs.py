"""The changelog of a package: which file it is, and whether the pipeline can read it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ci.checkout.changelog import entries

if TYPE_CHECKING:
    from ci.adopt.adopter import Adopter

DEFAULT = "CHANGELOG.md"

_NAME = re.compile(r"(?i)(?:docs?/)?(?:change(?:s|log)|history|news)(?:\.(?:md|rst|txt))?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def changelog(adopter: Adopter) -> str | None:
    """The file that `changelog` of [tool.ci] names: one that can be read; None if there is none."""
    return next((name for name in named(adopter) if _is_read(adopter.text(name))), None)


def named(adopter: Adopter) -> list[str]:
    """The files that are named like a changelog: the default, then those at the top."""
    found = [name for name in adopter.tracked if _NAME.fullmatch(name)]
    return sorted(found, key=lambda name: (name != DEFAULT, "/" in name, name))


def _is_read(text: str) -> bool:
    """Whether the newest version that is released has a date of the form 2026-01-31."""
    found = list(entries(text))
    dates = [entry.date or "" for entry in found if entry.version]
    newest = next((date for date in dates if date.lower() != "unreleased"), None)
    return bool(found) if newest is None else bool(_DATE.fullmatch(newest))
