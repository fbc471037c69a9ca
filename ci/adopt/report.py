"""What one sees of adopting."""

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
    """Speaks to whoever adopts; colours only where a terminal shows them."""

    def __init__(self, console: Console | None = None) -> None:
        """`console` is rich's, on stdout unless another is given."""
        self.console = console or Console(highlight=False, soft_wrap=True)

    def say(self, text: str, style: str = "") -> None:
        """One line, as it is."""
        self.console.print(Text(text, style=style))

    def adopter(self, adopter: Adopter) -> None:
        """Which package this is about."""
        project = adopter.project
        ends = dict.fromkeys([project.python_versions[0], project.python_versions[-1]])
        self.say(
            f"{project.name} in {adopter.package} ({adopter.backend}), on Python"
            f" {' and '.join(ends)}\n"
        )

    def changes(self, changes: Sequence[Change]) -> None:
        """The whole change: new files by folder, the others by name, lines as a diff."""
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
        """What is left to a maintainer."""
        for note in notes:
            self.say(f"note[{note.code}]: {note.found}\nhelp: {note.remedy}", "yellow")

    def written(self, path: Path) -> None:
        """That it is done, and which commands come next."""
        self.say(f"\nall of this was written to {path}", "bold")
        self.say("next, there: nox -s lock; git add --all; nox -s tests build")

    def not_written(self, path: Path) -> None:
        """That nothing is done yet, and which command does it."""
        self.say("\nnothing was written", "bold")
        self.say(f"next: nox -s adopt -- {path} --write")


def _folder(path: str) -> str:
    """What a new file is counted under: a folder, two levels at most, or itself at the top."""
    folders = path.split("/")[:-1][:2]
    return "".join(f"{name}/" for name in folders) or path


def _diff(change: Change) -> list[str]:
    """The lines that a file gets; of one that is overwritten those that are lost."""
    if change.kind not in {"edited", "extend"}:
        return []
    before, after = (
        (content or b"").decode("utf-8", "replace").splitlines()
        for content in (change.before, change.after)
    )
    diff = difflib.unified_diff(before, after, change.path, f"{change.path} (then)", lineterm="")
    lines = list(diff)[2:]
    return [line for line in lines if line.startswith("-")] if change.kind == "edited" else lines
