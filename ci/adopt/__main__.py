"""Adopt: put the pipeline into another package's repository, update it, or check it.

python -m ci.adopt PATH [--write] [--force]    from the top of this repository
python -m ci.adopt PATH --check                change nothing; exit code 1 unless up to date
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ci.adopt.apply import apply
from ci.adopt.copies import Change, extended, file_changes, read
from ci.adopt.edit import written
from ci.adopt.needs import Need, needs
from ci.adopt.notes import notes
from ci.adopt.report import Report
from ci.adopt.target import Target, read_target
from ci.errors import UserError, exit_with

if TYPE_CHECKING:
    from collections.abc import Sequence

_TOOLS_PYTHON = "3.12"


def main() -> None:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(prog="nox -s adopt --", description="adopt the pipeline")
    parser.add_argument("path", type=Path, help="the other package's repository")
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--write", action="store_true", help="write to its pyproject.toml too")
    parser.add_argument("--force", action="store_true", help="overwrite files edited there")
    either.add_argument("--check", action="store_true", help="change nothing, fail if outdated")
    arguments = parser.parse_args()
    source, report = Path.cwd(), Report()
    target = read_target(source, arguments.path)
    lacking = needs(source, target)
    changes = file_changes(
        source, target.root, pythons=pythons(target), groups=target.project.groups
    )
    report.target(target)
    if arguments.check:
        check(report, target, changes, lacking)
        return
    refuse_edited(report, changes, force=arguments.force)
    if arguments.write:
        changes += pyproject_changes(target, lacking)
    apply(target.root, changes)
    report.changes(changes)
    report.needs(target, lacking, written=arguments.write)
    report.notes(notes(target))
    report.next_step(target, waiting=bool(lacking) and not arguments.write)


def pythons(target: Target) -> list[str]:
    """The interpreters that the sessions look for: the tools', the lowest, the highest."""
    versions = target.project.python_versions
    return list(dict.fromkeys([_TOOLS_PYTHON, versions[0], versions[-1]]))


def check(
    report: Report, target: Target, changes: Sequence[Change], lacking: Sequence[Need]
) -> None:
    """Say what adopting would change. Raises UserError when that is anything."""
    report.edits(changes)
    report.changes(changes, done=False)
    report.needs(target, lacking, written=False)
    if changes or lacking:
        raise UserError(
            "adopt-outdated",
            f"{target.root} is not up to date",
            f"run `nox -s adopt -- {target.root} --write`",
        )


def refuse_edited(report: Report, changes: Sequence[Change], *, force: bool) -> None:
    """Show how files differ that were edited there. Raises UserError unless `force`."""
    report.edits(changes)
    edited = [change.path for change in changes if change.kind == "edited"]
    if edited and not force:
        raise UserError(
            "adopt-edited",
            f"{', '.join(edited)} would be overwritten",
            "move your own part elsewhere, or run it with --force to lose what is shown above with"
            " a minus; nothing was changed",
        )


def pyproject_changes(target: Target, lacking: Sequence[Need]) -> list[Change]:
    """What `lacking` makes of pyproject.toml."""
    if not lacking:
        return []
    name = "pyproject.toml"
    before = read(target.root, name) or b""
    after = written(before.decode(), lacking).encode()
    return [extended(target.root, name, before, after)]


if __name__ == "__main__":
    exit_with(main)
