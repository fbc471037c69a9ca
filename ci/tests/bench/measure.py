"""One command, measured: seconds, processor time, memory, and when each nox session ran."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import psutil

from ci.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

_INTERVAL = 0.2  # seconds between two looks at the memory
_PATIENCE = 10  # seconds that a program has to end after it was interrupted
_OUTER = (
    *("NOX", "NIGHTLY", "SHARD", "SOURCE_", "DIST_", "COV", "PYTEST_", "TOX_"),
    *("VIRTUAL_ENV", "PYENV_VERSION"),
)
_STARTED = re.compile(r"Starting session (\S+)\.\.\.$")
_ENDED = re.compile(r"=+ \S+ (\S+): \w+.* =+$")


@dataclass(frozen=True)
class Bar:
    """A session that ran from `start` to `end`, in seconds since the command was started."""

    name: str
    start: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.start


@dataclass(frozen=True)
class Run:
    """How long a command took; `cpu` is processor time, `peak` bytes of memory, 0 if unknown."""

    seconds: float
    cpu: float
    peak: int = 0
    bars: tuple[Bar, ...] = field(default=(), repr=False)


def run(command: Sequence[str], folder: Path, *, limit: float, memory: bool = False) -> Run:
    """Run a command in `folder`, for at most `limit` seconds.

    Raises UserError when it fails or takes longer; then nothing that it started is left running.
    """
    environ = {name: value for name, value in os.environ.items() if not name.startswith(_OUTER)}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    with process, Watch(process, limit=limit, memory=memory) as watch:
        lines = list(_timed_lines(process, start))
        process.wait()
        seconds = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if watch.stopped or process.returncode:
        how = f"took longer than {limit:g} s" if watch.stopped else f"exit {process.returncode}"
        tail = "\n".join(line for _, line in lines[-40:])
        raise UserError(
            "bench-run", f"{' '.join(command)}: {how}\n{tail}", "see what it says; or raise --limit"
        )
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(seconds, cpu, watch.peak, tuple(read_bars(lines)))


def _timed_lines(process: subprocess.Popen[str], start: float) -> Iterator[tuple[float, str]]:
    for line in process.stdout or ():
        yield time.monotonic() - start, line.rstrip("\n")


def read_bars(lines: Iterable[tuple[float, str]]) -> Iterator[Bar]:
    """When each session ran, by the lines that nox prints where it runs sessions in parallel."""
    started: dict[str, float] = {}
    for seconds, line in lines:
        if match := _STARTED.match(line):
            started[match[1]] = seconds
        elif (match := _ENDED.match(line)) and match[1] in started:
            yield Bar(match[1], started.pop(match[1]), seconds)


def critical_path(bars: Sequence[Bar]) -> list[Bar]:
    """The sessions that the end waited for, first to last: each began when the one before ended."""
    path: list[Bar] = []
    rest = sorted(bars, key=lambda bar: bar.end)
    while rest:
        last = rest[-1]
        path.insert(0, last)
        rest = [bar for bar in rest if bar.end <= last.start + 0.05]
    return path


class Watch:
    """Looks after a process: notes the memory of its whole tree, stops it after `limit` seconds."""

    def __init__(self, process: subprocess.Popen[str], *, limit: float, memory: bool) -> None:
        self.peak = 0
        self.stopped = False
        self._root = psutil.Process(process.pid)
        self._deadline = time.monotonic() + limit
        self._memory = memory
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if self._root.is_running():  # an exception, or Ctrl-C
            self._stop()

    def _watch(self) -> None:
        while not self._over.wait(_INTERVAL):
            if self._memory:
                self.peak = max(self.peak, sum(map(_memory_of, self._tree())))
            if time.monotonic() > self._deadline:
                self.stopped = True
                self._stop()
                return

    def _tree(self) -> list[psutil.Process]:
        with suppress(psutil.NoSuchProcess):
            return [self._root, *self._root.children(recursive=True)]
        return []

    def _stop(self) -> None:
        """Interrupt the process, which ends its children itself; end by force what is left."""
        tree = self._tree()
        with suppress(psutil.NoSuchProcess):
            self._root.send_signal(signal.SIGINT)
        _, left = psutil.wait_procs(tree, timeout=_PATIENCE)
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()


def _memory_of(process: psutil.Process) -> int:
    """Bytes of a process, where shared pages count in parts (PSS), so that a sum makes sense."""
    try:
        return int(process.memory_full_info().pss)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0
