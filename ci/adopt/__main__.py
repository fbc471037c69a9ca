"""Adopt: put the pipeline into another package's repository, update it, or check it.

nox -s adopt -- PATH                     show what would be changed there
nox -s adopt -- PATH --write [--force]   change it
nox -s adopt -- PATH --check             show it, and fail unless there is nothing to change
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ci.adopt.adopter import Adopter, read_adopter
from ci.adopt.apply import apply
from ci.adopt.copies import (
    PYTHONS,
    Change,
    extended,
    file_changes,
    ignored,
    missing_pythons,
    read,
)
from ci.adopt.edit import to_paste, written
from ci.adopt.hooks import CONFIG, hook_lines
from ci.adopt.inis import ini_changes
from ci.adopt.needs import Need, needs
from ci.adopt.notes import notes
from ci.adopt.report import Report
from ci.adopt.shipped import manifest_lines
from ci.errors import UserError, exit_with

if TYPE_CHECKING:
    from collections.abc import Sequence

_TOOLS_PYTHON = "3.12"


def main() -> None:
    """Show what adopting changes; write or check it, if the arguments say so."""
    parser = argparse.ArgumentParser(prog="nox -s adopt --", description="adopt the pipeline")
    parser.add_argument("path", type=Path, help="the other package's repository")
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--write", action="store_true", help="write the changes")
    either.add_argument(
        "--check", action="store_true", help="write nothing; fail if something would change"
    )
    parser.add_argument("--force", action="store_true", help="overwrite files that you edited")
    arguments = parser.parse_args()
    source, report = Path.cwd(), Report()
    adopter = read_adopter(source, arguments.path)
    report.adopter(adopter)
    changes = all_changes(source, adopter, report)
    report.changes(changes)
    report.notes(notes(adopter))
    refuse_ignored(source, adopter.root)
    if not arguments.force:
        refuse_edited(changes)
    if not changes:
        report.say("every file of the pipeline is there as it should be, and so is pyproject.toml")
    elif arguments.write:
        apply(adopter.root, changes)
        report.written(arguments.path)
    elif arguments.check:
        force = " --force" if arguments.force else ""
        raise UserError(
            "adopt-outdated",
            f"{arguments.path} is not up to date: it lacks the changes above",
            f"run `nox -s adopt -- {arguments.path} --write{force}`",
        )
    else:
        report.not_written(arguments.path)


def all_changes(source: Path, adopter: Adopter, report: Report) -> list[Change]:
    """Everything that adopting changes. Raises UserError for what can't be changed."""
    lines = {
        PYTHONS: missing_pythons(adopter.root, pythons(adopter)),
        "MANIFEST.in": manifest_lines(adopter),
        CONFIG: hook_lines(adopter),
    }
    lacking = needs(source, adopter)
    added = {need.key for need in lacking if need.table == ("dependency-groups",)}
    groups = {*adopter.project.groups, *added}
    return [
        *file_changes(source, adopter.root, groups=groups, lines=lines),
        *ini_changes(adopter),
        *pyproject_changes(adopter, lacking, report),
    ]


def pythons(adopter: Adopter) -> list[str]:
    """The interpreters that the sessions look for: the tools', the lowest, the highest."""
    versions = adopter.project.python_versions
    return list(dict.fromkeys([_TOOLS_PYTHON, versions[0], versions[-1]]))


def pyproject_changes(adopter: Adopter, lacking: list[Need], report: Report) -> list[Change]:
    """Return the change of pyproject.toml; if adopt can't edit it, print the text to paste."""
    if not lacking:
        return []
    name = "pyproject.toml"
    before = read(adopter.root, name) or b""
    try:
        after = written(before.decode(), lacking).encode()
    except UserError:
        report.say(to_paste(adopter.document, lacking))
        raise
    return [extended(adopter.root, name, before, after)]


def refuse_ignored(source: Path, root: Path) -> None:
    """Raise UserError if git ignores files of the pipeline: CI would lack them."""
    found = ignored(source, root)
    if found:
        names = ", ".join(f"{path} ({pattern})" for pattern, path in found.items())
        raise UserError(
            "adopt-ignored",
            f"git ignores files of the pipeline: {names}; adopt wrote nothing",
            "change these patterns so that they match nothing in ci/ and cdk/; with a slash in"
            " front, such as `/release/`, a pattern is only for the top folder",
        )


def refuse_edited(changes: Sequence[Change]) -> None:
    """Raise UserError if adopt would overwrite files that it did not write."""
    edited = [change.path for change in changes if change.kind == "edited"]
    if edited:
        raise UserError(
            "adopt-edited",
            f"adopt would overwrite your changes in {', '.join(edited)}; it wrote nothing",
            "move your changes to another file; or add --force, then the lines above with a"
            " minus are lost",
        )


if __name__ == "__main__":
    exit_with(main)
