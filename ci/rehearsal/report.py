"""What one sees of a rehearsal: how each step ended and why, and a table at the end.

Rich decides by itself what a terminal gets; everything else gets plain lines.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from ci.errors import UserError
from ci.rehearsal.progress import in_words
from ci.rehearsal.sessions import failed_blocks, reasons

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from ci.rehearsal.execution import Step
    from ci.rehearsal.notifications import Notification
    from ci.rehearsal.progress import Progress

_LAST_LINES = 30


class Report:
    """Speaks to whoever watches."""

    def __init__(self, console: Console | None = None, progress: Progress | None = None) -> None:
        """`console` is rich's, on stdout unless another is given."""
        self.console = console or Console(highlight=False, soft_wrap=True)
        self._progress = progress

    def say(self, text: str) -> None:
        """One line, as it is."""
        self.console.print(text, markup=False)

    def step(self, step: Step) -> None:
        """A step that begins (its `seconds` are None) or has ended."""
        if self._progress:
            self._progress.step(step)
        if step.seconds is None:
            if not self.console.is_terminal:
                self.say(f"{step.name:<20} {step.project} runs nox -s {step.session}")
            return
        outcome = "[green]ok[/]" if step.failure is None else "[red]failed[/]"
        self.console.print(f"{step.name:<20} {outcome} after {in_words(step.seconds)}")

    def failures(self, steps: Iterable[Step]) -> None:
        """Why steps failed: the output of each session that did, what it advises first."""
        for step in steps:
            self.console.rule(f"[red]{step.name} failed[/]", align="left")
            self.say(str(step.failure))
            if step.log and step.log.exists():
                self._log(step.log)

    def _log(self, log: Path) -> None:
        text = log.read_text(encoding="utf-8", errors="replace")
        for session, block in failed_blocks(text):
            if session:
                self.console.print(f"session [bold]{session}[/]:")
            hidden = max(0, len(block) - _LAST_LINES)
            if hidden:
                self.say(f"  ({hidden} lines above these)")
            for line in block[hidden:]:
                self.say(f"  {line}")
        for line in reasons(text):
            self.console.print(line, style="bold red", markup=False)

    def table(self, steps: Iterable[Step]) -> None:
        """All steps at a glance."""
        self.console.print(_table(steps))

    def files(self, files: Mapping[str, str], where: str) -> None:
        """What was installed from where, with which sha256."""
        for name, digest in files.items():
            self.say(f"{name} from {where}\n  sha256 {digest}")

    def reports(self, steps: Iterable[Step]) -> None:
        """Which report files CodeBuild would have taken up."""
        for step in steps:
            for group, paths in (step.build.reports if step.build else {}).items():
                if paths:
                    names = ", ".join(path.name for path in paths)
                    self.say(f"{step.name}: reports of {group}: {names}")

    def sent(self, notifications: Iterable[Notification]) -> None:
        """What people would have been told."""
        for notification in notifications:
            self.say(f"to {notification.to}: {notification.text}")


def save_picture(path: Path, steps: Iterable[Step], files: Mapping[str, str], end: str) -> None:
    """Save what the end of a release looks like in a terminal as an SVG file.

    Raises UserError when the file can't be written.
    """
    terminal = Console(record=True, width=100, file=io.StringIO(), force_terminal=True)
    terminal.print(_table(steps))
    for name, digest in files.items():
        terminal.print(f"{name}\n  sha256 {digest}", highlight=False)
    terminal.print(end, highlight=False)
    try:
        terminal.save_svg(str(path), title="nox -s rehearse")
    except OSError as error:
        raise UserError(
            "picture-unwritable", f"{path} can't be written ({error})", "name another file"
        ) from None


def _table(steps: Iterable[Step]) -> Table:
    table = Table("stage", "action", "project", "session", "seconds", "outcome")
    table.columns[4].justify = "right"
    for step in steps:
        outcome = "[red]failed[/]" if step.failure else "[green]ok[/]"
        seconds = f"{step.seconds or 0:.1f}"
        table.add_row(
            step.stage, step.action, step.project or "-", step.session or "-", seconds, outcome
        )
    return table
