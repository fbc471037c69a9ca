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

# What a container's shell starts has this variable, unless it was started with another environment.
# It is also in the shell's session, unless it has begun one of its own.
_MARK = "CODEBUILD_BUILD_ID"
_PAUSE = 0.3
_BREATH = 0.01  # until a process that was killed has ended


class Processes:
    """The containers that run now."""

    def __init__(self) -> None:
        """None runs."""
        self._sessions: dict[str, int] = {}
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
            process = subprocess.Popen(
                [shell],
                cwd=folder,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,
            )
            self._sessions[environment[_MARK]] = process.pid
            return process

    def end(self, environment: Mapping[str, str]) -> None:
        """Kill all that runs in the container which has that environment."""
        build = environment[_MARK]
        _end(build, self._sessions.get(build))
        with self._lock:
            self._sessions.pop(build, None)

    def end_all(self) -> None:
        """Kill all that runs in any container, and let none start any more."""
        with self._lock:
            self._closed = True
            running = dict(self._sessions)
        for build, session in running.items():
            _end(build, session)


def _end(build: str, session: int | None) -> None:
    """Kill until nothing is left to kill: what is killed may just have started something."""
    while [process for process in _running(build, session) if _kill(process)]:
        time.sleep(_BREATH)


def _kill(process: psutil.Process) -> bool:
    """Whether it could be killed: it may have ended, or be another user's, as sudo's are."""
    try:
        process.kill()
    except psutil.Error:
        return False
    return True


def _running(build: str, session: int | None) -> list[psutil.Process]:
    """The processes of a build that are in its shell's session, or have its mark."""
    found = []
    for number in psutil.pids():
        with suppress(psutil.Error, OSError):  # it is somebody else's, or has ended meanwhile
            process = psutil.Process(number)
            is_of_build = os.getsid(number) == session or process.environ().get(_MARK) == build
            if is_of_build and process.status() != psutil.STATUS_ZOMBIE:
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
