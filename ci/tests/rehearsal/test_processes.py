"""What a container started ends with it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import psutil
import pytest

from ci.rehearsal.processes import Processes, children_end_on_interrupt

if TYPE_CHECKING:
    from pathlib import Path


def environment(build: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "CODEBUILD_BUILD_ID": build}


def start(processes: Processes, build: str, folder: Path, command: str) -> subprocess.Popen[str]:
    shell = processes.start("sh", folder, environment(build))
    assert shell.stdin
    shell.stdin.write(f"{command}\necho begun\n")
    shell.stdin.flush()
    assert shell.stdout
    assert shell.stdout.readline() == "begun\n"
    return shell


def test_a_container_s_end_is_the_end_of_its_daemons_and_of_no_other_container(
    tmp_path: Path,
) -> None:
    processes = Processes()
    one = start(processes, f"{tmp_path}-1", tmp_path, "setsid sleep 600 >/dev/null &")
    two = start(processes, f"{tmp_path}-2", tmp_path, ":")
    processes.end(environment(f"{tmp_path}-1"))
    one.communicate()
    assert two.poll() is None
    processes.end(environment(f"{tmp_path}-2"))
    two.communicate()


def test_a_process_of_another_user_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    class OfRoot:
        def kill(self) -> None:
            tried.append(self)
            raise psutil.AccessDenied

    monkeypatch.setattr("ci.rehearsal.processes._running", lambda *_: [OfRoot()])
    Processes().end(environment(str(tmp_path)))
    assert len(tried) == 1


def test_once_all_have_ended_none_starts_any_more(tmp_path: Path) -> None:
    processes = Processes()
    shell = start(processes, str(tmp_path), tmp_path, ":")
    processes.end_all()
    shell.communicate()
    with pytest.raises(SystemExit):
        processes.start("sh", tmp_path, environment("later"))


def test_a_parent_s_end_is_the_end(tmp_path: Path) -> None:
    child = (
        "import sys, time; from ci.rehearsal.processes import ending_with_parent\n"
        "with ending_with_parent(): print('begun', flush=True); time.sleep(600)"
    )
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    fifo = tmp_path / "held"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    with fifo.open("w") as writer:
        running = subprocess.Popen([sys.executable, "-c", parent], stdout=writer)
    os.set_blocking(reader, True)
    with os.fdopen(reader) as held:
        assert held.readline() == "begun\n"
        running.kill()
        assert held.read() == ""  # the child's end
    running.wait()


def test_an_interrupt_ends_what_was_started_meanwhile_and_threads_wait_for() -> None:
    sleeping = [sys.executable, "-c", "import time; time.sleep(600)"]
    waits: list[threading.Thread] = []

    def interrupted() -> None:
        with children_end_on_interrupt():
            waits.append(threading.Thread(target=subprocess.Popen(sleeping).wait))
            waits[0].start()
            raise KeyboardInterrupt

    before = subprocess.Popen(sleeping)
    try:
        with pytest.raises(KeyboardInterrupt):
            interrupted()
        waits[0].join(10)
        assert not waits[0].is_alive()
        assert before.poll() is None
    finally:
        before.kill()
        before.wait()
