"""The processes of the containers. What a build starts ends with it, daemons too."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

# Every process of a container has this variable: the shell, and all that came of it.
_MARK = "CODEBUILD_BUILD_ID"
_PAUSE = 0.3
_BREATH = 0.01  # until a process that was killed has ended


class Processes:
    """The containers that run now."""

    def __init__(self) -> None:
        """None runs."""
        self._running: set[str] = set()
        self._lock = threading.Lock()
        self._closed = False

    def start(
        self, shell: str, folder: Path, environment: Mapping[str, str]
    ) -> subprocess.Popen[str]:
        """Start a container's shell, which reads commands from stdin.

        Raises SystemExit once all containers have been ended.
        """
        with self._lock:
            if self._closed:
                raise SystemExit("the rehearsal was interrupted")
            self._running.add(environment[_MARK])
            return subprocess.Popen(
                [shell],
                cwd=folder,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,
            )

    def end(self, environment: Mapping[str, str]) -> None:
        """Kill all that runs in the container which has that environment."""
        self._end(environment[_MARK])
        with self._lock:
            self._running.discard(environment[_MARK])

    def end_all(self) -> None:
        """Kill all that runs in any container, and let none start any more."""
        with self._lock:
            self._closed = True
            running = list(self._running)
        for build in running:
            self._end(build)

    def _end(self, build: str) -> None:
        """Kill until nothing is left: what is killed may just have started something."""
        while found := _marked(build):
            for process in found:
                with suppress(psutil.Error):
                    process.kill()
            time.sleep(_BREATH)


def _marked(build: str) -> list[psutil.Process]:
    found = []
    for number in psutil.pids():
        with suppress(psutil.Error):  # it is somebody else's, or has ended meanwhile
            process = psutil.Process(number)
            if process.environ().get(_MARK) == build:
                found.append(process)
    return found


@contextmanager
def ending_with_parent() -> Iterator[None]:
    """Have this process told to end (SIGTERM) when its parent is gone, as long as the block lasts.

    A parent that is killed can't tell it.
    """
    parent, left = os.getppid(), threading.Event()

    def watch() -> None:
        while not left.wait(_PAUSE):
            if os.getppid() != parent:
                os.kill(os.getpid(), signal.SIGTERM)
                return

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        left.set()


@contextmanager
def children_end_on_interrupt() -> Iterator[None]:
    """Kill the children that the block has started when it is left by an exception.

    Threads that wait for one of them then have nothing to wait for.
    """
    this = psutil.Process()
    before = this.children()
    try:
        yield
    except BaseException:
        for child in this.children():
            if child not in before:  # that one is somebody else's to end
                with suppress(psutil.Error):
                    for process in [*child.children(recursive=True), child]:
                        process.kill()
        raise
