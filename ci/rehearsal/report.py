"""What one sees of a rehearsal: a line as each stage begins and ends, and a table at the end.

Rich decides by itself what a terminal gets; everything else gets plain lines.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from ci.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from ci.rehearsal.execution import Step

_LAST_LINES = 15


class Report:
    """Speaks to whoever watches."""

    def __init__(self, console: Console | None = None) -> None:
        """`console` is rich's, on stdout unless another is given."""
        self.console = console or Console(highlight=False, soft_wrap=True)

    def say(self, text: str) -> None:
        """One line, as it is."""
        self.console.print(text, markup=False)

    def step(self, step: Step) -> None:
        """A step that begins (its `seconds` are None) or has ended."""
        name = f"{step.stage:<9}"
        if step.seconds is None:
            self.say(f"{name} {step.project} runs nox -s {step.session} …")
            return
        outcome = "[green]ok[/]" if step.failure is None else "[red]failed[/]"
        self.console.print(f"{name} {outcome} after {step.seconds:.1f} s")
        if step.failure:
            self._failure(step)

    def _failure(self, step: Step) -> None:
        failure = step.failure
        if failure is None:
            return
        self.say(f"  stopped in {step.stage}, {failure.phase}: {failure.reason}")
        if failure.command:
            self.say(f"  command: {failure.command}")
        if step.log:
            for line in last_lines(step.log):
                self.say(f"  | {line}")
            self.say(f"  whole log: {step.log} (--keep keeps it)")

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
                    self.say(f"{step.stage}: reports of {group}: {names}")


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
    table = Table("stage", "project", "session", "seconds", "outcome")
    table.columns[3].justify = "right"
    for step in steps:
        outcome = "[red]failed[/]" if step.failure else "[green]ok[/]"
        seconds = f"{step.seconds or 0:.1f}"
        table.add_row(step.stage, step.project or "-", step.session or "-", seconds, outcome)
    return table


def last_lines(log: Path) -> list[str]:
    """The end of a log, where the reason mostly is."""
    return log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
