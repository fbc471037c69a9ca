"""The output of a rehearsal: the outcome and reason of each step, and a table at the end.

Rich decides by itself what a terminal gets; everything else gets plain lines.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich.console import Console
from rich.rule import Rule
from rich.table import Table

from ci.errors import UserError
from ci.rehearsal.progress import in_words
from ci.rehearsal.sessions import failed_blocks, reasons

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from rich.console import ConsoleRenderable

    from ci.rehearsal.execution import Step
    from ci.rehearsal.notifications import Notification
    from ci.rehearsal.progress import Progress

_LAST_LINES = 30
_WIDTH = 100  # of a picture, in characters


class Report:
    """Prints for the person who watches, and keeps the output for a picture."""

    def __init__(self, console: Console | None = None, progress: Progress | None = None) -> None:
        """`console` is rich's, on stdout unless another is given."""
        self._console = console or Console(highlight=False, soft_wrap=True)
        self._progress = progress
        self._picture = Console(
            record=True, width=_WIDTH, file=io.StringIO(), force_terminal=True, highlight=False
        )

    def print(
        self, shown: ConsoleRenderable | str, style: str = "", *, markup: bool = True
    ) -> None:
        """Show anything that rich can show."""
        for console in (self._console, self._picture):
            console.print(shown, style=style, markup=markup)

    def say(self, text: str, style: str = "") -> None:
        """Show text as it is."""
        self.print(text, style, markup=False)

    def step(self, step: Step) -> None:
        """Print that a step begins (its `seconds` are None) or has ended."""
        if self._progress:
            self._progress.step(step)
        if step.seconds is not None:
            outcome = "[green]ok[/]" if step.failure is None else "[red]failed[/]"
            self.print(f"{step.name:<20} {outcome} after {in_words(step.seconds)}")
        elif not self._console.is_terminal:
            text = f"{step.name:<20} {step.project} runs nox -s {step.session}"
            self._console.print(text, markup=False)

    def failures(self, steps: Iterable[Step]) -> None:
        """Show why steps failed: the output of each session that did, and last what it advises."""
        for step in steps:
            self.print(Rule(f"[red]{step.name} failed[/]", align="left"))
            self.say(str(step.failure))
            if step.log and step.log.exists():
                self._log(step.log)

    def _log(self, log: Path) -> None:
        text = log.read_text(encoding="utf-8", errors="replace")
        for session, block in failed_blocks(text):
            if session:
                self.print(f"session [bold]{session}[/]:")
            hidden = max(0, len(block) - _LAST_LINES)
            if hidden:
                self.say(f"  ({hidden} lines above these)")
            for line in block[hidden:]:
                self.say(f"  {line}")
        for line in reasons(text):
            self.say(line, "bold red")

    def table(self, steps: Iterable[Step]) -> None:
        """Show all steps at a glance."""
        table = Table("action", "project", "session", "seconds", "outcome")
        table.columns[3].justify = "right"
        for step in steps:
            outcome = "[red]failed[/]" if step.failure else "[green]ok[/]"
            seconds = f"{step.seconds or 0:.1f}"
            table.add_row(step.name, step.project or "-", step.session or "-", seconds, outcome)
        self.print(table)

    def files(self, files: Mapping[str, str], where: str) -> None:
        """List what was installed from where, with its sha256."""
        self.say(f"installed from {where}")
        for name, digest in files.items():
            self.say(f"  {name}\n    sha256 {digest}")

    def reports(self, steps: Iterable[Step]) -> None:
        """List the report files that CodeBuild would have taken up."""
        for step in steps:
            for group, paths in (step.build.reports if step.build else {}).items():
                if paths:
                    names = ", ".join(path.name for path in paths)
                    self.say(f"{step.name}: reports of {group}: {names}")

    def sent(self, notifications: Iterable[Notification]) -> None:
        """List the messages that people would have got."""
        for notification in notifications:
            indented = notification.text.strip().replace("\n", "\n  ")
            self.say(f"to {notification.to}:\n  {indented}")

    def save_picture(self, path: Path) -> None:
        """Save all that was said as an SVG file, as a terminal would show it.

        Raises UserError when the file can't be written.
        """
        try:
            self._picture.save_svg(str(path), title="nox -s rehearse")
        except OSError as error:
            raise UserError(
                "picture-unwritable", f"{path} can't be written ({error})", "name another file"
            ) from None
