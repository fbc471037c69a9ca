"""The checks that can stop a build: each gate reads one distribution and yields its findings.

A gate never stops at its first finding, so that whoever fixes a package sees the whole list.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from ci.distributions.metadata import stem
from ci.errors import UserError, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ci.checkout.tree import Tree
    from ci.distributions.archive import Archive
    from ci.package.project import Project


@dataclass(frozen=True, order=True)
class Finding:
    """One problem that stops the distributions.

    `member` is a path inside the distribution, or empty for the distribution as a whole; `rule` is
    the gate's slug, `found` what it saw, `remedy` what to do.
    """

    distribution: str
    member: str
    rule: str
    found: str
    remedy: str

    def __str__(self) -> str:
        """Return the line that is printed."""
        where = ": ".join(filter(None, (self.distribution, self.member)))
        # An archive may hold names that no terminal should be sent.
        return printable(f"{where}: {self.found}: {self.remedy} [{self.rule}]")


@dataclass(frozen=True)
class Subject:
    """A distribution of `project`, and the files that it should come from."""

    project: Project
    archive: Archive
    tree: Tree

    @property
    def stem(self) -> str:
        """The `<name>-<version>` of the distribution's file name."""
        return stem(self.archive.path)

    @property
    def is_wheel(self) -> bool:
        """Whether it is a wheel, otherwise it is an sdist."""
        return self.archive.is_wheel

    def finding(self, member: str, rule: str, found: str, remedy: str) -> Finding:
        """Return a finding about this distribution."""
        return Finding(self.archive.path.name, member, rule, found, remedy)


def require_clean(findings: Sequence[Finding]) -> None:
    """Raise a UserError that lists all `findings`, a line each, if there are any."""
    if not findings:
        return
    lines = "".join(f"\n  {finding}" for finding in findings)
    raise UserError(
        "gates",
        f"the distributions must not be published, for {len(findings)} reason(s):{lines}",
        "fix every line above, then build again",
    )


def matches(path: str, patterns: Iterable[str]) -> bool:
    """Return whether a glob pattern matches this member's path, or its last part.

    A package in src/ may be named with `src/` or without, so that one pattern serves the sdist and
    the wheel.
    """
    forms = {path, path.rpartition("/")[2], path.removeprefix("src/"), f"src/{path}"}
    return any(fnmatchcase(form, pattern) for pattern in patterns for form in forms)
