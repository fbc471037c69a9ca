"""What the gates look at, from a package and a distribution made by hand."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from ci.checkout.tree import Tree, committed_tree
from ci.distributions.archive import read_archive
from ci.distributions.checks import Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ci.distributions.checks import Finding
    from ci.package.project import Project

    type Gate = Callable[[Subject], Iterator[Finding]]


def subject(project: Project, distribution: Path, tree: Tree | None = None) -> Subject:
    """The distribution, to be compared with what HEAD has."""
    archive = read_archive(distribution, max_size=project.settings.max_size)
    return Subject(project, archive, tree or _tree(project.root))


@cache
def _tree(root: Path) -> Tree:
    return committed_tree(root)


def found(gate: Gate, project: Project, distribution: Path) -> list[tuple[str, str]]:
    """Member and rule of each finding, all of which say what was found and what to do."""
    return [told(each) for each in gate(subject(project, distribution))]


def told(finding: Finding) -> tuple[str, str]:
    """Member and rule of a finding that says what was found and what to do."""
    assert finding.found
    assert finding.remedy
    return finding.member, finding.rule
