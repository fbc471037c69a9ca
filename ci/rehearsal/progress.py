"""Show what runs now, for how long, and how long it took the last time.

A terminal shows it in lines that change; anything else gets a line as each session ends.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Self

from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ci.rehearsal.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console, RenderableType

    from ci.rehearsal.execution import Step
    from ci.rehearsal.lastrun import Times

_PAUSE = 0.2
_TWO_MINUTES = 120


class Progress:
    """Watches the logs of the steps that run; a context manager."""

    def __init__(self, console: Console, last: Times | None) -> None:
        """`last` is how long all took the last time."""
        self.console = console
        self.last = last
        self._began = time.monotonic()
        self._watched: dict[str, _Watched] = {}
        self._ended: dict[str, float] = {}
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._live = Live(
            console=console, transient=True, auto_refresh=False, get_renderable=self.render
        )
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        """Begin to watch."""
        if self.console.is_terminal:
            self._live.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop watching; leave nothing on the terminal that is not true any more."""
        self._stop.set()
        self._thread.join()
        self._live.stop()

    def step(self, step: Step) -> None:
        """A step begins (its `seconds` are None), or has ended."""
        with self._lock:
            if step.seconds is None:
                self._watched[step.name] = _Watched(step)
                return
            self.read()
            self._ended[step.name] = step.seconds
            watched = self._watched.pop(step.name, None)
            for session, seconds in (watched.sessions.seconds if watched else {}).items():
                self._ended[f"{step.name} {session}"] = seconds

    @property
    def seconds(self) -> float:
        """How long it has run."""
        return time.monotonic() - self._began

    @property
    def ended(self) -> Mapping[str, float]:
        """The seconds of each step, and of each session as "STEP SESSION", that has ended."""
        return dict(self._ended)

    def render(self) -> RenderableType:
        """What a terminal shows."""
        with self._lock:
            table = Table.grid(padding=(0, 2))
            for name, watched in self._watched.items():
                at_work = [
                    f"{session} {in_words(now - began)}"
                    for now in [time.monotonic()]
                    for session, began in watched.sessions.running.items()
                ]
                table.add_row(
                    Text(name, style="bold"),
                    self._against(time.monotonic() - watched.began, name),
                    ", ".join(at_work) or "preparing",
                )
            if not self._watched and not self._ended:
                table.add_row("setting up")
            whole = Table.grid(padding=(0, 2))
            if self.last:
                total = self.last.total
                bar = ProgressBar(total, min(self.seconds, total), width=40)
                whole.add_row(bar, f"{in_words(self.seconds)} of about {in_words(total)}")
            else:
                whole.add_row(in_words(self.seconds))
            return Group(table, whole) if table.row_count else whole

    def _against(self, seconds: float, name: str) -> str:
        last = self.last.steps.get(name) if self.last else None
        return f"{in_words(seconds)} of {in_words(last)}" if last else in_words(seconds)

    def _watch(self) -> None:
        while not self._stop.wait(_PAUSE):
            self.read()
            if self.console.is_terminal:
                self._live.refresh()

    def read(self) -> None:
        """Read on in the logs."""
        with self._lock:
            for name, watched in self._watched.items():
                for session in watched.read():
                    outcome = "failed" if session in watched.sessions.failed else "ok"
                    seconds = in_words(watched.sessions.seconds[session])
                    if not self.console.is_terminal:
                        self.console.print(f"{name:<20} {session}: {outcome} after {seconds}")


class _Watched:
    """One step that runs, and how far its log has been read."""

    def __init__(self, step: Step) -> None:
        self.began = time.monotonic()
        self.sessions = Sessions()
        self._log = step.log
        self._read = 0

    def read(self) -> list[str]:
        """The sessions that have ended since the last time."""
        if self._log is None or not self._log.exists():
            return []
        with self._log.open("rb") as log:
            log.seek(self._read)
            fresh = log.read()
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self._read += len(whole)
        lines = whole.decode("utf-8", "replace").splitlines()
        return [name for line in lines if (name := self.sessions.read(line))]


def in_words(seconds: float) -> str:
    """A duration as people say it: in seconds or, of two minutes and more, in minutes."""
    whole = round(seconds)
    return f"{whole} s" if whole < _TWO_MINUTES else f"{whole // 60}:{whole % 60:02} min"
