"""The output of adopting."""

from __future__ import annotations

import difflib
from collections import Counter
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ci.adopt.adopter import Adopter
    from ci.adopt.copies import Change
    from ci.errors import UserError

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}
_NAMED = {
    "update": "replace",
    "remove": "remove",
    "edited": "overwrite",
    "extend": "add to",
    "rename": "keep your own noxfile.py as",
}


class Report:
    """Prints for the person who adopts; in colours on a terminal."""

    def __init__(self, console: Console | None = None) -> None:
        """`console` is rich's, on stdout unless another is given."""
        self.console = console or Console(highlight=False, soft_wrap=True)

    def say(self, text: str, style: str = "") -> None:
        """Print one line, unchanged."""
        self.console.print(Text(text, style=style))

    def adopter(self, adopter: Adopter) -> None:
        """Print which package this is about."""
        project = adopter.project
        ends = dict.fromkeys([project.python_versions[0], project.python_versions[-1]])
        self.say(
            f"{project.name} in {adopter.package} ({adopter.backend}), on Python"
            f" {' and '.join(ends)}\n"
        )

    def changes(self, changes: Sequence[Change]) -> None:
        """Print the whole change: new files by folder, others by name, lines as a diff."""
        added = [change for change in changes if change.kind == "add"]
        if added:
            size = sum(len(change.after or b"") for change in added)
            self.say(f"add {len(added)} files, {size / 1000:.0f} kB", "bold")
            for folder, count in sorted(Counter(_folder(change.path) for change in added).items()):
                self.say(f"  {folder}" + (f" ({count})" if folder.endswith("/") else ""))
        for change in changes:
            if change.kind != "add":
                self.say(f"{_NAMED[change.kind]} {change.path}", "bold")
            for line in _diff(change):
                self.say(line, _COLOURS.get(line[:1], ""))

    def notes(self, notes: Sequence[UserError]) -> None:
        """Print what a maintainer must decide."""
        for note in notes:
            self.say(f"note[{note.code}]: {note.found}\nhelp: {note.remedy}", "yellow")

    def written(self, path: Path) -> None:
        """Print that it is done, and the next commands."""
        self.say(f"\nall of this was written to {path}", "bold")
        self.say("next, there: nox -s lock; git add --all; nox -s tests build")

    def not_written(self, path: Path) -> None:
        """Print that nothing was written yet, and the command that writes it."""
        self.say("\nnothing was written", "bold")
        self.say(f"next: nox -s adopt -- {path} --write")


def _folder(path: str) -> str:
    """Return the folder that a new file is listed under (at most two levels), or its own name."""
    folders = path.split("/")[:-1][:2]
    return "".join(f"{name}/" for name in folders) or path


def _diff(change: Change) -> list[str]:
    """Return the lines that are added; for an overwritten file, also those that are lost."""
    if change.kind not in {"edited", "extend"}:
        return []
    before, after = (
        (content or b"").decode("utf-8", "replace").splitlines()
        for content in (change.before, change.after)
    )
    diff = difflib.unified_diff(before, after, change.path, f"{change.path} (then)", lineterm="")
    lines = list(diff)[2:]
    return [line for line in lines if line.startswith("-")] if change.kind == "edited" else lines
