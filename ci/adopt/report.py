"""What one sees of adopting."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from ci.adopt.edit import to_paste

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ci.adopt.copies import Change
    from ci.adopt.needs import Need
    from ci.adopt.target import Target
    from ci.errors import UserError

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}
_DONE = {
    "add": "added",
    "update": "updated",
    "remove": "removed",
    "edited": "overwrote",
    "extend": "added to",
}
_TO_DO = {
    "add": "lacks",
    "update": "has an older",
    "remove": "has a former",
    "edited": "has its own",
    "extend": "lacks lines in",
}


class Report:
    """Speaks to whoever adopts; colours only where a terminal shows them."""

    def __init__(self, console: Console | None = None) -> None:
        """`console` is rich's, on stdout unless another is given."""
        self.console = console or Console(highlight=False, soft_wrap=True)

    def say(self, text: str, style: str = "") -> None:
        """One line, as it is."""
        self.console.print(Text(text, style=style))

    def target(self, target: Target) -> None:
        """Which package this is about."""
        project = target.project
        ends = dict.fromkeys([project.python_versions[0], project.python_versions[-1]])
        self.say(
            f"{project.name} in {project.package_dir.as_posix()}/"
            f" ({target.backend}), on Python {' and '.join(ends)}"
        )

    def edits(self, changes: Sequence[Change]) -> None:
        """How the files that were edited there differ from what is to be there."""
        for change in changes:
            if change.kind == "edited":
                for line in _diff(change):
                    self.say(line, _COLOURS.get(line[:1], ""))

    def changes(self, changes: Sequence[Change], *, done: bool = True) -> None:
        """What was changed, or would be: whole folders in one line where everything is new."""
        if not changes:
            self.say("every file of the pipeline is there as it should be")
        new = [change.path for change in changes if change.kind == "add"]
        if new:
            tops = sorted({_top(path) for path in new})
            self.say(f"{'added' if done else 'lacks'} {len(new)} files: {', '.join(tops)}")
        for change in changes:
            if change.kind != "add":
                self.say(f"{(_DONE if done else _TO_DO)[change.kind]} {change.path}")

    def needs(self, target: Target, needs: Sequence[Need], *, written: bool) -> None:
        """What pyproject.toml lacks, or lacked."""
        if not needs:
            self.say("pyproject.toml lacks nothing")
            return
        verb = "was given" if written else "lacks, as it may be pasted"
        self.say(f"pyproject.toml {verb}:\n")
        self.say(to_paste(target.document, needs))

    def notes(self, notes: Sequence[UserError]) -> None:
        """What is left to a maintainer."""
        for note in notes:
            self.say(f"note: {note}", "yellow")

    def next_step(self, target: Target, *, waiting: bool) -> None:
        """Which commands come next."""
        if waiting:
            self.say(f"next: put that into pyproject.toml, by hand or with --write ({target.root})")
        else:
            self.say("next, there: nox -s lock, git add --all, nox -s lint tests")


def _top(path: str) -> str:
    top, slash, _ = path.partition("/")
    return f"{top}{slash}"


def _diff(change: Change) -> list[str]:
    before, after = (
        (content or b"").decode("utf-8", "replace").splitlines()
        for content in (change.before, change.after)
    )
    return list(
        difflib.unified_diff(before, after, f"{change.path} (there)", "(here)", lineterm="")
    )
