"""What stops a build: each gate looks at one distribution and yields what it objects to.

A gate never stops at its first finding, so that whoever mends a package sees the whole list.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, order=True)
class Finding:
    """One thing that must not be shipped.

    `member` is a path inside the distribution, or empty for the distribution as a whole; `rule` is
    the gate's slug, `found` what it saw, `remedy` what to do.
    """

    distribution: str
    member: str
    rule: str
    found: str
    remedy: str

    def __str__(self) -> str:
        """The line that is printed."""
        # An archive may hold names that no terminal should be sent.
        member = self.member if self.member.isprintable() else ascii(self.member)
        where = ": ".join(filter(None, (self.distribution, member)))
        return f"{where}: {self.found}: {self.remedy} [{self.rule}]"


def matches(path: str, patterns: Iterable[str]) -> bool:
    """Whether a glob pattern names this member, by its path or by its last part.

    A package in src/ may be named with `src/` or without, so that one pattern serves the sdist and
    the wheel.
    """
    forms = {path, path.rpartition("/")[2], path.removeprefix("src/"), f"src/{path}"}
    return any(fnmatchcase(form, pattern) for pattern in patterns for form in forms)
